"""An explanation as JSON, as plain text, and as tables on a terminal.

What belongs here: the order of what is said and how values are written. What stays out: finding it (``explanation``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from billsync.explain.explanation import Explanation, Line, Totals, reads_by_channel
from billsync.explain.sheet import Block, Table, plain_block, print_block

if TYPE_CHECKING:
    from rich.console import Console

    from billsync.explain.queries import Row

SHORT_HASH: Final = 8
ESTIMATE: Final = "ESTIMATE "
_FOR_EVER: Final = date(9999, 12, 31)
_SECTION_WORDS: Final = {
    "TARIFF_PERIOD": "general usage",
    "CONTROLLED_LOAD": "controlled load",
    "FEED_IN": "sent to the grid",
}


def as_json(explanation: Explanation) -> dict[str, Any]:
    """Everything as plain values: exact decimals and dates as text, instants in UTC."""
    return {
        **_plain(explanation.bill),
        "totals": _totals_json(explanation.bill, explanation.totals),
        "lines": [_line_json(line) for line in explanation.lines],
        "reads": _channels_json(explanation.reads),
        "bill_versions": [_plain(row) for row in explanation.versions],
        "not_priceable": [_plain(row) for row in explanation.problems],
        "as_of": None if explanation.as_of is None else explanation.as_of.isoformat(),
        "revisions": [_plain(row) for row in explanation.revisions],
        "edits": [_plain(row) for row in explanation.edits],
        "exceptions": [_plain(row) for row in explanation.exceptions],
        "sap": {
            "readings": [_plain(row) for row in explanation.readings],
            "comparison": _plain(explanation.comparison) if explanation.comparison else None,
        },
    }


def _totals_json(bill: Row, totals: Totals | None) -> dict[str, Any] | None:
    if totals is None:
        return None
    return {
        "lines_ex_gst_aud": _text(totals.lines_ex_gst_aud),
        "exact_gst_aud": _text(totals.exact_gst_aud),
        **{name: _text(bill[name]) for name in ("total_ex_gst_aud", "gst_aud", "total_inc_gst_aud")},
        "adds_up": totals.adds_up,
    }


def _line_json(line: Line) -> dict[str, Any]:
    row = line.row
    own = ("charge_id", "charge_type", "time_band", "block_number", "price_start_date", "quantity", "unit",
           "unit_price_ex_gst_aud")  # fmt: skip
    return {
        **_plain({name: row[name] for name in own}),
        "exact_amount_aud": _text(line.exact_amount_aud),
        "amount_ex_gst_aud": _text(row["amount_ex_gst_aud"]),
        "gst_aud": _text(row["gst_aud"]),
        "plan": {
            "plan_id": row["plan_id"],
            "display_name": row["display_name"],
            "version_hash": row["version_hash"],
            "version": _short(row["version_hash"]),
            "valid_from": _value(row["dated_from"]),
            "valid_to": None if row["last_date"] == _FOR_EVER else _value(row["last_date"]),
            "is_first_known": row["version_number"] == 1,
        },
        "rule": {"model": row["rule_model"], "sentence": line.sentence},
        "reads": _channels_json(line.reads),
    }


def _channels_json(reads: Sequence[Row]) -> list[dict[str, Any]]:
    repeated = {"section", "nmi_suffix", "register_key", "plan_id", "version_hash"}
    return [
        {
            "section": section,
            "nmi_suffix": suffix,
            "register": register or None,
            "channel_days": sum(read["channel_days"] for read in found),
            "versions": [_plain({name: read[name] for name in read if name not in repeated}) for read in found],
        }
        for (section, suffix, register), found in reads_by_channel(reads).items()
    ]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: object) -> Any:
    return value if isinstance(value, int | None) else _text(value)


def _text(value: object) -> str:
    """A value as exact text; instants are stored in UTC."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def _trimmed(value: object) -> str:
    """A decimal without the zeros at its end."""
    text = _text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _short(version_hash: object) -> str:
    return _text(version_hash)[:SHORT_HASH]


def plain_lines(explanation: Explanation) -> list[str]:
    """As text that can be piped: no colours, no frames, nothing cut off."""
    return [line for block in _blocks(explanation) for line in plain_block(block)]


def print_rich(explanation: Explanation, console: Console) -> None:
    """As tables on a terminal."""
    for block in _blocks(explanation):
        print_block(block, console)


def _blocks(explanation: Explanation) -> Iterable[Block]:
    yield _heading(explanation.bill, explanation.as_of)
    if explanation.bill["status"] == "NOT_PRICEABLE":
        yield _problems_block(explanation.problems)
    if explanation.exceptions:
        yield _exceptions_block(explanation.exceptions)
    if explanation.lines:
        yield _lines_block(explanation.lines)
        yield _rules_block(explanation.lines)
    if explanation.totals:
        yield _totals_block(explanation.bill, explanation.totals)
    yield from _reads_blocks(explanation.reads)
    if explanation.edits:
        yield _edits_block(explanation.edits)
    if explanation.as_of is None:
        yield _readings_block(explanation.readings)
        yield _comparison_block(explanation.comparison)
    if len(explanation.versions) > 1:
        yield _versions_block(explanation.versions)
    if explanation.revisions:
        yield _revisions_block(explanation.revisions)


