"""What SAP has billed: ContractConsumptionValues of contracts, staged for the raw layer.

What belongs here: asking in batches and turning answers into rows.
What stays out: which contracts are asked about (the caller) and comparing with our own bills (dbt).

All values of a contract replace all that the raw layer has of it: a bill that SAP has reversed goes away, and a
contract that SAP could not answer for keeps what is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from loaders.sap_isu.batch import Part
from loaders.sap_isu.ledger_rows import batched
from loaders.sap_isu.odata import ODataClient
from loaders.sap_isu.odata_formats import FormatError, parse_edm_date, parse_edm_decimal, parse_error, text_literal
from loaders.sap_isu.readings import plain_text
from loaders.snapshots import stage_rows
from loaders.sources.extract import Extract
from loaders.warehouse import RawWrite

SOURCE = "sap_billed_consumption"
TABLE = "sap_billed_consumption"
_CONTRACTS_PER_WRITE = 1000
_PREVIEW_ROWS = 5
_MOST_FAILURES_TOLD = 20

Row = dict[str, object]


@dataclass
class _Answers:
    """What SAP said of some contracts."""

    rows: list[Row] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def extract_billed_consumption(
    client: ODataClient,
    contract_ids: Iterable[str],
    staging: Path,
    *,
    read_at: datetime,
    concurrency: int = 4,
    batch_size: int = 50,
) -> Extract:
    """Ask SAP what it has billed of contracts; nothing billed (or 404) is no row.

    Args:
        client: the service.
        contract_ids: contracts with a loaded period that is not settled yet.
        staging: folder for the staged files.
        read_at: instant of the question (UTC).
        concurrency: requests in flight.
        batch_size: contracts in one request.

    Returns:
        One write per thousand contracts. ``detail`` has ``contract_count``, ``failure_count`` and ``failures``
        (contract to reason, the first ones) of contracts that SAP refused to answer for.

    Raises:
        LoaderError: SAP could not be asked; nothing was staged that should be used.
    """
    writes: list[RawWrite] = []
    failures: dict[str, str] = {}
    preview: list[Mapping[str, str | None]] = []
    row_count, answered_count = 0, 0
    for number, contracts in enumerate(batched(dict.fromkeys(contract_ids), _CONTRACTS_PER_WRITE)):
        answers = _ask(client, contracts, read_at, concurrency, batch_size)
        failures.update(answers.failures)
        row_count += len(answers.rows)
        answered_count += len(answers.answered)
        shown = answers.rows[: _PREVIEW_ROWS - len(preview)]
        preview += [{name: None if value is None else str(value) for name, value in row.items()} for row in shown]
        if answers.answered:
            scope = {"contract_id": answers.answered}
            writes.append(stage_rows(TABLE, answers.rows, staging / f"part-{number:04d}", scope))
    return Extract(
        source_name=SOURCE,
        writes=writes,
        row_counts={TABLE: row_count},
        preview=preview,
        detail={
            "contract_count": answered_count,
            "failure_count": len(failures),
            "failures": dict(list(failures.items())[:_MOST_FAILURES_TOLD]),
        },
    )


def billed_row(contract_id: str, entity: Mapping[str, Any], read_at: datetime) -> Row:
    """One ContractConsumptionValue as a row of the raw table, numbers exact and days without a zone.

    Raises:
        FormatError: a date or a number is none.
    """
    return {
        "contract_id": contract_id,
        "start_date": parse_edm_date(entity.get("StartDate")),
        "end_date": parse_edm_date(entity.get("EndDate")),
        "period_type": _text(entity.get("ConsumptionPeriodTypeID")),
        "billed_amount": _number(entity.get("BilledAmount")),
        "currency": _text(entity.get("Currency")),
        "consumption_value": _number(entity.get("ConsumptionValue")),
        "consumption_unit": _text(entity.get("ConsumptionUnit")),
        "meter_reading_category": _text(entity.get("MeterReadingCategoryID")),
        "read_at": read_at,
    }


def _ask(
    client: ODataClient, contracts: Iterable[str], read_at: datetime, concurrency: int, batch_size: int
) -> _Answers:
    answers = _Answers()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="sap-billed") as pool:
        chunks = list(batched(contracts, batch_size))
        for chunk, found in zip(chunks, pool.map(lambda some: client.read_many(_paths(some)), chunks), strict=True):
            for contract_id, entities in zip(chunk, found, strict=True):
                _take(answers, contract_id, entities, read_at)
    return answers


def _take(answers: _Answers, contract_id: str, entities: list[dict[str, Any]] | Part, read_at: datetime) -> None:
    if isinstance(entities, Part):
        answers.failures[contract_id] = f"HTTP {entities.status} {parse_error(entities.body)}"
        return
    try:
        rows = [billed_row(contract_id, entity, read_at) for entity in entities]
    except FormatError as error:
        answers.failures[contract_id] = str(error)
        return
    answers.rows += rows
    answers.answered.append(contract_id)


def _paths(contracts: Iterable[str]) -> list[str]:
    return [f"Contracts({text_literal(one)})/ContractConsumptionValues" for one in contracts]


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _number(value: object) -> str | None:
    return None if value is None or value == "" else plain_text(parse_edm_decimal(value))
