"""The pretend SAP's pricer against bills worked out by hand: seasons, changes of plan, feed-in, what it refuses."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.sap.plan import CannotPrice, PlanVersions
from sandbox.sap.pricer import ChannelDay
from tests.unit.sandbox.sap_bills import END, OFF, PEAK, START, D, amounts, bill, days_between, level, only, quantities
from tests.unit.sandbox.sap_plans import flat, period, plan, rate, single_feed_in, tou, window

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