def _heading(bill: Row, as_of: datetime | None) -> Block:
    marks = [word for name, word in (("has_estimates", "estimated reads"), ("has_substitutes", "substituted reads"))
             if bill[name]]  # fmt: skip
    whose = f"NMI {_text(bill['nmi']) or 'not known'}, plan {_text(bill['plan_id']) or 'not known'}"
    when = f"{bill['day_count']} days, billing day {bill['billing_day']}, version {bill['bill_version']} of the bill"
    energy = f"{_trimmed(bill['usage_kwh'])} kWh taken, {_trimmed(bill['feed_in_kwh'])} kWh sent to the grid"
    notes = [
        f"{whose}, {when}",
        energy + (f"; contains {' and '.join(marks)}" if marks else ""),
        f"{bill['status']}" + (f": {bill['status_reason']}" if bill["status_reason"] else ""),
    ]
    title = f"Contract {bill['contract_id']}, {bill['period_start_date']} to {bill['period_end_date']}"
    if as_of is not None:
        title += f", as it was known at {_text(as_of.astimezone(UTC))}"
    return Block(title, notes=notes)


def _problems_block(problems: Sequence[Row]) -> Block:
    rows = [[_text(row["construct"]), _text(row["plan_id"]), _text(row["reason"])] for row in problems]
    table = Table(["construct", "plan", "reason"], rows) if rows else None
    notes = ["no amount is shown, because a wrong price is worse than none; its readings are not sent"]
    return Block("What cannot be priced", table=table, notes=notes)


def _exceptions_block(exceptions: Sequence[Row]) -> Block:
    rows = [
        [_text(row["exception_id"]), _text(row["state"]), _text(row["severity"]), _text(row["rule_code"]),
         _text(row["detail"]), _text(row["what_to_do"] if row["state"] == "OPEN" else row["state_reason"])]
        for row in exceptions
    ]  # fmt: skip
    return Block(
        "Exceptions that touch this bill",
        table=Table(["id", "state", "severity", "rule", "detail", "what to do, or why decided"], rows),
    )


def _lines_block(lines: Sequence[Line]) -> Block:
    rows = [
        [_text(line.row["charge_id"]), _text(line.row["price_start_date"]), _trimmed(line.row["quantity"]),
         _text(line.row["unit"]), _trimmed(line.row["unit_price_ex_gst_aud"]), _trimmed(line.exact_amount_aud),
         _text(line.row["amount_ex_gst_aud"]), _text(line.row["gst_aud"])]
        for line in lines
    ]  # fmt: skip
    header = ["charge", "price from", "quantity", "unit", "rate ex GST", "exact", "amount ex GST", "GST"]
    return Block("Lines", table=Table(header, rows, right={2, 4, 5, 6, 7}))


def _rules_block(lines: Sequence[Line]) -> Block:
    rows = [
        [_text(line.row["charge_id"]), _text(line.row["price_start_date"]), line.sentence,
         _text(line.row["rule_model"]), _text(line.row["plan_id"]), _short(line.row["version_hash"]),
         _valid_from(line.row), _channel_days(line.reads)]
        for line in lines
    ]  # fmt: skip
    header = ["charge", "price from", "rule", "model", "plan", "plan version", "valid from", "channel-days read"]
    return Block("What made them", table=Table(header, rows))


def _valid_from(row: Row) -> str:
    """A plan's first known version reaches back to the contract's start."""
    return _text(row["dated_from"]) + (" (first known)" if row["version_number"] == 1 else "")


def _channel_days(reads: Sequence[Row]) -> str:
    counts: dict[str, int] = {}
    for (_, suffix, _), found in reads_by_channel(reads).items():
        counts[suffix] = counts.get(suffix, 0) + sum(read["channel_days"] for read in found)
    return ", ".join(f"{suffix}: {count}" for suffix, count in counts.items())


def _totals_block(bill: Row, totals: Totals) -> Block:
    rows = [
        ["sum of the lines, each rounded half up to the cent", _text(totals.lines_ex_gst_aud)],
        ["GST: the exact 10 % of the lines that carry it, added up", _text(totals.exact_gst_aud)],
        ["total ex GST", _text(bill["total_ex_gst_aud"])],
        ["GST, rounded half up to the cent once", _text(bill["gst_aud"])],
        ["total inc GST", _text(bill["total_inc_gst_aud"])],
    ]
    notes = (
        () if totals.adds_up else ("THE TOTALS ARE NOT WHAT THE LINES MAKE; tell the people who look after billsync",)
    )
    return Block("Totals", table=Table(["", "AUD"], rows, right={1}), notes=notes)


