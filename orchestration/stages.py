"""The order of a billing day's stages, and which raw tables are written late and read early.

Four dbt asset sets (by tag) take turns with the Python steps. Some raw tables are feedback: the load ledger that
today's load writes is read by today's rating as what was known before. Dagster's graph has no room for that loop, so
a model that runs before the step that writes such a table does not depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

RATING: Final = "rating"
BILLING: Final = "billing"
SETTLEMENT: Final = "settlement"
REPORTING: Final = "reporting"
DBT_STAGES: Final = (RATING, BILLING, SETTLEMENT, REPORTING)

# Steps in the order they run; a stage's place decides which feedback it may depend on.
ORDER: Final = (
    "extract",
    RATING,
    "exception_queue",
    BILLING,
    "load",
    SETTLEMENT,
    "exception_queue_after_load",
    REPORTING,
    "report",
)
_PLACE: Final = {stage: place for place, stage in enumerate(ORDER)}

# Raw tables that a step after extraction writes.
WRITTEN_BY: Final[Mapping[str, str]] = {
    "exception_queue": "exception_queue",
    "load_ledger": "load",
    "sap_billed_consumption": "load",
}


def stage_of(node: Mapping[str, Any]) -> str:
    """The stage whose dbt run builds a node; a node with no tag of a stage is a mistake of the project.

    Raises:
        ValueError: naming the node, when it has none or several of the four tags.
    """
    found = [stage for stage in DBT_STAGES if stage in node.get("tags", ())]
    if node["resource_type"] == "seed":
        return RATING
    if len(found) != 1:
        msg = f"dbt {node['resource_type']} {node['name']} has tags {found}; exactly one of {DBT_STAGES} is needed"
        raise ValueError(msg)
    return found[0]


def is_before(stage: str, other: str) -> bool:
    """Whether a stage runs before another."""
    return _PLACE[stage] < _PLACE[other]


def reads_feedback(stage: str, raw_table: str) -> bool:
    """Whether a model of a stage reads a raw table as the previous run left it."""
    writer = WRITTEN_BY.get(raw_table)
    return writer is not None and is_before(stage, writer)
