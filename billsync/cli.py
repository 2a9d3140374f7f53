"""The command line. Heavy parts are imported when their command runs, so that help is quick.

What belongs here: words, options, exit codes. What stays out: the work.

Exit status: 0 done, 1 the day is not complete (what and why on standard error), 2 wrong usage or configuration.
"""

from __future__ import annotations

import json
import os
import sys
import webbrowser
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from functools import wraps
from typing import TYPE_CHECKING, Any, Final

import click

from billsync.exceptions_cli import exceptions
from billsync.explain_cli import explain
from billsync.progress import Progress
from billsync.reads_cli import reads
from billsync.robots_cli import robots
from billsync.sap_cli import approve, find_plan, plan_lines, sap
from billsync.sap_receive_cli import sap_confirmations
from billsync.settings import ConfigurationError, Settings, load_settings
from billsync.settings.sap_limits import sap_limits
from billsync.words import NOT_COMPLETE, plain_errors

if TYPE_CHECKING:
    from billsync.run import DayOutcome

MARKET_TIME: Final = timezone(timedelta(hours=10))


class IsoDay(click.ParamType[date]):
    """A billing day such as 2026-03-05."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read an ISO date."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no day; write it as 2026-03-05", param, ctx)


DAY: Final = IsoDay()


class LazyGroup(click.Group):
    """A group whose command ``sandbox`` is imported when it is used, and only then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command, the lazy one too."""
        return sorted([*super().list_commands(ctx), "sandbox"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A stand-in that only knows its help text serves the list of commands."""
        if cmd_name == "sandbox":
            return click.Group("sandbox", help="The pretend utility on loopback: up, seed, reset, down, bill.")
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Import the sandbox's commands when one of them is called."""
        if args and args[0] == "sandbox":
            from sandbox.cli import sandbox  # noqa: PLC0415 - production code never imports the sandbox

            return "sandbox", sandbox, args[1:]
        return super().resolve_command(ctx, args)


def told(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a command raises into plain words and the exit status that goes with it."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        with plain_errors():
            command(*args, **kwargs)

    return wrapped


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="billsync")
def main() -> None:
    """From meter data to checked bills: runs billing days and shows what became of them."""


