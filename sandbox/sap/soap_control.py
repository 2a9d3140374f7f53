"""Commands to the pretend SAP's SOAP side: what goes wrong with it, and orders it is to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from decimal import Decimal, InvalidOperation

from sandbox.http import Handler, Request, Response, Router, json_response
from sandbox.sap.soap import SoapServices, SoapSettings, put_in_outbox
from sandbox.sap.soap_messages import write_cancellations, write_orders
from sandbox.sap.soap_worker import SoapWorker

_CONFIRMATIONS = frozenset(
    {"normal", "never", "twice", "unknown", "received-first", "bulk-only", "malformed", "entities", "huge"}
)
_ANSWERS = frozenset({"normal", "malformed", "entities", "huge", "fault"})


class SoapControl:
    """The services, their worker, and the handlers of their control endpoints."""

    def __init__(self, services: SoapServices) -> None:
        self.services = services
        self._worker = SoapWorker(services)

    def handle(self, request: Request) -> Response:
        """Serve a message; the worker begins with the first."""
        self._worker.start()
        return self.services.handle(request)

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def register(self, router: Router) -> None:
        """Add the endpoints to the sandbox's router."""
        router.add("POST", "/control/sap/soap", checked(self._settings))
        router.add("POST", "/control/sap/send-orders", checked(self._send_orders))
        router.add("POST", "/control/sap/send-cancellations", checked(self._send_cancellations))
        router.add("GET", "/control/sap/soap", self._state)

    def _settings(self, request: Request) -> Response:
        """Change settings; an empty body brings back the normal ones but the address."""
        body = json_body(request)
        url = self.services.settings.confirmations_url
        if not body:
            self.services.settings = SoapSettings(confirmations_url=url)
            return json_response(_shown(self.services.settings))
        settings = self.services.settings
        known = {field.name for field in fields(SoapSettings)}
        if unknown := sorted(set(body) - known):
            raise ValueError(f"{', '.join(unknown)} is not a setting; known are {', '.join(sorted(known))}")
        for name, allowed in (("confirmations", _CONFIRMATIONS), ("answer", _ANSWERS)):
            if name in body and body[name] not in allowed:
                raise ValueError(f"{name} has to be one of {', '.join(sorted(allowed))}")
        for name in body:
            current = getattr(settings, name)
            value = body[name] if isinstance(current, str) else type(current)(number_in(body, name))
            setattr(settings, name, value)
        # A kind of fault without a count hits once.
        if body.get("confirmations", "normal") != "normal" and "confirmations_left" not in body:
            settings.confirmations_left = 1
        if body.get("answer", "normal") != "normal" and "answers_left" not in body:
            settings.answers_left = 1
        self._worker.start()
        return json_response(_shown(settings))

    def _send_orders(self, request: Request) -> Response:
        """Send open orders of a day, or named ones, to the system that reads the meters."""
        body = json_body(request)
        wanted = body.get("order_ids")
        orders = [
            dict(row)
            for row in self.services.store.rows(
                "select o.*, r.nmi_suffix from orders o join registers r on r.device_id = o.device_id "
                "and r.register_id = o.register_id where o.state = 'OPEN' and (? is null or o.scheduled_read_date = ?) "
                "order by o.meter_reading_order_id",
                (body.get("day"), body.get("day")),
            )
            if not isinstance(wanted, list) or row["meter_reading_order_id"] in wanted
        ]
        if orders:
            self._put(write_orders(orders))
        return json_response({"sent": len(orders)})

    def _send_cancellations(self, request: Request) -> Response:
        """Withdraw orders, here and at the system that reads the meters."""
        wanted = json_body(request).get("order_ids")
        if not isinstance(wanted, list) or not wanted:
            raise ValueError("order_ids has to name orders")
        with self.services.store.writing() as connection:
            for order_id in wanted:
                connection.execute(
                    "update orders set state = 'CANCELLED' where meter_reading_order_id = ? and state = 'OPEN'",
                    (str(order_id),),
                )
        self._put(write_cancellations([str(one) for one in wanted]))
        return json_response({"sent": len(wanted)})

    def _put(self, body: bytes) -> None:
        with self.services.store.writing() as connection:
            put_in_outbox(connection, body, self.services.settings)
        self._worker.start()

    def _state(self, request: Request) -> Response:
        del request
        store = self.services.store
        messages = store.rows("select message_id, name, state, received_count from soap_messages order by rowid")
        waiting = store.rows("select count(*) from soap_outbox where sent_at is null")[0][0]
        values = store.rows("select count(*) from profile_values")[0][0]
        return json_response(
            {
                "settings": _shown(self.services.settings),
                "messages": [dict(row) for row in messages],
                "outbox_waiting": waiting,
                "profile_values": values,
            }
        )


def checked(handler: Handler) -> Handler:
    """Answer a command that makes no sense with 400 and the reason."""

    def answer(request: Request) -> Response:
        try:
            return handler(request)
        except ValueError as error:
            return json_response({"error": str(error)}, 400)

    return answer


def json_body(request: Request) -> Mapping[str, object]:
    """The JSON object of a command.

    Raises:
        ValueError: it is something else.
    """
    body = request.json() if request.body else {}
    if not isinstance(body, Mapping):
        raise ValueError("the body has to be a JSON object")  # noqa: TRY004 - answered as 400
    return body


def number_in(body: Mapping[str, object], name: str) -> Decimal:
    """A number of a command.

    Raises:
        ValueError: it is none.
    """
    try:
        return Decimal(str(body.get(name)))
    except InvalidOperation as error:
        raise ValueError(f"{name} has to be a number") from error


def _shown(settings: SoapSettings) -> dict[str, object]:
    return asdict(settings)
