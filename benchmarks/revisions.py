"""``python -m benchmarks.revisions``: a month of many contracts, then a revision of one percent of it.

Prints the table that docs/performance.md keeps: pricing everything once against finding, pricing again and judging the
bills that a later delivery reaches. The short run is measured several times on copies of the warehouse; the median
counts.
"""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import click
import duckdb

from benchmarks.measure import Measurement, machine, measured

DAY: Final = date(2026, 3, 5)
LATER: Final = DAY + timedelta(days=40)
DAYS: Final = 30
REPEATS: Final = 3
PRICED: Final = ("fct_bill_revisions", "fct_bill_read_versions", "int_bill_facts__worked", "int_meter_files__worked")


def revise(path: Path, percent: int) -> int:
    """Let SAP confirm every reading, and deliver all days of some contracts again, changed; returns how many."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            insert into raw.load_ledger by name
                select meter_reading_order_id as reading_key, meter_reading_order_id, contract_id,
                    billing_day as reading_date, 'CONFIRMED' as state from raw.retailer_meter_reading_orders;
            insert into raw.meter_files by name
                select date '{LATER}' as billing_day, 'FILE' as source, 'revision' as file_name,
                    'revision' as file_hash, 'ACCEPTED' as status;
            insert into raw.meter_interval_records by name
                select * replace (
                    date '{LATER}' as billing_day, 'revision' as file_name,
                    cast(row_number() over () as integer) as line_number, '20260414010000' as update_text,
                    concat('9.875', substr(values_text, instr(values_text, ','))) as values_text,
                    concat('r', content_hash) as content_hash
                )
                from raw.meter_interval_records
                where cast(substr(nmi, 2) as integer) % 100 < {percent};
        """)
        counted = connection.execute(
            "select count(distinct nmi) from raw.meter_interval_records where file_name = 'revision'"
        ).fetchone()
    return int(counted[0]) if counted else 0


def _price_revision(folder: Path) -> Measurement:
    """The median of several runs, each on the warehouse as it was before."""
    warehouse, before = folder / "warehouse.duckdb", folder / "before.duckdb"
    shutil.copyfile(warehouse, before)
    runs = []
    for _ in range(REPEATS):
        shutil.copyfile(before, warehouse)
        runs.append(measured("price_revision", str(folder), LATER.isoformat()))
    return sorted(runs, key=lambda run: run.cpu_seconds)[REPEATS // 2]


@click.command()
@click.option("--contracts", default=75_000, show_default=True, help="Contracts whose bills close.")
@click.option("--percent", default=1, show_default=True, help="Percent of them whose whole month is revised.")
def main(contracts: int, percent: int) -> None:
    """Measure the full run and the run of the revision, from the raw layer to the judged bills."""
    folder = Path(tempfile.mkdtemp(prefix="billsync-bench-"))
    first = DAY - timedelta(days=DAYS - 1)
    try:
        measured("seed_bills", str(folder), DAY.isoformat(), str(contracts))
        full = measured("price_all", str(folder), DAY.isoformat(), first.isoformat())
        measured("revise", str(folder), LATER.isoformat(), str(percent))
        again = _price_revision(folder)
        with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as warehouse:
            reached, anew = warehouse.execute(
                "select count(*), count(*) filter (to_version = 2) from marts.fct_bill_revisions"
            ).fetchall()[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    click.echo(f"machine: {machine()}\n")
    click.echo("| contracts | run | seconds | CPU s | bills | new versions |")
    click.echo("| ---: | --- | ---: | ---: | ---: | ---: |")
    click.echo(f"| {contracts:,} | full | {full.seconds:.1f} | {full.cpu_seconds:.1f} | {contracts:,} | |")
    click.echo(f"| | {percent} % revised | {again.seconds:.1f} | {again.cpu_seconds:.1f} | {reached:,} | {anew:,} |")
    click.echo(
        f"\n- the revision takes {100 * again.cpu_seconds / full.cpu_seconds:.1f} % of the full run's CPU seconds"
    )


if __name__ == "__main__":
    main()
