"""Soda contracts as Dagster asset checks, and the gate in front of the load.

What belongs here: specs from contract files, results from outcomes, and one blocking check that lets the load go on
only when no contract failed. What stays out: Soda itself (``checks/runner.py``).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import dagster as dg

from checks.runner import CheckOutcome, TableContract, verify_duckdb
from orchestration.assets.transform import DUCKDB_POOL
from orchestration.partitions import billing_day_of_run
from orchestration.systems import Systems

READINGS_PLAN: Final = dg.AssetKey(["intermediate", "int_meter_readings__plan"])
GATE: Final = "fit_to_load"


def build_soda_checks(contracts: Sequence[TableContract]) -> dg.AssetChecksDefinition:
    """One step that verifies every contract, then says whether the readings may be loaded."""
    specs = [
        dg.AssetCheckSpec(
            name=name,
            asset=dg.AssetKey([contract.schema, contract.table]),
            description=f"Soda contract checks/{contract.schema}/{contract.path.name}",
        )
        for contract in contracts
        for name in contract.check_names
    ]
    gate = dg.AssetCheckSpec(
        name=GATE,
        asset=READINGS_PLAN,
        blocking=True,
        description="No Soda contract of raw, staging or marts failed; warnings let the load go on.",
    )

    @dg.multi_asset_check(
        name="soda_contracts",
        specs=[*specs, gate],
        can_subset=True,
        pool=DUCKDB_POOL,
        required_resource_keys={"systems"},
    )
    def soda_contracts(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        systems: Systems = context.resources.systems
        selected = context.selected_asset_check_keys
        day = billing_day_of_run(context.run).isoformat()
        outcomes = verify_duckdb(wanted(contracts, selected), systems.settings.duckdb_path, {"BILLING_DAY": day})
        results = [*(check_result(outcome) for outcome in outcomes), gate_result(outcomes)]
        yield from (result for result in results if dg.AssetCheckKey(result.asset_key, result.check_name) in selected)

    return soda_contracts


def wanted(contracts: Sequence[TableContract], selected: Collection[dg.AssetCheckKey]) -> list[TableContract]:
    """The contracts behind selected checks; the gate needs them all."""
    if dg.AssetCheckKey(READINGS_PLAN, GATE) in selected:
        return list(contracts)
    tables = {tuple(key.asset_key.path) for key in selected}
    return [contract for contract in contracts if (contract.schema, contract.table) in tables]


def check_result(outcome: CheckOutcome) -> dg.AssetCheckResult:
    """Pass to passed; warn to not passed with severity warn; failed and not evaluated to not passed with error."""
    severity = dg.AssetCheckSeverity.WARN if outcome.outcome == "warned" else dg.AssetCheckSeverity.ERROR
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey([outcome.schema, outcome.table]),
        check_name=outcome.name,
        passed=outcome.passed,
        severity=severity,
        description=outcome.detail,
        metadata={"outcome": outcome.outcome, **outcome.values},
    )


def gate_result(outcomes: Sequence[CheckOutcome]) -> dg.AssetCheckResult:
    """The gate: fails with the names of every check that blocks."""
    blocking = [f"{one.schema}.{one.table} {one.name}: {one.detail}" for one in outcomes if one.blocks]
    return dg.AssetCheckResult(
        asset_key=READINGS_PLAN,
        check_name=GATE,
        passed=not blocking,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(blocking)[:2000] or f"{len(outcomes)} checks, none failed",
        metadata={"checks": len(outcomes), "blocking": len(blocking)},
    )
