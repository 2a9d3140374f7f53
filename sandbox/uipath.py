"""A pretend UiPath Orchestrator: tokens, one folder with queues and processes, robots that work when told to.

Written from Orchestrator's public OData interface (Swagger definition, API guide); it answers what billsync asks and
refuses what Orchestrator refuses: no token, another folder, a reference used before, a page of more than a hundred.
What stays out: the filter language (``uipath_filter``), where things are kept (``uipath_store``).
"""

from __future__ import annotations

import json
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from sandbox.http import Handler, Request, Response, Router, json_response
from sandbox.state import Credentials
from sandbox.uipath_filter import FilterError, matches
from sandbox.uipath_store import UipathStore

BASE_PATH = "/uipath/orchestrator_"
TOKEN_PATH = "/uipath/identity_/connect/token"  # noqa: S105 - an address
FOLDER_ID = "7"
FOLDER_PATH = "Shared/Billing"
QUEUES = ("Meter data requests", "Customer records")
PROCESSES = ("FetchMeterFiles",)
_QUEUE_OF_NO_USE = "Not unique"
_MOST_ROWS = 100
_MAX_REFERENCE = 128


class Refused(Exception):  # noqa: N818 - an answer, not an error
    """An answer with Orchestrator's error body."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.response = json_response(
            {"message": message, "errorCode": code, "result": None, "traceId": f"00-{secrets.token_hex(16)}-00"}, status
        )


class UipathOrchestrator:
    """The handlers; robots work only when ``/control/uipath`` says so."""

    def __init__(self, home: Path, credentials: Credentials) -> None:
        self._store = UipathStore(home / "uipath.db")
        self._landing = home / "landing"
        self._credentials = credentials
        self._tokens: dict[str, float] = {}
        self._lock = threading.RLock()
        self.token_seconds = 3600

    def register(self, router: Router) -> None:
        """Add the endpoints to the sandbox's router."""
        odata = f"{BASE_PATH}/odata"
        endpoints: dict[tuple[str, str], Handler] = {
            ("GET", f"{odata}/QueueDefinitions"): self._queues,
            ("POST", f"{odata}/Queues/UiPathODataSvc.AddQueueItem"): self._add_item,
            ("GET", f"{odata}/QueueItems"): self._items,
            ("GET", f"{odata}/Releases"): self._releases,
            ("POST", f"{odata}/Jobs/UiPath.Server.Configuration.OData.StartJobs"): self._start_jobs,
            ("GET", f"{odata}/Jobs"): self._jobs,
        }
        for (method, path), handler in endpoints.items():
            router.add(method, path, self._let_in(handler))
        router.add("POST", TOKEN_PATH, self._token)
        router.add("POST", "/control/uipath/work", self._work)
        router.add("POST", "/control/uipath/run", self._run)
        router.add("POST", "/control/uipath/expire-tokens", self._expire)
        router.add("GET", "/control/uipath/state", self._state)

    def _let_in(self, handler: Handler) -> Handler:
        """Check token and folder before a handler, and turn refusals into answers."""

        def guarded(request: Request) -> Response:
            try:
                with self._lock:
                    self._check(request)
                    return handler(request)
            except Refused as refused:
                return refused.response
            except FilterError as error:
                return Refused(400, 1000, f"Invalid OData query options. {error}").response

        return guarded

    def _check(self, request: Request) -> None:
        word = request.headers.get("Authorization", "").removeprefix("Bearer ")
        is_personal = secrets.compare_digest(word.encode(), self._credentials.uipath_token.encode())
        if not is_personal and self._tokens.get(word, 0.0) <= time.monotonic():
            raise Refused(401, 0, "You are not authenticated!")
        folder = request.headers.get("X-UIPATH-OrganizationUnitId"), request.headers.get("X-UIPATH-FolderPath")
        if folder == (None, None):
            raise Refused(400, 1101, "An organization unit is required for this action.")
        if folder not in {(FOLDER_ID, None), (None, FOLDER_PATH)}:
            raise Refused(404, 1100, "Folder does not exist or the user does not have access to the folder.")

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode()))
        if form.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        known = (self._credentials.uipath_client_id, self._credentials.uipath_client_secret)
        if (form.get("client_id"), form.get("client_secret")) != known:
            return json_response({"error": "invalid_client"}, 400)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = time.monotonic() + self.token_seconds
        answer = {"access_token": token, "expires_in": self.token_seconds, "token_type": "Bearer"}
        return json_response({**answer, "scope": form.get("scope", "")})

    def _expire(self, request: Request) -> Response:
        del request
        self._tokens.clear()
        return json_response({"expired": True})

    def _queues(self, request: Request) -> Response:
        rows = [
            {"Id": number, "Name": name, "EnforceUniqueReference": name != _QUEUE_OF_NO_USE, "MaxNumberOfRetries": 1}
            for number, name in enumerate((*QUEUES, _QUEUE_OF_NO_USE), start=101)
        ]
        return _listed(request, "QueueDefinitions", rows)

    def _releases(self, request: Request) -> Response:
        rows = [{"Id": number, "Name": name, "Key": _key_of(name)} for number, name in enumerate(PROCESSES, start=201)]
        return _listed(request, "Releases", rows)

    def _items(self, request: Request) -> Response:
        return _listed(request, "QueueItems", self._store.rows("item"))

    def _jobs(self, request: Request) -> Response:
        return _listed(request, "Jobs", self._store.rows("job"))

    def _add_item(self, request: Request) -> Response:
        item = _part(request, "itemData")
        name, reference = item.get("Name"), item.get("Reference")
        if name not in (*QUEUES, _QUEUE_OF_NO_USE):
            raise Refused(404, 1002, f"{name} does not exist.")
        if item.get("Priority") not in {"Low", "Normal", "High"}:
            raise Refused(400, 1000, "itemData.Priority is not valid.")
        if not isinstance(reference, str) or len(reference) > _MAX_REFERENCE:
            raise Refused(400, 1000, "itemData.Reference is not valid.")
        content = item.get("SpecificContent")
        if not isinstance(content, dict) or any(set(field) & set(':.,@"') for field in content):
            raise Refused(400, 1000, "itemData.SpecificContent is not valid.")
        queue_id = 101 + (*QUEUES, _QUEUE_OF_NO_USE).index(name)
        same = [
            row
            for row in self._store.rows("item")
            if (row["QueueDefinitionId"], row["Reference"]) == (queue_id, reference)
        ]
        if same and name != _QUEUE_OF_NO_USE:
            raise Refused(409, 1016, "Error creating Transaction. Duplicate Reference.")
        row = self._store.add("item", {
            "QueueDefinitionId": queue_id, "Key": str(uuid.uuid4()), "Reference": reference, "Status": "New",
            "Priority": item["Priority"], "SpecificContent": content, "RetryNumber": 0, "ProcessingException": None,
            "ProcessingExceptionType": None, "Output": None, "CreationTime": _now(),
        })  # fmt: skip
        return json_response(row, 201)

    def _start_jobs(self, request: Request) -> Response:
        start = _part(request, "startInfo")
        process = next((name for name in PROCESSES if _key_of(name) == start.get("ReleaseKey")), None)
        if process is None:
            raise Refused(404, 1002, "The release key does not exist.")
        if start.get("Strategy") != "ModernJobsCount" or start.get("JobsCount") != 1:
            raise Refused(400, 2818, "The strategy is not valid for this folder.")
        row = self._store.add("job", {
            "Key": str(uuid.uuid4()), "State": "Pending", "ReleaseName": process, "Reference": start.get("Reference"),
            "InputArguments": start.get("InputArguments"), "Info": None, "CreationTime": _now(),
        })  # fmt: skip
        return json_response({"value": [row]}, 201)

    def _work(self, request: Request) -> Response:
        """Robots take waiting items: ``status`` (default Successful), ``reason``, ``reference`` (default all)."""
        wish = _json(request)
        status, reason = str(wish.get("status", "Successful")), wish.get("reason")
        worked = 0
        with self._lock:
            for row in self._store.rows("item"):
                if row["Status"] in {"New", "InProgress"} and wish.get("reference") in {None, row["Reference"]}:
                    worked += 1
                    self._finish(row, status, reason)
        return json_response({"worked": worked})

    def _finish(self, row: dict[str, Any], status: str, reason: object) -> None:
        kind = "ApplicationException" if status == "Retried" else "BusinessException"
        is_bad = status in {"Failed", "Retried"}
        failure = {"Reason": reason or "the portal refused", "Details": "", "Type": kind} if is_bad else None
        output = {"Message": reason or "asked for again"} if status == "Successful" else None
        done = {"Status": status, "ProcessingException": failure, "ProcessingExceptionType": failure and kind}
        self._store.change("item", {**row, **done, "Output": output})
        if status == "Retried":
            again = {**row, "Status": "New", "RetryNumber": row["RetryNumber"] + 1, "AncestorId": row["Id"]}
            self._store.add("item", again)

    def _run(self, request: Request) -> Response:
        """Robots run waiting jobs: ``state`` (default Successful), ``info``, ``file`` and ``text`` to bring."""
        wish = _json(request)
        state = str(wish.get("state", "Successful"))
        ran = 0
        with self._lock:
            for row in self._store.rows("job"):
                if row["State"] in {"Pending", "Running"}:
                    ran += 1
                    arguments = json.loads(row["InputArguments"] or "{}")
                    if state == "Successful" and wish.get("file"):
                        folder = self._landing / str(arguments["in_Folder"])
                        folder.mkdir(parents=True, exist_ok=True)
                        (folder / Path(str(wish["file"])).name).write_text(str(wish.get("text", "")), encoding="utf-8")
                    self._store.change("job", {**row, "State": state, "Info": wish.get("info")})
        return json_response({"ran": ran})

    def _state(self, request: Request) -> Response:
        del request
        return json_response({"items": self._store.rows("item"), "jobs": self._store.rows("job")})


