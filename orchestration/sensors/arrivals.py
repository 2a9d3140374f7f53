"""The sensor that starts a billing day when meter data land that no run has read: late files and revisions.

What belongs here: telling what is new from what the warehouse has read, and asking for one run. What stays out: reading
files (``loaders/sources``) and finding the bills that they reach (dbt).

What is new is decided by content against the raw layer, never by a cursor: a lost cursor starts nothing twice, and a
file that was only touched starts nothing at all. The cursor only says when all days were last found read; until the
next look at all of them, recent days are listed and no others. Dagster forgets nothing that was asked for under a run
key, so the key carries the attempt too: a run that failed is asked for again, a few times, and then a person is told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

import dagster as dg

from billsync.alerts import Alert, send_once
from billsync.settings import ConfigurationError
from loaders.errors import LoaderError
from loaders.sources.archives import ArchiveLimits, iter_members
from loaders.sources.landing import DeliveredFile, Landing, open_landing
from loaders.sources.meter_files import known_deliveries
from loaders.sources.unreadable import UnreadableFileError
from loaders.warehouse import Warehouse
from orchestration.jobs import BILLING_DAY
from orchestration.systems import Systems

MARKET_TIME: Final = timezone(timedelta(hours=10))
# A day's own run starts at 06:00 the morning after (schedules.py); before that its deliveries are not late.
HOURS_UNTIL_LATE: Final = 30
MOST_ATTEMPTS: Final = 3
CONTENT_TAG: Final = "billsync/arrived_content"
TICK_SECONDS: Final = 300
# Between two looks at every day, only days are listed that late files and revisions are usual for: those before today,
# or before the newest day that was run where old days are replayed.
RECENT_DAYS: Final = 40
HOURS_BETWEEN_FULL_LOOKS: Final = 1
ALL_READ: Final = "every delivery has been read"
_CHUNK: Final = 1024 * 1024
NOT_FINISHED: Final = (
    dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING,
)  # fmt: skip

Pending = Mapping[date, Sequence[DeliveredFile]]


@dataclass(frozen=True)
class Arrival:
    """What waits to be read.

    Attributes:
        day: the billing day whose run reads all of it.
        content: hash of every file that waits, by day and name.
        file_count: how many wait.
    """

    day: date
    content: str
    file_count: int


def unread_files(
    listing: Mapping[date, Collection[DeliveredFile]], known: Mapping[date, Collection[DeliveredFile]]
) -> dict[date, list[DeliveredFile]]:
    """The files of each day that the raw layer does not have as they are now."""
    unread = {day: sorted(set(files) - set(known.get(day, ()))) for day, files in listing.items()}
    return {day: files for day, files in unread.items() if files}


def is_late(day: date, run_days: Collection[date], now: datetime) -> bool:
    """Whether a day's deliveries are this sensor's: the day was run before, or its own run is overdue."""
    due = datetime(day.year, day.month, day.day, tzinfo=MARKET_TIME) + timedelta(hours=HOURS_UNTIL_LATE)
    return day in run_days or now >= due


def day_to_run(pending: Collection[date], run_days: Collection[date]) -> date:
    """The day whose run reads what waits: the oldest that never ran, as its orders wait too; else the latest.

    A run reads what is new in the folders of earlier days as well, so that one run serves them all.
    """
    never = sorted(set(pending) - set(run_days))
    return never[0] if never else max(pending)


def first_recent_day(run_days: Collection[date], now: datetime) -> date:
    """The oldest day of a look that is not a full one; every day while none was run."""
    today = now.astimezone(MARKET_TIME).date()
    return min(today, max(run_days)) - timedelta(days=RECENT_DAYS) if run_days else date.min


def find_arrival(
    landing: Landing, warehouse: Warehouse, first_day: date, now: datetime, *, is_full_look: bool
) -> Arrival | None:
    """What has landed and is in no run yet; None when everything is read.

    Raises:
        LoaderError: the landing or the warehouse cannot be read now.
    """
    run_days = days_run(warehouse)
    if not is_full_look:
        first_day = max(first_day, first_recent_day(run_days, now))
    landed = landing.list_between(first_day, date.max)
    listing = {day: files for day, files in landed.items() if is_late(day, run_days, now)}
    if not listing:
        return None
    unread = unread_files(listing, known_deliveries(warehouse, min(listing), max(listing)))
    pending = contents_by_stamp(unread) if landing.stamps_follow_content else new_contents(landing, warehouse, unread)
    if not pending:
        return None
    lines = [f"{day}/{name}:{pending[day][name]}" for day in sorted(pending) for name in sorted(pending[day])]
    content = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
    return Arrival(day_to_run(pending, run_days), content, len(lines))


def contents_by_stamp(unread: Pending) -> dict[date, dict[str, str]]:
    """What identifies each unread file where a stamp belongs to one content: the stamp."""
    return {day: {file.name: file.stamp for file in files} for day, files in unread.items()}


def new_contents(landing: Landing, warehouse: Warehouse, unread: Pending) -> dict[date, dict[str, str]]:
    """What identifies each unread file where a stamp changes by a mere touch: its hashes, unless they are known."""
    hashes = known_hashes(warehouse, unread)
    pending: dict[date, dict[str, str]] = {}
    for day, files in unread.items():
        for file in files:
            members = member_hashes(landing, day, file)
            if sorted(members) != sorted(hashes.get((day, file.name), ())):
                pending.setdefault(day, {})[file.name] = ",".join(members)
    return pending


def days_run(warehouse: Warehouse) -> set[date]:
    """Billing days whose deliveries were read by a run."""
    rows = warehouse.fetch(
        "select distinct billing_day from raw.source_outcomes where source_name = ?", ["meter_files"]
    )
    return {row["billing_day"] for row in rows if isinstance(row["billing_day"], date)}


def known_hashes(warehouse: Warehouse, days: Collection[date]) -> dict[tuple[date, str], list[str]]:
    """Hashes of the members of each delivered file, as the raw layer has them."""
    found: dict[tuple[date, str], list[str]] = {}
    for day in days:
        for row in warehouse.fetch(
            "select delivered_name, file_hash from raw.meter_files where billing_day = ? and source = 'FILE'", [day]
        ):
            found.setdefault((day, str(row["delivered_name"])), []).append(str(row["file_hash"] or ""))
    return found


def member_hashes(landing: Landing, day: date, file: DeliveredFile) -> list[str]:
    """The hash of each text in a delivered file, as the raw layer counts them; of the whole file when it has none."""
    hashes: list[str] = []
    try:
        with landing.open(day, file) as stream:
            for member in iter_members(stream, file.name, ArchiveLimits()):
                if member.stream is None:
                    raise member.error or UnreadableFileError("FILE_UNREADABLE", "The file cannot be opened.")
                hashes.append(_hash(member.stream.read))
    except UnreadableFileError:
        with landing.open(day, file) as stream:
            return [_hash(stream.read)]
    return hashes


def _hash(read: Callable[[int], bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in iter(lambda: read(_CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()


def is_full_look_due(cursor: str | None, now: datetime) -> bool:
    """Whether every day is to be listed: when nobody knows when that was last done, or it is long ago."""
    try:
        return now - datetime.fromisoformat(cursor or "") >= timedelta(hours=HOURS_BETWEEN_FULL_LOOKS)
    except (ValueError, TypeError):
        return True


def look_for_arrivals(
    systems: Systems, instance: dg.DagsterInstance, now: datetime, *, is_full_look: bool = True
) -> dg.RunRequest | dg.SkipReason:
    """One tick: ask for a run when something has landed that none has read, unless one works or too many failed."""
    settings = systems.settings
    if instance.get_runs_count(dg.RunsFilter(job_name=BILLING_DAY, statuses=list(NOT_FINISHED))):
        return dg.SkipReason("a billing day is running; what waits is looked at again after it")
    try:
        if not systems.warehouse.exists():
            # Before the first run; later, creating tables here could hold up a run that writes.
            systems.ensure_raw_schema()
        landing = open_landing(settings.require("LANDING"))
        arrival = find_arrival(landing, systems.warehouse, settings.first_day, now, is_full_look=is_full_look)
    except (LoaderError, ConfigurationError, OSError) as error:
        return dg.SkipReason(f"cannot look now: {' '.join(str(error).split())}")
    if arrival is None:
        return dg.SkipReason(ALL_READ)
    tried = instance.get_runs_count(dg.RunsFilter(tags={CONTENT_TAG: arrival.content}))
    if tried >= MOST_ATTEMPTS:
        send_once(systems.engine, settings.alert_urls, alert_of(arrival), settings.secrets)
        return dg.SkipReason(f"{arrival.file_count} files wait, but {tried} runs did not read them; a person was told")
    return dg.RunRequest(
        run_key=f"{arrival.content}-{tried + 1}",
        partition_key=arrival.day.isoformat(),
        tags={CONTENT_TAG: arrival.content},
    )


def alert_of(arrival: Arrival) -> Alert:
    """What a person is told of files that runs do not get to read."""
    return Alert(
        ("arrival_not_read", arrival.content),
        f"billsync {arrival.day}: deliveries are not read",
        f"{arrival.file_count} files have landed and {MOST_ATTEMPTS} runs did not read them. "
        f"See why with: billsync status --day {arrival.day}",
    )


def build_arrival_sensor(*, runs_by_default: bool) -> dg.SensorDefinition:
    """The sensor of the code location."""

    @dg.sensor(
        name="run_when_data_land",
        job_name=BILLING_DAY,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if runs_by_default else dg.DefaultSensorStatus.STOPPED,
        description="Starts a billing day when late files or revisions land; once per content, also without a cursor.",
    )
    def run_when_data_land(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now = datetime.now(UTC)
        is_full_look = is_full_look_due(context.cursor, now)
        answer = look_for_arrivals(Systems(), context.instance, now, is_full_look=is_full_look)
        if is_full_look and isinstance(answer, dg.SkipReason) and answer.skip_message == ALL_READ:
            context.update_cursor(now.isoformat())
        return answer

    return run_when_data_land
