"""The pretend SAP Gateway: OData V2 service ERP_UTILITIES_UMC behind one ``handle(request) -> Response``.

Logon, CSRF, routing, content types and ``$batch`` are decided here. What stays out: the rules on readings
(``readings``), the rendering of sets (``reader``), billing (``billing``) and generic faults
(``sandbox.http``), of which only the expired session has to be acted out here.
"""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.http import ConnectionCut, Headers, Request, Response
from sandbox.sap.atom import entry, feed
from sandbox.sap.batch import Answer, BatchError, Changeset, Operation, compose, parse
from sandbox.sap.errors import JSON_TYPE, XML_TYPE, ErrorWriter, ServiceError, message_header
from sandbox.sap.filter import FilterError, Where, parse_key, string_literal
from sandbox.sap.metadata import edmx, service_document
from sandbox.sap.model import BY_SET, SERVICE_PATH, EntityType
from sandbox.sap.reader import Page, Reader
from sandbox.sap.readings import Refusals, create
from sandbox.sap.sessions import SYSTEM_ID, Sessions
from sandbox.sap.store import SapStore

DEFAULT_PAGE_SIZE = 1_000
Parsed = TypeVar("Parsed")
_READ = frozenset({"GET", "HEAD"})
_OPTIONS = frozenset({"$filter", "$top", "$skip", "$skiptoken", "$orderby", "$select", "$inlinecount", "$format"})
_VERSION = ("DataServiceVersion", "2.0")
_SEGMENT = re.compile(r"(?P<name>[A-Za-z$]+)(?:\((?P<key>.*)\))?")


@dataclass
class GatewaySettings:
    """What a command may change while the gateway runs."""

    latency_seconds: float = 0.0
    page_size: int = DEFAULT_PAGE_SIZE
    nested_errors: bool = False


@dataclass(frozen=True)
class Call:
    """One OData operation, alone or inside a batch."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Headers
    body: bytes
    root: str

    @property
    def wants_json(self) -> bool:
        """JSON is answered when asked for; the Gateway's own default is XML."""
        accept = self.headers.get("Accept", "")
        return self.query.get("$format") == "json" or "application/json" in accept


