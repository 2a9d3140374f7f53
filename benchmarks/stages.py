"""The stages that ``benchmarks.measure`` runs one by one, each in its own process.

Each stage calls the product's own functions on a state folder that an earlier stage left. What a stage needs but does
not measure is done before its clock starts.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

from benchmarks import bills, revisions
from benchmarks.measure import report

Work = Callable[[], Mapping[str, float]]
USAGE = ("fct_daily_usage",)
DETERMINANTS = ("int_daily_energy__by_rate",)
PLAN_PROBLEMS = ("int_problems__plan_stops_bill", "int_problems__plan_words")
PROBLEMS = ("int_problems__detected",)


def seed(home: Path, day: date, service_points: str, interval_length: str = "") -> Work:
    """Make the sandbox's data, of meters of one interval length or of those that are in use; not part of any rate."""
    from sandbox.generate import seed_sandbox  # noqa: PLC0415
    from sandbox.generate_orders import Spec  # noqa: PLC0415

    def work() -> Mapping[str, int]:
        spec = Spec(service_points=int(service_points), days=1, seed=7, day=day)
        if interval_length:
            spec = replace(spec, interval_lengths=(int(interval_length),))
        seed_sandbox(home / "sandbox", spec)
        return {"service_points": int(service_points)}

    return work


def other_sources(home: Path, day: date) -> Work:
    """Read everything but the meter files; the models need it."""
    from orchestration.sources import SOURCES  # noqa: PLC0415

    systems = _systems(home)
    systems.warehouse.ensure_raw_schema()

    def work() -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for source in SOURCES:
            if source.name not in {"meter_files", "metering_api"}:
                for extract in source.read(systems, day, _empty(home / "staging" / source.name)):
                    counts |= systems.warehouse.replace(extract.writes)
        return counts

    return work


def read_files(home: Path, day: date) -> Work:
    """Tag the day's meter files and stage them as Parquet."""
    from loaders.sources.landing import LocalLanding  # noqa: PLC0415
    from loaders.sources.meter_files import extract_meter_files  # noqa: PLC0415

    staging = _empty(home / "staging" / "meter_files")
    return lambda: extract_meter_files(LocalLanding(home / "sandbox" / "landing"), day, staging).row_counts


def load_raw(home: Path, day: date) -> Work:
    """Put the staged files into the raw layer in one transaction."""
    from loaders.sources.landing import LocalLanding  # noqa: PLC0415
    from loaders.sources.meter_files import extract_meter_files  # noqa: PLC0415

    systems = _systems(home)
    staging = _empty(home / "staging" / "meter_files")
    staged = extract_meter_files(LocalLanding(home / "sandbox" / "landing"), day, staging)
    return lambda: systems.warehouse.replace(staged.writes)


def build_usage(home: Path, day: date) -> Work:
    """Build the models from raw records to ``fct_daily_usage``."""
    return _models(home, day, USAGE, already_built=())


def build_determinants(home: Path, day: date) -> Work:
    """Build the models from ``fct_daily_usage`` to the daily determinants."""
    return _models(home, day, DETERMINANTS, already_built=USAGE)


def check_plans(home: Path, day: date) -> Work:
    """Build the pricing models that find plans which cannot be priced; not part of any rate."""
    return _models(home, day, PLAN_PROBLEMS, already_built=(*USAGE, *DETERMINANTS))


def judge_reads(home: Path, day: date) -> Work:
    """Build the validation rules and what they alone stand on; counts are the milliseconds of each of their models."""
    built = (*USAGE, *DETERMINANTS, *PLAN_PROBLEMS)
    return _models(home, day, PROBLEMS, already_built=built, counted_folder="validation")


def seed_bills(home: Path, day: date, contracts: str) -> Work:
    """Fill a warehouse with contracts whose bills close on the day; not part of any rate."""
    warehouse = _systems(home).settings.duckdb_path

    def work() -> Mapping[str, int]:
        bills.fill(warehouse, day, int(contracts))
        return {"contracts": int(contracts)}

    return work


