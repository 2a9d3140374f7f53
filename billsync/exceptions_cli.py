"""``billsync exceptions``: what waits for a person, and what a person decides.

What belongs here: words and options. What stays out: the queue's rules (``loaders/exception_queue``).
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from billsync.settings import load_settings

if TYPE_CHECKING:
    from loaders.exception_queue import ExceptionQueue

STATES: Final = ("OPEN", "RELEASED", "WAIVED", "RESOLVED")
SEVERITIES: Final = ("INFORMATION", "ISSUE", "TERMINATE")
COLUMNS: Final = (
    "exception_id", "billing_day", "rule_code", "severity", "nmi", "contract_id",
    "first_market_date", "last_market_date", "state", "detail",
)  # fmt: skip


@click.group()
def exceptions() -> None:
    """What waits for a person: list, show, release, waive, resolve."""


@exceptions.command("list")
@click.option("--day", default=None, help="Only of this billing day.")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only in this state (may repeat).")
@click.option("--rule", default=None, help="Only of this rule code.")
@click.option("--severity", type=click.Choice(SEVERITIES), default=None, help="Only of this severity.")
@click.option("--nmi", default=None, help="Only of this NMI.")
@click.option("--contract", default=None, help="Only of this contract.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(*, day: str | None, states: tuple[str, ...], as_json: bool, **only: str | None) -> None:
    """List exceptions, open ones by default."""
    billing_day = _day(day)
    with _guarded():
        rows = _queue().list_rows(
            states=states or ("OPEN",), billing_day=billing_day, rule_code=only["rule"],
            severity=only["severity"], nmi=only["nmi"], contract_id=only["contract"],
        )  # fmt: skip
    if as_json:
        click.echo(json.dumps([_plain(row) for row in rows], indent=2))
        return
    from billsync.summary import table_lines  # noqa: PLC0415 - not needed for --help

    shown = [{name: _text(row[name]) for name in COLUMNS} for row in rows]
    click.echo("\n".join(table_lines(shown)) if shown else "none")
    click.echo(f"{len(rows)} exceptions", err=True)


@exceptions.command()
@click.argument("exception_id")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(exception_id: str, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show one exception with its history; the first characters of its id are enough."""
    with _guarded():
        row = _queue().show(exception_id)
    history = row.pop("history")
    if as_json:
        click.echo(json.dumps({**_plain(row), "history": [_plain(entry) for entry in history]}, indent=2))
        return
    for name, value in row.items():
        click.echo(f"{name:<18} {_text(value)}")
    click.echo("history")
    for entry in history:
        moved = f"{entry['from_state'] or '-'} -> {entry['to_state']}"
        click.echo(f"  {_text(entry['at'])}  {moved:<22} {entry['actor']}  {_text(entry['reason'])}")


@exceptions.command()
@click.argument("exception_id")
@click.option("--reason", required=True, help="Why; kept for the auditor.")
def release(exception_id: str, reason: str) -> None:
    """Let the bills go although the problem is there; they load with the next run of the day."""
    _decide("release", exception_id, reason)


@exceptions.command()
@click.argument("exception_id")
@click.option("--reason", required=True, help="Why; kept for the auditor.")
def waive(exception_id: str, reason: str) -> None:
    """Say that it is no problem."""
    _decide("waive", exception_id, reason)


@exceptions.command()
@click.argument("exception_id")
@click.option("--reason", required=True, help="Why; kept for the auditor.")
def resolve(exception_id: str, reason: str) -> None:
    """Say that the problem is gone; found again it opens again."""
    _decide("resolve", exception_id, reason)


def _decide(decision: str, exception_id: str, reason: str) -> None:
    with _guarded():
        row = getattr(_queue(), decision)(exception_id, actor=getpass.getuser(), reason=reason)
    click.echo(f"{row['exception_id']} {row['rule_code']} is {row['state']}; run the day {row['billing_day']} again")


def _queue() -> ExceptionQueue:
    from loaders.exception_queue import ExceptionQueue  # noqa: PLC0415 - not needed for --help
    from loaders.operational_db import open_engine, upgrade  # noqa: PLC0415 - not needed for --help

    engine = open_engine(load_settings().ledger_url)
    upgrade(engine)
    return ExceptionQueue(engine)


def _guarded() -> Any:
    from billsync.words import plain_errors  # noqa: PLC0415 - not needed for --help

    return plain_errors()


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no day; write it as 2026-03-05", param_hint="--day") from error


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return "" if value is None else str(value)


def _plain(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: None if value is None else _text(value) for name, value in row.items()}