def _reads_blocks(reads: Sequence[Row]) -> Iterable[Block]:
    if not reads:
        yield Block("Read versions behind it", notes=["none recorded"])
    for (section, suffix, register), found in reads_by_channel(reads).items():
        title = f"Read versions behind channel {suffix}" + (f", register {register}" if register else "")
        if register.startswith(ESTIMATE):
            title = f"Estimated by us for channel {suffix}, method {register.removeprefix(ESTIMATE)}"
        energy = sum((read["energy_kwh"] for read in found), Decimal(0))
        days = sum(read["channel_days"] for read in found)
        header = ["file or source", "versions (UTC)", "channel-days", "first day", "last day", "kWh"]
        notes = [f"{_SECTION_WORDS.get(section, section)}: {days} channel-days, {_trimmed(energy)} kWh"]
        yield Block(title, table=Table(header, _file_rows(found), right={2, 5}), notes=notes)


def _file_rows(reads: Sequence[Row]) -> list[list[str]]:
    """One row per file: many files stamp each day by itself, which JSON tells in full."""
    files: dict[str, list[Row]] = {}
    for read in reads:
        name = "our estimate" if read["source"] == "ESTIMATE" else "the retailer's own readings"
        files.setdefault(_text(read["file_name"]) or name, []).append(read)
    return [
        [name, _span(read["read_version_at"] for read in found), str(sum(read["channel_days"] for read in found)),
         _text(min(read["first_market_date"] for read in found)),
         _text(max(read["last_market_date"] for read in found)),
         _trimmed(sum((read["energy_kwh"] for read in found), Decimal(0)))]
        for name, found in files.items()
    ]  # fmt: skip


def _span(instants: Iterable[datetime | None]) -> str:
    known = sorted({instant for instant in instants if instant})
    return " to ".join(_text(instant) for instant in dict.fromkeys((known[0], known[-1]))) if known else ""


def _readings_block(readings: Sequence[Row]) -> Block:
    if not readings:
        return Block("Readings for SAP", notes=["none: the period has no meter reading order"])
    rows = [
        [_text(row["meter_reading_order_id"]), _text(row["device_id"]), _text(row["register_id"]),
         _text(row["reading_date"]), _trimmed(row["reading_result"]), _trimmed(row["usage_kwh"]),
         _text(row["load_status"]), _text(row["sap_message"] or row["hold_reason"] or row["sap_document_id"])]
        for row in readings
    ]  # fmt: skip
    header = ["order", "device", "register", "date", "reading", "usage", "status", "SAP's document or why not"]
    return Block("Readings for SAP", table=Table(header, rows, right={4, 5}))


def _comparison_block(comparison: Row | None) -> Block:
    if comparison is None:
        return Block("Compared with SAP", notes=["not compared yet"])
    rows = [
        ["ex GST AUD", *(_text(comparison[name]) for name in ("shadow_ex_gst_aud", "billed_ex_gst_aud",
                                                              "difference_aud"))],
        ["kWh", *(_trimmed(comparison[name]) for name in ("shadow_kwh", "billed_kwh", "difference_kwh"))],
    ]  # fmt: skip
    notes = [f"{comparison['outcome']}: {_text(comparison['reason'])}"]
    table = Table(["", "our bill", "SAP's bill", "difference"], rows, right={1, 2, 3})
    return Block("Compared with SAP", table=table, notes=notes)


def _versions_block(versions: Sequence[Row]) -> Block:
    names = ("bill_version", "status", "total_ex_gst_aud", "gst_aud", "total_inc_gst_aud")
    rows = [
        [*(_text(row[name]) for name in names), _trimmed(row["usage_kwh"]), _text(row["read_version_at"])]
        for row in versions
    ]
    header = ["version", "status", "ex GST", "GST", "inc GST", "usage kWh", "youngest read (UTC)"]
    return Block("Versions of this bill", table=Table(header, rows, right={0, 2, 3, 4, 5}))


def _revisions_block(revisions: Sequence[Row]) -> Block:
    rows = [
        [_text(row["revision_day"]), f"{row['from_version']} to {row['to_version']}", _text(row["cause"]),
         f"{row['first_changed_date']} to {row['last_changed_date']}", _text(row["difference_aud"]),
         _text(row["outcome"]), _text(row["reason"])]
        for row in revisions
    ]  # fmt: skip
    header = ["billing day", "versions", "cause", "changed days", "difference AUD", "outcome", "why"]
    return Block("What reached it later", table=Table(header, rows, right={4}))


def _edits_block(edits: Sequence[Row]) -> Block:
    rows = [
        [_text(row["file_name"]), _text(row["kind"]), _text(row["nmi_suffix"]), _text(row["market_date"]),
         _text(row["made_by"]), _text(row["made_at"]), _text(row["reason"]),
         " ".join(_text(row[name]) for name in ("withdrawn_by", "withdrawn_at", "withdrawn_reason")).strip()]
        for row in edits
    ]  # fmt: skip
    header = ["edit", "kind", "channel", "day", "by", "at (UTC)", "why", "withdrawn"]
    return Block("Edits of its reads by people", table=Table(header, rows))
