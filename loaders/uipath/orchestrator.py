"""A client of UiPath Orchestrator's public OData interface: queues and their items, processes and their jobs.

What belongs here: addresses, headers, filters, and Orchestrator's words turned into values and typed failures.
What stays out: tokens (``tokens``), retries (``loaders.http``), and what is sent and why (``exceptions``, ``files``).

Sources: Orchestrator's Swagger definition and API guide (docs.uipath.com): AddQueueItem, QueueItems, QueueDefinitions,
Releases, StartJobs, Jobs; response codes; rate limits (100 reads of items or jobs a minute, pages of at most 100).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from loaders.errors import PermanentError
from loaders.http import HttpResponse, HttpSession
from loaders.uipath.tokens import Tokens

PAGE: Final = 100
# A filter names this many references: the address stays well below what proxies cut off.
REFERENCES_AT_ONCE: Final = 20
DUPLICATE_REFERENCE: Final = 1016
_REFUSALS: Final = frozenset({400, 401, 403, 404, 405, 409, 422})
_UNAUTHORIZED: Final = 401
_CONFLICT: Final = 409
# Statuses with which Orchestrator refuses a request for what it holds; any other concerns every request.
_REQUEST_STATUSES: Final = frozenset({400, 409, 422})
_LONGEST: Final = 300
_FOLDER_REMEDY: Final = (
    "Check BILLSYNC_UIPATH_FOLDER (the folder's number, or its path such as Shared/Billing) "
    "and that the application or user is assigned to that folder."
)
_REMEDIES: Final = {
    401: "Check the token or the application's credentials (BILLSYNC_UIPATH_*).",
    403: "Give the application the scopes and the folder role that this needs; docs/how-to/uipath.md lists them.",
    404: "Check BILLSYNC_UIPATH_URL, and that the queue or process is in the folder.",
}


class OrchestratorRefusal(PermanentError):  # noqa: N818 - a refusal is what it is
    """Orchestrator understood and refused.

    Attributes:
        error_code: Orchestrator's own code, 0 when it gave none.
        message: its words.
        is_about_request: it is what was sent that was refused, and not who sent it, where, or by whom in between.
    """

    def __init__(
        self, what: str, why: str, remedy: str, *, status: int, error_code: int, message: str, is_about_request: bool
    ) -> None:
        super().__init__(what, why, remedy, status=status)
        self.error_code = error_code
        self.message = message
        self.is_about_request = is_about_request


@dataclass(frozen=True)
class Queue:
    """A queue's definition; ``is_unique`` when it refuses a reference that it has had before."""

    queue_id: int
    name: str
    is_unique: bool


@dataclass(frozen=True)
class Item:
    """A queue item, as far as we look at it.

    Attributes:
        item_id: its number; a retry is an item of its own, with the same reference and a higher number.
        reference: ours.
        status: New, InProgress, Failed, Successful, Abandoned, Retried or Deleted.
        failure: kind and reason of a failure, empty when none.
        output: what the robot gave back.
    """

    item_id: int
    reference: str
    status: str
    failure: str
    output: Mapping[str, object]


@dataclass(frozen=True)
class Job:
    """A job: ``state`` is Pending, Running, Stopping, Terminating, Suspended, Resumed, Faulted, Stopped, Successful."""

    job_id: int
    state: str
    info: str


