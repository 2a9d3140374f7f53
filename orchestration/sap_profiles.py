"""Interval profiles to SAP's energy data management, bound to settings: which channels' days, and sending them.

What belongs here: the list of profiles, the query of a run's channel-days, and when they are sent. What stays out:
states, messages and answers (``loaders/sap_isu/soap``). Off unless ``BILLSYNC_SAP_PROFILES`` names a file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from billsync.settings import ConfigurationError, Settings
from loaders.errors import LoaderError
from orchestration.sap_transports import answer_wait_seconds, open_receiver, outbox_of, soap_client
from orchestration.snapshots import write_staged
from orchestration.systems import Systems

if TYPE_CHECKING:
    from loaders.sap_isu.soap.profiles import ProfileDay
    from loaders.warehouse import RawWrite

TABLE: Final = "sap_profiles"
_COLUMNS: Final = ("nmi", "nmi_suffix", "profile_number")
_LONGEST: Final = {"nmi": 11, "nmi_suffix": 2, "profile_number": 18}
_MOST_PROBLEMS: Final = 20
# What the run's deliveries have touched: the current version of each day, one row per event of a V day. Conflicting
# versions have no values that could be sent.
PROFILE_DAYS: Final = """
select
    profiles.profile_number, days.nmi, days.nmi_suffix, days.market_date, days.interval_length_minutes, days.kwh_factor,
    days.quality_flag, records.values_text, events.first_interval, events.last_interval,
    events.quality_flag as event_quality_flag
from raw.sap_profiles as profiles
inner join intermediate.int_channel_days__touched as touched
    on profiles.nmi = touched.nmi and profiles.nmi_suffix = touched.nmi_suffix
inner join intermediate.int_channel_days__current as days
    on touched.nmi = days.nmi and touched.nmi_suffix = days.nmi_suffix and touched.market_date = days.market_date
inner join raw.meter_interval_records as records
    on days.billing_day = records.billing_day and days.source = records.source
    and days.file_name = records.file_name and days.line_number = records.line_number
left join intermediate.int_interval_events__clip as events
    on days.billing_day = events.billing_day and days.source = events.source
    and days.file_name = events.file_name and days.line_number = events.parent_line_number
    and events.first_interval <= events.last_interval
where days.is_conflicting = 0
order by profiles.profile_number, days.market_date, events.first_interval
"""


def send_intervals(systems: Systems) -> tuple[dict[str, object], list[str]]:
    """Plan what the run has touched and send what waits; returns facts, and what keeps days from being complete."""
    from loaders.sap_isu.soap.profiles import ProfileDays, send_profiles  # noqa: PLC0415 - loaded when used

    settings = systems.settings
    listed = settings.get("SAP_PROFILES")
    if not listed or not settings.sap_write:
        return {}, []
    try:
        statuses = statuses_of(settings)
        write_staged(systems, TABLE, lambda folder: [_stage(Path(listed), folder)])
        problems: list[str] = []
        days = ProfileDays(systems.engine)
        planned = days.plan(profile_days(systems.warehouse.stream(PROFILE_DAYS), statuses, problems))
        client = soap_client(settings)
        receiver = open_receiver(systems)
        try:
            wait = answer_wait_seconds(settings)
            result = send_profiles(days, client, outbox_of(systems), wait_seconds=wait)
        finally:
            client.close()
            if receiver:
                receiver.close()
    except (LoaderError, ConfigurationError) as error:
        return {}, [f"interval profiles: {' '.join(str(error).split())}"]
    facts = {"profile days planned": planned, "sent": result.sent, "states": dict(result.states)}
    return {"interval profiles": facts}, [*problems[:_MOST_PROBLEMS], *result.problems]


def profile_days(
    rows: Iterable[Mapping[str, Any]], statuses: Mapping[str, str], problems: list[str]
) -> Iterator[ProfileDay]:
    """The days of the query, one after the other; a day that cannot be sent is told and left out."""
    from loaders.sap_isu.soap.profiles import ProfileDay  # noqa: PLC0415 - loaded when used
    from loaders.sap_isu.soap.time_series import QualityRange, SeriesError, values_text  # noqa: PLC0415 - as above

    for (number, day), of_day in groupby(rows, key=lambda row: (str(row["profile_number"]), row["market_date"])):
        parts = list(of_day)
        first = parts[0]
        ranges = [
            QualityRange(int(part["first_interval"]), int(part["last_interval"]), str(part["event_quality_flag"]))
            for part in parts
            if part["first_interval"] is not None
        ]
        minutes = int(first["interval_length_minutes"])
        try:
            values = values_text(
                str(first["values_text"]),
                interval_minutes=minutes,
                kwh_factor=Decimal(str(first["kwh_factor"])),
                day_flag=str(first["quality_flag"]),
                ranges=ranges,
                statuses=statuses,
            )
        except SeriesError as error:
            problems.append(f"profile {number}, {first['nmi']} {first['nmi_suffix']} {day}: {error.why}")
            continue
        yield ProfileDay(number, day, str(first["nmi"]), str(first["nmi_suffix"]), minutes, values)


def statuses_of(settings: Settings) -> dict[str, str]:
    """SAP's status of each quality.

    Raises:
        ConfigurationError: the setting is not ``A=W`` and the like.
    """
    text = settings.require("SAP_PROFILE_STATUSES")
    pairs = [word.partition("=") for word in text.split()]
    if any(flag not in {"A", "S", "F", "E"} or not 1 <= len(code) <= 4 for flag, _, code in pairs):  # noqa: PLR2004
        msg = f"BILLSYNC_SAP_PROFILE_STATUSES is {text!r}; it must be pairs such as A=W S=V, qualities A, S, F, E"
        raise ConfigurationError(msg)
    return {flag: code for flag, _, code in pairs}


def _stage(path: Path, folder: Path) -> RawWrite:
    """The list of profiles as a raw table.

    Raises:
        ConfigurationError: the file cannot be read, or is no such list.
    """
    from loaders.snapshots import stage_rows  # noqa: PLC0415 - loaded when used

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return stage_rows(TABLE, _listed(csv.DictReader(file), path), folder)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        msg = f"BILLSYNC_SAP_PROFILES names {path.name}, which cannot be read: {error}"
        raise ConfigurationError(msg) from None


def _listed(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, object]]:
    if not set(_COLUMNS) <= set(reader.fieldnames or ()):
        msg = f"BILLSYNC_SAP_PROFILES: {path.name} needs the columns {', '.join(_COLUMNS)}"
        raise ConfigurationError(msg)
    channels: set[tuple[str, str]] = set()
    numbers: set[str] = set()
    for line, row in enumerate(reader, start=2):
        found = {name: (row[name] or "").strip() for name in _COLUMNS}
        channel = (found["nmi"], found["nmi_suffix"])
        is_wrong = any(not 1 <= len(found[name]) <= longest for name, longest in _LONGEST.items())
        if is_wrong or channel in channels or found["profile_number"] in numbers:
            msg = f"BILLSYNC_SAP_PROFILES: line {line} of {path.name} is not one channel with one profile of its own"
            raise ConfigurationError(msg)
        channels.add(channel)
        numbers.add(found["profile_number"])
        yield dict(found)
