"""``billsync sap-confirmations``: the endpoint that SAP posts to, and what came that is about nothing of ours.

What belongs here: words and options. What stays out: receiving and storing (``loaders/sap_isu/soap``).
"""

from __future__ import annotations

import json
import signal
import threading

import click

from billsync.settings import load_settings

CONFIRM_AGAIN_SECONDS = 60.0


@click.group("sap-confirmations")
def sap_confirmations() -> None:
    """SAP's SOAP confirmations and orders: receive them always, and see those nobody asked for."""


@sap_confirmations.command()
def serve() -> None:
    """Receive until ended (Ctrl-C): runs then only wait for what is stored here, and nothing is missed in between.

    SAP's orders and cancellations are confirmed as they come, where readings may be sent (BILLSYNC_SAP_WRITE).
    """
    from loaders.sap_isu.soap.receiver import ReceiverError  # noqa: PLC0415 - loaded when used
    from orchestration.sap_orders import confirm_orders  # noqa: PLC0415 - loaded when used
    from orchestration.sap_transports import open_receiver  # noqa: PLC0415 - loaded when used
    from orchestration.systems import Systems  # noqa: PLC0415 - loaded when used

    ended, came = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        ended.set()
        came.set()

    def stored(name: str) -> None:
        click.echo(f"stored {name}")
        came.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    systems = Systems()
    try:
        receiver = open_receiver(systems, on_message=stored)
    except ReceiverError as error:
        raise click.ClickException(str(error)) from None
    if receiver is None:
        return
    click.echo(f"receiving SAP's confirmations and orders at {receiver.url}")
    while not ended.is_set():
        # Also after a while without a message: what SAP did not take before is tried again.
        came.wait(CONFIRM_AGAIN_SECONDS)
        came.clear()
        confirmed, problems = confirm_orders(systems)
        if confirmed:
            click.echo(f"confirmed {confirmed} orders and cancellations")
        for problem in problems:
            click.echo(problem, err=True)
    receiver.close()


@sap_confirmations.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def unknown(as_json: bool) -> None:  # noqa: FBT001 - click passes flags by name
    """Show confirmations that are about no message of ours, newest first."""
    from loaders.operational_db import open_engine, upgrade  # noqa: PLC0415 - loaded when used
    from loaders.sap_isu.soap.inbox import Inbox  # noqa: PLC0415 - loaded when used

    engine = open_engine(load_settings().ledger_url)
    upgrade(engine)
    found = Inbox(engine).unknown()
    if as_json:
        click.echo(json.dumps(found, default=str, indent=2))
        return
    for row in found:
        about = row["reference_uuid"] or "no message"
        click.echo(
            f"{row['last_received_at']:%Y-%m-%d %H:%M:%S}Z  about {about}  result {row['result_code']}  "
            f"came {row['received_count']} times  {row['note']}"
        )
    click.echo(f"{len(found)} confirmations about messages that are not ours")