@dataclass
class Orchestrator:
    """One folder of one tenant.

    Attributes:
        session: sends the requests, again where that can help.
        tokens: who we are.
        url: the tenant's address, up to where ``/odata`` begins.
        folder: number or path of the folder in which queues and processes live; empty for none.
    """

    session: HttpSession
    tokens: Tokens
    url: str
    folder: str = ""
    _queues: dict[str, Queue] = field(default_factory=dict, init=False, repr=False)

    def queue(self, name: str) -> Queue:
        """A queue of the folder, by its name.

        Raises:
            PermanentError: the folder has no such queue.
        """
        if name not in self._queues:
            what = f"Looking for the queue {name}"
            row = self._one(what, "QueueDefinitions", "Name", name)
            if row is None:
                raise PermanentError(what, f"the folder {self.folder or '(none named)'} has none", _FOLDER_REMEDY)
            # Unique only where Orchestrator says so: without it an item could be made twice.
            self._queues[name] = Queue(_number(row, what), name, row.get("EnforceUniqueReference") is True)
        return self._queues[name]

    def add_item(self, queue_name: str, reference: str, priority: str, content: Mapping[str, object]) -> bool:
        """Put an item into a queue; False when the queue has had one with this reference.

        It may be sent again after a lost answer: a queue with unique references takes it once.
        """
        item = {"Name": queue_name, "Reference": reference, "Priority": priority, "SpecificContent": dict(content)}
        what = f"Adding {reference} to the queue {queue_name}"
        try:
            answer = self._call(what, "POST", "Queues/UiPathODataSvc.AddQueueItem", json_body={"itemData": item}).json()
        except OrchestratorRefusal as refusal:
            if _is_duplicate(refusal):
                return False
            raise
        # A logon page answers 200 too: only the item itself says that there is one.
        _number(answer if isinstance(answer, dict) else {}, what)
        return True

    def items(self, queue: Queue, references: Collection[str]) -> dict[str, Item]:
        """The newest item of each reference that the queue has; its retries are newer items."""
        newest: dict[str, Item] = {}
        for chunk in _chunks(sorted(references)):
            either = " or ".join(f"Reference eq {literal(one)}" for one in chunk)
            wanted = f"QueueDefinitionId eq {queue.queue_id} and ({either})"
            what = f"Reading items of the queue {queue.name}"
            for row in self._pages(what, "QueueItems", wanted):
                item = _item(row, what)
                if item.reference not in newest or newest[item.reference].item_id < item.item_id:
                    newest[item.reference] = item
        return newest

    def release_key(self, process: str) -> str:
        """The key of a process of the folder, by its name.

        Raises:
            PermanentError: the folder has no such process.
        """
        what = f"Looking for the process {process}"
        row = self._one(what, "Releases", "Name", process)
        if row is None or not row.get("Key"):
            raise PermanentError(what, f"the folder {self.folder or '(none named)'} has none", _FOLDER_REMEDY)
        return str(row["Key"])

    def start_job(self, process: str, release_key: str, reference: str, arguments: Mapping[str, str]) -> Job:
        """Start one job of a process. A job has no unique reference: this is never sent again by itself.

        Raises:
            OrchestratorRefusal: nothing was started.
            TransientError: with ``outcome_unknown`` when the answer was lost.
        """
        start = {
            "ReleaseKey": release_key,
            "Strategy": "ModernJobsCount",
            "JobsCount": 1,
            "InputArguments": json.dumps(dict(arguments)),
            "Reference": reference,
        }
        what = f"Starting the process {process} ({reference})"
        path = "Jobs/UiPath.Server.Configuration.OData.StartJobs"
        rows = _values(self._call(what, "POST", path, json_body={"startInfo": start}, is_repeatable=False))
        if not rows:
            raise PermanentError(what, "the answer names no job", "Look at the process's jobs in Orchestrator.")
        return _job(rows[0], what)

    def find_job(self, reference: str) -> Job | None:
        """The newest job that was started under a reference of ours; None when there is none."""
        what = f"Looking for the job {reference}"
        row = self._one(what, "Jobs", "Reference", reference)
        return _job(row, what) if row else None

    def job(self, job_id: int) -> Job:
        """A job as it is now."""
        what = f"Reading the job {job_id}"
        row = self._one(what, "Jobs", "Id", job_id)
        if row is None:
            raise PermanentError(what, "the folder has none", "Somebody deleted it in Orchestrator; run the day again.")
        return _job(row, what)

    def greet(self, entity: str = "QueueDefinitions") -> int:
        """How many queues, or ``Releases`` (processes), the folder shows; proves address, token, scope and folder."""
        return len(self._rows(f"Reading the folder's {entity}", entity, {"$top": str(PAGE)}))

    def _one(self, what: str, path: str, name: str, value: str | int) -> Mapping[str, Any] | None:
        """The newest row with a value, or None; a server that knows not the filter must not give us another's."""
        wanted = f"{name} eq {literal(value) if isinstance(value, str) else value}"
        rows = self._rows(what, path, {"$filter": wanted, "$orderby": "Id desc", "$top": "1"})
        if not rows:
            return None
        if str(rows[0].get(name)).casefold() != str(value).casefold():
            raise PermanentError(
                what,
                f"asked for {name} {value}, {path} gave another",
                "This Orchestrator is too old: 2022.10 is needed.",
            )
        return rows[0]

    def _pages(self, what: str, path: str, wanted: str) -> Iterator[Mapping[str, Any]]:
        """All rows; a server may give fewer a page than it is asked for, and says so by a count or a link."""
        skipped = 0
        while True:
            params = {
                "$filter": wanted, "$orderby": "Id", "$top": str(PAGE), "$skip": str(skipped), "$count": "true",
            }  # fmt: skip
            answer = self._call(what, "GET", path, params=params)
            rows = _values(answer)
            yield from rows
            skipped += len(rows)
            told = answer.json()
            is_more = "@odata.nextLink" in told or skipped < told.get("@odata.count", 0) or len(rows) >= PAGE
            if not rows or not is_more:
                return

    def _rows(self, what: str, path: str, params: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
        return _values(self._call(what, "GET", path, params=params))

    def _call(
        self,
        what: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json_body: object = None,
        is_repeatable: bool = True,
    ) -> HttpResponse:
        """One request; a refused token is renewed once, as nothing was done under it."""

        def send(token: str) -> HttpResponse:
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", **_folder_header(self.folder)}
            return self.session.request(
                method,
                f"{self.url.rstrip('/')}/odata/{path}",
                params=params,
                headers=headers,
                json_body=json_body,
                accept_statuses=_REFUSALS,
                is_repeatable=is_repeatable,
            )

        token = self.tokens.current()
        response = send(token)
        if response.status == _UNAUTHORIZED and self.tokens.renew(token):
            token = self.tokens.current()
            response = send(token)
        if response.status in _REFUSALS:
            raise _refusal(what, response, token)
        return response


def literal(text: str) -> str:
    """A text as a literal of an OData filter."""
    return "'" + text.replace("'", "''") + "'"


def _folder_header(folder: str) -> dict[str, str]:
    """Orchestrator takes the folder's number under one name and its path under another."""
    if not folder:
        return {}
    if not folder.isascii():
        why = f"{folder!r} has letters that a request's header cannot carry"
        raise PermanentError("Naming the folder", why, "Set BILLSYNC_UIPATH_FOLDER to the folder's number.")
    return {"X-UIPATH-OrganizationUnitId" if folder.isdigit() else "X-UIPATH-FolderPath": folder}


def _is_duplicate(refusal: OrchestratorRefusal) -> bool:
    return refusal.error_code == DUPLICATE_REFERENCE or (
        refusal.status == _CONFLICT and "duplicate reference" in refusal.message.lower()
    )


def _refusal(what: str, response: HttpResponse, token: str) -> OrchestratorRefusal:
    """Orchestrator's error body is ``{message, errorCode, traceId}``; a proxy's may be anything."""
    try:
        body = response.json()
    except PermanentError:
        body = None
    told = body if isinstance(body, dict) else {}
    message = " ".join(str(told.get("message") or response.excerpt()).replace(token, "***").split())[:_LONGEST]
    code = told.get("errorCode")
    code = code if isinstance(code, int) else 0
    trace = f", trace {told['traceId']}" if told.get("traceId") else ""
    is_folder = "folder" in message.lower() or "organization unit" in message.lower()
    remedy = _FOLDER_REMEDY if is_folder else _REMEDIES.get(response.status, "Correct what Orchestrator names.")
    why = f"Orchestrator answered {response.status}: {message or 'no reason given'} (code {code}{trace})"
    is_about_request = response.status in _REQUEST_STATUSES and "errorCode" in told and not is_folder
    return OrchestratorRefusal(
        what,
        why,
        remedy,
        status=response.status,
        error_code=code,
        message=message,
        is_about_request=is_about_request,
    )


def _values(response: HttpResponse) -> Sequence[Mapping[str, Any]]:
    answer = response.json()
    rows = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PermanentError(
            f"Reading {response.url}",
            "the answer is no OData list",
            "Check BILLSYNC_UIPATH_URL: it ends before /odata.",
        )
    return rows


def _number(row: Mapping[str, Any], what: str) -> int:
    """The Id of what Orchestrator gave."""
    number = row.get("Id")
    if not isinstance(number, int):
        raise PermanentError(
            what,
            "the answer names no Id",
            "Check that BILLSYNC_UIPATH_URL is Orchestrator's own address and no logon page's.",
        )
    return number


def _item(row: Mapping[str, Any], what: str) -> Item:
    failure = row.get("ProcessingException") or {}
    kind = row.get("ProcessingExceptionType") or failure.get("Type") or ""
    words = ": ".join(str(one) for one in (kind, failure.get("Reason")) if one)
    output = row.get("Output")
    return Item(
        _number(row, what),
        str(row.get("Reference") or ""),
        str(row.get("Status") or ""),
        words,
        output if isinstance(output, dict) else {},
    )


def _job(row: Mapping[str, Any], what: str) -> Job:
    info = " ".join(str(row.get("Info") or "").split())
    return Job(_number(row, what), str(row.get("State") or ""), info[:_LONGEST])


def _chunks(references: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(references), REFERENCES_AT_ONCE):
        yield references[start : start + REFERENCES_AT_ONCE]
