"""Orders that SAP sends by SOAP, bound to settings: asking SAP about them, cancelling what waits, confirming them.

What belongs here: when each is done. What stays out: how (``loaders/sap_isu/soap``).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

from billsync.settings import ConfigurationError
from loaders.errors import LoaderError
from loaders.sap_isu.soap.order_answers import tell_sap
from loaders.sap_isu.soap.orders import OrderBook
from loaders.sap_isu.soap.previous import ask_previous
from loaders.sap_isu.states import State
from orchestration.sap_transports import ODATA, odata_client, read_back_by, soap_client
from orchestration.systems import Systems

if TYPE_CHECKING:
    from loaders.sap_isu.ledger import Ledger
    from loaders.sap_isu.loads import LoadPlan

SOAP: Final = "soap"
HELD: Final = "HELD"
_REPLICATED: Final = """
select distinct meter_reading_order_id
from raw.retailer_meter_reading_orders
where meter_reading_order_id is not null and billing_day >= ?"""


def ask_about_orders(systems: Systems, book: OrderBook, day: date) -> list[str]:
    """Ask SAP what the registers of new orders showed before, where it may be asked; returns what went wrong.

    An order that the retailer's database has too needs no question: it says there.
    """
    settings = systems.settings
    unasked = book.without_previous(day)
    if not unasked or not settings.sap_write or settings.sap_transport != SOAP or read_back_by(settings) != ODATA:
        return []
    oldest = min(order["scheduled_read_date"] for order in unasked)
    replicated = {row["meter_reading_order_id"] for row in systems.warehouse.fetch(_REPLICATED, [oldest])}
    client = odata_client(settings)
    try:
        book.note_previous(ask_previous(client, [one for one in unasked if one["order_id"] not in replicated]))
    except LoaderError as error:
        return [f"SAP could not be asked about its orders: {' '.join(str(error).split())}"]
    finally:
        client.close()
    return []


def cancel_withdrawn(systems: Systems, ledger: Ledger, plan: LoadPlan) -> LoadPlan:
    """The plan without readings whose order SAP has withdrawn, since the warehouse looked or on any earlier day."""
    withdrawn = OrderBook(systems.engine).withdrawn()
    if not withdrawn:
        return plan
    cancelled = ledger.cancel_orders(withdrawn, "SAP has withdrawn its order")
    states = ledger.counts(plan.plan_id)
    return replace(plan, cancelled=plan.cancelled + cancelled, to_send=states[State.PLANNED], held=states[HELD])


def confirm_orders(systems: Systems) -> tuple[int, list[str]]:
    """Tell SAP what became of its orders and cancellations; returns how many, and what went wrong.

    Nothing leaves where writing is off or SAP is not spoken to by SOAP.
    """
    settings = systems.settings
    if not settings.sap_write or settings.sap_transport != SOAP:
        return 0, []
    try:
        client = soap_client(settings)
    except ConfigurationError as error:
        return 0, [str(error)]
    try:
        return tell_sap(systems.engine, client), []
    except LoaderError as error:
        return 0, [" ".join(str(error).split())]
    finally:
        client.close()
