"""What the day comes to, in one sentence and one of three tones.

What belongs here: pure words from numbers. What stays out: where the numbers come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Tone = Literal["good", "attention", "incomplete"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """The day in short.

    Attributes:
        tone: good (nothing waits), attention (a person has to decide) or incomplete (something was lost or not sent).
        headline: a few words.
        sentence: the same with numbers.
    """

    tone: Tone
    headline: str
    sentence: str


def judge(answers: Mapping[str, Sequence[Row]]) -> Verdict:
    """Judge a day from the report's queries."""
    stages = {row["stage"]: row for row in answers["balance"]}
    if not stages:
        return Verdict("incomplete", "Nothing is known of this day", "No run of this billing day has finished.")
    contracts, loaded, compared = (
        _counts(stages.get(name)) for name in ("contracts", "readings_loaded", "bills_compared")
    )
    lost = contracts["rejected"] + _counts(stages.get("readings_planned"))["rejected"]
    open_issues = len(answers["open_issues"])
    sentence = _sentence(contracts, loaded, compared, open_issues)
    if lost or loaded["rejected"]:
        return Verdict("incomplete", "The day is not complete", sentence)
    if loaded["parked"]:
        return Verdict("attention", "The load is not confirmed yet", sentence)
    if contracts["parked"] or compared["rejected"] or open_issues:
        return Verdict("attention", "The day is done; some of it waits for a person", sentence)
    return Verdict("good", "The day is done and nothing waits", sentence)


def _counts(row: Row | None) -> dict[str, int]:
    names = ("received", "accepted", "rejected", "parked")
    return {name: int(row[name]) if row else 0 for name in names}


def _sentence(
    contracts: Mapping[str, int], loaded: Mapping[str, int], compared: Mapping[str, int], open_issues: int
) -> str:
    if not contracts["received"]:
        return f"No contract closes on this day; {_many(open_issues, 'issue waits', 'issues wait')} for a person."
    closing = _many(contracts["received"], "contract closes", "contracts close")
    parts = [
        f"{closing}: {contracts['accepted']} ready to bill, {contracts['parked']} waiting",
        f"{loaded['accepted']} of {loaded['received']} readings are confirmed by SAP",
    ]
    if compared["accepted"] or compared["rejected"]:
        judged = compared["accepted"] + compared["rejected"]
        parts.append(f"{compared['rejected']} of {_many(judged, 'compared bill', 'compared bills')} differ")
    else:
        parts.append("SAP has not billed yet")
    parts.append(f"{_many(open_issues, 'issue is', 'issues are')} open")
    return "; ".join(parts) + "."


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
