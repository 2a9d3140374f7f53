"""The pretend SAP's pricer against bills worked out by hand (the arithmetic stands beside each expectation)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.sap.plan import CannotPrice, PlanVersions, read_plan
from sandbox.sap.pricer import BillData, ChannelDay, PricedBill, price_bill, to_cents
from tests.unit.sandbox.sap_plans import WORKDAYS, flat, period, plan, rate, single_feed_in, tou, window

START, END = date(2026, 2, 6), date(2026, 3, 5)
D = Decimal


def days_between(start: date, end: date) -> list[date]:
    return [start + timedelta(days=n) for n in range((end - start).days + 1)]


def level(start: date, end: date, half_hour_kwh: str = "0.5") -> list[ChannelDay]:
    """The same energy in every half hour: 24 kWh a day by default."""
    return [ChannelDay(day, 30, [D(half_hour_kwh)] * 48) for day in days_between(start, end)]


def only(start: date, end: date, energy: Mapping[tuple[date, int], str]) -> list[ChannelDay]:
    """No energy but in the named half hours (0 is 00:00 to 00:30 market time)."""
    return [ChannelDay(day, 30, [D(energy.get((day, n), "0")) for n in range(48)]) for day in days_between(start, end)]


def bill(
    answer: dict[str, Any],
    energy: list[ChannelDay] | Mapping[str, list[ChannelDay]] | None = None,
    jurisdiction: str = "QLD",
    **more: Any,
) -> PricedBill:
    channels = energy if isinstance(energy, Mapping) else {"E1": energy or level(START, END)}
    days = sorted(one.market_date for one in next(iter(channels.values())))
    usage = {"E": "GENERAL", "1": "GENERAL", "B": "GENERATION"}
    versions = PlanVersions([answer])
    values: dict[str, Any] = {
        "jurisdiction": jurisdiction,
        "start": days[0],
        "end": days[-1],
        "is_gst_registered": False,
        "usage_types": {s: "CONTROLLED_LOAD" if s == "E2" else usage[s[0]] for s in channels},
        "energy": channels,
        "plan_on": lambda day: versions,
    }
    return price_bill(BillData(**(values | more)))


def quantities(priced: PricedBill, kind: str = "USAGE") -> dict[str, Fraction]:
    return {line.name: line.quantity for line in priced.lines if line.kind == kind}


def amounts(priced: PricedBill, kind: str) -> list[Decimal]:
    return [line.amount for line in priced.lines if line.kind == kind]


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


PEAK, OFF = [window("15:00", "20:59")], [window("21:00", "14:59")]


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


# --- seasons, versions, plan changes


SUMMER_AND_REST = (
    flat("0.40", start="12-01", end="02-28", supply="1.10"),
    flat("0.30", start="03-01", end="11-30", supply="1.20"),
)


def test_seasons_split_supply_by_market_day_and_energy_by_local_day() -> None:
    first, last = date(2026, 2, 27), date(2026, 3, 2)
    priced = bill(plan(*SUMMER_AND_REST, clock="LOCAL"), level(first, last, "1"), "SA")
    # Adelaide in summer is half an hour ahead: the last half hour of 28 February is already March.
    assert [line.quantity for line in priced.lines if line.kind == "USAGE"] == [95, 97]
    assert [(line.quantity, line.amount) for line in priced.lines if line.kind == "SUPPLY"] == [
        (2, D("2.20")),
        (2, D("2.40")),
    ]


def test_leap_day_outside_every_season_is_refused() -> None:
    with pytest.raises(CannotPrice, match="2028-02-29"):
        bill(plan(*SUMMER_AND_REST), level(date(2028, 2, 28), date(2028, 3, 1)))


def test_season_over_new_year_is_found() -> None:
    priced = bill(plan(*SUMMER_AND_REST), level(date(2025, 12, 30), date(2026, 1, 2)))
    assert [line.price for line in priced.lines if line.kind == "USAGE"] == [D("0.40")]


def test_new_price_version_holds_from_its_day_in_market_time() -> None:
    first, last = date(2024, 6, 29), date(2024, 7, 2)
    old, new = plan(flat("0.30")), plan(flat("0.40"))
    old |= {"effectiveFrom": "2023-06-30T14:00:00Z", "lastUpdated": "2023-06-30T14:00:00Z"}
    # 2024-06-30T14:00:00Z is midnight of 1 July.
    new |= {"effectiveFrom": "2024-06-30T14:00:00Z", "lastUpdated": "2024-06-20T00:00:00Z"}
    versions = PlanVersions([new, old])
    priced = bill(old, level(first, last), plan_on=lambda day: versions)
    assert [(line.price, line.quantity) for line in priced.lines if line.kind == "USAGE"] == [
        (D("0.30"), 48),
        (D("0.40"), 48),
    ]


def test_first_known_version_reaches_back() -> None:
    late = plan(flat("0.30")) | {"effectiveFrom": "2030-01-01T00:00:00Z"}
    assert quantities(bill(late)) == {"Rate step 1": 672}


def test_change_of_plan_prices_each_market_day_by_its_plan() -> None:
    before, after = PlanVersions([plan(flat("0.30"))]), PlanVersions([plan(flat("0.20"))])
    priced = bill(plan(flat()), plan_on=lambda day: before if day < date(2026, 2, 20) else after)
    # 14 days each.
    assert [line.quantity for line in priced.lines if line.kind == "USAGE"] == [336, 336]
    assert [line.quantity for line in priced.lines if line.kind == "SUPPLY"] == [14, 14]


# --- controlled load and feed-in


def test_controlled_load_has_its_own_rate_and_supply() -> None:
    load = {"displayName": "CL", "singleRate": rate(("0.18", None), dailySupplyCharge="0.05")}
    energy = {"E1": level(START, END), "E2": level(START, END, "0.1")}
    priced = bill(plan(flat("0.30"), controlledLoad=[load]), energy)
    # 28 x 0.05 = 1.40; 28 x 4.8 = 134.4 kWh x 0.18 = 24.192.
    assert amounts(priced, "CONTROLLED_LOAD") == [D("1.40"), D("24.19")]
    # 28.00 + 201.60 + 25.59 = 255.19; GST 25.519.
    assert priced.total_inc_gst == D("280.71")


def test_controlled_load_without_a_price_is_refused() -> None:
    with pytest.raises(CannotPrice, match="controlled load"):
        bill(plan(flat()), {"E1": level(START, END), "E2": level(START, END)})


@pytest.mark.parametrize(("is_registered", "gst"), [(False, "22.96"), (True, "21.62")])
def test_feed_in_carries_gst_for_registered_customers_only(is_registered: bool, gst: str) -> None:
    energy = {"E1": level(START, END), "B1": level(START, END, "0.2")}
    priced = bill(
        plan(flat("0.30"), solarFeedInTariff=[single_feed_in("0.05")]), energy, is_gst_registered=is_registered
    )
    # Charges 28.00 + 201.60 = 229.60; 28 x 9.6 = 268.8 kWh x 0.05 = 13.44 credit.
    assert amounts(priced, "FEED_IN") == [D("-13.44")]
    assert priced.total_ex_gst == D("216.16")
    # 10 % of 229.60 is 22.96; of 216.16 is 21.616.
    assert priced.gst == D(gst)


def test_credit_above_the_charges_gives_a_negative_bill() -> None:
    energy = {"E1": level(START, END, "0"), "B1": level(START, END, "2")}
    priced = bill(plan(flat("0.30"), solarFeedInTariff=[single_feed_in("0.10")]), energy)
    # 28.00 + GST 2.80 - 28 x 96 x 0.10 = 268.80
    assert priced.total_inc_gst == D("-238.00")


def varying(price: str, start: str, end: str, name: str = "Sun") -> dict[str, Any]:
    entry = rate((price, None), type=f"F{start}", timeVariations=[window(start, end)])
    return {"displayName": name, "scheme": "OTHER", "timeVaryingTariffs": [entry]}


def test_feed_ins_with_disjoint_windows_add_up() -> None:
    day = date(2026, 2, 10)
    energy = {"E1": level(day, day, "0"), "B1": only(day, day, {(day, 34): "2", (day, 20): "3"})}
    feed_ins = [varying("0.18", "17:00", "20:59"), varying("0.03", "21:00", "16:59")]
    priced = bill(plan(flat(), solarFeedInTariff=feed_ins), energy)
    # 2 x 0.18 + 3 x 0.03
    assert sorted(amounts(priced, "FEED_IN")) == [D("-0.36"), D("-0.09")]


def test_export_outside_every_feed_in_window_earns_nothing() -> None:
    day = date(2026, 2, 10)
    energy = {"E1": level(day, day, "0"), "B1": only(day, day, {(day, 34): "2", (day, 20): "3"})}
    priced = bill(plan(flat(), solarFeedInTariff=[varying("0.18", "17:00", "20:59")]), energy)
    assert amounts(priced, "FEED_IN") == [D("-0.36")]


def test_two_feed_ins_at_one_time_need_the_contracts_choice() -> None:
    energy = {"E1": level(START, END), "B1": level(START, END, "0.2")}
    answer = plan(flat(), solarFeedInTariff=[single_feed_in("0.02", "Retailer"), single_feed_in("0.44", "Premium")])
    with pytest.raises(CannotPrice, match="several feed-ins"):
        bill(answer, energy)
    priced = bill(answer, energy, terms={"FEED_IN": "Premium"})
    # 268.8 x 0.44 = 118.272
    assert amounts(priced, "FEED_IN") == [D("-118.27")]


def test_feed_in_step_with_an_end_pays_no_more_beyond_it() -> None:
    energy = {"E1": level(START, END, "0"), "B1": level(START, END, "0.5")}
    capped = {"displayName": "Capped", "singleTariff": rate(("0.10", "10"), period="P1D")}
    # 24 kWh a day exported, 10 of them paid: 28 x 10 x 0.10.
    assert amounts(bill(plan(flat(), solarFeedInTariff=[capped]), energy), "FEED_IN") == [D("-28.00")]


def test_agreed_feed_in_matters_only_where_there_is_a_choice() -> None:
    energy = {"E1": level(START, END), "B1": level(START, END, "0.2")}
    priced = bill(plan(flat(), solarFeedInTariff=[single_feed_in("0.05")]), energy, terms={"FEED_IN": "Another"})
    assert amounts(priced, "FEED_IN") == [D("-13.44")]


@pytest.mark.parametrize(
    ("start", "paid_days"),
    # The plan's only version is dated 1 July 2025 and reaches back; a feed-in that began with it does so too.
    [("2025-07-01", 28), ("2026-02-20", 14)],
)
def test_feed_in_holds_from_its_start_unless_that_is_its_plans(start: str, paid_days: int) -> None:
    energy = {"E1": level(START, END), "B1": level(START, END)}
    priced = bill(plan(flat(), solarFeedInTariff=[single_feed_in("0.05", startDate=start)]), energy)
    assert quantities(priced, "FEED_IN") == {" step 1": 24 * paid_days}


def test_problem_in_a_controlled_load_stops_only_contracts_that_have_one() -> None:
    load = {"displayName": "CL", "singleRate": rate(("", None))}
    answer = plan(flat(), controlledLoad=[load])
    assert quantities(bill(answer)) == {"Rate step 1": 672}
    with pytest.raises(CannotPrice):
        bill(answer, {"E1": level(START, END), "E2": level(START, END)})


def test_controlled_load_outside_its_windows_is_refused_if_any_flowed() -> None:
    day = date(2026, 2, 10)
    night = rate(("0.18", None), type="OFF_PEAK", timeOfUse=[window("22:00", "06:59")])
    answer = plan(flat(), controlledLoad=[{"displayName": "CL", "timeOfUseRates": [night]}])
    at_night = {"E1": level(day, day), "E2": only(day, day, {(day, 45): "2"})}
    # 2 x 0.18
    assert amounts(bill(answer, at_night), "CONTROLLED_LOAD") == [D("0.36")]
    with pytest.raises(CannotPrice, match="without a price"):
        bill(answer, {"E1": level(day, day), "E2": only(day, day, {(day, 30): "2"})})


def test_export_on_a_plan_without_feed_in_earns_nothing() -> None:
    priced = bill(plan(flat()), {"E1": level(START, END), "B1": level(START, END)})
    assert amounts(priced, "FEED_IN") == []


# --- basic meters and refusals


def test_basic_meter_is_spread_evenly_over_the_seasons() -> None:
    first, last = date(2026, 2, 26), date(2026, 3, 4)
    # 70 kWh read at the end, whatever its days say: 10 a day; three days in summer, four after.
    energy = {"11": [ChannelDay(day, 1440, [D(n)]) for n, day in enumerate(days_between(first, last), start=7)]}
    priced = bill(plan(*SUMMER_AND_REST), energy)
    assert [line.quantity for line in priced.lines if line.kind == "USAGE"] == [30, 40]


def test_basic_meter_on_time_of_use_is_refused() -> None:
    energy = {"11": [ChannelDay(day, 1440, [D(10)]) for day in days_between(START, END)]}
    with pytest.raises(CannotPrice, match="basic meter"):
        bill(plan(tou(PEAK, OFF)), energy)


def test_missing_day_is_refused() -> None:
    energy = {"E1": [one for one in level(START, END) if one.market_date != date(2026, 2, 20)]}
    with pytest.raises(CannotPrice, match="2026-02-20"):
        bill(plan(flat()), energy)


def test_wrong_number_of_values_is_refused() -> None:
    with pytest.raises(CannotPrice, match="47 values"):
        bill(plan(flat()), [ChannelDay(START, 30, [D(1)] * 47)])


DEMAND = [{"displayName": "Demand", "amount": "0.32", "startTime": "00:00", "endTime": "00:00"}]


@pytest.mark.parametrize(
    "answer",
    [
        plan(flat(demandCharges=DEMAND)),
        plan(flat(bandedDailySupplyCharges=[{"unitPrice": "1"}])),
        plan(flat(supply="")),
        plan(period()),
        plan(flat(timeOfUseRates=[rate(("0.2", None), timeOfUse=PEAK)])),
        plan(period(singleRate=rate(("", None)))),
        plan(period(singleRate=rate(("0.3", "10"), ("0.2", "20")))),
        plan(period(singleRate=rate(("0.3", "0"), ("0.2", None)))),
        plan(period(singleRate=rate(("0.3", None), ("0.2", None)))),
        plan(period(singleRate=rate(("0.3", "10"), ("0.2", None), period="fortnight"))),
        plan(period(singleRate={"rates": [{"unitPrice": "0.3", "measureUnit": "DAYS"}]})),
        plan(flat(), discounts=[{"type": "GUARANTEED", "displayName": "Welcome"}]),
        plan(flat(), fees=[{"type": "MEMBERSHIP", "term": "ANNUAL", "amount": "264.00"}]),
        plan(flat(), pricingModel="QUOTA"),
        plan(flat(), clock="MARS"),
        plan(),
    ],
    ids=[
        "demand", "banded supply", "no supply", "no rate", "two kinds of rate", "empty price", "no price beyond",
        "empty step",
        "no volume", "odd period", "not per kWh", "discount", "membership", "quota", "clock", "no period",
    ],
)  # fmt: skip
def test_plan_with_what_is_not_priced_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(CannotPrice):
        bill(answer)


def test_conditional_discount_not_met_changes_nothing() -> None:
    with_discount = plan(flat(), discounts=[{"type": "CONDITIONAL", "displayName": "Pay On Time"}])
    assert bill(with_discount) == bill(plan(flat()))


@pytest.mark.parametrize("term", ["CONCESSION_PERCENT", "GREEN_POWER_PERCENT", "DISCOUNT_MET", "CONCESSION_FIXED"])
def test_contract_term_that_is_not_priced_is_refused(term: str) -> None:
    with pytest.raises(CannotPrice, match=term):
        bill(plan(flat()), terms={term: "1"})


@given(
    st.lists(st.lists(st.decimals(0, 50, places=3), min_size=48, max_size=48), min_size=1, max_size=3),
    st.decimals("0.001", 400, places=3),
    st.sampled_from(["P1D", "P1M", "P3M", "P1Y"]),
    st.sampled_from(["NSW", "SA", "WA", "QLD"]),
)
def test_steps_and_bands_always_add_up_to_the_energy(
    values: list[list[Decimal]], volume: Decimal, length: str, jurisdiction: str
) -> None:
    energy = [ChannelDay(START + timedelta(days=n), 30, day) for n, day in enumerate(values)]
    steps = (("0.5", str(volume)), ("0.4", None))
    bands = [
        rate(*steps, type="PEAK", period=length, timeOfUse=PEAK),
        rate(*steps, type="OFF_PEAK", period=length, timeOfUse=OFF),
    ]
    priced = bill(plan(period(timeOfUseRates=bands), clock="LOCAL"), energy, jurisdiction)
    assert sum(quantities(priced).values()) == sum(Fraction(value) for day in values for value in day)
