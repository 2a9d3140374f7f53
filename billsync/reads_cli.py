"""``billsync reads``: edits of reads by a person, each a read version with who, when and why.

What belongs here: words and options, and what is known of a channel-day now. What stays out: the edits' rules
(``loaders/read_edits``).
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click

from billsync.settings import Settings, load_settings
from billsync.words import plain_errors

if TYPE_CHECKING:
    from loaders.read_edits import ReadEdits
    from loaders.warehouse import Warehouse

COLUMNS: Final = (
    "edit_id", "kind", "nmi", "nmi_suffix", "market_date", "billing_day", "made_by", "made_at", "reason",
    "withdrawn_by", "withdrawn_at", "withdrawn_reason",
)  # fmt: skip
CURRENT_READ: Final = """
select c.read_version_at, c.interval_length_minutes, c.kwh_factor, r.values_text
from intermediate.int_channel_days__current as c
inner join raw.meter_interval_records as r
    on c.billing_day = r.billing_day and c.source = r.source and c.file_name = r.file_name
    and c.line_number = r.line_number
where c.nmi = ? and c.nmi_suffix = ? and c.market_date = ?"""
CURRENT_REGISTER_READ: Final = """
select c.read_version_at, r.*
from intermediate.int_accumulation_records__current as c
inner join raw.meter_accumulation_records as r
    on c.billing_day = r.billing_day and c.source = r.source and c.file_name = r.file_name
    and c.line_number = r.line_number
where c.nmi = ? and c.nmi_suffix = ? and c.current_read_date = ?"""
REGISTER_READS: Final = """
select count(*) as read_count
from intermediate.int_accumulation_records__current
where nmi = ? and nmi_suffix = ?"""
NEWEST_DAY: Final = "select max(billing_day) as newest from raw.source_outcomes"


class _Day(click.ParamType[date]):
    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2026-03-05", param, ctx)


def _subject(command: Any) -> Any:
    """The options that name a channel-day and say why."""
    for option in (
        click.option("--reason", required=True, help="Why; kept for the auditor."),
        click.option(
            "--day", type=_Day(), default=None, help="Billing day it is known from; the newest run by default."
        ),
        click.option(
            "--date",
            "market_date",
            type=_Day(),
            required=True,
            help="Market day of the read; of a basic meter, the day of the closing read.",
        ),
        click.option("--suffix", required=True, help="Channel, such as E1, or a basic meter's register, such as 11."),
        click.option("--nmi", required=True, help="NMI without its checksum."),
    ):
        command = option(command)
    return command


@click.group()
def reads() -> None:
    """Edits of reads by a person: edit, exclude, withdraw, list."""


@reads.command()
@_subject
@click.option("--values", default=None, help="kWh of every interval of the day, separated by commas.")
@click.option("--set", "changes", multiple=True, metavar="INTERVAL=KWH", help="One interval (from 1); may repeat.")
@click.option("--read", "dials", default=None, help="A basic meter's closing read, before the multiplier.")
@click.option("--kwh", default=None, help="Its energy since the read before, after the multiplier; goes with --read.")
def edit(*, values: str | None, changes: tuple[str, ...], dials: str | None, kwh: str | None, **subject: Any) -> None:
    """Put another read in place of what was delivered, from the next run on; what was delivered is kept."""
    if [bool(values), bool(changes), bool(dials or kwh)].count(True) != 1 or bool(dials) != bool(kwh):
        raise click.UsageError(
            "give --values for the whole day, --set for single intervals, or --read and --kwh of a basic meter"
        )
    with plain_errors():
        from loaders.read_edits import EDIT, READ, parse_values, revised_read  # noqa: PLC0415 - not needed for --help

        settings = load_settings()
        if dials and kwh:
            held = _current_register_read(settings, subject)
            _add(settings, READ, subject, held, record=revised_read(held, dials, kwh))
            return
        current = _current(settings, subject)
        texts = values.split(",") if values else changed_values(current, changes)
        _add(settings, EDIT, subject, current, values=parse_values(texts))


@reads.command()
@_subject
def exclude(**subject: Any) -> None:
    """Say that a channel-day's read is no read: it counts as missing, is estimated, and holds its bill."""
    with plain_errors():
        from loaders.read_edits import EXCLUDE  # noqa: PLC0415 - not needed for --help

        settings = load_settings()
        _add(settings, EXCLUDE, subject, _current(settings, subject))


@reads.command()
@click.argument("edit_id", type=int)
@click.option("--reason", required=True, help="Why; kept for the auditor.")
def withdraw(edit_id: int, reason: str) -> None:
    """Take an edit back: what was delivered holds again from the next run on."""
    with plain_errors():
        row = _edits(load_settings()).withdraw(edit_id, actor=getpass.getuser(), reason=reason)
    click.echo(f"edit {edit_id} is withdrawn; run the day {row['billing_day']} again, or any later one")


