"""The metering API (Consumer Data Right usage): interval data of service points that deliver no files.

What belongs here: asking for usage page by page, and turning an answer into rows of the meter tables as if a file had
been delivered. What stays out: HTTP itself (``loaders/http.py``) and any rule on reads (dbt).

How an answer maps (market contract, section C): one read per register and day in market time; energy sent to the grid
is negative here and positive in a file, so the sign of a ``B`` channel is flipped; only qualities other than ACTUAL are
listed, without a method. No stamp tells versions apart, so the billing day of the run does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import urlsplit

from loaders.errors import PermanentError
from loaders.http import HttpSession, safe_url
from loaders.sources.exact_json import JsonObject, as_object, objects, parse_exact, text
from loaders.sources.extract import Extract
from loaders.sources.meter_rows import METER_TABLE_NAMES, MeterRows
from loaders.sources.usage_read import write_read
from loaders.warehouse.base import RawWrite

SOURCE = "API"
_MAX_IDS = 100
_PAGE_SIZE = 1000
"""The most that the standard lets a page hold."""
_MAX_PAGES = 10_000
_HEADERS = {"x-v": "1", "Accept": "application/json"}
_UNKNOWN_STATUSES = frozenset({404, 422})
_PREVIEW_ROWS = 5


@dataclass
class _Progress:
    """What came of the requests."""

    requests: int = 0
    unknown: list[str] = field(default_factory=list)
    preview: list[Mapping[str, str | None]] = field(default_factory=list)


@dataclass(frozen=True)
class UsageQuery:
    """What is asked of the API.

    Attributes:
        base_url: base of the interface, ending in ``/cds-au/v1``.
        oldest_day: first market day wanted.
        newest_day: last market day wanted.
        interval_reads: ``FULL`` (as metered) or ``MIN_30`` (summed to half hours).
    """

    base_url: str
    oldest_day: date
    newest_day: date
    interval_reads: str = "FULL"

    @property
    def url(self) -> str:
        """Address of the usage interface."""
        return f"{self.base_url.rstrip('/')}/energy/electricity/servicepoints/usage"

    def params(self) -> dict[str, str]:
        """Parameters of the first page; later ones come with the link."""
        return {
            "oldest-date": self.oldest_day.isoformat(),
            "newest-date": self.newest_day.isoformat(),
            "interval-reads": self.interval_reads,
            "page": "1",
            "page-size": str(_PAGE_SIZE),
        }


def extract_metering_api(
    session: HttpSession, query: UsageQuery, nmis: Sequence[str], day: date, staging: Path
) -> Extract:
    """Read the usage of service points and stage it under the billing day.

    Args:
        session: HTTP session that carries the bearer token.
        query: address and days.
        nmis: the service points.
        day: billing day of the run.
        staging: folder for the staged Parquet files, one per run.

    Returns:
        An extract that replaces what the API gave for this billing day before.

    Raises:
        TransientError: the API cannot be reached.
        PermanentError: it refuses the request or answers something else than usage.
    """
    rows = MeterRows(day, SOURCE, staging)
    progress = _Progress()
    wanted = sorted(set(nmis))
    for start in range(0, len(wanted), _MAX_IDS):
        _read_batch(session, query, wanted[start : start + _MAX_IDS], rows, progress)
    if len(progress.unknown) == len(wanted) > 1:
        raise PermanentError(
            f"Reading {safe_url(query.url)}",
            f"none of the {len(wanted)} service points asked for is known there",
            "Check the configured address, the token's consents and which service points deliver by API.",
        )
    staged = rows.close()
    scope = {"billing_day": day, "source": SOURCE}
    writes = [RawWrite(table, scope, staged[table]) for table in METER_TABLE_NAMES]
    detail = {
        "service_points": len(wanted),
        "oldest_day": query.oldest_day.isoformat(),
        "newest_day": query.newest_day.isoformat(),
        "requests": progress.requests,
        "unknown_service_points": progress.unknown,
        "rejected_records": rows.row_counts["rejected_records"],
    }
    return Extract("metering_api", writes, rows.row_counts, progress.preview, detail)


def _read_batch(session: HttpSession, query: UsageQuery, nmis: list[str], rows: MeterRows, progress: _Progress) -> None:
    """Read one batch; when the API does not know one of it, halve until that one is found."""
    reads = _fetch_reads(session, query, nmis, progress)
    if reads is not None:
        # A service point without usage has a file without records, so that its absence can be seen.
        found: dict[str, list[tuple[str, JsonObject]]] = {nmi: [] for nmi in nmis}
        for path, read in reads:
            found.setdefault(text(read, "servicePointId", path) or "", []).append((path, read))
        for nmi, items in found.items():
            _write_service_point(nmi, items, rows, progress)
    elif len(nmis) > 1:
        middle = len(nmis) // 2
        _read_batch(session, query, nmis[:middle], rows, progress)
        _read_batch(session, query, nmis[middle:], rows, progress)
    else:
        progress.unknown.append(nmis[0])
        _write_service_point(nmis[0], [], rows, progress, is_unknown=True)


def _fetch_reads(
    session: HttpSession, query: UsageQuery, nmis: Sequence[str], progress: _Progress
) -> list[tuple[str, JsonObject]] | None:
    """Return all reads of a batch, page by page; None when the API does not know a service point of it."""
    found: list[tuple[str, JsonObject]] = []
    body = {"data": {"servicePointIds": list(nmis)}, "meta": {}}
    url: str | None = query.url
    params: dict[str, str] | None = query.params()
    seen: set[str] = set()
    while url is not None:
        if url in seen or len(seen) >= _MAX_PAGES:
            raise PermanentError(
                f"Reading the pages of {safe_url(query.url)}",
                "the links to the next page do not end",
                "Ask the owner of the interface to correct its paging.",
            )
        seen.add(url)
        progress.requests += 1
        response = session.request(
            "POST", url, params=params, headers=_HEADERS, json_body=body, accept_statuses=_UNKNOWN_STATUSES
        )
        if response.status in _UNKNOWN_STATUSES:
            return None
        answer = as_object(parse_exact(response.body), "$")
        found += objects(as_object(answer.get("data"), "data"), "reads", "data")
        # The link carries the parameters of its page.
        url, params = next_link(answer, query.url), None
    return found


def next_link(answer: JsonObject, url: str) -> str | None:
    """Return the address of the next page.

    Only a link to the same scheme, host and port is followed: the token must reach nobody else.
    """
    links = as_object(answer.get("links") or {}, "links")
    link = text(links, "next", "links")
    if link is None:
        return None
    ours, theirs = urlsplit(url), urlsplit(link)
    if (theirs.scheme, theirs.hostname, theirs.port) != (ours.scheme, ours.hostname, ours.port):
        raise PermanentError(
            f"Reading the pages of {safe_url(url)}",
            f"its link to the next page leads to another address ({safe_url(link)})",
            "Configure the address that the interface itself uses.",
        )
    return link


def _write_service_point(
    nmi: str,
    reads: Sequence[tuple[str, JsonObject]],
    rows: MeterRows,
    progress: _Progress,
    *,
    is_unknown: bool = False,
) -> None:
    """Write the reads of a service point as the records of one delivery."""
    name = f"metering_api/{nmi}"
    rows.begin_file(name)
    line_number = 0
    for path, read in reads:
        line_number = write_read(read, path, line_number + 1, rows)
    if is_unknown:
        reason = "The metering API does not know this service point."
        rows.reject(0, None, nmi, "SERVICE_POINT_UNKNOWN", reason)
    accepted, rejected = rows.counts.accepted, 0 if is_unknown else rows.counts.rejected
    rows.file(
        name, None, None, None, None, line_number, accepted + rejected, accepted, rejected,
        "CDR", None, None, None, 1, 1, "ACCEPTED", None, None, datetime.now(UTC).replace(tzinfo=None),
    )  # fmt: skip
    if reads and len(progress.preview) < _PREVIEW_ROWS:
        progress.preview.append({"nmi": nmi, "reads": str(len(reads)), "rejected": str(rejected)})
