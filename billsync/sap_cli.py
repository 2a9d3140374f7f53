"""``billsync approve`` and ``billsync sap``: a person's part in loading SAP.

What belongs here: words and options. What stays out: the rules (``loaders/sap_isu`` modules ``gate``, ``person``).
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Final

import click

from billsync.settings import Settings, load_settings

if TYPE_CHECKING:
    from loaders.sap_isu.gate import Decision, Gate
    from loaders.sap_isu.ledger import Ledger
    from loaders.sap_isu.plan_shown import ShownPlan

WAITING: Final = ("UNKNOWN", "PENDING", "SENT", "REVERSAL_NEEDED", "REJECTED", "LOCKED")
STATUSES: Final = ("1", "2", "3", "4", "5", "7", "*")
COLUMNS: Final = ("reading_key", "billing_day", "contract_id", "reading_result", "state", "message")


@click.command()
@click.option("--day", required=True, help="The billing day.")
@click.option("--plan", "plan_hash", default=None, help="The plan's hash, as shown; refused if the plan is another.")
@click.option("--reason", default="looked at and found right", show_default=True, help="Kept for the auditor.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def approve(day: str, plan_hash: str | None, reason: str, yes: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Release the plan of a billing day: exactly the plan shown, by its hash; a changed plan needs a new release."""
    with _guarded():
        plan = _last_plan(_day(day))
        if plan_hash and not plan.plan_hash.startswith(plan_hash):
            why = f"the plan of {day} is {plan.plan_hash[:12]} by now, not {plan_hash}"
            raise click.ClickException(f"{why}: look at it again (billsync sap plan --day {day})")
        click.echo("\n".join(plan_lines(plan)))
        if plan.waits == 0:
            click.echo("nothing of this plan waits to be sent; nothing to release")
            return
        if not (yes or plan_hash):
            click.confirm("Release exactly this plan?", abort=True)
        released = _gate().release(plan, actor=getpass.getuser(), reason=reason)
    click.echo(
        f"plan {plan.plan_hash[:12]} released by {released.actor} at {_text(released.at)}; "
        f"now run it: billsync run --day {day}"
    )


@click.group()
def sap() -> None:
    """The load into SAP: its plan, what waits for a person, pause and resume."""