@reads.command("list")
@click.option("--nmi", default=None, help="Only of this NMI.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(nmi: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """List edits, withdrawn ones too."""
    with plain_errors():
        rows = [{name: _text(row[name]) for name in COLUMNS} for row in _edits(load_settings()).list_rows(nmi)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    from billsync.summary import table_lines  # noqa: PLC0415 - not needed for --help

    click.echo("\n".join(table_lines(rows)) if rows else "none")


def changed_values(current: Mapping[str, Any] | None, changes: Sequence[str]) -> list[str]:
    """The day's values in kWh with single intervals changed.

    Raises:
        click.UsageError: there is no read to change, or a change names no interval of the day.
    """
    if current is None:
        raise click.UsageError("there is no read of that channel-day; give the whole day with --values")
    factor = Decimal(str(current["kwh_factor"]))
    texts = [
        format(Decimal(text) * factor, "f") if text.strip() else "" for text in str(current["values_text"]).split(",")
    ]
    for change in changes:
        place, equals, value = change.partition("=")
        if not equals or not place.strip().isdigit() or not 1 <= int(place) <= len(texts):
            raise click.UsageError(
                f"--set {change!r}: write it as INTERVAL=KWH with an interval from 1 to {len(texts)}"
            )
        texts[int(place) - 1] = value
    return texts


def _add(
    settings: Settings,
    kind: str,
    subject: Mapping[str, Any],
    current: Mapping[str, Any] | None,
    *,
    values: Sequence[Decimal] = (),
    record: Mapping[str, str | None] | None = None,
) -> None:
    from loaders.read_edits import NewEdit  # noqa: PLC0415 - not needed for --help

    known_version_at = current["read_version_at"] if current else None
    day = subject["day"] or _newest_day(settings)
    new = NewEdit(kind, *_channel(subject), subject["market_date"], values, day, known_version_at, record)
    edit_id = _edits(settings).add(new, actor=getpass.getuser(), reason=subject["reason"])
    click.echo(f"edit {edit_id}: {new.nmi} {new.nmi_suffix} on {new.market_date}")
    click.echo("it is a read version from the next run on; take it back with: billsync reads withdraw " + str(edit_id))


def _newest_day(settings: Settings) -> date:
    day = _warehouse(settings).fetch(NEWEST_DAY)[0]["newest"]
    if not isinstance(day, date):
        raise click.UsageError("no day was run yet; name the billing day the edit is known from with --day")
    return day


def _channel(subject: Mapping[str, Any]) -> tuple[str, str]:
    return subject["nmi"].strip().upper(), subject["suffix"].strip().upper()


def _current(settings: Settings, subject: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The interval read that holds now.

    Raises:
        click.UsageError: the channel is a basic meter's register.
    """
    warehouse, channel = _warehouse(settings), _channel(subject)
    if warehouse.fetch(REGISTER_READS, channel)[0]["read_count"]:
        raise click.UsageError(
            f"{channel[1]} is a basic meter's register and has no intervals; its read is replaced with "
            "billsync reads edit --read DIALS --kwh KWH, --date being the day of the closing read"
        )
    key = (*channel, subject["market_date"])
    found = warehouse.fetch(CURRENT_READ, list(key))
    return with_last_edit(found[0] if found else None, _edits(settings).last(*key))


def with_last_edit(current: Mapping[str, Any] | None, last: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The read that a further edit begins from: the last edit where no run has seen it yet, else what holds now."""
    from loaders.read_edits import EDIT, stamped_at  # noqa: PLC0415 - not needed for --help

    if last is None or last["kind"] != EDIT:
        return current
    if current is not None and current["read_version_at"] >= stamped_at(last):
        return current
    return {"read_version_at": stamped_at(last), "kwh_factor": Decimal(1), "values_text": last["values_text"]}


def _current_register_read(settings: Settings, subject: Mapping[str, Any]) -> Mapping[str, Any]:
    """The read of a basic meter that holds now.

    Raises:
        click.UsageError: no read of a file ends on the day, or several do.
    """
    found = _warehouse(settings).fetch(CURRENT_REGISTER_READ, [*_channel(subject), subject["market_date"]])
    if len(found) == 1:
        return found[0]
    raise click.UsageError(
        f"{len(found)} reads of registers from files end on that day, and one is needed; see the days with "
        "billsync explain. The retailer's own readings are corrected in the retailer's database"
    )


def _warehouse(settings: Settings) -> Warehouse:
    from billsync.warehouse import warehouse_of  # noqa: PLC0415 - not needed for --help

    return warehouse_of(settings)


def _edits(settings: Settings) -> ReadEdits:
    from loaders.operational_db import open_engine, upgrade  # noqa: PLC0415 - not needed for --help
    from loaders.read_edits import ReadEdits  # noqa: PLC0415 - not needed for --help

    engine = open_engine(settings.ledger_url)
    upgrade(engine)
    return ReadEdits(engine)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else str(value)
