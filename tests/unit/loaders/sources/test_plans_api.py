"""The plan register: versions, unknown plans, malformed answers, both generations of the standard."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from loaders.errors import PermanentError, TransientError
from loaders.http import HttpPolicy, HttpSession
from loaders.sources.exact_json import MalformedError
from loaders.sources.plan_flattening import flatten_plan
from loaders.sources.plans_api import extract_plans_api
from loaders.warehouse import open_warehouse
from loaders.warehouse.schema import RAW_TABLES
from tests.unit.loaders.loopback import Request, json_server

DAY = date(2026, 3, 5)
PLAN = "ABC123MRE1@EME"
SESSION = HttpSession(HttpPolicy(max_attempts=2, first_wait_seconds=0.001))


def plan(**contract: Any) -> dict[str, Any]:
    return {
        "data": {
            "planId": PLAN,
            "brand": "brand",
            "displayName": "Plan",
            "customerType": "RESIDENTIAL",
            "effectiveFrom": "2025-07-01T00:00:00Z",
            "lastUpdated": "2025-06-20T00:00:00Z",
            "electricityContract": {
                "pricingModel": "SINGLE_RATE",
                "isFixed": False,
                "timeZone": "LOCAL",
                "paymentOption": ["BPAY"],
                "tariffPeriod": [period()],
                **contract,
            },
        },
        "links": {"self": "x"},
        "meta": {},
    }


def period(**members: Any) -> dict[str, Any]:
    return {
        "displayName": "All year",
        "startDate": "01-01",
        "endDate": "12-31",
        "dailySupplyCharge": "1.10",
        "rateBlockUType": "singleRate",
        "singleRate": {
            "displayName": "Any time",
            "period": "P1M",
            "rates": [{"unitPrice": "0.30", "volume": 340.06}, {"unitPrice": ".25"}],
        },
        **members,
    }


def flat(answer: dict[str, Any], table: str) -> list[dict[str, object]]:
    found = flatten_plan(json.dumps(answer).encode(), PLAN, DAY)
    return [dict(zip(RAW_TABLES[table].column_names, row, strict=True)) for row in found.rows.get(table, [])]


def test_single_rate_steps_keep_order_and_exact_numbers() -> None:
    steps = flat(plan(), "plan_rates")
    assert [(s["step_number"], s["unit_price"], s["volume"]) for s in steps] == [
        (1, "0.30", "340.06"),
        (2, ".25", None),
    ]
    assert {(s["section"], s["parent_number"], s["rate_block"], s["rate_number"], s["period"]) for s in steps} == {
        ("TARIFF_PERIOD", 1, "SINGLE_RATE", 1, "P1M")
    }


def test_number_of_many_digits_is_not_rounded() -> None:
    body = json.dumps(plan()).replace("340.06", "340.0600000000000000000001").encode()
    rates = flatten_plan(body, PLAN, DAY).rows["plan_rates"]
    assert rates[0][-1] == "340.0600000000000000000001"


def test_tariff_period_takes_the_supply_charge_of_either_generation() -> None:
    old = period(dailySupplyCharges="110.46")
    del old["dailySupplyCharge"]
    found = flat(plan(tariffPeriod=[period(), old]), "plan_tariff_periods")
    assert [(row["tariff_period_number"], row["daily_supply_charge"]) for row in found] == [(1, "1.10"), (2, "110.46")]


def test_time_of_use_rates_follow_the_single_rate_and_keep_their_windows() -> None:
    window = {"days": ["MON", "PUBLIC_HOLIDAYS"], "startTime": "700", "endTime": "20:59"}
    use = [
        {
            "type": "PEAK",
            "displayName": "Peak",
            "rates": [{"unitPrice": "0.5"}],
            "timeOfUse": [window, {**window, "startTime": "0000"}],
        }
    ]
    answer = plan(tariffPeriod=[period(timeOfUseRates=use)])
    assert [(r["rate_block"], r["rate_number"], r["rate_type"]) for r in flat(answer, "plan_rates")] == [
        ("SINGLE_RATE", 1, None),
        ("SINGLE_RATE", 1, None),
        ("TIME_OF_USE", 2, "PEAK"),
    ]
    assert [
        (w["rate_number"], w["window_number"], w["days"], w["start_time"], w["end_time"])
        for w in flat(answer, "plan_rate_windows")
    ] == [
        (2, 1, "MON,PUBLIC_HOLIDAYS", "700", "20:59"),
        (2, 2, "MON,PUBLIC_HOLIDAYS", "0000", "20:59"),
    ]


def test_demand_bands_controlled_load_fees_discounts_and_green_power_are_flattened() -> None:
    demand = {
        "displayName": "D",
        "amount": "0.3",
        "measureUnit": "KW",
        "startTime": "1600",
        "endTime": "2000",
        "days": ["BUSINESS_DAYS"],
        "minDemand": "1.5",
        "measurementPeriod": "MONTH",
        "chargePeriod": "DAY",
    }
    answer = plan(
        tariffPeriod=[
            period(
                demandCharges=[demand],
                bandedDailySupplyCharges=[{"unitPrice": "1", "measureUnit": "DAYS", "volume": 5}],
            )
        ],
        controlledLoad=[
            {
                "displayName": "CL",
                "rateBlockUType": "singleRate",
                "singleRate": {"displayName": "x", "dailySupplyCharge": "0.1", "rates": [{"unitPrice": "0.2"}]},
            }
        ],
        fees=[{"type": "MEMBERSHIP", "term": "ANNUAL", "amount": "20", "description": "d"}],
        discounts=[
            {
                "displayName": "PoT",
                "type": "CONDITIONAL",
                "category": "PAY_ON_TIME",
                "methodUType": "percentOverThreshold",
                "percentOverThreshold": {"rate": "0.1", "usageAmount": "100"},
            }
        ],
        greenPowerCharges=[
            {
                "displayName": "GP",
                "scheme": "GREENPOWER",
                "type": "FIXED_PER_UNIT",
                "tiers": [{"percentGreen": "0.1", "amount": "0.01"}, {"percentGreen": "1.0", "rate": "0.02"}],
            }
        ],
    )
    (found,) = flat(answer, "plan_demand_charges")
    assert (found["amount"], found["days"], found["min_demand"], found["max_demand"], found["charge_period"]) == (
        "0.3",
        "BUSINESS_DAYS",
        "1.5",
        None,
        "DAY",
    )
    assert [(b["band_number"], b["unit_price"], b["volume"]) for b in flat(answer, "plan_supply_bands")] == [
        (1, "1", "5")
    ]
    controlled = [r for r in flat(answer, "plan_rates") if r["section"] == "CONTROLLED_LOAD"]
    assert [(r["parent_number"], r["daily_supply_charge"], r["unit_price"]) for r in controlled] == [(1, "0.1", "0.2")]
    assert [(f["fee_type"], f["term"], f["amount"], f["rate"]) for f in flat(answer, "plan_fees")] == [
        ("MEMBERSHIP", "ANNUAL", "20", None)
    ]
    assert [(d["method"], d["rate"], d["usage_amount"]) for d in flat(answer, "plan_discounts")] == [
        ("percentOverThreshold", "0.1", "100")
    ]
    assert [
        (g["tier_number"], g["percent_green"], g["amount"], g["rate"]) for g in flat(answer, "plan_green_power")
    ] == [(1, "0.1", "0.01", None), (2, "1.0", None, "0.02")]
    assert flat(answer, "plan_unknown_fields") == []


def test_feed_in_of_either_generation_becomes_rates_and_windows() -> None:
    window = {"days": ["SUN"], "startTime": "17:00", "endTime": "20:59"}
    varying = {"type": "PEAK", "displayName": "p", "rates": [{"unitPrice": "0.18"}], "timeVariations": [window]}
    answer = plan(
        solarFeedInTariff=[
            {
                "displayName": "new",
                "scheme": "OTHER",
                "payerType": "RETAILER",
                "tariffUType": "timeVaryingTariffs",
                "timeVaryingTariffs": [varying],
            },
            {
                "displayName": "old",
                "scheme": "OTHER",
                "payerType": "RETAILER",
                "tariffUType": "singleTariff",
                "singleTariff": {"amount": "0.05"},
            },
        ]
    )
    assert [(f["feed_in_number"], f["display_name"], f["tariff_type"]) for f in flat(answer, "plan_feed_ins")] == [
        (1, "new", "timeVaryingTariffs"),
        (2, "old", "singleTariff"),
    ]
    found = [r for r in flat(answer, "plan_rates") if r["section"] == "FEED_IN"]
    assert [(r["parent_number"], r["rate_block"], r["rate_type"], r["unit_price"]) for r in found] == [
        (1, "TIME_OF_USE", "PEAK", "0.18"),
        (2, "SINGLE_RATE", None, "0.05"),
    ]
    assert [(w["section"], w["days"]) for w in flat(answer, "plan_rate_windows")] == [("FEED_IN", "SUN")]


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"solarSharer": {"cap": 24}}, "electricityContract.solarSharer"),
        ({"pricingModel": "SUBSCRIPTION"}, "electricityContract.pricingModel"),
        ({"tariffPeriod": [period(capacityCharge="1")]}, "electricityContract.tariffPeriod[0].capacityCharge"),
        (
            {"tariffPeriod": [period(singleRate={"rates": [{"unitPrice": "1", "cap": 24}]})]},
            "electricityContract.tariffPeriod[0].singleRate.rates[0].cap",
        ),
        (
            {"tariffPeriod": [period(singleRate={"rates": [], "generalUnitPrice": "0.3"})]},
            "electricityContract.tariffPeriod[0].singleRate.generalUnitPrice",
        ),
        (
            {"tariffPeriod": [period(timeOfUseRates=[{"type": "SUPER_PEAK"}])]},
            "electricityContract.tariffPeriod[0].timeOfUseRates[0].type",
        ),
        (
            {
                "tariffPeriod": [
                    period(timeOfUseRates=[{"type": "PEAK", "timeOfUse": [{"days": ["MON", "SCHOOL_DAYS"]}]}])
                ]
            },
            "electricityContract.tariffPeriod[0].timeOfUseRates[0].timeOfUse[0].days",
        ),
        ({"discounts": [{"methodUType": "cashBack"}]}, "electricityContract.discounts[0].methodUType"),
        (
            {"tariffPeriod": [period(dailySupplyCharges="110.00")]},
            "electricityContract.tariffPeriod[0].dailySupplyCharges",
        ),
        (
            {"solarFeedInTariff": [{"singleTariff": {"amount": "0.05", "rates": [{"unitPrice": "0.06"}]}}]},
            "electricityContract.solarFeedInTariff[0].singleTariff.amount",
        ),
    ],
)
def test_field_or_value_beyond_the_standard_is_reported_with_its_path(change: dict[str, Any], path: str) -> None:
    assert [row["field_path"] for row in flat(plan(**change), "plan_unknown_fields")] == [path]


def test_price_given_twice_alike_under_the_names_of_both_generations_is_nothing_unknown() -> None:
    twice = {"amount": "0.050", "rates": [{"unitPrice": "0.05"}]}
    answer = plan(tariffPeriod=[period(dailySupplyCharges="1.1")], solarFeedInTariff=[{"singleTariff": twice}])
    assert flat(answer, "plan_unknown_fields") == []


def test_unpriced_parts_may_hold_anything() -> None:
    answer = plan(eligibility=[{"anything": 1}], incentives=[{"else": {"x": 1}}], terms="t", meterTypes=["Type 4"])
    assert flat(answer, "plan_unknown_fields") == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"data": null}',
        b'{"data": {"planId": "x"}}',
        b"[" * 100_000,
        json.dumps(plan(tariffPeriod="all year")).encode(),
        json.dumps(plan(tariffPeriod=["all year"])).encode(),
        json.dumps(plan(tariffPeriod=[period(singleRate={"rates": [{"unitPrice": {"aud": 1}}]})])).encode(),
        json.dumps(plan(fees=[[1]])).encode(),
    ],
)
def test_malformed_answer_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(MalformedError):
        flatten_plan(body, PLAN, DAY)


def test_version_hash_follows_the_priced_content_only() -> None:
    def version(answer: dict[str, Any]) -> str:
        return flatten_plan(json.dumps(answer, indent=1).encode(), PLAN, DAY).version_hash

    base = plan()
    reordered = {"meta": {"other": 1}, "data": dict(reversed(list(base["data"].items())))}
    assert version(base) == version(reordered)
    for path, value in (
        ("lastUpdated", "2026-01-01T00:00:00Z"),
        ("effectiveFrom", "2026-01-01T00:00:00Z"),
        ("customerType", "BUSINESS"),
    ):
        changed = copy.deepcopy(base)
        changed["data"][path] = value
        assert version(changed) != version(base)
    # A price that changes without a new stamp is a new version too.
    assert version(plan(tariffPeriod=[period(dailySupplyCharge="1.11")])) != version(base)


def respond_with(answers: dict[str, tuple[int, Any]]) -> Any:
    def respond(request: Request) -> tuple[int, Any]:
        return answers.get(request.path.removeprefix("/cds-au/v1/energy/plans/"), (404, {"errors": []}))

    return respond


def test_extract_keeps_new_versions_only_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    warehouse = open_warehouse("duckdb", duckdb_path=tmp_path / "w.duckdb")
    warehouse.ensure_raw_schema()
    answers: dict[str, tuple[int, Any]] = {PLAN: (200, plan()), "B": (200, plan(isFixed=True))}

    def run(number: int) -> tuple[int, int]:
        known = [str(row["version_hash"]) for row in warehouse.fetch("select version_hash from raw.plan_versions")]
        extract = extract_plans_api(
            SESSION, server.base_url, [PLAN, "B"], DAY, tmp_path / str(number), known_versions=known
        )
        warehouse.replace(extract.writes)
        (counted,) = warehouse.fetch("select count(*) as n from raw.plan_versions")
        return int(str(extract.detail["new_versions"])), int(str(counted["n"]))

    with json_server(respond_with(answers)) as server:
        assert run(1) == (2, 2)
        assert run(2) == (0, 2)
        answers[PLAN] = (200, plan(tariffPeriod=[period(dailySupplyCharge="1.20")]))
        assert run(3) == (1, 3)
    assert {request.headers["x-v"] for request in server.requests} == {"3"}
    assert {request.path for request in server.requests} == {f"/cds-au/v1/energy/plans/{name}" for name in (PLAN, "B")}


def test_plan_id_with_reserved_characters_is_one_path_segment(tmp_path: Path) -> None:
    odd = "a/b?c#d e@EME"
    with json_server(respond_with({odd: (200, plan())})) as server:
        extract = extract_plans_api(SESSION, server.base_url, [odd], DAY, tmp_path)
    assert extract.detail["new_versions"] == 1


def test_unknown_and_malformed_plans_hold_up_no_other(tmp_path: Path) -> None:
    answers = {
        "good": (200, plan()),
        "html": (200, b"<html>"),
        "gas": (200, {"data": {"planId": "gas"}}),
        "broken": (500, {}),
    }
    with json_server(respond_with(answers)) as server:
        extract = extract_plans_api(SESSION, server.base_url, [*answers, "gone"], DAY, tmp_path)
    assert extract.detail["new_versions"] == 1
    assert extract.detail["unknown_plans"] == ["gone"]
    assert extract.detail["failed_plans"] == ["broken", "gas", "html"]
    assert len(extract.failures) == 3


def test_register_that_is_down_fails_the_source_after_one_plan(tmp_path: Path) -> None:
    with json_server(lambda request: (503, {})) as server, pytest.raises(TransientError):
        extract_plans_api(SESSION, server.base_url, [f"P{n}" for n in range(50)], DAY, tmp_path)
    assert len(server.requests) == 2


def test_register_that_goes_down_half_way_fails_the_source_soon(tmp_path: Path) -> None:
    def respond(request: Request) -> tuple[int, Any]:
        return (200, plan()) if request.path.endswith("P00") else (503, {})

    with json_server(respond) as server, pytest.raises(TransientError):
        extract_plans_api(SESSION, server.base_url, [f"P{n:02d}" for n in range(50)], DAY, tmp_path)
    assert len(server.requests) < 20


def test_register_that_refuses_everything_fails_the_source(tmp_path: Path) -> None:
    with json_server(lambda request: (401, {})) as server, pytest.raises(PermanentError, match="401"):
        extract_plans_api(SESSION, server.base_url, ["A", "B"], DAY, tmp_path)


def test_no_plan_in_use_asks_for_nothing(tmp_path: Path) -> None:
    extract = extract_plans_api(SESSION, "http://127.0.0.1:9/cds-au/v1", [], DAY, tmp_path)
    assert (extract.writes, extract.row_count) == ([], 0)


def test_real_plans_are_flattened_without_anything_unknown(shared_data: Path) -> None:
    facts: dict[str, tuple[int, int, int]] = {}
    for path in sorted((shared_data / "cdr_plans").glob("*.json")):
        body = path.read_bytes()
        found = flatten_plan(body, json.loads(body)["data"]["planId"], DAY)
        assert "plan_unknown_fields" not in found.rows, path.name
        for table, rows in found.rows.items():
            assert {len(row) for row in rows} == {len(RAW_TABLES[table].columns)}, (path.name, table)
        facts[found.plan_id] = tuple(
            len(found.rows.get(t, ())) for t in ("plan_tariff_periods", "plan_rates", "plan_demand_charges")
        )  # type: ignore[assignment]
    assert len(facts) == 10
    assert facts["IND820155MRE1@EME"] == (4, 10, 0)
    assert facts["GLO742916SRE2@EME"] == (1, 3, 2)