@sap.command()
@click.option("--day", required=True, help="The billing day.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def plan(day: str, as_json: bool) -> None:  # noqa: FBT001 - see approve
    """Show the newest plan of a billing day: counts, totals by register, money at stake, who released it."""
    with _guarded():
        shown = _last_plan(_day(day))
        released = _gate().release_of(shown.plan_hash)
    if as_json:
        click.echo(json.dumps({**shown.as_json(), "released": _decision(released) if released else None}, indent=2))
        return
    click.echo("\n".join(plan_lines(shown)))
    click.echo(
        f"released by {released.actor} at {_text(released.at)}: {released.reason}" if released else "not released"
    )


@sap.command("open")
@click.option("--day", default=None, help="Only of this billing day.")
@click.option("--state", "states", type=click.Choice(WAITING), multiple=True, help="Only in this state (may repeat).")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def open_(day: str | None, states: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - see approve
    """List readings whose outcome is open, or that wait for a person in SAP."""
    from loaders.sap_isu.person import waiting  # noqa: PLC0415 - not needed for --help

    wanted = states or ("UNKNOWN", "SENT", "REVERSAL_NEEDED")
    with _guarded():
        rows = list(waiting(_ledger(), wanted, _day(day) if day else None))
    if as_json:
        click.echo(json.dumps([{name: _text(value) for name, value in row.items()} for row in rows], indent=2))
        return
    click.echo("\n".join(_table([{name: _text(row[name]) for name in COLUMNS} for row in rows])))
    click.echo(f"{len(rows)} readings", err=True)


@sap.command()
@click.argument("reading_key")
def history(reading_key: str) -> None:
    """All that happened to a reading: time, actor, event, states, batch, message."""
    with _guarded():
        rows = _ledger().history(reading_key)
    names = ("at", "actor", "event", "from_state", "to_state", "reading_result", "message")
    click.echo("\n".join(_table([{name: _text(row[name]) for name in names} for row in rows])))


@sap.command()
@click.argument("reading_key")
@click.option("--in-sap", "value", default=None, metavar="VALUE", help="SAP has the reading with this value.")
@click.option("--status", type=click.Choice(STATUSES), default="1", show_default=True, help="Its status in SAP.")
@click.option("--document", default="", help="Its document number in SAP.")
@click.option("--not-in-sap", is_flag=True, help="SAP does not have it: the next run sends it again.")
@click.option("--reason", required=True, help="How you know; kept for the auditor.")
def decide(*, reading_key: str, value: str | None, status: str, document: str, not_in_sap: bool, reason: str) -> None:
    """Say what SAP has of a reading whose outcome nobody knows. Look into SAP first (EL31)."""
    from loaders.sap_isu.person import Seen  # noqa: PLC0415 - not needed for --help
    from loaders.sap_isu.person import decide as take_word  # noqa: PLC0415 - not needed for --help

    if not_in_sap == (value is not None):
        raise click.UsageError("say either --in-sap VALUE or --not-in-sap")
    with _guarded():
        seen = None if value is None else Seen(_number(value), status, document)
        row = take_word(_ledger(), reading_key, seen, reason)
    click.echo(f"{reading_key} is {row['state']}; run the day {row['billing_day']} again")


@sap.command()
@click.option("--reason", required=True, help="Why; kept for the auditor.")
def pause(reason: str) -> None:
    """Stop all loading until somebody resumes it; a load at work stops after its batches in flight."""
    with _guarded():
        noted = _gate().stop(reason, actor=getpass.getuser())
    click.echo(f"the load is paused since {_text(noted.at)} by {noted.actor}: {noted.reason}")


@sap.command()
@click.option("--reason", required=True, help="What was found and done; kept for the auditor.")
def resume(reason: str) -> None:
    """Let loads send again."""
    with _guarded():
        noted = _gate().resume(actor=getpass.getuser(), reason=reason)
    click.echo("the load goes on with the next run" if noted else "the load was not paused")


@sap.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def decisions(as_json: bool) -> None:  # noqa: FBT001 - see approve
    """Who released, paused and resumed what, newest first."""
    with _guarded():
        rows = [_decision(one) for one in _gate().decisions()]
    click.echo(json.dumps(rows, indent=2) if as_json else "\n".join(_table(rows)))


def plan_lines(plan: ShownPlan) -> list[str]:
    """A plan for a person to read before the act."""
    span = plan.first_day if plan.first_day == plan.last_day else f"{plan.first_day} to {plan.last_day}"
    registers = [
        {"register": one.register_id, "reason": one.meter_reading_reason, "unit": one.unit,
         "readings": one.readings, "usage": Decimal(one.usage)}
        for one in plan.registers
    ]  # fmt: skip
    return [
        f"Plan of the load of {span}, planned {plan.planned_at}",
        f"  hash            {plan.plan_hash}",
        f"  to send         {plan.to_send:,} readings of {plan.bills:,} bills",
        f"  corrections     {plan.corrections:,} of readings that SAP has and has not billed; over OData by hand",
        f"  money at stake  {plan.amount_inc_gst_aud} AUD including GST",
        f"  open            {plan.open:,} from an earlier run: read back first, sent again only if SAP has them not",
        f"  held            {plan.held:,} left out",
        f"  states          {', '.join(f'{number} {state}' for state, number in plan.states.items()) or 'none'}",
        *(["  totals to send by register", *_table(registers)] if registers else []),
    ]


def find_plan(settings: Settings, day: date) -> ShownPlan | None:
    """The newest plan of a billing day; None when none was made."""
    from loaders.sap_isu.plan_shown import last_shown  # noqa: PLC0415 - not needed for --help

    return last_shown(_ledger(settings), day)


def _last_plan(day: date) -> ShownPlan:
    from loaders.errors import PermanentError  # noqa: PLC0415 - not needed for --help

    plan = find_plan(load_settings(), day)
    if plan is None:
        raise PermanentError(
            f"Showing the plan of {day}", "none was made yet", f"Plan it first: billsync run --day {day} --dry-run"
        )
    return plan


def _ledger(settings: Settings | None = None) -> Ledger:
    from loaders.operational_db import open_engine, upgrade  # noqa: PLC0415 - not needed for --help
    from loaders.sap_isu.ledger import Ledger  # noqa: PLC0415 - not needed for --help

    engine = open_engine((settings or load_settings()).ledger_url)
    upgrade(engine)
    return Ledger(engine, actor=getpass.getuser())


def _gate() -> Gate:
    from loaders.sap_isu.gate import Gate  # noqa: PLC0415 - not needed for --help

    return Gate(_ledger().engine)


def _guarded() -> Any:
    from billsync.words import plain_errors  # noqa: PLC0415 - not needed for --help

    return plain_errors()


def _table(rows: Sequence[Mapping[str, object]]) -> list[str]:
    from billsync.summary import table_lines  # noqa: PLC0415 - not needed for --help

    return table_lines(rows) if rows else ["  none"]


def _decision(one: Decision) -> dict[str, str]:
    return {name: _text(value) for name, value in vars(one).items()}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no day; write it as 2026-03-05", param_hint="--day") from error


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise click.BadParameter(f"{text!r} is no number", param_hint="--in-sap") from error
    if not value.is_finite():
        raise click.BadParameter(f"{text!r} is no number", param_hint="--in-sap")
    return value


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else str(value)
