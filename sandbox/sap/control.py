"""Commands to the pretend SAP over ``/control``: bill, run its clock, act out faults that only SAP can have.

Generic faults (delay, 429, 503, cut connections, HTML page) are armed over ``/control/faults`` (``sandbox.http``).
"""

from __future__ import annotations

import threading
from dataclasses import asdict
from decimal import Decimal

from sandbox.http import Handler, Request, Response, Router, json_response
from sandbox.sap.billing import Biller
from sandbox.sap.gateway import SapGateway
from sandbox.sap.soap_control import SoapControl, checked, json_body, number_in

_MOST_LATENCY_MS = 60_000


class BillingClock:
    """Runs the billing every so many seconds until it is stopped."""

    def __init__(self, biller: Biller) -> None:
        self._biller = biller
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def set(self, seconds: Decimal) -> None:
        """Start the clock with this beat; zero stops it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            self._thread = None
        if seconds > 0:
            self._stop = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._stop, float(seconds)), name="sap-billing-clock", daemon=True
            )
            self._thread.start()

    def _run(self, stop: threading.Event, seconds: float) -> None:
        while not stop.wait(seconds):
            self._biller.bill()


class SapControl:
    """The handlers of SAP's control endpoints."""

    def __init__(self, gateway: SapGateway, biller: Biller, soap: SoapControl) -> None:
        self.gateway = gateway
        self.soap = soap
        self._biller = biller
        self.clock = BillingClock(biller)

    def close(self) -> None:
        """Stop the clock and the worker, and close the store."""
        self.clock.set(Decimal(0))
        self.soap.close()
        self.gateway.store.close()

    def register(self, router: Router) -> None:
        """Add the endpoints to the sandbox's router."""
        endpoints: dict[str, Handler] = {
            "/control/bill": self._bill,
            "/control/billing-clock": self._billing_clock,
            "/control/latency": self._latency,
            "/control/sap/settings": self._settings,
            "/control/sap/expire-sessions": self._expire,
            "/control/sap/refuse": self._refuse,
            "/control/sap/cancel-order": self._cancel_order,
            "/control/sap/limit": self._limit,
        }
        for path, handler in endpoints.items():
            router.add("POST", path, checked(handler))
        router.add("GET", "/control/sap/state", self._state)

    def _bill(self, request: Request) -> Response:
        day = json_body(request).get("day")
        return json_response(asdict(self._biller.bill(None if day is None else str(day))))

    def _billing_clock(self, request: Request) -> Response:
        seconds = number_in(json_body(request), "seconds")
        self.clock.set(seconds)
        return json_response({"seconds": seconds})

    def _latency(self, request: Request) -> Response:
        milliseconds = number_in(json_body(request), "ms")
        if not 0 <= milliseconds <= _MOST_LATENCY_MS:
            raise ValueError(f"ms has to lie between 0 and {_MOST_LATENCY_MS}")
        self.gateway.settings.latency_seconds = float(milliseconds / 1000)
        return json_response({"ms": milliseconds})

    def _settings(self, request: Request) -> Response:
        body = json_body(request)
        settings = self.gateway.settings
        if "page_size" in body:
            settings.page_size = max(int(number_in(body, "page_size")), 1)
        if "nested_errors" in body:
            settings.nested_errors = bool(body["nested_errors"])
        return json_response({"page_size": settings.page_size, "nested_errors": settings.nested_errors})

    def _expire(self, request: Request) -> Response:
        del request
        self.gateway.sessions.drop_all()
        return json_response({})

    def _refuse(self, request: Request) -> Response:
        body = json_body(request)
        if not body:
            self.gateway.refusals.clear()
            return json_response({})
        times = int(number_in({"times": 1, **body}, "times"))
        self.gateway.refusals.add(str(body.get("device_id", "")), str(body.get("register_id", "")), times)
        return json_response({"times": times})

    def _cancel_order(self, request: Request) -> Response:
        order_id = str(json_body(request).get("order_id", ""))
        with self.gateway.store.writing() as connection:
            changed = connection.execute(
                "update orders set state = 'CANCELLED' where meter_reading_order_id = ? and state = 'OPEN'", (order_id,)
            ).rowcount
        return json_response({"cancelled": changed})

    def _limit(self, request: Request) -> Response:
        body = json_body(request)
        limit = number_in(body, "limit_per_day")
        with self.gateway.store.writing() as connection:
            connection.execute(
                "insert or replace into register_limits (device_id, register_id, limit_per_day) values (?, ?, ?)",
                (str(body.get("device_id", "")), str(body.get("register_id", "")), f"{limit:f}"),
            )
        return json_response({"limit_per_day": limit})

    def _state(self, request: Request) -> Response:
        del request
        counts = {
            "orders": "select state, count(*) from orders group by state",
            "results": "select status, count(*) from results group by status",
        }
        state: dict[str, object] = {
            name: {str(row[0]): row[1] for row in self.gateway.store.rows(sql)} for name, sql in counts.items()
        }
        for table in ("consumption_values", "invoices"):
            state[table] = self.gateway.store.rows(f"select count(*) from {table}")[0][0]  # noqa: S608 - constants
        not_billed = self.gateway.store.rows("select * from not_billed order by period_end_date, contract_id")
        state["not_billed"] = [dict(row) for row in not_billed]
        return json_response(state)
