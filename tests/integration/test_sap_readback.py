"""Reading billed quantities and amounts back from the pretend SAP."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from loaders.errors import LoaderError
from loaders.sap_isu.batch import Part
from loaders.sap_isu.readback import extract_billed_consumption
from orchestration.sap import unanswered
from sandbox.faults import from_mapping
from sandbox.sap.model import SERVICE_PATH
from tests.integration.sap_load_process import open_transport
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import contract

READ_AT = datetime(2026, 3, 6, 1, 2, 3, tzinfo=UTC)


def bill(world: World, contract_id: str, start: str, end: str, amount: str) -> None:
    with world.store.writing() as connection:
        connection.execute(
            "insert into consumption_values (contract_id, start_date, end_date, billed_amount, value, category) "
            "values (?,?,?,?,?,?)",
            (contract_id, start, end, amount, "123.45600000000001", "01"),
        )


def test_extract_billed_gives_every_value_of_the_contracts_asked_about(sap: World, tmp_path: Path) -> None:  # noqa: F811
    bill(sap, contract(1), "2026-01-06", "2026-02-05", "99.10")
    bill(sap, contract(1), "2026-02-06", "2026-03-05", "101.23")
    bill(sap, contract(3), "2026-02-06", "2026-03-05", "5.00")
    client = open_transport(sap.client.url).client
    asked = [contract(1), contract(2), "9999999999"]
    extract = extract_billed_consumption(client, asked, tmp_path / "staging", read_at=READ_AT, batch_size=2)
    (write,) = extract.writes
    rows = pq.read_table(write.files[0]).to_pylist()
    assert write.scope == {"contract_id": asked}
    assert [(row["contract_id"], row["start_date"], row["end_date"], row["billed_amount"]) for row in rows] == [
        (contract(1), date(2026, 1, 6), date(2026, 2, 5), "99.1"),
        (contract(1), date(2026, 2, 6), date(2026, 3, 5), "101.23"),
    ]
    assert {row["consumption_value"] for row in rows} == {"123.45600000000001"}
    assert rows[0]["read_at"] == READ_AT.replace(tzinfo=None)
    assert extract.detail["contract_count"] == 3


def test_extract_billed_long_history_follows_every_page(sap: World, tmp_path: Path) -> None:  # noqa: F811
    sap.gateway.settings.page_size = 2
    for month in range(1, 8):
        bill(sap, contract(1), f"2025-{month:02d}-01", f"2025-{month:02d}-28", str(month))
    client = open_transport(sap.client.url).client
    extract = extract_billed_consumption(client, [contract(1)], tmp_path / "staging", read_at=READ_AT)
    assert extract.row_count == 7


def test_extract_billed_nothing_to_ask_writes_nothing(tmp_path: Path) -> None:
    client = open_transport("http://127.0.0.1:1").client
    extract = extract_billed_consumption(client, [], tmp_path / "staging", read_at=READ_AT)
    assert (extract.writes, extract.row_count) == ([], 0)


def test_extract_billed_expired_session_is_logged_on_again(sap: World, tmp_path: Path) -> None:  # noqa: F811
    bill(sap, contract(1), "2026-02-06", "2026-03-05", "1")
    client = open_transport(sap.client.url).client
    for fault in ("expired-session", "html", "503", "cut-after"):
        sap.faults.add(from_mapping({"fault": fault, "count": 1, "path_prefix": SERVICE_PATH + "$batch"}))
        extract = extract_billed_consumption(client, [contract(1)], tmp_path / fault, read_at=READ_AT)
        assert extract.row_count == 1


def test_extract_billed_page_for_ever_is_a_clear_error(sap: World, tmp_path: Path) -> None:  # noqa: F811
    sap.faults.add(from_mapping({"fault": "html", "count": 100, "path_prefix": SERVICE_PATH}))
    client = open_transport(sap.client.url).client
    with pytest.raises(LoaderError, match="keeps no session"):
        extract_billed_consumption(client, [contract(1)], tmp_path, read_at=READ_AT)


def test_extract_billed_that_sap_refuses_for_every_contract_is_a_problem_and_keeps_what_is_known(
    tmp_path: Path,
) -> None:
    class Refusing:
        def read_many(self, paths: list[str]) -> list[Part]:
            body = b'{"error":{"code":"EL/403","message":{"value":"no authorisation"}}}'
            return [Part(400, {}, body) for _ in paths]

    extract = extract_billed_consumption(Refusing(), ["C1", "C2"], tmp_path, read_at=READ_AT)  # type: ignore[arg-type]
    assert extract.writes == []
    (problem,) = unanswered(extract.detail)
    assert "C1" in problem
    assert "EL/403: no authorisation" in problem
    assert unanswered({**extract.detail, "contract_count": 1}) == []
