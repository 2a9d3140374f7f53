"""One load by IDoc files in a process of its own, to be killed: URL LEDGER CONTRACTS OUTBOX INBOX."""

from __future__ import annotations

import sys
from pathlib import Path

from loaders.sap_isu.idoc.files import FileForm, Party
from loaders.sap_isu.idoc.layout import load_layout
from loaders.sap_isu.idoc.transport import IdocFolders, IdocTransport
from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.soap.outbox import Outbox
from tests.integration.sap_load_process import load, open_ledger, open_transport, rows

FORM = FileForm(load_layout(), "100", Party("BILLSYNC", "BILLSYNC"), Party("SAPPRD", "PRDCLNT100"))


def serial(device_id: str) -> str:
    """The serial number of a device, which is not its number."""
    return f"77{device_id[2:]}"


def open_idoc(
    url: str, ledger: Ledger, outbox: Path, inbox: Path, *, wait_seconds: float = 10.0, reads_back: bool = True
) -> IdocTransport:
    return IdocTransport(
        FORM,
        IdocFolders(outbox, inbox),
        Outbox(ledger.engine),
        serial_numbers=lambda ids: {one: serial(one) for one in ids},
        reader=open_transport(url) if reads_back else None,
        answer_wait_seconds=wait_seconds,
        quiet_seconds=0.0,
    )


if __name__ == "__main__":
    own_ledger = open_ledger(sys.argv[2])
    own_transport = open_idoc(sys.argv[1], own_ledger, Path(sys.argv[4]), Path(sys.argv[5]))
    print("begin", flush=True)
    load(own_ledger, own_transport, list(rows(int(sys.argv[3]))))
