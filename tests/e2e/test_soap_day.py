"""A billing day whose readings go to SAP by SOAP, confirmed to our own endpoint and read back over OData."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from .harness import sandboxed

pytestmark = pytest.mark.e2e

DAY = "2026-03-05"
SEED = ("--service-points", "40", "--days", "10", "--day", DAY, "--closings", "12")


def test_run_over_soap_confirms_every_reading_and_again_sends_none(tmp_path: Path) -> None:
    with sandboxed(tmp_path, *SEED) as retailer:
        retailer.run(DAY, BILLSYNC_SAP_TRANSPORT="soap")
        states = dict(retailer.fetch("select load_status, count(*) from marts.fct_isu_meter_readings group by 1"))
        documents = retailer.sap_documents()
        assert states["CONFIRMED"] == len(documents) > 0
        assert set(states) <= {"CONFIRMED", "HELD", "LOCKED"}
        with sqlite3.connect(f"file:{retailer.sandbox / 'sap.db'}?mode=ro", uri=True) as sap:
            (bulks,) = sap.execute("select count(*) from soap_messages").fetchone()
        with sqlite3.connect(f"file:{retailer.home / 'ledger.db'}?mode=ro", uri=True) as ledger:
            (confirmed,) = ledger.execute("select count(*) from sap_confirmations where is_bulk = 0").fetchone()
        assert bulks > 0
        assert confirmed == len(documents)
        retailer.run(DAY, BILLSYNC_SAP_TRANSPORT="soap")
        assert retailer.sap_documents() == documents
