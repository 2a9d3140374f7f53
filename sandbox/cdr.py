"""What all Consumer Data Right endpoints share: the version header, error objects, pages and their links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from sandbox.http import Request, Response, json_response

BASE_PATH = "/cds-au/v1"
DEFAULT_PAGE_SIZE = 25
MAX_PAGE_SIZE = 1000
_ERROR = "urn:au-cds:error:cds-all:"


class CdrError(Exception):
    """A request that is answered with an error object."""

    def __init__(self, status: int, code: str, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.body = {"errors": [{"code": _ERROR + code, "title": title, "detail": detail}]}

    def response(self) -> Response:
        """Give the error as an answer."""
        return json_response(self.body, self.status)


def check_version(request: Request, served: int) -> None:
    """Refuse a request whose x-v (and x-min-v) leave no room for the version served.

    Raises:
        CdrError: 400 without a legal x-v, 406 when the version is not served.
    """
    wanted, least = request.headers.get("x-v", ""), request.headers.get("x-min-v", "")
    if not wanted:
        raise CdrError(400, "Header/Missing", "Missing Required Header", "x-v")
    if not wanted.isdigit() or int(wanted) < 1 or (least and not least.isdigit()):
        raise CdrError(400, "Header/InvalidVersion", "Invalid Version", "x-v")
    lowest = min(int(least), int(wanted)) if least else int(wanted)
    if not lowest <= served <= int(wanted):
        raise CdrError(406, "Header/UnsupportedVersion", "Unsupported Version", str(served))


@dataclass(frozen=True)
class Page:
    """The part of a list that a request asks for."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        """Records before this page."""
        return (self.number - 1) * self.size

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Page:
        """Read ``page`` and ``page-size``.

        Raises:
            CdrError: 400 for what is no page, 422 for a page size beyond the limit.
        """
        texts = query.get("page", "1"), query.get("page-size", str(DEFAULT_PAGE_SIZE))
        if not all(text.isdigit() and int(text) > 0 for text in texts):
            raise CdrError(400, "Field/Invalid", "Invalid Field", "page, page-size")
        number, size = map(int, texts)
        if size > MAX_PAGE_SIZE:
            raise CdrError(422, "Field/InvalidPageSize", "Invalid Page Size", str(MAX_PAGE_SIZE))
        return cls(number, size)

    def wrap(self, request: Request, data: object, total: int, version: int) -> Response:
        """Put links and counts around one page of data.

        Raises:
            CdrError: 422 for a page beyond the last.
        """
        pages = -(-total // self.size)
        if self.number > max(pages, 1):
            raise CdrError(422, "Field/InvalidPage", "Invalid Page", str(pages))
        links = {"self": self._link(request, self.number)}
        if pages > 1:
            links |= {"first": self._link(request, 1), "last": self._link(request, pages)}
        if self.number > 1:
            links["prev"] = self._link(request, self.number - 1)
        if self.number < pages:
            links["next"] = self._link(request, self.number + 1)
        meta = {"totalRecords": total, "totalPages": pages}
        payload = {"data": data, "links": links, "meta": meta}
        return json_response(payload, headers=(("x-v", str(version)),))

    def _link(self, request: Request, number: int) -> str:
        query = urlencode({**request.query, "page": number, "page-size": self.size})
        return f"{request.base_url}{request.path}?{query}"