@main.command()
@click.option("--day", type=DAY, required=True, help="The billing day.")
@click.option("--dry-run", is_flag=True, help="Plan and show the load, send nothing to SAP.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on standard output, nothing else there.")
@told
def run(day: date, dry_run: bool, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Run one billing day; running it again changes nothing."""
    _run_and_tell(day, day, _environ(dry_run=dry_run), as_json=as_json, shows_plan=dry_run)


@main.command()
@click.option("--from", "first", type=DAY, required=True, help="First billing day.")
@click.option("--to", "last", type=DAY, required=True, help="Last billing day, included.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on standard output, nothing else there.")
@told
def backfill(first: date, last: date, as_json: bool) -> None:  # noqa: FBT001 - see run
    """Run a range of billing days as one run."""
    if last < first:
        raise click.UsageError(f"--to {last} is before --from {first}")
    _run_and_tell(first, last, _environ(), as_json=as_json)


def _environ(*, dry_run: bool = False) -> Mapping[str, str]:
    return {**os.environ, "BILLSYNC_SAP_WRITE": "0"} if dry_run else dict(os.environ)


def _run_and_tell(
    first: date, last: date, environ: Mapping[str, str], *, as_json: bool, shows_plan: bool = False
) -> None:
    settings = load_settings(environ)
    _refuse_days_outside(settings, first, last)
    outcome = _run(first, last, environ)
    _tell(settings, outcome, as_json=as_json, shows_plan=shows_plan)
    if not outcome.is_complete:
        sys.exit(NOT_COMPLETE)


def _run(first: date, last: date, environ: Mapping[str, str]) -> DayOutcome:
    from billsync.local_sandbox import ensure_sandbox  # noqa: PLC0415 - see module

    progress = Progress()
    _require_home(load_settings(environ))
    ensure_sandbox(environ, progress)
    _require_sources(load_settings(environ))
    span = str(first) if first == last else f"{first} to {last}"
    with progress.shown(f"billing day {span}"):
        from billsync.run import run_days  # noqa: PLC0415 - see module

        return run_days(environ, first, last, progress)


def _require_sources(settings: Settings) -> None:
    """Every day needs files and a retailer database; the other systems are asked for when they are used."""
    settings.require("BILLSYNC_LANDING")
    _require_address("BILLSYNC_SOURCE_DB_URL", settings.require("BILLSYNC_SOURCE_DB_URL"))
    _require_address("BILLSYNC_LEDGER_URL", settings.ledger_url)
    sap_limits(settings)


def _require_home(settings: Settings) -> None:
    """The state folder is made at first use; where it cannot be, nothing else can begin."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"BILLSYNC_HOME {settings.home} cannot be made ({error.strerror}): name a folder that can be written"
        raise ConfigurationError(msg) from error


def _require_address(name: str, address: str) -> None:
    """A database's address that nothing can be opened with is refused before the day begins, unseen: it is a secret."""
    from sqlalchemy.engine import make_url  # noqa: PLC0415 - see module
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415 - see module

    try:
        make_url(address)
    except ArgumentError:
        msg = f"{name} is no SQLAlchemy URL, such as sqlite:////path/to/file.db or mssql+pyodbc://user:password@host/database"
        raise ConfigurationError(msg) from None


def _refuse_days_outside(settings: Settings, first: date, last: date) -> None:
    today = datetime.now(UTC).astimezone(MARKET_TIME).date()
    if first < settings.first_day:
        raise click.UsageError(f"{first} is before BILLSYNC_FIRST_DAY ({settings.first_day})")
    if last > today:
        raise click.UsageError(f"{last} has not begun in market time, where it is {today}")


def _tell(settings: Settings, outcome: DayOutcome, *, as_json: bool, shows_plan: bool = False) -> None:
    from billsync.summary import read_summary, summary_lines  # noqa: PLC0415 - see module

    summary = read_summary(_warehouse(settings), outcome.first_day, outcome.last_day)
    report = settings.report_path(outcome.last_day)
    plan = find_plan(settings, outcome.last_day)
    if as_json:
        click.echo(json.dumps({
            "first_day": str(outcome.first_day), "last_day": str(outcome.last_day), "run_id": outcome.run_id,
            "is_complete": outcome.is_complete, "failures": list(outcome.failures),
            "remarks": list(outcome.remarks),
            "seconds_by_step": dict(outcome.seconds_by_step), "report": str(report) if report.exists() else None,
            "load_plan": plan.as_json() if plan else None, **summary.as_json(),
        }, indent=2))  # fmt: skip
    else:
        click.echo("\n".join(summary_lines(summary)))
        if shows_plan and plan:
            click.echo("\n" + "\n".join(plan_lines(plan)))
        click.echo(f"\nreport  {report}" if report.exists() else "\nno report was written")
    for remark in outcome.remarks:
        click.echo(f"note: {remark}", err=True)
    for failure in outcome.failures:
        click.echo(f"not complete: {failure}", err=True)
    if outcome.failures:
        click.echo("repair the cause and run the day again; what is done is not done twice", err=True)


def _warehouse(settings: Settings) -> Any:
    from billsync.warehouse import warehouse_of  # noqa: PLC0415 - see module

    return warehouse_of(settings)


@main.command()
@click.option("--day", type=DAY, required=True, help="The billing day.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@told
def status(day: date, as_json: bool) -> None:  # noqa: FBT001 - see run
    """Say whether a billing day is complete, and what it came to."""
    from billsync.status import last_outcome  # noqa: PLC0415 - see module

    settings = load_settings()
    outcome = last_outcome(settings, day)
    _tell(settings, outcome, as_json=as_json)
    if not outcome.is_complete:
        sys.exit(NOT_COMPLETE)


@main.command()
@click.option("--day", type=DAY, required=True, help="The billing day.")
@click.option("--open", "open_it", is_flag=True, help="Show it in the browser.")
@told
def report(day: date, open_it: bool) -> None:  # noqa: FBT001 - see run
    """Build the day's report from the marts and say where it lies."""
    from billsync.report import build_report  # noqa: PLC0415 - see module
    from billsync.report.publication import keep_report  # noqa: PLC0415 - see module

    settings = load_settings()
    path = settings.report_path(day)
    build_report(_warehouse(settings), day, path)
    click.echo(path)
    if kept := keep_report(settings, day, path):
        click.echo(kept)
    if open_it:
        webbrowser.open(path.as_uri())


@main.command()
@click.option("--day", type=DAY, default="2026-03-05", show_default=True, help="The billing day.")
@told
def demo(day: date) -> None:
    """Run one billing day against the sandbox, let its SAP bill, and compare."""
    from billsync.local_sandbox import sandbox_command  # noqa: PLC0415 - see module
    from billsync.warehouse import shown_warehouse  # noqa: PLC0415 - see module

    environ = _environ()
    settings = load_settings(environ)
    if not settings.starts_sandbox:
        raise click.UsageError(f"the demo is for BILLSYNC_ENV=local, this is {settings.environment}")
    first = _run(day, day, environ)
    if first.is_complete:
        Progress().say("the sandbox's SAP bills what it was given")
        sandbox_command(environ, "bill")
        first = _run(day, day, environ)
    _tell(load_settings(environ), first, as_json=False)
    if not first.is_complete:
        sys.exit(NOT_COMPLETE)
    click.echo(
        f"\nWhere to look\n  report       {settings.report_path(day)}\n"
        f"  Dagster      make ui, then http://127.0.0.1:3000\n"
        f"  exceptions   billsync exceptions list --day {day}\n  warehouse    {shown_warehouse(settings)}"
    )


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True)
@told
def ui(port: int) -> None:
    """Open Dagster on 127.0.0.1: assets, lineage, checks, runs, schedules; starts the sandbox where the day uses it."""
    from billsync.local_sandbox import ensure_sandbox  # noqa: PLC0415 - see module
    from billsync.ui import serve  # noqa: PLC0415 - see module

    ensure_sandbox(os.environ, Progress())
    serve(load_settings(), port)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@told
def doctor(as_json: bool) -> None:  # noqa: FBT001 - see run
    """Check configuration, versions and every system, changing nothing."""
    from billsync.doctor import examine  # noqa: PLC0415 - see module

    findings = examine(os.environ)
    if as_json:
        click.echo(json.dumps([vars(finding) for finding in findings], indent=2))
    else:
        click.echo("\n".join(line for finding in findings for line in finding.lines()))
    if any(not finding.ok and not finding.is_warning for finding in findings):
        sys.exit(NOT_COMPLETE)


main.add_command(approve)
main.add_command(exceptions)
main.add_command(explain)
main.add_command(sap)
main.add_command(reads)
main.add_command(robots)
main.add_command(sap_confirmations)
