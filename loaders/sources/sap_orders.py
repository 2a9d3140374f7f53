"""Meter reading orders that SAP sends by SOAP, from our order book into the raw layer.

What belongs here: which orders have changed since the raw layer last had them.
What stays out: receiving them (``loaders/sap_isu/soap``), what they mean for a bill (dbt).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from loaders.sap_isu.ledger_rows import batched
from loaders.sap_isu.soap.orders import OrderBook
from loaders.snapshots import stage_rows
from loaders.sources.extract import Extract

TABLE: Final = "sap_meter_reading_orders"
SOURCE: Final = "sap_orders"
_OVERLAP: Final = timedelta(minutes=5)
"""Writers of the order book may finish in another order than they began; what is read twice changes nothing."""
_ORDERS_PER_WRITE: Final = 1000
_PREVIEW_ROWS: Final = 5


def extract_sap_orders(
    book: OrderBook, staging: Path, *, known_until: datetime | None, failures: Sequence[str] = ()
) -> Extract:
    """Stage every order that came or changed since the raw layer last took them.

    Args:
        book: the orders.
        staging: folder for the staged files.
        known_until: the newest change in the raw layer (UTC); None when it has no order.
        failures: what could not be asked of SAP about them.
    """
    since = None if known_until is None else known_until - _OVERLAP
    writes, count = [], 0
    preview: list[dict[str, str | None]] = []
    for number, rows in enumerate(batched(book.changed_since(since), _ORDERS_PER_WRITE)):
        named: list[dict[str, Any]] = [{**row, "meter_reading_order_id": row["order_id"]} for row in rows]
        scope = {"meter_reading_order_id": [row["meter_reading_order_id"] for row in named]}
        writes.append(stage_rows(TABLE, named, staging / f"part-{number:04d}", scope))
        count += len(named)
        preview = preview or [
            {name: None if value is None else str(value) for name, value in row.items()}
            for row in named[:_PREVIEW_ROWS]
        ]
    return Extract(SOURCE, writes, {TABLE: count}, preview, {"orders": count}, failures)


def _shown(row: dict[str, Any]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in row.items()}
