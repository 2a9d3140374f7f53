"""The pretend SAP's pricer against bills worked out by hand (the arithmetic stands beside each expectation)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from sandbox.sap.plan import CannotPrice, read_plan
from sandbox.sap.pricer import ChannelDay, to_cents
from tests.unit.sandbox.sap_bills import OFF, PEAK, D, amounts, bill, days_between, only, quantities
from tests.unit.sandbox.sap_plans import WORKDAYS, flat, period, plan, rate, tou, window

# --- supply, single rate, GST, rounding


def test_single_rate_bill_of_28_days_rounds_each_line_to_the_cent() -> None:
    priced = bill(plan(flat("0.2914", supply="1.2273")))
    # 28 x 1.2273 = 34.3644; 28 x 24 = 672 kWh x 0.2914 = 195.8208; GST 10 % of 230.18 = 23.018.
    assert amounts(priced, "SUPPLY") == [D("34.36")]
    assert amounts(priced, "USAGE") == [D("195.82")]
    assert (priced.total_ex_gst, priced.gst, priced.total_inc_gst) == (D("230.18"), D("23.02"), D("253.20"))


@pytest.mark.parametrize(
    ("amount", "cents"),
    [("0.005", "0.01"), ("0.0049999", "0.00"), ("-0.005", "-0.01"), ("1.015", "1.02"), ("2", "2.00")],
)
def test_to_cents_rounds_half_away_from_zero(amount: str, cents: str) -> None:
    assert to_cents(Fraction(amount)) == D(cents)


def test_prices_in_cents_give_the_same_bill_as_in_dollars() -> None:
    in_cents = period(singleRate=rate(("29.14", None)), supply="0")
    del in_cents["dailySupplyCharge"]
    in_cents["dailySupplyCharges"] = "122.73"
    assert bill(plan(in_cents)) == bill(plan(flat("0.2914", supply="1.2273")))


def test_cents_beside_a_rate_below_one_are_refused_as_unclear() -> None:
    with pytest.raises(CannotPrice, match="cents or dollars"):
        read_plan(plan(flat("0.29", supply="122.73")))
    with pytest.raises(CannotPrice, match="cents or dollars"):
        read_plan(plan(flat("29", supply="1.22")))


def test_number_without_leading_zero_is_read() -> None:
    # 672 x 0.02 = 13.44
    assert amounts(bill(plan(flat(".02"))), "USAGE") == [D("13.44")]


# --- steps


def test_daily_steps_start_anew_each_day() -> None:
    priced = bill(plan(period(singleRate=rate(("0.30", "10"), ("0.20", None), period="P1D"))))
    # Each of 28 days: 10 kWh in step 1, 14 in step 2.
    assert quantities(priced) == {"Rate step 1": 280, "Rate step 2": 392}
    # 84.00 + 78.40 + 28.00 supply = 190.40; GST 19.04.
    assert priced.total_inc_gst == D("209.44")


def test_daily_steps_follow_the_plans_clock() -> None:
    # NSW in summer is an hour ahead: 28 market days touch 29 local days, the last with one hour (1 kWh).
    priced = bill(
        plan(period(singleRate=rate(("0.30", "10"), ("0.20", None), period="P1D")), clock="LOCAL"), None, "NSW"
    )
    # Step 1: 28 x 10 + 1 = 281; the rest of 672 is 391.
    assert quantities(priced) == {"Rate step 1": 281, "Rate step 2": 391}


@pytest.mark.parametrize(
    ("volume", "length", "first"),
    [
        # volume x 28 days / (365/12, 365/4, 365, 7, 14)
        ("340.06", "P1M", Fraction("340.06") * 28 * 12 / 365),
        ("1020", "P3M", Fraction(1020 * 28 * 4, 365)),
        ("4000", "P1Y", Fraction(4000 * 28, 365)),
        ("4000", None, Fraction(4000 * 28, 365)),
        ("70", "P1W", Fraction(70 * 4)),
        ("120", "P2W", Fraction(120 * 2)),
    ],
)
def test_longer_steps_pool_over_the_bill(volume: str, length: str | None, first: Fraction) -> None:
    more = {"period": length} if length else {}
    priced = bill(plan(period(singleRate=rate(("0.30", volume), ("0.20", None), **more))))
    assert quantities(priced) == {"Rate step 1": first, "Rate step 2": 672 - first}


def test_monthly_step_amounts_match_the_sum_worked_out_by_hand() -> None:
    priced = bill(plan(period(singleRate=rate(("0.30", "340.06"), ("0.20", None), period="P1M"))))
    # 340.06 x 336 / 365 = 313.041534 kWh x 0.30 = 93.9125; 358.958466 x 0.20 = 71.7917.
    assert amounts(priced, "USAGE") == [D("93.91"), D("71.79")]


def test_energy_below_the_first_step_leaves_the_second_empty() -> None:
    priced = bill(plan(period(singleRate=rate(("0.30", "1000"), ("0.20", None), period="P1M"))))
    assert quantities(priced) == {"Rate step 1": 672, "Rate step 2": 0}


# --- windows, clocks, days


def test_local_windows_move_an_hour_against_market_time_in_summer() -> None:
    day = date(2026, 2, 10)
    # 15:00-21:00 in Sydney is 14:00-20:00 market time: half hours 28 to 39.
    energy = only(day, day, {(day, 27): "1", (day, 28): "2", (day, 39): "4", (day, 40): "8"})
    local = bill(plan(tou(PEAK, OFF), clock="LOCAL"), energy, "NSW")
    assert quantities(local) == {"PEAK step 1": 6, "OFF_PEAK step 1": 9}
    market = bill(plan(tou(PEAK, OFF), clock="AEST"), energy, "NSW")
    # 15:00-21:00 market time: half hours 30 to 41.
    assert quantities(market) == {"OFF_PEAK step 1": 3, "PEAK step 1": 12}


def test_plan_without_clock_is_on_market_time() -> None:
    day = date(2026, 2, 10)
    energy = only(day, day, {(day, 28): "2", (day, 40): "8"})
    priced = bill(plan(tou(PEAK, OFF), clock=None), energy, "NSW")
    assert quantities(priced) == {"OFF_PEAK step 1": 2, "PEAK step 1": 8}


def test_windows_follow_the_clock_change_in_april() -> None:
    first, last = date(2026, 4, 4), date(2026, 4, 6)
    # Daylight saving ends on Sunday 5 April: 14:00 market time is 15:00 in Sydney on the 4th only.
    energy = only(first, last, {(day, 28): "1" for day in days_between(first, last)})
    priced = bill(plan(tou(PEAK, OFF), clock="LOCAL"), energy, "NSW")
    assert quantities(priced) == {"PEAK step 1": 1, "OFF_PEAK step 1": 2}


def test_adelaide_evening_crosses_into_the_next_market_day() -> None:
    first, last = date(2025, 7, 10), date(2025, 7, 11)
    # UTC+9:30 in winter: 16:00-24:00 is 16:30 to 00:30 market time.
    energy = only(first, last, {(last, 0): "1", (last, 1): "2", (first, 32): "4", (first, 33): "8"})
    answer = plan(tou([window("16:00", "23:59")], [window("00:00", "15:59")]), clock="LOCAL")
    assert quantities(bill(answer, energy, "SA")) == {"OFF_PEAK step 1": 6, "PEAK step 1": 9}


def test_public_holiday_of_its_own_overrides_the_weekday() -> None:
    # Labour Day in Western Australia: Monday 2 March 2026. 15:00 in Perth is 17:00 market time.
    first, last = date(2026, 2, 27), date(2026, 3, 3)
    energy = only(first, last, {(day, 34): "1" for day in days_between(first, last)})
    peak = [window("15:00", "20:59", ["BUSINESS_DAYS"])]
    off = [
        window("21:00", "14:59", ["BUSINESS_DAYS"]),
        window("00:00", "23:59", ["SAT", "SUN", "PUBLIC_HOLIDAYS"]),
    ]
    # Friday and Tuesday are business days; Saturday, Sunday and the holiday are not.
    assert quantities(bill(plan(tou(peak, off), clock="LOCAL"), energy, "WA")) == {
        "PEAK step 1": 2,
        "OFF_PEAK step 1": 3,
    }


def test_plan_that_names_weekdays_only_charges_a_holiday_as_its_weekday() -> None:
    first, last = date(2026, 2, 27), date(2026, 3, 3)
    energy = only(first, last, {(day, 34): "1" for day in days_between(first, last)})
    off = [window("21:00", "14:59", WORKDAYS), window("00:00", "23:59", ["SAT", "SUN"])]
    answer = plan(tou([window("15:00", "20:59", WORKDAYS)], off), clock="LOCAL")
    assert quantities(bill(answer, energy, "WA")) == {"PEAK step 1": 3, "OFF_PEAK step 1": 2}


def test_part_holiday_begins_in_the_evening() -> None:
    # Christmas Eve in South Australia is a public holiday from 7 pm; Thursday 24 December 2026, UTC+10:30 in summer.
    day = date(2026, 12, 24)
    energy = only(day, day, {(day, 36): "1", (day, 37): "2"})
    peak = [window("00:00", "00:00", ["BUSINESS_DAYS"])]
    off = [window("00:00", "00:00", ["SAT", "SUN", "PUBLIC_HOLIDAYS"])]
    # Half hour 36 begins at 18:30 in Adelaide, half hour 37 at 19:00.
    priced = bill(plan(tou(peak, off), clock="LOCAL"), energy, "SA")
    assert quantities(priced) == {"PEAK step 1": 1, "OFF_PEAK step 1": 2}


@pytest.mark.parametrize(
    ("peak", "off"),
    [
        (window("700", "859"), [window("900", "659")]),
        (window("0700", "0900"), [window("0900", "0700")]),
        (window("700", "900"), [window("0", "659"), window("900", "0")]),
        (window("07:00", "08:59"), [window("00:00", "07:00"), window("09:00", "00:00")]),
        (window("07:00", "09:00"), [window("00:00", "06:59"), window("09:00", "24:00")]),
    ],
)
def test_times_in_every_notation_mean_the_same_window(peak: dict[str, Any], off: list[dict[str, Any]]) -> None:
    day = date(2026, 2, 10)
    energy = only(day, day, {(day, 13): "1", (day, 14): "2", (day, 17): "4", (day, 18): "8", (day, 47): "16"})
    assert quantities(bill(plan(tou([peak], off)), energy)) == {"OFF_PEAK step 1": 25, "PEAK step 1": 6}


def test_midnight_to_midnight_is_all_day() -> None:
    priced = bill(plan(tou([window("00:00", "00:00", WORKDAYS)], [window("0000", "00:00", ["SAT", "SUN"])])))
    # 6 February is a Friday: 20 weekdays and 8 days of weekends.
    assert quantities(priced) == {"PEAK step 1": 480, "OFF_PEAK step 1": 192}


def test_five_minute_energy_is_priced_by_its_own_start() -> None:
    day = date(2026, 2, 10)
    values = [D("0.001") * n for n in range(288)]
    priced = bill(plan(tou([window("07:00", "08:59")], [window("09:00", "06:59")])), [ChannelDay(day, 5, values)])
    # 07:00-09:00 is intervals 84 to 107: (84 + ... + 107) / 1000 = 2292 / 1000; all: 287 x 288 / 2 = 41328 / 1000.
    assert quantities(priced) == {"PEAK step 1": Fraction("2.292"), "OFF_PEAK step 1": Fraction("39.036")}


@pytest.mark.parametrize(
    "answer",
    [
        plan(tou(PEAK, [window("21:00", "13:59")])),
        plan(tou([window("15:00", "21:59")], OFF)),
        plan(tou([window("15:00", "15:00")], OFF)),
        plan(tou([window("25:00", "26:00")], OFF)),
        plan(tou([window("15:00", "20:59", ["WEEKENDS"])], OFF)),
    ],
    ids=["gap", "overlap", "empty window", "no time", "no day"],
)
def test_windows_that_do_not_cover_each_minute_once_are_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(CannotPrice):
        bill(answer)


def test_free_window_is_capped_each_day() -> None:
    day = date(2026, 2, 10)
    free = rate(("0.00", "24"), ("0.25", None), type="SHOULDER1", period="P1D", timeOfUse=[window("11:00", "13:59")])
    rest = rate(("0.40", None), type="PEAK", timeOfUse=[window("14:00", "10:59")])
    # 5 kWh in each of 6 free half hours: 24 free, 6 at 0.25 = 1.50.
    energy = only(day, day, {(day, n): "5" for n in range(22, 28)})
    priced = bill(plan(period(timeOfUseRates=[free, rest])), energy)
    assert quantities(priced)["SHOULDER1 step 1"] == 24
    assert quantities(priced)["SHOULDER1 step 2"] == 6
    assert sum(amounts(priced, "USAGE")) == D("1.50")
