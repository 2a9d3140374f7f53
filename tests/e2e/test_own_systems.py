"""A billing day of a retailer that is not the sandbox: real load shapes on real plans, named by the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import pytest

from .own_systems import Home, plan_register, read_profiles, write_nem12, write_retailer_database

pytestmark = [pytest.mark.e2e, pytest.mark.shared_data]

REPOSITORY = Path(__file__).resolve().parents[2]
PERIOD = (date(2013, 5, 15), date(2013, 6, 14))
CENT = Decimal("0.01")
FLAT_PLAN = "dmo6_ausgrid_residential_flat_equals_cap__FXP791812SRE1_EME.json"
TIME_OF_USE_PLAN = "ausgrid_tou_six_or_four_seasons_controlled_load_solar__IND820155MRE1_EME.json"
DEMAND_IN_WORDS_PLAN = "demand_charge_plan__GLO742916SRE2_EME.json"


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def run_billsync(home: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("BILLSYNC_", "DAGSTER_"))}
    inherited["PYTHONPATH"] = str(REPOSITORY)
    return subprocess.run(
        [sys.executable, "-m", "billsync", *arguments],
        env=inherited | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=home,
    )


@pytest.fixture(scope="module")
def billed_day(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Home]]:
    """Run the day once; return the warehouse file and the homes."""
    root = tmp_path_factory.mktemp("own systems")
    profiles = read_profiles(shared_data / "load_profiles")
    days = [PERIOD[0] + timedelta(n) for n in range((PERIOD[1] - PERIOD[0]).days + 1)]
    complete = [shape for shape in profiles.values() if all(day in shape for day in days)]
    plans = {}
    for file_name in (FLAT_PLAN, TIME_OF_USE_PLAN, DEMAND_IN_WORDS_PLAN):
        answer = json.loads((shared_data / "cdr_plans" / file_name).read_text())
        plans[answer["data"]["planId"]] = answer
    flat, time_of_use, demand = plans
    homes = [Home(1, flat, "NSW", complete[0]), Home(2, time_of_use, "NSW", complete[1]),
             Home(3, demand, "QLD", complete[2])]  # fmt: skip
    write_retailer_database(root / "retailer.db", homes, PERIOD)
    write_nem12(root / f"landing/nem12/billing_day={PERIOD[1]}/june.csv", homes, PERIOD)
    with plan_register(plans) as plans_url:
        environment = {
            "BILLSYNC_ENV": "test",
            "BILLSYNC_HOME": str(root / "state"),
            "BILLSYNC_FIRST_DAY": "2012-01-01",
            "BILLSYNC_LANDING": str(root / "landing"),
            "BILLSYNC_SOURCE_DB_URL": f"sqlite:///{root / 'retailer.db'}",
            "BILLSYNC_TARIFF_API_URL": plans_url,
        }
        run = run_billsync(root, environment, "run", "--day", PERIOD[1].isoformat())
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
    return root / "state" / "warehouse.duckdb", homes


def fetch(warehouse: Path, sql: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_daily_usage_of_real_homes_equals_the_delivered_intervals(billed_day: tuple[Path, list[Home]]) -> None:
    warehouse, homes = billed_day
    usage = dict(fetch(warehouse, "select nmi, sum(usage_kwh) from marts.fct_daily_usage group by nmi"))
    assert usage == {home.nmi: home.usage_kwh(*PERIOD) for home in homes}


def test_flat_real_plan_is_billed_to_the_cent(billed_day: tuple[Path, list[Home]]) -> None:
    warehouse, homes = billed_day
    supply = cents(31 * Decimal("0.9660"))
    usage = cents(homes[0].usage_kwh(*PERIOD) * Decimal("0.331272"))
    gst = cents((supply + usage) / 10)
    bill = fetch(warehouse, "select status, total_ex_gst_aud, gst_aud, total_inc_gst_aud, day_count "
                 f"from marts.fct_shadow_bills where contract_id = '{homes[0].contract_id}'")  # fmt: skip
    assert bill == [("READY", supply + usage, gst, supply + usage + gst, 31)]


def test_seasonal_time_of_use_real_plan_is_billed_to_the_cent(billed_day: tuple[Path, list[Home]]) -> None:
    """May has one price all day on this plan, June a peak from 15:00 to 21:00; winter local time is market time."""
    warehouse, homes = billed_day
    peak_may = peak_june = off_peak = Decimal(0)
    for day, values in homes[1].days.items():
        if PERIOD[0] <= day <= PERIOD[1]:
            peak = sum(values[30:42], Decimal(0))
            off_peak += sum(values, Decimal(0)) - peak
            peak_may, peak_june = (peak_may + peak, peak_june) if day.month == 5 else (peak_may, peak_june + peak)
    usage_lines = f"marts.fct_shadow_bill_lines where contract_id = '{homes[1].contract_id}' and charge_type = 'USAGE'"
    assert fetch(warehouse, f"select sum(quantity) from {usage_lines}") == [(peak_may + peak_june + off_peak,)]
    assert fetch(warehouse, f"select sum(quantity) from {usage_lines} and unit_price_ex_gst_aud = 0.45") == [
        (peak_june,)
    ]


def test_explanation_of_a_seasonal_bill_leads_to_the_delivered_days(billed_day: tuple[Path, list[Home]]) -> None:
    """17 days of May and 14 of June, all from one file; every kWh of the home's shape is behind the usage lines."""
    warehouse, homes = billed_day
    environment = {"BILLSYNC_ENV": "test", "BILLSYNC_HOME": str(warehouse.parent)}
    period = f"{PERIOD[0]}..{PERIOD[1]}"
    done = run_billsync(
        warehouse.parent, environment, "explain", "--contract", homes[1].contract_id, "--period", period, "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    usage = [line for line in found["lines"] if line["charge_type"] == "USAGE"]
    assert sum(Decimal(line["quantity"]) for line in usage) == homes[1].usage_kwh(*PERIOD)
    assert {
        (line["price_start_date"], channel["nmi_suffix"], channel["channel_days"])
        for line in usage
        for channel in line["reads"]
    } == {("2013-05-15", "E1", 17), ("2013-06-01", "E1", 14)}
    assert {version["file_name"] for channel in found["reads"] for version in channel["versions"]} == {"june.csv"}
    assert found["totals"]["adds_up"] is True
    assert [reading["load_status"] for reading in found["sap"]["readings"]] == ["PENDING"]


def test_explanation_of_what_is_not_priced_names_the_construct(billed_day: tuple[Path, list[Home]]) -> None:
    warehouse, homes = billed_day
    environment = {"BILLSYNC_ENV": "test", "BILLSYNC_HOME": str(warehouse.parent)}
    done = run_billsync(warehouse.parent, environment, "explain", "--contract", homes[2].contract_id, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["status"], found["totals"], found["lines"]) == ("NOT_PRICEABLE", None, [])
    assert "demandCharges" in {problem["construct"] for problem in found["not_priceable"]}


def test_demand_charge_in_words_only_is_not_priced(billed_day: tuple[Path, list[Home]]) -> None:
    warehouse, homes = billed_day
    status, reason, total = fetch(
        warehouse,
        "select status, status_reason, total_inc_gst_aud from marts.fct_shadow_bills "
        f"where contract_id = '{homes[2].contract_id}'",
    )[0]
    assert (status, total) == ("NOT_PRICEABLE", None)
    assert homes[2].plan_id in str(reason)


def test_readings_are_planned_and_not_sent_where_writing_is_off(billed_day: tuple[Path, list[Home]]) -> None:
    warehouse, homes = billed_day
    rows = fetch(
        warehouse, "select contract_id, load_status, reading_result from marts.fct_isu_meter_readings order by 1"
    )
    expected = (1000 + homes[0].usage_kwh(*PERIOD)).quantize(Decimal("0.001"), ROUND_HALF_UP)
    assert [row[:2] for row in rows] == [
        (homes[0].contract_id, "PENDING"),
        (homes[1].contract_id, "PENDING"),
        (homes[2].contract_id, "HELD"),
    ]
    assert Decimal(str(rows[0][2])) == expected
