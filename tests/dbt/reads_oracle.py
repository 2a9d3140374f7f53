"""Daily usage worked out once more, in plain Python from the raw records: slow, obvious, and nothing like the SQL."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

Record = Mapping[str, object]
Key = tuple[str, str, date]
FACTORS = {"kwh": Decimal(1), "wh": Decimal("0.001"), "mwh": Decimal(1000)}
KINDS = {"A": "actual", "S": "substituted", "F": "substituted"}


def nmi_of(delivered: str) -> str:
    """Ten characters when the eleventh is the check digit of the ten before."""
    nmi = delivered.strip().upper()
    if len(nmi) != 11:
        return nmi
    total = 0
    for place, character in enumerate(reversed(nmi[:10])):
        code = ord(character) * (2 if place % 2 == 0 else 1)
        total += sum(int(digit) for digit in str(code))
    return nmi[:10] if str(-total % 10) == nmi[10] else nmi


def stamp_of(record: Record) -> datetime:
    """The record's version time, UTC."""
    for text in (record["update_text"], record["file_created_text"]):
        if text:
            padded = str(text)[:14].ljust(14, "0")
            return datetime.strptime(padded, "%Y%m%d%H%M%S") - timedelta(hours=10)  # noqa: DTZ007 - made UTC here
    day = record["billing_day"]
    assert isinstance(day, date)
    return datetime(day.year, day.month, day.day) + timedelta(hours=14)  # noqa: DTZ001 - naive UTC as stored


def daily_usage(records: Iterable[Record], events: Iterable[Record]) -> dict[Key, dict[str, object]]:
    """Usage and counts of every channel-day of energy by its current version."""
    versions: dict[Key, list[Record]] = defaultdict(list)
    for record in records:
        if str(record["unit"]).strip().lower() in FACTORS:
            day = datetime.strptime(str(record["interval_date"]), "%Y%m%d").date()  # noqa: DTZ007 - a market day
            versions[nmi_of(str(record["nmi"])), str(record["nmi_suffix"]).strip().upper(), day].append(record)
    by_parent: dict[tuple[object, ...], list[Record]] = defaultdict(list)
    for event in events:
        by_parent[_place(event, "parent_line_number")].append(event)
    return {key: _day(choices, by_parent) for key, choices in versions.items()}


def _place(record: Record, line: str) -> tuple[object, ...]:
    return record["billing_day"], record["source"], record["file_name"], record[line]


def _day(choices: list[Record], by_parent: Mapping[tuple[object, ...], list[Record]]) -> dict[str, object]:
    latest = max(stamp_of(choice) for choice in choices)
    equals = [choice for choice in choices if stamp_of(choice) == latest]
    current = min(equals, key=lambda record: (record["billing_day"], record["file_name"], record["line_number"]))
    texts = str(current["values_text"]).split(",")
    flags = [str(current["quality_method"] or "?")[0].upper()] * len(texts)
    taken = [False] * len(texts)
    for event in sorted(by_parent[_place(current, "line_number")], key=lambda e: int(str(e["start_interval"]))):
        for place in range(int(str(event["start_interval"])) - 1, min(int(str(event["end_interval"])), len(texts))):
            if not taken[place]:
                taken[place], flags[place] = True, str(event["quality_method"] or "?")[0].upper()
    factor = FACTORS[str(current["unit"]).strip().lower()]
    usage, halves, counts = Decimal(0), [Decimal(0)] * 48, Counter[str]()
    for place, (text, flag) in enumerate(zip(texts, flags, strict=True)):
        if not text.strip() or flag == "N":
            counts["missing"] += 1
            continue
        counts[KINDS.get(flag, "estimated")] += 1
        energy = Decimal(text) * factor
        usage += energy
        halves[place * 48 // len(texts)] += energy
    return {
        "usage_kwh": usage,
        "max_demand_kw": max(halves) * 2,
        "interval_count": len(texts),
        **{f"{kind}_interval_count": counts[kind] for kind in ("actual", "substituted", "estimated", "missing")},
        "read_version_at": latest,
        "is_conflicting": int(len({choice["content_hash"] for choice in equals}) > 1),
    }
