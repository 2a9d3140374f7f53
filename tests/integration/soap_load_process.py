"""Loads by SOAP, also in a process of its own, to be killed."""

from __future__ import annotations

from multiprocessing.synchronize import Event

from loaders.http import HttpPolicy
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.soap.client import SoapClient, SoapConnection
from loaders.sap_isu.soap.outbox import Outbox
from loaders.sap_isu.soap.receiver import Receiver
from loaders.sap_isu.soap.transport import SoapTransport
from loaders.sap_isu.transport import Transport
from tests.integration.sap_load_process import load, open_ledger, open_transport, rows
from tests.unit.sandbox.sap_world import PASSWORD, USER

HTTP = HttpPolicy(
    read_timeout_seconds=1.0, budget_seconds=10.0, first_wait_seconds=0.01, max_attempts=4, max_body_bytes=1024 * 1024
)


def open_soap(
    url: str,
    ledger: Ledger,
    *,
    port: int = 0,
    wait_seconds: float = 3.0,
    reads_back: bool = True,
    password: str = PASSWORD,
) -> tuple[SoapTransport, Receiver]:
    """The transport and the receiver that it ends when it is closed."""
    receiver = Receiver(ledger.engine, host="127.0.0.1", port=port)
    reader: Transport | None = open_transport(url) if reads_back else None
    transport = SoapTransport(
        SoapClient(SoapConnection(url, USER, password, client="100", policy=HTTP)),
        Outbox(ledger.engine, harmless_type_ids=["EL/903"]),
        reader=reader,
        answer_wait_seconds=wait_seconds,
        on_close=receiver.close,
    )
    return transport, receiver


def load_by_soap_until_killed(url: str, ledger_url: str, contracts: int, port: int, begun: Event) -> None:
    """A load of small bulks, which says when it begins; its endpoint for confirmations dies with it."""
    ledger = open_ledger(ledger_url)
    transport, _ = open_soap(url, ledger, port=port, wait_seconds=1.0)
    begun.set()
    load(ledger, transport, list(rows(contracts)), batch_size=1, concurrency=3)
