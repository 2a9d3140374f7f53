"""``billsync explain``: every cent of one bill.

What belongs here: words and options. What stays out: the work (``billsync/explain``).
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import click

from billsync.settings import load_settings
from billsync.words import plain_errors

if TYPE_CHECKING:
    from billsync.explain import Explanation


class Period(click.ParamType[tuple[date, date]]):
    """The days of a bill such as 2026-02-05..2026-03-05."""

    name = "start..end"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[date, date]:  # fmt: skip
        """Read two ISO dates."""
        if isinstance(value, tuple):
            return value
        start, dots, end = str(value).partition("..")
        try:
            period = (date.fromisoformat(start), date.fromisoformat(end))
        except ValueError:
            dots = ""
        if not dots:
            self.fail(f"{value!r} is no period; write it as 2026-02-05..2026-03-05", param, ctx)
        if period[1] < period[0]:
            self.fail(f"{value!r} ends before it begins", param, ctx)
        return period


class Instant(click.ParamType[datetime]):
    """A billing day, which stands for its end, or an instant."""

    name = "day or instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read an ISO date or instant; a day ends at 24:00 in market time, an instant without a zone is UTC."""
        if isinstance(value, datetime):
            return value
        text = str(value).strip()
        try:
            if len(text) == len("2026-03-10"):
                day = date.fromisoformat(text)
                return datetime(day.year, day.month, day.day, tzinfo=MARKET_TIME) + timedelta(days=1)
            instant = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{value!r} is no instant; write it as 2026-03-10 or 2026-03-10T00:00:00Z", param, ctx)
        return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


PERIOD: Final = Period()
INSTANT: Final = Instant()
MARKET_TIME: Final = timezone(timedelta(hours=10))


@click.command()
@click.option("--contract", required=True, help="The contract; leading zeros may be left out.")
@click.option("--period", type=PERIOD, default=None, help="First and last day of the bill; its latest bill by default.")
@click.option(
    "--as-of", type=INSTANT, default=None,
    help="As known then: a billing day (2026-03-10, its end), or an instant (2026-03-10T00:00:00Z).",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As JSON, decimals exact and as text.")
def explain(contract: str, period: tuple[date, date] | None, as_of: datetime | None, as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Explain a bill: every line with its reads, price, plan version and rule, and SAP's side."""
    with plain_errors():
        explanation = _explanation(contract, period, as_of)
        if as_json:
            from billsync.explain import as_json as to_json  # noqa: PLC0415 - not needed for --help

            click.echo(json.dumps(to_json(explanation), indent=2))
        else:
            _show(explanation)


def _explanation(contract: str, period: tuple[date, date] | None, as_of: datetime | None) -> Explanation:
    from billsync.explain import NoSuchBillError, explain_bill  # noqa: PLC0415 - not needed for --help
    from billsync.warehouse import warehouse_of  # noqa: PLC0415 - not needed for --help

    warehouse = warehouse_of(load_settings())
    try:
        return explain_bill(warehouse, contract, period, as_of)
    except NoSuchBillError as error:
        raise click.UsageError(str(error)) from error


def _show(explanation: Explanation) -> None:
    from billsync.explain import plain_lines, print_rich  # noqa: PLC0415 - not needed for --help

    if not sys.stdout.isatty():
        click.echo("\n".join(plain_lines(explanation)).rstrip())
        return
    from rich.console import Console  # noqa: PLC0415 - only for a terminal

    print_rich(explanation, Console())
