"""One self-contained HTML file per billing day: what came in, what became of it, what waits for whom.

What belongs here: putting the answers of the queries, the charts and the template together. What stays out: rules
and sums (every number is a query over the marts, see ``queries``), and when a report is made (``orchestration``).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from billsync.report import figures
from billsync.report.queries import QUERIES, Row, run_queries
from billsync.report.verdict import judge
from billsync.report.words import FILTERS
from loaders.warehouse import Warehouse

DAYS_SHOWN: Final = 30
ROWS_SHOWN: Final = 200
SUMMARY_QUERIES: Final = frozenset({"balance", "open_issues"})

Step = tuple[str, float]


def build_report(warehouse: Warehouse, day: date, path: Path, steps: Sequence[Step] = ()) -> Path:
    """Write the report of a billing day.

    Args:
        warehouse: where the marts are; read only.
        day: the billing day.
        path: file to write; its folder is made. An older report is replaced in one step.
        steps: the run's steps and the seconds each took, as orchestration measured them.

    Returns:
        The path.
    """
    days = _days(day)
    html = render(run_queries(warehouse, days), days, steps, datetime.now(UTC))
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, suffix=".part", delete=False) as part:
        part.write(html)
    Path(part.name).replace(path)
    return path


def summarise(warehouse: Warehouse, day: date) -> str:
    """The day in a few lines of Markdown, for places that show a report beside its link."""
    days = _days(day)
    answers = {query.name: query.run(warehouse, days) for query in QUERIES if query.name in SUMMARY_QUERIES}
    verdict = judge(answers)
    lines = [f"**{verdict.headline}.** {verdict.sentence}", "", "| stage | received | accepted | parked | rejected |"]
    lines.append("|---|--:|--:|--:|--:|")
    lines += [
        f"| {row['stage']} | {row['received']:,} | {row['accepted']:,} | {row['parked']:,} | {row['rejected']:,} |"
        for row in answers["balance"]
    ]
    return "\n".join(lines)


def _days(day: date) -> dict[str, date]:
    return {"day": day, "first_day": day - timedelta(days=DAYS_SHOWN - 1)}


def render(
    answers: Mapping[str, Sequence[Row]], days: Mapping[str, date], steps: Sequence[Step], made_at: datetime
) -> str:
    """The report's text from the answers of its queries."""
    environment = Environment(
        loader=PackageLoader("billsync.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment.get_template("report.html").render(
        day=days["day"],
        first_day=days["first_day"],
        made_at=made_at,
        verdict=judge(answers),
        answers=answers,
        rows_shown=ROWS_SHOWN,
        queries=[(query, query.shown(days)) for query in QUERIES],
        charts=_charts(answers, steps),
        steps=steps,
    )


def _charts(answers: Mapping[str, Sequence[Row]], steps: Sequence[Step]) -> dict[str, Any]:
    jurisdictions = answers["usage_by_jurisdiction"]
    quality = answers["quality"][0] if answers["quality"] else {}
    kinds = ("actual", "substituted", "estimated", "missing")
    return {
        "balance": [
            figures.shares([(kind, row[kind]) for kind in ("accepted", "parked", "rejected")])
            for row in answers["balance"]
        ],
        "usage": figures.columns(
            [
                (row["market_date"].isoformat()[:10], row["taken_kwh"], row["sent_kwh"])
                for row in answers["usage_by_day"]
            ]
        ),
        "jurisdictions": figures.bars([(row["jurisdiction"], row["taken_kwh"]) for row in jurisdictions]),
        "demand": figures.bars(
            [(row["jurisdiction"], row["max_demand_kw"] or 0) for row in jurisdictions], kind="demand"
        ),
        "bands": figures.bars([(str(row["time_band"]), row["quantity_kwh"]) for row in answers["usage_by_band"]]),
        "quality": figures.shares([(kind, quality.get(f"{kind}_count") or 0) for kind in kinds]),
        "steps": figures.bars([(name, seconds) for name, seconds in steps], kind="neutral"),
    }
