"""Every validation rule over what lies in a landing folder and a retailer's tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import duckdb

from loaders.sources.landing import LocalLanding
from loaders.sources.meter_files import extract_meter_files
from loaders.warehouse import open_warehouse
from loaders.warehouse.schema import RAW_TABLES

Dbt = Callable[..., Path]
Tables = Mapping[str, list[dict[str, object]]]
Found = tuple[str, str, str, date, date]
RULES = ("+int_problems__detected",)
# Rules on plans have nothing to look at here: there is no catalogue.
NOT_ON_READS = "('PLAN_UNKNOWN', 'PLAN_NOT_PRICEABLE', 'PLAN_FIELD_UNKNOWN')"


def detect(dbt: Dbt, folder: Path, tables: Tables, *, delivered: date, since: date) -> list[Found]:
    """Run the rules for the billing days since one of them; return rule, severity, NMI and days.

    Args:
        dbt: runs dbt.
        folder: holds ``landing`` with the files of the day ``delivered``; the warehouse is made beside it.
        tables: the retailer's rows by table, without the prefix; columns left out are null.
        delivered: the last billing day.
        since: the first billing day.
    """
    path, staging = folder / "warehouse.duckdb", folder / "staging"
    staging.mkdir()
    warehouse = open_warehouse("duckdb", duckdb_path=path)
    warehouse.ensure_raw_schema()
    warehouse.replace(extract_meter_files(LocalLanding(folder / "landing"), delivered, staging).writes)
    with duckdb.connect(str(path)) as connection:
        for table, rows in tables.items():
            columns = RAW_TABLES[f"retailer_{table}"].column_names
            places = ", ".join("?" for _ in columns)
            connection.executemany(
                f"insert into raw.retailer_{table} values ({places})", [[row.get(c) for c in columns] for row in rows]
            )
    days = f'{{"start_day": "{since}", "end_day": "{delivered}"}}'
    dbt("seed", warehouse=path, folder=folder)
    dbt("run", "--select", *RULES, "--vars", days, warehouse=path, folder=folder)
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            "select rule_code, severity, nmi, first_market_date, last_market_date "
            f"from intermediate.int_problems__detected where rule_code not in {NOT_ON_READS} order by all"
        ).fetchall()
