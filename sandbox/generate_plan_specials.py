"""Plans with the rarer constructs of the register: sold, but taken only by contracts that are named for them.

They keep every construct of the register in the catalogue, so that whoever reads plans meets them, while the
bills of the default seed stay within supply, usage, controlled load and single feed-in.
"""

from __future__ import annotations

from sandbox.generate_plan_parts import (
    EVERY_DAY,
    Json,
    Rate,
    feed_in,
    plan_answer,
    rate_block,
    single_period,
    tou_period,
    window,
)

WORDS_DEMAND_PLAN = "BNK900001MRE1@EME"
_WORKDAYS = ["MON", "TUE", "WED", "THU", "FRI"]


def special_plans() -> list[Json]:
    """Build the detail answers of all special plans."""
    return [
        _words_demand(),
        _window_demand(),
        _varying_feed_in(),
        _free_window(),
        _two_feed_ins(),
        _discounts(),
        _green_power(),
        _banded_supply(),
    ]


def _special(number: int, name: str, periods: list[Json], **more: Json | list[Json] | str | None) -> Json:
    feed_ins = more.pop("feed_ins", [feed_in("0.05")])
    zone = more.pop("time_zone", "LOCAL")
    return plan_answer(
        plan_id=f"BNK9{number:05d}MRE1@EME",
        name=name,
        brand="Banksia Energy",
        customer_type=str(more.pop("customer_type", "RESIDENTIAL")),
        distributors=["Ausgrid", "Energex", "SA Power Networks"],
        time_zone=str(zone) if zone else None,
        periods=periods,
        controlled_loads=[],
        feed_ins=feed_ins if isinstance(feed_ins, list) else [],
        extra=dict(more),
    )


def _words_demand() -> Json:
    """The window stands in the description only; the fields say midnight to midnight."""
    period = single_period("1.40", rate_block([("0.277", "395.42"), ("0.33", None)], "P1M"))
    period["demandCharges"] = [
        {
            "displayName": "Demand Charge",
            "description": "Peak demand is the highest half hour between 4 PM and 8 PM on business days in each month, "
            "charged in $ per kW per month.",
            "amount": "0.32",
            "startTime": "00:00",
            "endTime": "00:00",
            "measurementPeriod": "TARIFF_PERIOD",
            "chargePeriod": "TARIFF_PERIOD",
        }
    ]
    return _special(1, "Demand Saver", [period], time_zone=None)


def _window_demand() -> Json:
    period = single_period("1.35", rate_block([("0.2410", None)]))
    period["demandCharges"] = [
        {
            "displayName": "Summer Demand",
            "amount": "0.4210",
            "measureUnit": "KW",
            "startTime": "16:00",
            "endTime": "20:59",
            "days": _WORKDAYS,
            "minDemand": "1.5",
            "measurementPeriod": "MONTH",
            "chargePeriod": "DAY",
        }
    ]
    return _special(2, "Business Demand", [period], customer_type="BUSINESS")


def _varying_feed_in() -> Json:
    feed_ins: list[Json] = [
        {
            "displayName": "Sunset Feed-in",
            "scheme": "OTHER",
            "payerType": "RETAILER",
            "tariffUType": "timeVaryingTariffs",
            "timeVaryingTariffs": [
                {
                    "type": band,
                    "displayName": f"Sunset {band}",
                    "rates": [{"unitPrice": price, "measureUnit": "KWH"}],
                    "period": "P1D",
                    "timeVariations": [window(start, end)],
                }
            ],
        }
        for band, price, start, end in (("PEAK", "0.18", "17:00", "20:59"), ("OFF_PEAK", "0.03", "21:00", "16:59"))
    ]
    return _special(3, "Sunset Solar", [single_period("0.99", rate_block([("0.3050", None)]))], feed_ins=feed_ins)


def _free_window() -> Json:
    rates = [
        Rate("PEAK", "0.4121", (window("17:00", "20:59"),)),
        Rate("OFF_PEAK", "0.2498", (window("21:00", "10:59"), window("14:00", "16:59"))),
        Rate("SHOULDER1", "0.00", (window("11:00", "13:59"),)),
    ]
    period = tou_period("1.6363", rates)
    period["timeOfUseRates"][2] |= {
        "period": "P1D",
        "rates": [
            {"unitPrice": "0.00", "measureUnit": "KWH", "volume": 24},
            {"unitPrice": "0.2498", "measureUnit": "KWH"},
        ],
    }
    return _special(4, "Solar Sharer", [period], time_zone="AEST")


def _two_feed_ins() -> Json:
    feed_ins = [feed_in("0.015", name="Retailer Feed-in"), feed_in("0.44", name="Premium Feed-in", scheme="PREMIUM")]
    return _special(5, "Premium Solar", [single_period("1.17", rate_block([("0.386", None)]))], feed_ins=feed_ins)


def _discounts() -> Json:
    discounts = [
        {
            "displayName": "Pay On Time",
            "type": "CONDITIONAL",
            "category": "PAY_ON_TIME",
            "methodUType": "percentOfBill",
            "percentOfBill": {"rate": "0.02"},
        },
        {
            "displayName": "Welcome",
            "type": "GUARANTEED",
            "category": "GUARANTEED_DISCOUNT",
            "methodUType": "percentOfUse",
            "percentOfUse": {"rate": "0.05"},
        },
    ]
    rates = [Rate("PEAK", "0.43", (window("15:00", "20:59"),)), Rate("OFF_PEAK", "0.21", (window("21:00", "14:59"),))]
    return _special(6, "Thrifty", [tou_period("1.08", rates)], discounts=discounts)


def _green_power() -> Json:
    charges = [
        {
            "displayName": "GreenPower",
            "scheme": "GREENPOWER",
            "type": "PERCENT_OF_USE",
            "tiers": [{"percentGreen": "1.00", "rate": "0.0455"}],
        }
    ]
    fees = [{"type": "MEMBERSHIP", "term": "ANNUAL", "amount": "264.00", "description": "Membership (inc. GST)"}]
    return _special(
        7,
        "Green Member",
        [single_period("0.79", rate_block([("0.2687", None)]))],
        greenPowerCharges=charges,
        fees=fees,
    )


def _banded_supply() -> Json:
    """A supply charge in bands, and a weekday band that leaves public holidays to their own entry."""
    rates = [
        Rate("PEAK", "0.39", (window("07:00", "22:59", _WORKDAYS),)),
        Rate("OFF_PEAK", "0.24", (window("23:00", "06:59", EVERY_DAY), window("07:00", "22:59", ["SAT", "SUN"]))),
    ]
    period = tou_period("0", rates)
    del period["dailySupplyCharge"]
    period["dailySupplyChargeType"] = "BAND"
    period["bandedDailySupplyCharges"] = [
        {"unitPrice": "0.95", "measureUnit": "DAYS", "volume": 30},
        {"unitPrice": "0.85", "measureUnit": "DAYS"},
    ]
    return _special(8, "Banded Supply", [period])
