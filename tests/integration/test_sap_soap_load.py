"""Loading by SOAP into the pretend SAP over real HTTP, with confirmations that come later: exactly once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from loaders.sap_isu.ledger import Ledger
from loaders.sap_isu.loads import LoadPolicy, LoadResult
from loaders.sap_isu.soap.inbox import Inbox
from loaders.sap_isu.soap.transport import SoapTransport
from sandbox.faults import from_mapping
from sandbox.sap.soap import SOAP_PATH, SoapSettings
from tests.integration.sap_load_process import load, open_ledger, rows
from tests.integration.soap_load_process import open_soap
from tests.integration.test_sap_load import assert_ledger_equals_sap, in_sap
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import device

PATIENT = LoadPolicy(settle_seconds=0.1, rounds=3)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


@pytest.fixture
def soap(sap: World, ledger: Ledger) -> Iterator[SoapTransport]:  # noqa: F811
    transport, receiver = open_soap(sap.client.url, ledger)
    sap.soap.settings = SoapSettings(confirmations_url=receiver.url)
    yield transport
    transport.close()


def command(world: World, **body: object) -> None:
    assert world.client.control("sap/soap", body).status_code == 200


def arm(world: World, fault: str, count: int = 1, **more: object) -> None:
    world.faults.add(from_mapping({"fault": fault, "count": count, "path_prefix": SOAP_PATH, **more}))


def bulk_ids(world: World) -> list[str]:
    return [str(row["message_id"]) for row in world.store.rows("select message_id from soap_messages order by rowid")]


def load_all(ledger: Ledger, soap: SoapTransport, contracts: int = 3, **more: object) -> LoadResult:
    return load(ledger, soap, list(rows(contracts)), policy=PATIENT, **more)  # type: ignore[arg-type]


def test_soap_good_day_confirms_every_reading_by_its_order(sap: World, ledger: Ledger, soap: SoapTransport) -> None:  # noqa: F811
    result = load_all(ledger, soap)
    assert result.problems == []
    assert (result.sent, result.states) == (6, {"CONFIRMED": 6})
    assert set(in_sap(sap).values()) == {("1100.4", "01", "01")}
    assert sap.store.rows("select count(*) from orders where state = 'OPEN'")[0][0] == 0
    assert_ledger_equals_sap(ledger, sap)
    assert Inbox(ledger.engine).unknown() == []


def test_soap_load_again_sends_nothing(sap: World, ledger: Ledger, soap: SoapTransport) -> None:  # noqa: F811
    load_all(ledger, soap)
    sent = bulk_ids(sap)
    assert load_all(ledger, soap).sent == 0
    assert bulk_ids(sap) == sent


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("cut-before", {}),
        ("cut-after", {}),
        ("reset-before", {}),
        ("reset-after", {}),
        ("503", {}),
        ("429", {"retry_after": 0}),
        ("html", {}),
        ("delay", {"seconds": 2}),
    ],
)
def test_soap_fault_on_the_wire_ends_with_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    soap: SoapTransport,
    fault: str,
    more: dict[str, object],
) -> None:
    arm(sap, fault, **more)
    result = load_all(ledger, soap)
    assert result.problems == []
    assert result.states == {"CONFIRMED": 6}
    assert len(in_sap(sap)) == 6
    assert_ledger_equals_sap(ledger, sap)


@pytest.mark.parametrize("answer", ["malformed", "entities", "huge", "fault"])
def test_soap_hostile_answer_to_a_post_ends_with_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    soap: SoapTransport,
    answer: str,
) -> None:
    command(sap, answer=answer)
    assert load_all(ledger, soap).states == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)


@pytest.mark.parametrize("kind", ["twice", "unknown", "received-first", "malformed", "entities"])
def test_soap_odd_confirmation_ends_with_each_reading_once(
    sap: World,  # noqa: F811
    ledger: Ledger,
    soap: SoapTransport,
    kind: str,
) -> None:
    command(sap, confirmations=kind, confirmations_left=10)
    result = load_all(ledger, soap)
    assert result.problems == []
    assert result.states == {"CONFIRMED": 6}
    assert_ledger_equals_sap(ledger, sap)
    # Of messages that nobody sent: one bulk of two readings each, and each bulk's own log.
    assert len(Inbox(ledger.engine).unknown()) == (0 if kind != "unknown" else 6 + len(bulk_ids(sap)))


def test_soap_bulk_confirmed_in_part_without_its_messages_rejects_what_sap_does_not_show(
    sap: World,  # noqa: F811
    ledger: Ledger,
    soap: SoapTransport,
) -> None:
    sap.gateway.refusals.add(device(2), "001", 9)
    command(sap, confirmations="bulk-only", confirmations_left=10)
    result = load_all(ledger, soap)
    assert result.problems == []
    assert result.states == {"CONFIRMED": 5, "REJECTED": 1}
    (refused,) = [row for row in ledger.snapshot() if row["state"] == "REJECTED"]
    assert "stored only a part" in str(refused["message"])


def test_soap_confirmation_that_never_comes_is_settled_by_reading_back(
    sap: World,  # noqa: F811
    ledger: Ledger,
) -> None:
    transport, receiver = open_soap(sap.client.url, ledger, wait_seconds=1.0)
    sap.soap.settings = SoapSettings(confirmations_url=receiver.url, confirmations="never", confirmations_left=99)
    assert load_all(ledger, transport).states == {"CONFIRMED": 6}
    transport.close()
    assert_ledger_equals_sap(ledger, sap)


def test_soap_late_confirmation_is_waited_for(sap: World, ledger: Ledger, soap: SoapTransport) -> None:  # noqa: F811
    command(sap, confirmation_delay_seconds="1.5", processing_delay_seconds="0.5")
    result = load_all(ledger, soap)
    assert result.states == {"CONFIRMED": 6}
    assert len(bulk_ids(sap)) == len(set(bulk_ids(sap))) == 2


def test_soap_business_later_than_the_wait_is_sent_again_under_the_same_message_id(
    sap: World,  # noqa: F811
    ledger: Ledger,
) -> None:
    transport, receiver = open_soap(sap.client.url, ledger, wait_seconds=1.0)
    sap.soap.settings = SoapSettings(confirmations_url=receiver.url, processing_delay_seconds=2.5)
    result = load_all(ledger, transport, batch_size=10)
    transport.close()
    assert result.states == {"CONFIRMED": 6}
    assert len(in_sap(sap)) == 6
    messages = sap.store.rows("select received_count from soap_messages")
    assert len(messages) == 1
    assert messages[0]["received_count"] > 1


def test_soap_rejected_reading_is_rejected_with_saps_words_and_the_others_go(
    sap: World,  # noqa: F811
    ledger: Ledger,
    soap: SoapTransport,
) -> None:
    sap.gateway.refusals.add(device(2), "001", 9)
    result = load_all(ledger, soap)
    assert result.states == {"CONFIRMED": 5, "REJECTED": 1}
    (refused,) = [row for row in ledger.snapshot() if row["state"] == "REJECTED"]
    assert (refused["device_id"], refused["register_id"]) == (device(2), "001")
    assert "Refused on command" in str(refused["message"])
    assert "EL/999" in str(refused["message"])


def test_soap_refused_reading_sent_again_is_new(sap: World, ledger: Ledger, soap: SoapTransport) -> None:  # noqa: F811
    sap.gateway.refusals.add(device(2), "001", 1)
    load_all(ledger, soap)
    result = load_all(ledger, soap)
    assert result.states == {"CONFIRMED": 6}
    assert len(set(bulk_ids(sap))) == 3


def test_soap_implausible_reading_is_locked(sap: World, ledger: Ledger, soap: SoapTransport) -> None:  # noqa: F811
    sap.client.control("sap/limit", {"device_id": device(1), "register_id": "001", "limit_per_day": "1"})
    assert load_all(ledger, soap).states == {"CONFIRMED": 5, "LOCKED": 1}


def test_soap_order_cancelled_meanwhile_is_cancelled(sap: World, ledger: Ledger, soap: SoapTransport) -> None:  # noqa: F811
    sap.client.control("sap/cancel-order", {"order_id": "O2001"})
    assert load_all(ledger, soap).states == {"CONFIRMED": 5, "CANCELLED": 1}


def test_soap_reading_that_sap_has_already_is_confirmed(sap: World, ledger: Ledger, soap: SoapTransport) -> None:  # noqa: F811
    load_all(ledger, soap)
    ledger2 = open_ledger(f"sqlite:///{sap.folder}/other.db")
    transport, receiver = open_soap(sap.client.url, ledger2)
    sap.soap.settings.confirmations_url = receiver.url
    assert load_all(ledger2, transport).states == {"CONFIRMED": 6}
    transport.close()


def test_soap_without_read_back_leaves_success_to_a_person_and_sends_nothing_twice(
    sap: World,  # noqa: F811
    ledger: Ledger,
) -> None:
    transport, receiver = open_soap(sap.client.url, ledger, wait_seconds=2.0, reads_back=False)
    sap.soap.settings = SoapSettings(confirmations_url=receiver.url)
    sap.gateway.refusals.add(device(3), "002", 1)
    result = load_all(ledger, transport)
    again = load_all(ledger, transport)
    transport.close()
    assert result.states == {"UNKNOWN": 5, "REJECTED": 1}
    assert not result.is_complete
    assert all("look into SAP" in str(row["message"]) for row in ledger.snapshot() if row["state"] == "UNKNOWN")
    assert again.states == {"UNKNOWN": 6}
    assert sorted(in_sap(sap)) == sorted((device(n), f"00{r}") for n in (1, 2, 3) for r in (1, 2))


def test_soap_reading_that_does_not_fit_saps_schema_is_rejected_and_the_others_go(
    sap: World,  # noqa: F811
    ledger: Ledger,
    soap: SoapTransport,
) -> None:
    plan = list(rows(2))
    plan[0] = {**plan[0], "reading_result": "1100.12345678901"}
    result = load(ledger, soap, plan, policy=PATIENT)
    (refused,) = [row for row in ledger.snapshot() if row["register_id"] == "001" and row["device_id"] == device(1)]
    assert refused["state"] == "REJECTED"
    assert "fractionDigits" in str(refused["message"]) or "fraction" in str(refused["message"])
    assert result.states["CONFIRMED"] == 2


def test_soap_wrong_password_leaves_readings_planned_and_says_so(sap: World, ledger: Ledger) -> None:  # noqa: F811
    transport, _ = open_soap(sap.client.url, ledger, password="wrong")
    result = load_all(ledger, transport)
    transport.close()
    assert result.states == {"PLANNED": 6}
    assert "401" in result.problems[0]
    assert "wrong" not in str(result.problems)