def _listed(request: Request, name: str, rows: list[dict[str, Any]]) -> Response:
    """An OData list: ``$filter``, ``$orderby`` by Id, ``$skip``, ``$top``, ``$count``."""
    found = [row for row in rows if matches(request.query.get("$filter"), row)]
    order = request.query.get("$orderby", "Id")
    if order not in {"Id", "Id asc", "Id desc"}:
        raise Refused(400, 1000, f"Invalid OData query options. $orderby={order}")
    found.sort(key=lambda row: int(row["Id"]), reverse=order == "Id desc")
    top, skip = int(request.query.get("$top", _MOST_ROWS)), int(request.query.get("$skip", 0))
    if top > _MOST_ROWS:
        raise Refused(400, 1000, f"Invalid OData query options. The limit of $top is {_MOST_ROWS}.")
    context = f"{request.base_url}{BASE_PATH}/odata/$metadata#{name}"
    count = {"@odata.count": len(found)} if request.query.get("$count") == "true" else {}
    return json_response({"@odata.context": context, **count, "value": found[skip : skip + top]})


def _part(request: Request, name: str) -> Mapping[str, Any]:
    part = _json(request).get(name)
    if not isinstance(part, dict):
        raise Refused(400, 1000, f"{name} must not be null")
    return part


def _json(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise Refused(400, 1000, "The body is no JSON.") from error
    return body if isinstance(body, dict) else {}


def _key_of(process: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, process))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
