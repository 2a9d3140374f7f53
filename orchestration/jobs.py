"""The jobs: the whole billing day, and the second look at what SAP had not billed yet.

Both run in one process: DuckDB has one writer, and every step of a process of its own would pay dbt's start again.
"""

from __future__ import annotations

from typing import Final

import dagster as dg

from orchestration.stages import REPORTING, SETTLEMENT
from orchestration.translation import EXCEPTIONS_AFTER_LOAD, raw_key

BILLING_DAY: Final = "billing_day"
SETTLEMENT_JOB: Final = "look_again_at_sap"
REPORT_KEY: Final = dg.AssetKey(["report", "day_report"])


def billing_day_job(partitions_def: dg.PartitionsDefinition[str]) -> dg.UnresolvedAssetJobDefinition:
    """Every asset and every check of a billing day."""
    return dg.define_asset_job(
        BILLING_DAY,
        selection=dg.AssetSelection.all(),
        partitions_def=partitions_def,
        executor_def=dg.in_process_executor,
        description="A billing day from its deliveries to checked bills: extract, rate, hold, load, compare, report.",
        tags={"dagster/priority": "10"},
    )


def settlement_job(
    partitions_def: dg.PartitionsDefinition[str], keys_by_stage: dict[str, list[dg.AssetKey]]
) -> dg.UnresolvedAssetJobDefinition:
    """Read SAP back for every loaded period and compare again; loads nothing."""
    keys = [
        raw_key("sap_billed_consumption"),
        *keys_by_stage.get(SETTLEMENT, ()),
        EXCEPTIONS_AFTER_LOAD,
        *keys_by_stage.get(REPORTING, ()),
        REPORT_KEY,
    ]
    return dg.define_asset_job(
        SETTLEMENT_JOB,
        selection=dg.AssetSelection.assets(*keys),
        partitions_def=partitions_def,
        executor_def=dg.in_process_executor,
        description="Asks SAP again for periods that it had not billed, and compares, reports and alerts.",
    )
