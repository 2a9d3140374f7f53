"""``billsync sandbox``: seed a pretend utility, start and end its process, bill, ask for faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import click

from sandbox import process
from sandbox.faults import KINDS
from sandbox.generate import seed_sandbox
from sandbox.generate_orders import Spec
from sandbox.server import DEFAULT_PORT

_DEFAULT = Spec()
_P = ParamSpec("_P")
_AT_LEAST_ONE = click.IntRange(min=1)


def _plain_errors(command: Callable[_P, None]) -> Callable[_P, None]:
    """Turn what can go wrong into one line on stderr and exit status 1."""

    @wraps(command)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (process.SandboxError, OSError, LookupError) as error:
            raise click.ClickException(str(error)) from error

    return guarded


def _seed_options(command: Callable[..., None]) -> Callable[..., None]:
    options = (
        click.option(
            "--service-points", type=click.IntRange(min=1), default=_DEFAULT.service_points, show_default=True
        ),
        click.option("--days", type=_AT_LEAST_ONE, default=_DEFAULT.days, show_default=True),
        click.option("--seed", type=click.IntRange(min=0), default=_DEFAULT.seed, show_default=True),
        click.option(
            "--day",
            type=click.DateTime(["%Y-%m-%d"]),
            default=str(_DEFAULT.day),
            show_default=True,
            help="Last day with data; most contracts close on it.",
        ),
        click.option("--closings", type=click.IntRange(min=0), help="Contracts that close on that day."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="BILLSYNC_HOME",
    default=Path("var"),
    show_default=True,
    help="billsync's state folder; the sandbox lives in its folder 'sandbox'.",
)
@click.pass_context
def sandbox(context: click.Context, home: Path) -> None:
    """The pretend utility on loopback: retailer database, meter files, plan and metering APIs, SAP."""
    context.obj = home.expanduser().absolute() / "sandbox"


@sandbox.command()
@click.option("--port", type=click.IntRange(1, 65535), default=DEFAULT_PORT, show_default=True)
@click.pass_obj
@_plain_errors
def up(home: Path, port: int) -> None:
    """Start the sandbox, or say where it runs; seeds the default data the first time."""
    if not (home / "seed.json").is_file():
        _seed(home, _DEFAULT)
    state = process.start(home, port)
    click.echo(f"sandbox runs at {state['url']} (process {state['pid']})")


@sandbox.command()
@_seed_options
@click.pass_obj
@_plain_errors
def seed(home: Path, /, **options: Any) -> None:
    """Generate data of any size; the same options give the same bytes."""
    _reseed(home, _spec(**options))


@sandbox.command()
@_seed_options
@click.pass_obj
@_plain_errors
def reset(home: Path, /, **options: Any) -> None:
    """Forget everything, SAP's memory included, and generate anew."""
    _reseed(home, _spec(**options))


@sandbox.command()
@click.pass_obj
@_plain_errors
def down(home: Path) -> None:
    """End the sandbox's process; its data stay."""
    click.echo("sandbox ended" if process.stop(home) else "no sandbox was running")


@sandbox.command()
@click.option("--json", "as_json", is_flag=True, help="For a machine to read.")
@click.pass_obj
@_plain_errors
def status(home: Path, *, as_json: bool) -> None:
    """Say what is seeded and whether it runs."""
    seeded = home / "seed.json"
    data = json.loads(seeded.read_text(encoding="utf-8")) if seeded.is_file() else None
    state = process.running(home)
    if as_json:
        click.echo(json.dumps({"seed": data, "url": state.get("url"), "pid": state.get("pid"), "home": str(home)}))
        return
    click.echo("not seeded" if data is None else "seeded: " + ", ".join(f"{k} {v}" for k, v in data.items()))
    click.echo(f"runs at {state['url']} (process {state['pid']})" if state else "does not run")


@sandbox.command()
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help="Only contracts that close on this day.")
@click.pass_obj
@_plain_errors
def bill(home: Path, day: datetime | None) -> None:
    """Let the pretend SAP bill what it was given."""
    body = {} if day is None else {"day": str(day.date())}
    result = process.call(_url(home), "POST", "/control/bill", body)
    click.echo(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items()))


@sandbox.command()
@click.argument("kind", type=click.Choice([*KINDS, "none"]))
@click.option("--count", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--path-prefix", default="/", show_default=True, help="Only requests whose path begins so.")
@click.option("--seconds", type=str, help="Length of a delay.")
@click.option("--retry-after", type=click.IntRange(min=0), help="Seconds in the Retry-After header.")
@click.pass_obj
@_plain_errors
def fault(home: Path, /, kind: str, **options: object) -> None:
    """Make the next requests fail in a given way; 'none' forgets all that were asked for."""
    if kind == "none":
        process.call(_url(home), "DELETE", "/control/faults")
        click.echo("no faults")
        return
    body = {"fault": kind, **{name: value for name, value in options.items() if value is not None}}
    armed = process.call(_url(home), "POST", "/control/faults", body)["faults"]
    click.echo(f"{len(armed)} faults armed")


@sandbox.command()
@click.option("--status", type=click.Choice(["Successful", "Failed", "Retried", "Abandoned"]), default="Successful")
@click.option("--reason", help="What the robots say of it.")
@click.option("--file", "file_name", help="Run the waiting jobs too, and bring a file of this name.")
@click.pass_obj
@_plain_errors
def robots(home: Path, status: str, reason: str | None, file_name: str | None) -> None:
    """Let the pretend UiPath robots work on every waiting queue item."""
    told = {} if reason is None else {"reason": reason}
    worked = process.call(_url(home), "POST", "/control/uipath/work", {"status": status, **told})["worked"]
    click.echo(f"worked {worked} queue items: {status}")
    if file_name:
        body = {"file": file_name, "text": "100,NEM12,202603051000,ROBOT,RETAILER\n900\n"}
        click.echo(f"ran {process.call(_url(home), 'POST', '/control/uipath/run', body)['ran']} jobs")


def _url(home: Path) -> str:
    state = process.running(home)
    if not state:
        raise process.SandboxError("the sandbox does not run: run billsync sandbox up")
    return str(state["url"])


def _spec(*, service_points: int, days: int, seed: int, day: datetime, closings: int | None) -> Spec:
    return Spec(service_points, days, seed, day.date(), closings)


def _reseed(home: Path, spec: Spec) -> None:
    """Generate under a stopped sandbox and start it again if it ran: it holds files open."""
    was_running = process.stop(home)
    _seed(home, spec)
    if was_running:
        click.echo(f"sandbox runs at {process.start(home)['url']}")


def _seed(home: Path, spec: Spec) -> None:
    click.echo(f"seeding {spec.service_points} service points over {spec.days} days up to {spec.day}", err=True)
    seed_sandbox(home, spec, lambda words: click.echo(f"  {words}", err=True))
    click.echo(f"seeded {home}")
