"""One bill and everything behind it, put together from the warehouse's answers.

What belongs here: which answer goes with which line, and how the lines make the totals. What stays out: SQL
(``queries``), words (``rules``) and layout (``rendering``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Final

from billsync.explain import queries, queries_as_of
from billsync.explain.queries import Row
from billsync.explain.rules import EDGE, rule_sentence
from loaders.warehouse import Warehouse

SAP_ID_LENGTH: Final = 10
_CENT: Final = Decimal("0.01")
_MARKET_OFFSET: Final = timedelta(hours=10)
# A quantity (23 digits) times a price (14) needs 37; Python's own 28 would round it.
_EXACT: Final = Context(prec=60)
_SECTIONS: Final = {
    "USAGE": "TARIFF_PERIOD",
    "DEMAND": "TARIFF_PERIOD",
    "CONTROLLED_LOAD": "CONTROLLED_LOAD",
    "FEED_IN": "FEED_IN",
}


class NoSuchBillError(LookupError):
    """There is no such bill; the message says what there is."""


@dataclass(frozen=True)
class Line:
    """A line with what made it.

    Attributes:
        row: the line and its plan version, as ``queries.LINES`` answers.
        exact_amount_aud: quantity x price before rounding; a credit is negative.
        sentence: the rule in words.
        reads: the read versions behind its energy, as ``queries.PRICED_READS`` answers; none for a line without energy.
    """

    row: Row
    exact_amount_aud: Decimal
    sentence: str
    reads: Sequence[Row]


@dataclass(frozen=True)
class Totals:
    """How the lines make the totals.

    Attributes:
        lines_ex_gst_aud: sum of the lines, each already rounded to the cent.
        exact_gst_aud: sum of the lines' exact GST.
        adds_up: whether that, with the GST rounded half up to the cent, is what the bill says.
    """

    lines_ex_gst_aud: Decimal
    exact_gst_aud: Decimal
    adds_up: bool


@dataclass(frozen=True)
class Explanation:
    """A bill explained; rows are as the query of the same name answers.

    Attributes:
        bill: the bill itself.
        lines: its lines, none when it is not priceable.
        totals: how the lines make the totals; None when it is not priceable.
        reads: every read version that it used.
        versions: its versions, this one included.
        problems: why it cannot be priced.
        exceptions: exceptions that touch it.
        readings: its readings for SAP.
        comparison: SAP's bill beside ours, when there is a comparison.
        revisions: what reached it after its first version, with the outcome.
        edits: edits of its reads by people.
        as_of: the instant it is shown at; None for now.
    """

    bill: Row
    lines: Sequence[Line]
    totals: Totals | None
    reads: Sequence[Row]
    versions: Sequence[Row]
    problems: Sequence[Row]
    exceptions: Sequence[Row]
    readings: Sequence[Row]
    comparison: Row | None
    revisions: Sequence[Row] = ()
    edits: Sequence[Row] = ()
    as_of: datetime | None = None


def explain_bill(
    warehouse: Warehouse, contract_id: str, period: tuple[date, date] | None = None, as_of: datetime | None = None
) -> Explanation:
    """Explain one bill of a contract.

    Args:
        warehouse: where the marts are; only read.
        contract_id: the contract; leading zeros may be left out.
        period: first and last market day of the bill; the latest bill when None.
        as_of: an instant (UTC): the bill is shown by the last version known then. What was known when counts by billing
            days: a version is known from the end of the billing day whose run made it.

    Raises:
        NoSuchBillError: the contract or the period has no bill, or had none then.
        LoaderError: the warehouse cannot be read.
    """
    contract_id, first_day, last_day = _find(warehouse, contract_id, period)
    now = as_of is None
    key: dict[str, object] = {"contract_id": contract_id, "first_day": first_day, "last_day": last_day}
    if as_of is not None:
        key |= {"as_of": as_of.astimezone(UTC).replace(tzinfo=None), "as_of_day": _last_ended_day(as_of)}
    bill = _bill(warehouse, key)
    key |= {"bill_version": bill["bill_version"], "nmi": bill["nmi"]}
    is_priced = bill["status"] != "NOT_PRICEABLE"
    reads = queries.READS.run(warehouse, key)
    comparisons = queries.COMPARISON.run(warehouse, key) if now else []
    lines = _lines_now(warehouse, key, reads) if now else _lines_then(warehouse, key, reads)
    return Explanation(
        bill=bill,
        lines=lines,
        totals=_totals(bill, lines) if is_priced else None,
        reads=reads,
        versions=(queries.VERSIONS if now else queries_as_of.VERSIONS).run(warehouse, key),
        problems=[] if is_priced else queries.PROBLEMS.run(warehouse, key),
        exceptions=_touching(bill, queries.EXCEPTIONS.run(warehouse, key)) if now else [],
        readings=queries.READINGS.run(warehouse, key) if now else [],
        comparison=comparisons[0] if comparisons else None,
        revisions=_known(queries.REVISIONS.run(warehouse, key), "revision_day", key),
        edits=_known(queries.EDITS.run(warehouse, key), "billing_day", key),
        as_of=as_of,
    )


def _last_ended_day(instant: datetime) -> date:
    """The last market day (UTC+10) that had ended."""
    return (instant.astimezone(UTC) + _MARKET_OFFSET).date() - timedelta(days=1)


def _known(rows: Sequence[Row], day_column: str, key: Mapping[str, object]) -> Sequence[Row]:
    """Rows of the billing days that had ended."""
    last = key.get("as_of_day")
    return [row for row in rows if last is None or row[day_column] <= last]


def _bill(warehouse: Warehouse, key: Mapping[str, object]) -> Row:
    """The bill as it is, or as it was known at an instant."""
    if "as_of" not in key:
        return queries.BILL.run(warehouse, key)[0]
    found = queries_as_of.BILL.run(warehouse, key)
    if not found:
        msg = f"contract {key['contract_id']} had no bill {key['first_day']}..{key['last_day']} on {key['as_of']}Z"
        raise NoSuchBillError(msg)
    return found[0]


def _find(warehouse: Warehouse, contract_id: str, period: tuple[date, date] | None) -> tuple[str, date, date]:
    """The bill meant: contract as stored, first and last day."""
    spellings = [contract_id]
    if contract_id.isascii() and contract_id.isdigit():
        spellings.append(contract_id.zfill(SAP_ID_LENGTH))
    for spelling in spellings:
        bills = queries.PERIODS.run(warehouse, {"contract_id": spelling})
        known = [(row["period_start_date"], row["period_end_date"]) for row in bills]
        if known and (period is None or period in known):
            return (spelling, *(period or known[0]))
        if known and period:
            listed = ", ".join(f"{first}..{last}" for first, last in known)
            raise NoSuchBillError(f"contract {spelling} has no bill {period[0]}..{period[1]}; it has {listed}")
    raise NoSuchBillError(
        f"contract {contract_id} has no bill; it is unknown, or the billing day on which it closes has not been run"
    )


def _lines_now(warehouse: Warehouse, key: Mapping[str, object], reads: Sequence[Row]) -> list[Line]:
    rows = queries.LINES.run(warehouse, key)
    priced = queries.PRICED_READS.run(warehouse, key)
    return _lines(rows, [_reads_behind(row, rows, reads, priced) for row in rows])


def _lines_then(warehouse: Warehouse, key: Mapping[str, object], reads: Sequence[Row]) -> list[Line]:
    rows = queries_as_of.LINES.run(warehouse, key)
    priced = queries_as_of.PRICED_READS.run(warehouse, key)
    return _lines(rows, [_reads_behind_then(row, reads, priced) for row in rows])


def _lines(rows: Sequence[Row], reads_behind: Sequence[Sequence[Row]]) -> list[Line]:
    further_steps = {_rate_key(row) for row in rows if row["block_number"] > 1}
    return [
        Line(
            row=row,
            exact_amount_aud=_exact_amount(row),
            sentence=rule_sentence(row, is_stepped=_rate_key(row) in further_steps),
            reads=reads,
        )
        for row, reads in zip(rows, reads_behind, strict=True)
    ]


def _rate_key(row: Row) -> tuple[str, object]:
    """What the steps of one rate share: the charge without its step, and the price."""
    return str(row["charge_id"]).removesuffix(EDGE).rpartition(":")[0], row["price_start_date"]


def _exact_amount(row: Row) -> Decimal:
    amount = _EXACT.multiply(Decimal(row["quantity"]), Decimal(row["unit_price_ex_gst_aud"]))
    return -amount if row["charge_type"] in ("FEED_IN", "DISCOUNT") else amount


def _reads_behind(row: Row, rows: Sequence[Row], reads: Sequence[Row], priced_reads: Sequence[Row]) -> list[Row]:
    """The reads of the days on which the line's price holds for its channels."""
    section = _SECTIONS.get(str(row["charge_type"]))
    version = _version(row)
    own = [read for read in priced_reads if read["section"] == section and _version(read) == version]
    starts = sorted(
        {other["price_start_date"] for other in rows
         if _version(other) == version and _SECTIONS.get(str(other["charge_type"])) == section}
    )  # fmt: skip
    seasons: dict[object, date] = {}
    for read in own:
        number, first = read["season_number"], read["first_local_date"]
        seasons[number] = min(first, seasons.get(number, first))
    return _spread(reads, section) + [
        read for read in own if _price_start(seasons[read["season_number"]], starts) == row["price_start_date"]
    ]


