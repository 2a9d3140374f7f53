"""``python -m benchmarks``: meter files to daily determinants at growing sizes, and bills from stored determinants.

Prints the tables that docs/performance.md keeps. Rates are intervals per second of the stage's own work, without
imports; memory is the stage's own process at its highest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import click
import duckdb

from benchmarks.bills import DAYS as BILL_DAYS
from benchmarks.measure import Measurement, machine, measured
from benchmarks.sap_load import measure_load

DAY = "2026-03-05"
ROW_SAMPLE = 1000
HALF_HOURLY = "30"
MILLION = 1_000_000
RATED = ("read_files", "load_raw", "build_usage", "build_determinants")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sizes", default="1000,10000,100000", show_default=True, help="Service points, comma-separated.")
@click.option("--rules", default=200_000, show_default=True, help="Half-hourly service points to judge; 0 for none.")
@click.option("--bills", default=100_000, show_default=True, help="Bills to close at once; 0 leaves that out.")
@click.option("--home", type=click.Path(path_type=Path), help="Folder for the data; a temporary one by default.")
@click.option("--sap-readings", default=100_000, show_default=True, help="Readings to load into SAP; 0 for none.")
def main(sizes: str, rules: int, bills: int, home: Path | None, sap_readings: int) -> None:
    """Measure files to daily determinants, validation, bills from stored determinants, and the load into SAP."""
    click.echo(f"machine: {machine()}\n")
    if sizes:
        click.echo("| service points | intervals | stage | seconds | intervals/s | CPU s | peak MiB |")
        click.echo("| ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for size in (int(word) for word in sizes.split(",") if word):
        with _folder(home) as folder:
            _measure_size(folder, size)
    if rules:
        with _folder(home) as folder:
            _measure_rules(folder, rules)
    if bills:
        with _folder(home) as folder:
            _measure_bills(folder, bills)
    if sap_readings:
        _measure_sap(sap_readings)


@contextmanager
def _folder(home: Path | None) -> Iterator[Path]:
    """A state folder that goes with the measurement, its sandbox too."""
    folder = Path(tempfile.mkdtemp(prefix="billsync-bench-", dir=home))
    try:
        yield folder
    finally:
        _sandbox(folder, "down")
        shutil.rmtree(folder, ignore_errors=True)


def _measure_sap(readings: int) -> None:
    """The load with five requests in flight, and a tenth and a fiftieth of it to see rate and memory beside it."""
    click.echo("\n| readings into SAP | in flight | seconds | readings/s | peak MiB |")
    click.echo("| ---: | ---: | ---: | ---: | ---: |")
    for number, in_flight in ((readings // 50, 1), (readings // 10, 5), (readings, 5)):
        one = measure_load(number, in_flight)
        rate = number / one.seconds
        click.echo(f"| {number:,} | {in_flight} | {one.seconds:.1f} | {rate:,.0f} | {one.peak_mib:,.0f} |")


def _measure_bills(folder: Path, contracts: int) -> None:
    """Close bills with time of use, steps and demand, then price some of them row by row: same lines, both speeds."""
    day = date.fromisoformat(DAY)
    measured("seed_bills", str(folder), DAY, str(contracts))
    measured("store_determinants", str(folder), DAY, str(day - timedelta(days=BILL_DAYS - 1)))
    closed = measured("price_bills", str(folder), DAY)
    rows = measured("price_row_by_row", str(folder), DAY, str(min(contracts, ROW_SAMPLE))).counts
    by_row = rows["bills"] / rows["cpu_seconds"]
    per_core = contracts / closed.cpu_seconds
    click.echo(
        f"\n{contracts:,} bills of {BILL_DAYS} days from stored daily determinants, peak {closed.peak_mib:,.0f} MiB:"
    )
    click.echo(f"- SQL: {closed.seconds:.1f} s, {contracts / closed.seconds:,.0f} bills/s; "
               f"{closed.cpu_seconds:.1f} CPU seconds, {per_core:,.0f} bills per CPU second")  # fmt: skip
    click.echo(f"- pandas row by row ({rows['bills']:,} bills, {rows['lines']:,} lines, all equal): "
               f"{by_row:,.0f} bills per CPU second")  # fmt: skip
    click.echo(f"- ratio per CPU second: {per_core / by_row:.1f}; on all cores against one: "
               f"{contracts / closed.seconds / (rows['bills'] / rows['seconds']):.1f}")  # fmt: skip


def _measure_size(folder: Path, size: int) -> None:
    measured("seed", str(folder), DAY, str(size))
    _sandbox(folder, "up")
    measured("other_sources", str(folder), DAY)
    stages = [measured(stage, str(folder), DAY) for stage in RATED]
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        counted = warehouse.execute("select sum(value_count) from raw.meter_interval_records").fetchone()
    intervals = int(counted[0]) if counted else 0
    total = Measurement(
        "files to determinants", sum(s.seconds for s in stages), sum(s.cpu_seconds for s in stages),
        max(s.peak_mib for s in stages), {},
    )  # fmt: skip
    for stage in (*stages, total):
        rate = intervals / stage.seconds
        click.echo(
            f"| {size:,} | {intervals:,} | {stage.stage} | {stage.seconds:.2f} | {rate:,.0f} | {stage.cpu_seconds:.2f} "
            f"| {stage.peak_mib:,.0f} |"
        )


def _measure_rules(folder: Path, size: int) -> None:
    """What each validation rule costs on a day of half-hourly meters, and all of them beside reading the files."""
    measured("seed", str(folder), DAY, str(size), HALF_HOURLY)
    _sandbox(folder, "up")
    before = {stage: measured(stage, str(folder), DAY) for stage in ("other_sources", *RATED, "check_plans")}
    rules = measured("judge_reads", str(folder), DAY)
    reading = before["read_files"].cpu_seconds + before["load_raw"].cpu_seconds
    total = sum(rules.counts.values())
    click.echo(f"\n| validation of {size:,} half-hourly service points: model | ms | share |\n| --- | ---: | ---: |")
    for name, cost in sorted(rules.counts.items(), key=lambda one: (-one[1], one[0])):
        click.echo(f"| `{name}` | {cost:,} | {100 * cost / max(total, 1):.1f} % |")
    click.echo(f"| all | {total:,} | 100 % |\n")
    scale = MILLION / size
    click.echo(
        f"- reading the files: {reading:.1f} CPU seconds; all rules, with dbt's own time: {rules.cpu_seconds:.1f}, "
        f"{100 * rules.cpu_seconds / reading:.0f} % of it"
    )
    click.echo(
        f"- scaled to a million service points: reading {scale * reading:.0f}, rules {scale * rules.cpu_seconds:.0f} "
        f"CPU seconds\n"
    )


def _sandbox(folder: Path, command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "billsync", "sandbox", command],
        env={"BILLSYNC_HOME": str(folder), "PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).resolve().parents[1],
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    main()
