"""Loading into a gateway with other manners than the sandbox's, which stores twice what it is given twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from loaders.sap_isu.ledger import Ledger
from tests.integration.plain_gateway import Manners, plain_gateway
from tests.integration.sap_load_process import load, open_ledger, open_transport, rows
from tests.unit.sandbox.sap_world import device


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path}/operations.db")


@pytest.mark.parametrize(
    "manners",
    [
        Manners(),
        Manners(eol="\n"),
        Manners(page=1),
        Manners(head_status=403),
        Manners(head_status=400),
        Manners(posts_per_token=2),
        Manners(posts_per_token=2, names_token=False),
        Manners(posts_per_token=3, over_status=401),
        Manners(posts_per_token=3, over_status=302),
        Manners(shows_orders=True),
        Manners(cut=frozenset({1, 3})),
    ],
)
def test_load_into_another_gateway_stores_each_reading_once(ledger: Ledger, manners: Manners) -> None:
    with plain_gateway(manners) as gateway:
        result = load(ledger, open_transport(gateway.url), list(rows(6)))
        again = load(ledger, open_transport(gateway.url), list(rows(6)))
    assert result.problems == []
    assert (result.states, again.sent) == ({"CONFIRMED": 12}, 0)
    assert (len(gateway.stored), gateway.times_stored()) == (12, {1})


def test_load_request_that_is_stored_after_the_time_out_is_not_sent_again(ledger: Ledger) -> None:
    """The time-out is a second: SAP, silent for so long, is left alone as long again before its silence is believed."""
    with plain_gateway(Manners(commit_delay_seconds=1.2)) as gateway:
        result = load(ledger, open_transport(gateway.url), list(rows(1)))
    assert (result.problems, result.states) == ([], {"CONFIRMED": 2})
    assert gateway.times_stored() == {1}


@pytest.mark.parametrize("status", [None, "", "Z"])
def test_load_reading_without_a_known_status_is_not_called_billable(ledger: Ledger, status: str | None) -> None:
    with plain_gateway(Manners(status=status)) as gateway:
        result = load(ledger, open_transport(gateway.url), list(rows(1)))
        gateway.manners.status = "1"
        for row in gateway.stored:
            row["MeterReadingStatusID"] = "1"
        again = load(ledger, open_transport(gateway.url), list(rows(1)))
    assert result.states == {"LOCKED": 2}
    assert (again.sent, again.states) == (0, {"CONFIRMED": 2})


def test_load_accepted_reading_of_which_only_the_order_shows_is_not_sent_again(ledger: Ledger) -> None:
    with plain_gateway(Manners(status="0")) as gateway:
        result = load(ledger, open_transport(gateway.url), list(rows(1)))
        load(ledger, open_transport(gateway.url), list(rows(1)))
    assert result.states == {"UNKNOWN": 2}
    assert gateway.times_stored() == {1}


def test_load_reading_that_stands_in_sap_twice_is_put_before_a_person(ledger: Ledger) -> None:
    with plain_gateway(Manners()) as gateway:
        other = Path(str(ledger.engine.url.database)).with_name("other.db")
        load(open_ledger(f"sqlite:///{other}"), open_transport(gateway.url), list(rows(1)))
        gateway.stored += [{**row, "MeterReadingResultID": f"9{n}"} for n, row in enumerate(gateway.stored)]
        result = load(ledger, open_transport(gateway.url), list(rows(1)))
    assert result.states == {"LOCKED": 2}
    assert all("several readings of this register" in str(row["message"]) for row in ledger.snapshot())


@pytest.mark.parametrize("status", [400, 500])
def test_load_refusal_in_saps_own_words_rejects_its_device_only(ledger: Ledger, status: int) -> None:
    with plain_gateway(Manners(refused=frozenset({device(2)}), refusal_status=status)) as gateway:
        result = load(ledger, open_transport(gateway.url), list(rows(3)), batch_size=3)
    assert result.states == {"CONFIRMED": 4, "REJECTED": 2}
    assert {row["message"] for row in ledger.snapshot() if row["state"] == "REJECTED"} == {"EL/206: not plausible"}


@pytest.mark.parametrize(("value", "state"), [("1100.4", "CONFIRMED"), ("1100.5", "REJECTED")])
def test_load_refused_reading_that_a_person_has_entered_since_is_not_sent_again(
    ledger: Ledger, value: str, state: str
) -> None:
    with plain_gateway(Manners(refused=frozenset({device(1)}))) as gateway:
        load(ledger, open_transport(gateway.url), list(rows(1)))
        gateway.manners.refused = frozenset()
        other = Path(str(ledger.engine.url.database)).with_name("by-hand.db")
        load(open_ledger(f"sqlite:///{other}"), open_transport(gateway.url), list(rows(1, value)))
        result = load(ledger, open_transport(gateway.url), list(rows(1)))
    assert (result.sent, result.states) == (0, {state: 2})
    assert gateway.times_stored() == {1}