def _reads_behind_then(row: Row, reads: Sequence[Row], priced_reads: Sequence[Row]) -> list[Row]:
    """The same of a version as it was, whose priced reads say themselves from when their price holds."""
    section = _SECTIONS.get(str(row["charge_type"]))
    return _spread(reads, section) + [
        read
        for read in priced_reads
        if read["section"] == section and read["price_start_date"] == row["price_start_date"]
    ]


def _spread(reads: Sequence[Row], section: str | None) -> list[Row]:
    """A basic meter's reads: each covers many days, so it stands behind every price of its section."""
    return [read for read in reads if read["section"] == section and read["register_key"]]


def _version(row: Row) -> tuple[object, object]:
    return row["plan_id"], row["version_hash"]


def _price_start(first_day: date, starts: Sequence[date]) -> date:
    """The price a season's first day with energy belongs to: the last one begun, the first for hours before all."""
    return max((start for start in starts if start <= first_day), default=starts[0])


def _totals(bill: Row, lines: Sequence[Line]) -> Totals:
    lines_sum = sum((line.row["amount_ex_gst_aud"] for line in lines), Decimal(0))
    exact_gst = sum((line.row["gst_aud"] for line in lines), Decimal(0))
    gst = exact_gst.quantize(_CENT, ROUND_HALF_UP)
    said = (bill["total_ex_gst_aud"], bill["gst_aud"], bill["total_inc_gst_aud"])
    return Totals(lines_sum, exact_gst, adds_up=said == (lines_sum, gst, lines_sum + gst))


def _touching(bill: Row, found: Sequence[Row]) -> list[Row]:
    """Leave out sources that cannot be read where they are not what holds the bill."""
    held_by_source = bill["status"] == "HELD" and "could not be read" in str(bill["status_reason"])
    return [row for row in found if held_by_source or row["rule_code"] != "SOURCE_UNAVAILABLE"]


def reads_by_channel(reads: Sequence[Row]) -> Mapping[tuple[str, str, str], list[Row]]:
    """Read versions by section, suffix and register."""
    channels: dict[tuple[str, str, str], list[Row]] = {}
    for read in reads:
        channels.setdefault((read["section"], read["nmi_suffix"], read["register_key"]), []).append(read)
    return channels
