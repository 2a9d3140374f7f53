"""Soda contracts as Dagster asset checks, and the gate in front of the load.

What belongs here: specs from contract files, results from outcomes, and one blocking check that lets the load go on
only when no contract failed. What stays out: Soda itself (``checks/runner.py``).
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import dagster as dg

from checks.runner import CheckOutcome, TableContract, verify_contracts
from orchestration.assets.transform import DUCKDB_POOL
from orchestration.partitions import billing_day_of_run
from orchestration.systems import Systems

READINGS_PLAN: Final = dg.AssetKey(["intermediate", "int_meter_readings__plan"])
GATE: Final = "fit_to_load"
CONTRACT: Final = "soda_contract"


def build_soda_checks(contracts: Sequence[TableContract]) -> dg.AssetChecksDefinition:
    """One step that verifies every contract, then says whether the readings may be loaded."""
    specs = [
        dg.AssetCheckSpec(
            name=CONTRACT,
            asset=dg.AssetKey([contract.schema, contract.table]),
            description=f"Soda contract checks/{contract.schema}/{contract.path.name}: "
            + ", ".join(contract.check_names),
        )
        for contract in contracts
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
        names = {(key.asset_key, key.name) for key in selected}
        day = billing_day_of_run(context.run).isoformat()
        outcomes = verify_contracts(wanted(contracts, selected), systems.soda_source, {"BILLING_DAY": day})
        results = [*contract_results(outcomes), gate_result(outcomes)]
        yield from (result for result in results if (result.asset_key, result.check_name) in names)

    return soda_contracts


def wanted(contracts: Sequence[TableContract], selected: Collection[dg.AssetCheckKey]) -> list[TableContract]:
    """The contracts behind selected checks; the gate needs them all."""
    if dg.AssetCheckKey(READINGS_PLAN, GATE) in selected:
        return list(contracts)
    tables = {tuple(key.asset_key.path) for key in selected}
    return [contract for contract in contracts if (contract.schema, contract.table) in tables]


def contract_results(outcomes: Sequence[CheckOutcome]) -> Iterator[dg.AssetCheckResult]:
    """One result per contract, as bad as the worst of its checks; its metadata hold them all.

    Pass is passed; warn is not passed with severity warn; failed and not evaluated are not passed with error.
    """
    by_table: dict[tuple[str, str], list[CheckOutcome]] = {}
    for outcome in outcomes:
        by_table.setdefault((outcome.schema, outcome.table), []).append(outcome)
    for (schema, table), checks in by_table.items():
        bad = [one for one in checks if not one.passed]
        yield dg.AssetCheckResult(
            asset_key=dg.AssetKey([schema, table]),
            check_name=CONTRACT,
            passed=not bad,
            severity=dg.AssetCheckSeverity.ERROR if any(one.blocks for one in bad) else dg.AssetCheckSeverity.WARN,
            description="; ".join(f"{one.name} {one.outcome}: {one.detail}" for one in bad)[:2000]
            or f"{len(checks)} checks hold",
            metadata={"checks": dg.MetadataValue.json([_told(one) for one in checks])},
        )


def _told(outcome: CheckOutcome) -> dict[str, object]:
    return {
        "check": outcome.name,
        "outcome": outcome.outcome,
        "detail": outcome.detail,
        "values": dict(outcome.values),
    }


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
