"""The extraction assets: each source into the raw layer, and what became of it.

What belongs here: running a source's extract for the days of a run, replacing its rows, recording the outcome and
showing counts, timings and a preview. What stays out: reading any source (``loaders/sources``, bound to settings in
``orchestration/sources.py``).

A source that fails does not stop the day: its old rows stay, the failure is recorded in ``raw.source_outcomes``, shown
as a failed check, and named by the command line at the end.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import dagster as dg

from billsync.settings import ConfigurationError
from loaders.aws.stored_values import changes, renewed
from loaders.errors import LoaderError, PermanentError
from loaders.sources.extract import Extract
from orchestration.assets.transform import DUCKDB_POOL
from orchestration.outcomes import FAILED, READ, SourceOutcome, failed_sources, outcome_write
from orchestration.partitions import days_between, run_window
from orchestration.sources import Source
from orchestration.systems import Systems
from orchestration.translation import FRESH_BY_MORNING, owner_of, raw_key

PREVIEW_ROWS: Final = 5
PREVIEW_CELL: Final = 40
# Columns that a preview never shows: personal data, and texts too long to read.
HIDDEN_COLUMNS: Final = frozenset({"email", "customer_name", "content_json"})
READ_CHECK: Final = "source_was_read"


@dataclass
class _Tally:
    """What one source gave over the days of a run."""

    rows: dict[str, int] = field(default_factory=dict)
    preview: Sequence[Mapping[str, str | None]] = ()
    detail: dict[str, object] = field(default_factory=dict)
    read_seconds: float = 0.0
    load_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def build_extract_assets(
    partitions_def: dg.PartitionsDefinition[str], sources: Sequence[Source]
) -> list[dg.AssetsDefinition]:
    """One multi-asset per source, and the asset of their outcomes."""
    return [*(_source_asset(source, partitions_def) for source in sources), _outcomes_asset(partitions_def, sources)]


def _source_asset(source: Source, partitions_def: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    specs = [
        dg.AssetSpec(
            key=raw_key(table),
            description=description,
            group_name="sources",
            owners=[owner_of("sources")],
            kinds=set(source.kinds),
            deps=[raw_key(dep) for dep in source.deps],
            metadata={"dagster/column_schema": source.column_schema(table)} if source.column_schema(table) else {},
            freshness_policy=FRESH_BY_MORNING,
        )
        for table, description in source.tables.items()
    ]
    main = specs[0].key

    @dg.multi_asset(
        name=f"extract_{source.name}",
        specs=specs,
        check_specs=[dg.AssetCheckSpec(READ_CHECK, asset=main, description=f"{source.name} could be read for the day")],
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=DUCKDB_POOL,
        required_resource_keys={"systems"},
    )
    def extract(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        systems: Systems = context.resources.systems
        tally = _Tally()
        systems.ensure_raw_schema()
        for day in days_between(*run_window(context)):
            _extract_day(systems, source, day, tally)
        for failure in tally.failures:
            context.log.error(failure)
        for spec in specs:
            yield dg.MaterializeResult(
                asset_key=spec.key, metadata=_metadata(tally, spec.key, is_main=spec.key == main)
            )
        yield dg.AssetCheckResult(
            asset_key=main,
            check_name=READ_CHECK,
            passed=not tally.failures and not tally.warnings,
            severity=dg.AssetCheckSeverity.ERROR if tally.failures else dg.AssetCheckSeverity.WARN,
            description="; ".join([*tally.failures, *tally.warnings])[:2000] or None,
        )

    return extract


def _extract_day(systems: Systems, source: Source, day: date, tally: _Tally) -> None:
    """Read one source for one day; a failure is written down, and the old rows stay."""
    folder = systems.staging_folder(f"{source.name}-{day.isoformat()}")
    started = datetime.now(UTC)
    try:
        extracts = _read(systems, source, day, folder)
        read_at = datetime.now(UTC)
        row_count = sum(extract.row_count for extract in extracts)
        # One item that could not be understood is told, and held by the rules that need it; the source was read.
        told = "; ".join(failure for extract in extracts for failure in extract.failures)[:4000]
        outcome = SourceOutcome(day, source.name, READ, told, row_count, started, read_at)
        writes = [write for extract in extracts for write in extract.writes]
        counts = systems.warehouse.replace([*writes, outcome_write(outcome, folder / "outcome")])
    except (LoaderError, ConfigurationError, OSError) as error:
        detail = " ".join(str(error).split())
        tally.failures.append(f"{source.name} {day.isoformat()}: {detail}")
        failure = SourceOutcome(day, source.name, FAILED, detail, 0, started, datetime.now(UTC))
        systems.warehouse.replace([outcome_write(failure, folder / "failure")])
    else:
        tally.read_seconds += (read_at - started).total_seconds()
        tally.load_seconds += (datetime.now(UTC) - read_at).total_seconds()
        _count(tally, extracts, counts)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(systems: Systems, source: Source, day: date, folder: Path) -> Sequence[Extract]:
    """Read a source, once more when it refused a login that has been rotated since it was fetched."""
    before = changes()
    try:
        return source.read(systems, day, folder)
    except PermanentError:
        if not renewed(before):
            raise
    return source.read(systems, day, folder / "again")


def _count(tally: _Tally, extracts: Sequence[Extract], counts: Mapping[str, int]) -> None:
    for table, rows in counts.items():
        tally.rows[table] = tally.rows.get(table, 0) + rows
    for extract in extracts:
        tally.preview = extract.preview or tally.preview
        tally.warnings += extract.failures
        tally.detail.update(extract.detail)


def _metadata(tally: _Tally, key: dg.AssetKey, *, is_main: bool) -> dict[str, Any]:
    table = key.path[-1]
    metadata: dict[str, Any] = {"dagster/row_count": tally.rows.get(table, sum(tally.rows.values()) if is_main else 0)}
    if is_main:
        metadata |= {
            "rows by table": dg.MetadataValue.json(tally.rows),
            "read seconds": round(tally.read_seconds, 3),
            "load seconds": round(tally.load_seconds, 3),
            "preview": dg.MetadataValue.md(preview_table(tally.preview)),
            "failures": dg.MetadataValue.json([*tally.failures, *tally.warnings]),
        }
        metadata |= {f"detail: {name}": str(value)[:1000] for name, value in tally.detail.items()}
    return metadata


def preview_table(rows: Sequence[Mapping[str, str | None]]) -> str:
    """A few rows as a Markdown table; personal columns left out, long cells cut, pipes escaped."""
    if not rows:
        return "no rows"
    columns = [name for name in rows[0] if name not in HIDDEN_COLUMNS]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in columns) + " |" for row in rows[:PREVIEW_ROWS]]
    return "\n".join(lines)


def _cell(value: str | None) -> str:
    text = " ".join(str("" if value is None else value).split()).replace("|", "\\|")
    return text if len(text) <= PREVIEW_CELL else text[: PREVIEW_CELL - 1] + "…"


def _outcomes_asset(partitions_def: dg.PartitionsDefinition[str], sources: Sequence[Source]) -> dg.AssetsDefinition:
    @dg.asset(
        key=raw_key("source_outcomes"),
        deps=[raw_key(table) for source in sources for table in source.tables],
        description="How the last read of each source went for a billing day; a failed source keeps its old rows.",
        group_name="sources",
        owners=[owner_of("sources")],
        kinds={"python"},
        freshness_policy=FRESH_BY_MORNING,
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=DUCKDB_POOL,
        required_resource_keys={"systems"},
    )
    def source_outcomes(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        systems: Systems = context.resources.systems
        failed = failed_sources(systems.warehouse, *run_window(context))
        return dg.MaterializeResult(
            metadata={
                "failed sources": len(failed),
                "failures": dg.MetadataValue.json(
                    [f"{one.billing_day} {one.source_name}: {one.detail}" for one in failed]
                ),
            }
        )

    return source_outcomes
