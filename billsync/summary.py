"""What a billing day came to, in numbers read from the warehouse.

What belongs here: the queries behind ``run``, ``status`` and ``--json``. What stays out: computing anything that a
mart does not hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from loaders.errors import LoaderError
from loaders.warehouse import Warehouse

Row = Mapping[str, object]

STAGES = (
    "select stage, unit, received, accepted, rejected, parked from marts.rpt_sync_status "
    "where billing_day between ? and ? order by billing_day, stage"
)
EXCEPTIONS = (
    "select rule_code, severity, state, count(*) as exceptions from marts.fct_billing_exceptions "
    "where billing_day between ? and ? group by rule_code, severity, state order by severity, rule_code, state"
)
BILLS = (
    "select status, count(*) as bills, sum(total_inc_gst_aud) as total_inc_gst_aud from marts.fct_shadow_bills "
    "where billing_day between ? and ? group by status order by status"
)
RECONCILIATION = (
    "select r.outcome, count(*) as bills, sum(r.difference_aud) as difference_aud "
    "from marts.fct_bill_reconciliation as r inner join marts.fct_shadow_bills as b "
    "on b.contract_id = r.contract_id and b.period_start_date = r.period_start_date "
    "and b.period_end_date = r.period_end_date "
    "where b.billing_day between ? and ? group by r.outcome order by r.outcome"
)
READINGS = (
    "select load_status, count(*) as readings from marts.fct_isu_meter_readings "
    "where billing_day between ? and ? group by load_status order by load_status"
)


@dataclass(frozen=True)
class DaySummary:
    """The numbers of one or several billing days.

    Attributes:
        stages: rows of ``rpt_sync_status``.
        exceptions: exceptions by rule, severity and state.
        bills: bills by status.
        readings: readings by the ledger's state.
        reconciliation: compared bills by outcome.
    """

    stages: Sequence[Row] = ()
    exceptions: Sequence[Row] = ()
    bills: Sequence[Row] = ()
    readings: Sequence[Row] = ()
    reconciliation: Sequence[Row] = ()

    def as_json(self) -> dict[str, object]:
        """Plain values: decimals as text, so that no reader rounds them."""
        return {name: [_plain(row) for row in rows] for name, rows in vars(self).items()}


def read_summary(warehouse: Warehouse, first: date, last: date) -> DaySummary:
    """Read the numbers; a table that does not exist yet is empty."""
    queries = (STAGES, EXCEPTIONS, BILLS, READINGS, RECONCILIATION)
    with warehouse.reading():
        return DaySummary(*(_rows(warehouse, sql, first, last) for sql in queries))


def _rows(warehouse: Warehouse, sql: str, first: date, last: date) -> Sequence[Row]:
    try:
        return warehouse.fetch(sql, [first, last])
    except LoaderError:
        # A day that stopped early has no marts yet; what it did is shown by its failures.
        return ()


def _plain(row: Row) -> dict[str, object]:
    return {name: value if isinstance(value, int | None) else str(value) for name, value in row.items()}


def summary_lines(summary: DaySummary) -> list[str]:
    """The summary as text for a person."""
    blocks = (
        ("Balance by stage", summary.stages),
        ("Bills", summary.bills),
        ("Readings", summary.readings),
        ("Compared with SAP", summary.reconciliation),
        ("Exceptions", summary.exceptions),
    )
    lines: list[str] = []
    for title, rows in blocks:
        lines += ["", title, *(table_lines(rows) if rows else ["  none"])]
    return lines


def table_lines(rows: Sequence[Row]) -> list[str]:
    """Rows as aligned columns, numbers to the right."""
    if not rows:
        return []
    names = list(rows[0])
    cells = [[_shown(row[name]) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[place]) for row in cells)) for place, name in enumerate(names)]
    numeric = [not isinstance(rows[0][name], str) for name in names]
    header = "  ".join(
        _pad(name, width, right=right) for name, width, right in zip(names, widths, numeric, strict=True)
    )
    body = [
        "  ".join(_pad(cell, width, right=right) for cell, width, right in zip(row, widths, numeric, strict=True))
        for row in cells
    ]
    return [f"  {line}".rstrip() for line in (header, *body)]


def _shown(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _pad(text: str, width: int, *, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