class SapGateway:
    """The gateway over one store; safe to use from many threads."""

    def __init__(self, store: SapStore, *, user: str, password: str, client: str = "100") -> None:
        self.store = store
        self.sessions = Sessions(user, password, client)
        self.refusals = Refusals()
        self.settings = GatewaySettings()

    def handle(self, request: Request) -> Response:
        """Answer any request under the service path."""
        if self.settings.latency_seconds > 0:
            time.sleep(self.settings.latency_seconds)
        if not self.sessions.knows(request.headers.get("Authorization"), request.query.get("sap-client")):
            realm = f'Basic realm="SAP NetWeaver Application Server [{SYSTEM_ID}/{self.sessions.client}]"'
            headers = (("WWW-Authenticate", realm), ("Content-Type", "text/html; charset=utf-8"))
            return Response(401, headers, b"<html><body>Logon failed</body></html>")
        cookie = request.headers.get("Cookie")
        if "expired-session" in request.faults:
            self.sessions.drop(cookie)
        if request.method not in _READ and not self.sessions.allows(cookie, request.headers.get("x-csrf-token")):
            headers = (("x-csrf-token", "Required"), ("Content-Type", "text/plain; charset=utf-8"))
            return Response(403, headers, b"CSRF token validation failed")
        extra: list[tuple[str, str]] = []
        if request.method in _READ and request.headers.get("x-csrf-token", "").lower() == "fetch":
            token, extra = self.sessions.fetch(cookie)
            extra = [("x-csrf-token", token), *extra]
        response = self._answer(request)
        return replace(response, headers=(*response.headers, *extra))

    def _answer(self, request: Request) -> Response:
        root = request.base_url + SERVICE_PATH
        path = request.path[len(SERVICE_PATH.rstrip("/")) :].lstrip("/")
        call = Call(request.method, path, request.query, request.headers, request.body, root)
        is_cut = "cut-midway" in request.faults
        if path == "$batch":
            return self._batch(call, is_cut_midway=is_cut)
        if is_cut:
            raise ConnectionCut
        with self._connection(request.method) as connection:
            return self._operate_or_refuse(call, connection)

    @contextmanager
    def _connection(self, method: str) -> Iterator[sqlite3.Connection | None]:
        """A connection for reading; writing opens its own transaction, so that a refusal rolls it back."""
        if method in _READ:
            with self.store.reading() as connection:
                yield connection
        else:
            yield None

    def _operate_or_refuse(self, call: Call, connection: sqlite3.Connection | None) -> Response:
        try:
            if connection is not None:
                return self._operate(call, connection)
            with self.store.writing() as writer:
                return self._operate(call, writer)
        except ServiceError as error:
            return self._refusal(error, as_json=call.wants_json)

    def _refusal(self, error: ServiceError, *, as_json: bool) -> Response:
        content_type, body = ErrorWriter(self.settings.nested_errors).write(error, as_json=as_json)
        return Response(error.status, (("Content-Type", content_type), _VERSION), body)

    @staticmethod
    def _refuse_unknown_options(call: Call) -> None:
        """Refuse a system query option that is not served: ignored, it would give a wrong answer."""
        for name in call.query:
            if name.startswith("$") and name not in _OPTIONS:
                raise ServiceError(400, "/IWBEP/CM_MGW_RT/023", f"System query option {name} is not supported")

    def _operate(self, call: Call, connection: sqlite3.Connection) -> Response:
        self._refuse_unknown_options(call)
        reader = Reader(connection, call.root, self.settings.page_size)
        if call.method in _READ:
            return self._read(call, reader)
        if call.method == "POST" and call.path == "MeterReadingResults":
            return self._create(call, connection, reader)
        raise ServiceError(405, "/IWBEP/CM_MGW_RT/022", f"Method {call.method} is not allowed on '{call.path}'")

    def _read(self, call: Call, reader: Reader) -> Response:
        if call.path == "$metadata":
            return Response(200, (("Content-Type", XML_TYPE), _VERSION), edmx())
        if call.path == "":
            if call.wants_json:
                return _json(200, {"EntitySets": list(BY_SET)})
            return Response(200, (("Content-Type", "application/atomsvc+xml"), _VERSION), service_document())
        if call.path == "GetRegistersToReadForDevice":
            literal = call.query.get("DeviceID", "")
            device = _guarded(lambda: string_literal(literal))
            where = (Where('"DeviceID" = ?', (device,)),)
            return _collection(call, reader.collection(BY_SET["RegistersToRead"], where, call.query, call.path))
        return self._read_path(call, reader)

    def _read_path(self, call: Call, reader: Reader) -> Response:
        """Read ``Set``, ``Set(key)``, ``Set(key)/Navigation``, each perhaps with ``/$count``."""
        segments = call.path.split("/")
        counting = segments[-1] == "$count"
        entity, key = _first_segment(segments[0])
        rest = segments[1:-1] if counting else segments[1:]
        if key is None:
            if rest:
                raise ServiceError(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{rest[0]}'")
            where: tuple[Where, ...] = ()
        else:
            where = (_key_condition(entity, key),)
            if not rest:
                return _entry(call, reader.single(entity, where, call.query))
            entity, where, is_many = self._navigate(entity, where, rest, reader)
            if not is_many:
                return _entry(call, reader.single(entity, where, call.query))
        if counting:
            page = reader.collection(entity, where, {**call.query, "$inlinecount": "allpages", "$top": "0"}, call.path)
            return Response(200, (("Content-Type", "text/plain;charset=utf-8"), _VERSION), str(page.count).encode())
        return _collection(call, reader.collection(entity, where, call.query, call.path))

    @staticmethod
    def _navigate(
        entity: EntityType, where: tuple[Where, ...], rest: list[str], reader: Reader
    ) -> tuple[EntityType, tuple[Where, ...], bool]:
        navigation = entity.navigations.get(rest[0])
        if navigation is None or len(rest) > 1:
            raise ServiceError(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{rest[-1]}'")
        source = reader.raw(entity, where)
        conditions = tuple(Where(f'"{target}" = ?', (source[own],)) for target, own in navigation.join.items())
        if navigation.target == entity.set_name:
            # Readings of one device depend on one another, none on itself.
            conditions += tuple(Where(f'"{key}" <> ?', (source[key],)) for key in entity.keys)
        return BY_SET[navigation.target], conditions, navigation.is_many

    def _create(self, call: Call, connection: sqlite3.Connection, reader: Reader) -> Response:
        if JSON_TYPE not in call.headers.get("Content-Type", ""):
            raise ServiceError(415, "/IWFND/CM_CONSUMER/101", "Only application/json is taken for a new entry")
        try:
            payload = json.loads(call.body, parse_float=_refuse_float)
        except ValueError as error:
            raise ServiceError(400, "CX_SXML_PARSE_ERROR", f"Error while parsing an entry: {error}") from error
        stored = create(connection, payload, self.refusals)
        entity = BY_SET["MeterReadingResults"]
        parent = reader.single(entity, (_sequence(stored.parent),), {})
        children = [reader.single(entity, (_sequence(seq),), {}) for seq in stored.children]
        parent["DependentMeterReadingResults"] = {"results": children}
        metadata = parent["__metadata"]
        location = str(metadata["uri"]) if isinstance(metadata, dict) else ""
        headers = [("Location", location)]
        if stored.notices:
            headers.append(("sap-message", message_header(list(stored.notices))))
        if call.wants_json:
            return _json(201, parent, *headers)
        return Response(201, (("Content-Type", "application/atom+xml;type=entry"), _VERSION, *headers), entry(parent))

    def _batch(self, call: Call, *, is_cut_midway: bool) -> Response:
        if call.method != "POST":
            raise_as = ServiceError(405, "/IWBEP/CM_MGW_RT/022", "Only POST is allowed on '$batch'")
            return self._refusal(raise_as, as_json=call.wants_json)
        try:
            parts = parse(call.body, call.headers.get("Content-Type"))
        except BatchError as error:
            return self._refusal(ServiceError(400, "/IWFND/CM_CONSUMER/101", str(error)), as_json=call.wants_json)
        if is_cut_midway:
            parts = parts[: len(parts) // 2]
        answers: list[Answer | list[Answer]] = [
            self._changeset(part, call) if isinstance(part, Changeset) else self._alone(part, call) for part in parts
        ]
        if is_cut_midway:
            raise ConnectionCut
        content_type, body = compose(answers)
        return Response(202, (("Content-Type", content_type), _VERSION), body)

    def _alone(self, operation: Operation, batch: Call) -> Answer:
        call = _inner_call(operation, batch)
        if call.method not in _READ:
            error = ServiceError(400, "/IWBEP/CM_MGW_RT/025", "A modifying request has to be inside a changeset")
            return Answer(self._refusal(error, as_json=call.wants_json), operation.content_id)
        with self.store.reading() as connection:
            return Answer(self._operate_or_refuse(call, connection), operation.content_id)

    def _changeset(self, changeset: Changeset, batch: Call) -> Answer | list[Answer]:
        """Keep all of a changeset or nothing; the first refusal is the one answer to the whole of it."""
        answers: list[Answer] = []
        call = batch
        try:
            with self.store.writing() as writer:
                for operation in changeset.operations:
                    call = _inner_call(operation, batch)
                    _refuse_reading(call)
                    answers.append(Answer(self._operate(call, writer), operation.content_id))
        except ServiceError as error:
            return Answer(self._refusal(error, as_json=call.wants_json))
        return answers


def _inner_call(operation: Operation, batch: Call) -> Call:
    parts = urlsplit(operation.url)
    path = unquote(parts.path)
    position = path.find(SERVICE_PATH)
    if position >= 0:
        path = path[position + len(SERVICE_PATH) :]
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Call(operation.method, path.lstrip("/"), query, operation.headers, operation.body, batch.root)


def _refuse_reading(call: Call) -> None:
    if call.method in _READ:
        raise ServiceError(400, "/IWBEP/CM_MGW_RT/026", "A changeset cannot hold a reading request")


def _first_segment(segment: str) -> tuple[EntityType, str | None]:
    match = _SEGMENT.fullmatch(segment)
    entity = BY_SET.get(match["name"]) if match else None
    if match is None or entity is None:
        raise ServiceError(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{segment}'")
    return entity, match["key"]


def _guarded(parse: Callable[[], Parsed]) -> Parsed:
    try:
        return parse()
    except FilterError as error:
        raise ServiceError(400, "/IWBEP/CM_MGW_RT/021", str(error)) from error


def _key_condition(entity: EntityType, key: str) -> Where:
    return _guarded(lambda: parse_key(key, entity))


def _sequence(seq: int) -> Where:
    return Where('"row_order" = ?', (seq,))


def _refuse_float(text: str) -> object:
    raise ValueError(f"the number {text} has to be a string (Edm.Decimal)")


def _json(status: int, payload: object, *headers: tuple[str, str]) -> Response:
    body = json.dumps({"d": payload}, separators=(",", ":")).encode()
    return Response(status, (("Content-Type", JSON_TYPE), _VERSION, *headers), body)


def _entry(call: Call, item: dict[str, object]) -> Response:
    if call.wants_json:
        return _json(200, item)
    return Response(200, (("Content-Type", "application/atom+xml;type=entry"), _VERSION), entry(item))


def _collection(call: Call, page: Page) -> Response:
    if not call.wants_json:
        return Response(200, (("Content-Type", "application/atom+xml;type=feed"), _VERSION), feed(page.items))
    payload: dict[str, object] = {"results": page.items}
    if page.count is not None:
        payload = {"__count": str(page.count), **payload}
    if page.next_link is not None:
        payload["__next"] = page.next_link
    return _json(200, payload)