def store_determinants(home: Path, day: date, first_day: str) -> Work:
    """Build the daily determinants of the month, as the daily runs before the bills' day do; not part of any rate."""
    return _models(home, day, bills.STORED, already_built=(), first_day=date.fromisoformat(first_day))


def price_bills(home: Path, day: date) -> Work:
    """Close the bills of the day from the stored daily determinants."""
    return _models(home, day, bills.PRICED, already_built=("fct_daily_usage",))


def price_row_by_row(home: Path, _day: date, sample: str) -> Work:
    """Price some of the same bills row by row and compare every line."""
    warehouse = _systems(home).settings.duckdb_path
    return lambda: bills.price_row_by_row(warehouse, int(sample))


def price_all(home: Path, day: date, first_day: str) -> Work:
    """Everything from the raw layer to judged bills, for the month at once."""
    return _models(home, day, revisions.PRICED, already_built=(), first_day=date.fromisoformat(first_day))


def revise(home: Path, _day: date, percent: str) -> Work:
    """Deliver a part of the month again; not part of any rate."""
    warehouse = _systems(home).settings.duckdb_path
    return lambda: {"contracts": revisions.revise(warehouse, int(percent))}


def price_revision(home: Path, day: date) -> Work:
    """The whole run of the day that brings the revision."""
    return _models(home, day, revisions.PRICED, already_built=())


def load_sap(home: Path, _day: date, url: str, contracts: str, in_flight: str) -> Work:
    """Load readings into an SAP that serves already."""
    from benchmarks.sap_load import load_work  # noqa: PLC0415

    return load_work(home, url, int(contracts), int(in_flight))


STAGES: Mapping[str, Callable[..., Work]] = {
    stage.__name__: stage
    for stage in (
        seed, other_sources, read_files, load_raw, build_usage, build_determinants, check_plans, judge_reads,
        seed_bills, store_determinants, price_bills, price_row_by_row, load_sap,
        price_all, revise, price_revision,
    )
}  # fmt: skip


def _models(
    home: Path, day: date, wanted: tuple[str, ...], *, already_built: tuple[str, ...], first_day: date | None = None,
    counted_folder: str | None = None,
) -> Work:  # fmt: skip
    """Build what the wanted models stand on but ``already_built`` does not, with dbt's command as a run gives it."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415

    from orchestration.dbt_events import drop_debug_events  # noqa: PLC0415
    from orchestration.dbt_runner import GLOBAL_ARGS, common_args  # noqa: PLC0415

    target = _systems(home).dbt
    os.environ.update(target.environment)
    runner = dbtRunner(manifest=dbtRunner().invoke([*GLOBAL_ARGS, "parse", *common_args(target)]).result)
    drop_debug_events()
    days = f'{{"start_day": "{first_day or day}", "end_day": "{day}"}}'
    chosen = ["--select", *(f"+{name}" for name in wanted)]
    if already_built:
        chosen += ["--exclude", *(f"+{name}" for name in already_built)]

    def work() -> Mapping[str, int]:
        result = runner.invoke(
            [*GLOBAL_ARGS, "build", *common_args(target), "--vars", days, "--no-write-json", "--resource-type", "model",
             "--resource-type", "seed", *chosen]
        )  # fmt: skip
        if not result.success:
            raise SystemExit(f"dbt failed: {result.exception or [r.message for r in result.result if r.message]}")
        slowest = sorted(result.result, key=lambda one: one.execution_time, reverse=True)[:12]
        for one in slowest:
            print(f"{one.execution_time:8.2f} s  {one.node.name}", file=sys.stderr)
        if counted_folder:
            return {
                one.node.name: round(one.execution_time * 1000)
                for one in result.result
                if counted_folder in one.node.fqn
            }
        return {"models": len(result.result)}

    return work


def _systems(home: Path):
    from orchestration.systems import Systems  # noqa: PLC0415

    return Systems({"BILLSYNC_HOME": str(home), "PATH": os.environ["PATH"]})


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def main() -> None:
    """``python -m benchmarks.stages STAGE HOME DAY …``."""
    stage, home, day, *rest = sys.argv[1:]
    report(STAGES[stage](Path(home), date.fromisoformat(day), *rest))


if __name__ == "__main__":
    main()
