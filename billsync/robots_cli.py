"""``billsync robots``: exceptions that UiPath robots have, and what they made of them.

What belongs here: words and options. What stays out: the work (``orchestration/robots``, ``loaders/uipath``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from billsync.settings import ConfigurationError, load_settings
from billsync.settings.uipath import uipath_settings
from billsync.words import NOT_COMPLETE, plain_errors

if TYPE_CHECKING:
    from loaders.uipath.exceptions import Outcome, Robots


@click.group()
def robots() -> None:
    """UiPath robots that work on exceptions: send, collect, status."""


@robots.command()
def send() -> None:
    """Give robots the open exceptions that they can handle; what they have is not sent again."""
    _do(lambda some: some.send())


@robots.command()
def collect() -> None:
    """Take robots' results: success moves the exception, a failure leaves it to a person with the reason."""
    _do(lambda some: some.collect())


@robots.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show every exception that was ever given to robots: queue, attempt, what happened last. Asks nobody."""
    from billsync.summary import table_lines  # noqa: PLC0415 - not needed for --help
    from loaders.uipath.exceptions import handed_over  # noqa: PLC0415 - not needed for --help
    from orchestration.systems import Systems  # noqa: PLC0415 - not needed for --help

    with plain_errors():
        rows = [
            {"exception_id": one.exception_id, "queue": one.queue_name, "reference": one.reference, "last": one.event}
            for one in handed_over(Systems().engine).values()
        ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    click.echo("\n".join(table_lines(rows)) if rows else "none")


def _do(work: Callable[[Robots], Outcome]) -> None:
    with plain_errors():
        settings = load_settings()
        if not uipath_settings(settings).hands_over_exceptions:
            msg = "BILLSYNC_UIPATH_EXCEPTIONS is not 1: robots get no exceptions; docs/how-to/uipath.md says how"
            raise ConfigurationError(msg)
        from orchestration.robots import facts_of, robots_of  # noqa: PLC0415 - not needed for --help
        from orchestration.systems import Systems  # noqa: PLC0415 - not needed for --help

        outcome = work(robots_of(Systems(), click.echo))
    click.echo(", ".join(f"{number} {name}" for name, number in facts_of(outcome).items()))
    for problem in outcome.problems:
        click.echo(f"not done: {problem}", err=True)
    if outcome.problems:
        sys.exit(NOT_COMPLETE)
