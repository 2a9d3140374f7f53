"""``python -m benchmarks``: meter files to daily determinants at growing sizes, and the small day end to end.

Prints the tables that docs/performance.md keeps. Rates are intervals per second of the stage's own work, without
imports; memory is the stage's own process at its highest.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import duckdb

from benchmarks.measure import Measurement, machine, measured
from benchmarks.sap_load import measure_load

DAY = "2026-03-05"
RATED = ("read_files", "load_raw", "build_usage", "build_determinants")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--sizes", default="1000,10000,100000", show_default=True, help="Service points, comma-separated.")
@click.option("--home", type=click.Path(path_type=Path), help="Folder for the data; a temporary one by default.")
@click.option("--sap-readings", default=100_000, show_default=True, help="Readings to load into SAP; 0 for none.")
def main(sizes: str, home: Path | None, sap_readings: int) -> None:
    """Measure files to daily determinants for each number of service points, and the load into SAP."""
    click.echo(f"machine: {machine()}\n")
    if sizes:
        click.echo("| service points | intervals | stage | seconds | intervals/s | peak MiB |")
        click.echo("| ---: | ---: | --- | ---: | ---: | ---: |")
    for size in (int(word) for word in sizes.split(",") if word):
        folder = Path(tempfile.mkdtemp(prefix="billsync-bench-", dir=home))
        try:
            _measure_size(folder, size)
        finally:
            _sandbox(folder, "down")
            shutil.rmtree(folder, ignore_errors=True)
    if sap_readings:
        _measure_sap(sap_readings)


def _measure_sap(readings: int) -> None:
    """The load with five requests in flight, and a tenth and a fiftieth of it to see rate and memory beside it."""
    click.echo("\n| readings into SAP | in flight | seconds | readings/s | peak MiB |")
    click.echo("| ---: | ---: | ---: | ---: | ---: |")
    for number, in_flight in ((readings // 50, 1), (readings // 10, 5), (readings, 5)):
        one = measure_load(number, in_flight)
        rate = number / one.seconds
        click.echo(f"| {number:,} | {in_flight} | {one.seconds:.1f} | {rate:,.0f} | {one.peak_mib:,.0f} |")


def _measure_size(folder: Path, size: int) -> None:
    measured("seed", str(folder), DAY, str(size))
    _sandbox(folder, "up")
    measured("other_sources", str(folder), DAY)
    stages = [measured(stage, str(folder), DAY) for stage in RATED]
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
        counted = warehouse.execute("select sum(value_count) from raw.meter_interval_records").fetchone()
    intervals = int(counted[0]) if counted else 0
    total = Measurement(
        "files to determinants", sum(s.seconds for s in stages), max(s.peak_mib for s in stages), {}
    )  # fmt: skip
    for stage in (*stages, total):
        rate = intervals / stage.seconds
        click.echo(
            f"| {size:,} | {intervals:,} | {stage.stage} | {stage.seconds:.2f} | {rate:,.0f} | {stage.peak_mib:,.0f} |"
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
