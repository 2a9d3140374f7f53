"""Plans drawn at random in the shapes that the register really holds, and some that nobody can price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

DAYS = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
BANDS = ["PEAK", "OFF_PEAK", "SHOULDER", "SHOULDER1", "SHOULDER2"]
PERIODS = ["P1D", "P1D", "P1M", "P3M", "P1Y", None, "P7D", "P2W"]
DISCOUNT_NAMES = ["Pay on time", "Direct debit", "Loyalty"]
DAY_GROUPS: list[list[list[str]]] = [
    [DAYS],
    [DAYS[:5], DAYS[5:]],
    [DAYS[:5], [*DAYS[5:], "PUBLIC_HOLIDAYS"]],
    [["BUSINESS_DAYS"], [*DAYS[5:], "PUBLIC_HOLIDAYS"]],
    [[*DAYS[:5], "PUBLIC_HOLIDAYS"], ["SAT"], ["SUN"]],
]


@dataclass(frozen=True)
class PlanDrawer:
    """Draws plans.

    Attributes:
        random: source of every choice, so that a seed repeats a run.
    """

    random: Random

    def versions(self, plan_id: str, first_day: date, last_day: date) -> list[dict[str, Any]]:
        """Draw a plan as it was served over time: one answer, or several whose prices differ."""
        plan = self.plan(plan_id)
        stamps = [first_day - timedelta(days=self.random.randrange(0, 900))]
        while self.random.random() < 0.3 and len(stamps) < 3:
            span = max((last_day - first_day).days, 1)
            stamps.append(first_day + timedelta(days=self.random.randrange(0, span + 2)))
        answers = []
        for stamp in sorted(set(stamps)):
            answer = self.plan(plan_id) if self.random.random() < 0.3 else self.reprice(plan)
            hour = self.random.choice(["00:00:00.000Z", "14:00:00Z", "04:30:00Z"])
            moved = stamp - timedelta(days=1) if hour.startswith("14") else stamp
            answer["effectiveFrom"] = f"{moved}T{hour}"
            answer["lastUpdated"] = f"{moved - timedelta(days=self.random.randrange(0, 3))}T01:00:00Z"
            answers.append(answer)
        return answers

    def plan(self, plan_id: str) -> dict[str, Any]:
        self_cents = self.random.random() < 0.3
        contract: dict[str, Any] = {
            "pricingModel": "TIME_OF_USE",
            "isFixed": False,
            "paymentOption": ["DIRECT_DEBIT"],
            "tariffPeriod": self.seasons(cents=self_cents),
        }
        clock = self.random.choice(["LOCAL", "LOCAL", "AEST", None])
        if clock:
            contract["timeZone"] = clock
        if self.random.random() < 0.6:
            contract["controlledLoad"] = [self.controlled_load(cents=self_cents)]
        feed_ins = self.feed_ins(cents=self_cents)
        if feed_ins:
            contract["solarFeedInTariff"] = feed_ins
        if self.random.random() < 0.2:
            contract["fees"] = [self.fee() for _ in range(self.random.randrange(1, 3))]
        self.add_shares(contract)
        if self.random.random() < 0.2:
            for period in contract["tariffPeriod"]:
                period["demandCharges"] = [self.demand() for _ in range(self.random.randrange(1, 3))]
        self.band_some_supply(contract, cents=self_cents)
        plan = {"planId": plan_id, "fuelType": "ELECTRICITY", "customerType": "RESIDENTIAL",
                "displayName": plan_id, "brand": "drawn", "electricityContract": contract}  # fmt: skip
        if self.random.random() < 0.06:
            self.spoil(plan)
        return plan

    def add_shares(self, contract: dict[str, Any]) -> None:
        if self.random.random() < 0.5:
            names = self.random.sample(DISCOUNT_NAMES, self.random.randrange(1, 3))
            contract["discounts"] = [self.discount(name) for name in names]
        if self.random.random() < 0.7:
            contract["greenPowerCharges"] = [self.green_power() for _ in range(self.random.choice([1, 1, 1, 2]))]

    def band_some_supply(self, contract: dict[str, Any], *, cents: bool) -> None:
        if self.random.random() < 0.08:
            for period in contract["tariffPeriod"]:
                self.band_supply(period, cents=cents)

    def band_supply(self, period: dict[str, Any], *, cents: bool) -> None:
        """Put bands of days in place of the one supply charge."""
        bands: list[dict[str, Any]] = [{"unitPrice": self.supply(cents=cents)}]
        while self.random.random() < 0.6:
            size = self.random.choice([1, 7, 28, 30, 31, 45])
            bands.insert(0, {"unitPrice": self.supply(cents=cents), "volume": size, "measureUnit": "DAYS"})
        if self.random.random() < 0.1:
            bands[0] |= self.random.choice([{"measureUnit": "KWH"}, {"volume": 20_000}, {"unitPrice": ""}])
        del period["dailySupplyCharge"]
        period |= {"dailySupplyChargeType": "BAND", "bandedDailySupplyCharges": bands}

    def reprice(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Return the plan with other prices for general usage and supply."""
        contract = plan["electricityContract"]
        cents = any(float(period.get("dailySupplyCharge") or 0) > 20 for period in contract["tariffPeriod"])
        periods = []
        for period in contract["tariffPeriod"]:
            changed = {**period}
            if "dailySupplyCharge" in period:
                changed["dailySupplyCharge"] = self.supply(cents=cents)
            for name in ("singleRate", "timeOfUseRates"):
                if name in period:
                    found = period[name] if isinstance(period[name], list) else [period[name]]
                    rates = [
                        {**rate, "rates": [{**step, "unitPrice": self.price(cents=cents)} for step in rate["rates"]]}
                        for rate in found
                    ]
                    changed[name] = rates if isinstance(period[name], list) else rates[0]
            periods.append(changed)
        return {**plan, "electricityContract": {**contract, "tariffPeriod": periods}}

    def price(self, *, cents: bool, least: int = 500) -> str:
        """Draw a price of up to six decimals of a dollar; round ones are common, so that half cents come up."""
        micro = self.random.choice([self.random.randrange(least, 60_000) * 10, self.random.randrange(5, 120) * 5000])
        if cents:
            return f"{micro / 10_000:.4f}"
        text = f"{micro / 1_000_000:.6f}"
        return text[1:] if text.startswith("0.") and self.random.random() < 0.2 else text

    def supply(self, *, cents: bool) -> str:
        tenths = self.random.randrange(4000, 25_000)
        return f"{tenths / 100:.2f}" if cents else f"{tenths / 10_000:.4f}"

    def steps(self, *, cents: bool, capped: bool = False) -> list[dict[str, Any]]:
        steps: list[dict[str, Any]] = []
        while self.random.random() < 0.35 and len(steps) < 3:
            volume = self.random.choice([1, 2.5, 8, 11.178, 24, 340.06, 395.42, 1020, 0.5])
            free = self.random.random() < 0.15  # a band that is free up to a cap, then at the usual rate
            price = "0.00" if free else self.price(cents=cents)
            steps.append({"unitPrice": price, "volume": volume, "measureUnit": "KWH"})
        if not (capped and steps):
            steps.append({"unitPrice": self.price(cents=cents)})
        return steps

    def with_period(self, rate: dict[str, Any]) -> dict[str, Any]:
        period = self.random.choice(PERIODS)
        return {**rate, "period": period} if period else rate

    def seasons(self, *, cents: bool) -> list[dict[str, Any]]:
        """Draw one to six seasons that cover the year; New Year may lie inside one of them."""
        count = self.random.choice([1, 1, 2, 2, 3, 4, 6])
        starts = sorted(self.random.sample(range(366), count))
        if count == 1:
            starts = [self.random.choice([0, 182])]  # the calendar year, or the tariff year from 1 July
        days = [date(2024, 1, 1) + timedelta(days=start) for start in starts]
        seasons = []
        for number, start in enumerate(days):
            end = days[(number + 1) % count] - timedelta(days=1)
            season: dict[str, Any] = {
                "type": "OTHER", "displayName": f"season {number + 1}", "startDate": f"{start:%m-%d}",
                "endDate": f"{end:%m-%d}", "dailySupplyCharge": self.supply(cents=cents),
                "dailySupplyChargeType": "SINGLE",
            }  # fmt: skip
            if self.random.random() < 0.4:
                season["rateBlockUType"] = "singleRate"
                rate = {"displayName": "All", "rates": self.steps(cents=cents)}
                season["singleRate"] = self.with_period(rate)
            else:
                season["rateBlockUType"] = "timeOfUseRates"
                season["timeOfUseRates"] = self.timed_rates(cents=cents)
            seasons.append(season)
        return seasons

    def timed_rates(self, *, cents: bool) -> list[dict[str, Any]]:
        """Give every half hour of every kind of day to one of some rates."""
        count = self.random.randrange(2, 6)
        bands = self.random.sample(BANDS, count) if self.random.random() < 0.8 else self.random.choices(BANDS, k=count)
        rates = [
            self.with_period(
                {"type": band, "displayName": band.title(), "rates": self.steps(cents=cents), "timeOfUse": []}
            )
            for band in bands
        ]
        exclusive = self.random.random() < 0.4
        groups = self.random.choice(DAY_GROUPS)
        for days in groups:
            cuts = sorted(self.random.sample(range(48), self.random.randrange(1, 6)))
            for position, cut in enumerate(cuts):
                end = cuts[(position + 1) % len(cuts)]
                rate = self.random.choice(rates)
                rate["timeOfUse"].extend(self.windows(days, cut, end, exclusive=exclusive))
        return [rate for rate in rates if rate["timeOfUse"]]

    def windows(self, days: Sequence[str], start: int, end: int, *, exclusive: bool) -> list[dict[str, Any]]:
        """Write the half hours from start to end (0 to 47, over midnight if need be) as windows."""
        if start == end:
            spans = [(0, 1440)]
        elif start < end or (self.random.random() < 0.5 and end != 0):
            spans = [(start * 30, end * 30)]
        else:
            spans = [(start * 30, 1440)] + ([(0, end * 30)] if end else [])
        return [
            {"days": list(days), "startTime": self.clock(first), "endTime": self.end(last, exclusive=exclusive)}
            for first, last in spans
        ]

    def clock(self, minute: int) -> str:
        text = f"{minute // 60 % 24:02}:{minute % 60:02}"
        return self.random.choice([text, text, text.replace(":", ""), text.replace(":", "").lstrip("0") or "0"])

    def end(self, minute: int, *, exclusive: bool) -> str:
        """Write an end as the first minute after, or as the last one where that can be told (minute 59)."""
        if exclusive or minute % 60:
            return self.clock(minute)
        return self.clock(minute - 1)

    def controlled_load(self, *, cents: bool) -> dict[str, Any]:
        supply = "0.00" if self.random.random() < 0.3 else ("5.50" if cents else "0.055")
        if self.random.random() < 0.6:
            rate = {"displayName": "Load", "dailySupplyCharge": supply, "rates": self.steps(cents=cents)}
            return {"displayName": "Load", "rateBlockUType": "singleRate", "singleRate": self.with_period(rate)}
        rates = self.timed_rates(cents=cents)
        for rate in rates:
            rate["dailySupplyCharge"] = supply
            if rate["type"].startswith("SHOULDER"):
                rate["type"] = self.random.choice(["SHOULDER", "SOLAR_SPONGE"])
        return {"displayName": "Load", "rateBlockUType": "timeOfUseRates", "timeOfUseRates": rates}

    def feed_ins(self, *, cents: bool) -> list[dict[str, Any]]:
        shape = self.random.choice(["none", "single", "single", "timed", "disjoint", "rival"])
        if shape == "none":
            return []
        if shape == "single":
            return [self.feed_in("Solar", cents=cents)]
        if shape == "rival":
            return [self.feed_in("Solar", cents=cents), self.feed_in("Premium", cents=cents)]
        start, end = sorted(self.random.sample(range(1, 48), 2))
        timed = [
            self.with_period({
                "type": kind, "displayName": kind, "rates": self.steps(cents=cents, capped=True),
                "timeVariations": [
                    {"days": DAYS, "startTime": self.clock(first), "endTime": self.clock(last)} for first, last in spans
                ],
            })
            for kind, spans in (("PEAK", [(start * 30, end * 30)]), ("OFF_PEAK", [(end * 30, start * 30)]))
        ]  # fmt: skip
        frame = {"scheme": "OTHER", "payerType": "RETAILER", "tariffUType": "timeVaryingTariffs"}
        if shape == "timed":
            return [{**frame, "displayName": "Timed", "timeVaryingTariffs": timed[: self.random.randrange(1, 3)]}]
        return [
            {**frame, "displayName": f"Part {number}", "timeVaryingTariffs": [part]}
            for number, part in enumerate(timed)
        ]

    def feed_in(self, name: str, *, cents: bool) -> dict[str, Any]:
        tariff = self.with_period({"rates": self.steps(cents=cents, capped=True)})
        feed_in: dict[str, Any] = {
            "displayName": name, "scheme": "OTHER", "payerType": "RETAILER", "tariffUType": "singleTariff",
            "singleTariff": tariff,
        }  # fmt: skip
        if self.random.random() < 0.15:
            year = self.random.choice([2024, 2025, 2026])
            feed_in["endDate"] = f"{year}-12-31"
        return feed_in

    def fee(self) -> dict[str, Any]:
        words = self.random.choice(["Membership", "(inc. GST)", "excl. GST", "This is not subject to GST."])
        return {
            "type": self.random.choice(["MEMBERSHIP", "MEMBERSHIP", "OTHER", "CONNECTION"]),
            "term": self.random.choice(["ANNUAL", "BIANNUAL", "MONTHLY", "WEEKLY", "DAILY", "FIXED"]),
            "amount": f"{self.random.randrange(1, 30_000) / 100:.2f}",
            "description": words,
        }

    def discount(self, name: str) -> dict[str, Any]:
        """Draw a discount, mostly one that can be priced."""
        method = self.random.choice(
            ["percentOfBill", "percentOfUse", "percentOfUse", "fixedAmount", "percentOverThreshold"]
        )
        details: dict[str, dict[str, str]] = {
            "fixedAmount": {"amount": self.random.choice(["5.50", "20.00", "0.99", "0"])},
            "percentOverThreshold": {"rate": "0.15", "usageAmount": self.random.choice(["0", "20", "150.5"])},
        }
        rate = {"rate": self.random.choice(["0.01", "0.025", "0.17", ".333", "0"])}
        discount: dict[str, Any] = {
            "displayName": name, "type": self.random.choice(["GUARANTEED", "GUARANTEED", "CONDITIONAL", "CONDITIONAL"]),
            "methodUType": method, method: details.get(method, rate),
            "description": self.random.choice(["Off your charges", "excl. GST", "Thank you"]),
        }  # fmt: skip
        if self.random.random() < 0.2:
            discount["endDate"] = f"{self.random.choice([2024, 2025, 2026])}-{self.random.choice(['04-05', '12-27'])}"
        if self.random.random() < 0.04:
            discount |= self.random.choice([
                {"type": "OTHER"}, {method: {}}, {"description": "Capped at 10 dollars"},
                {"description": "5 cents per day"},
            ])  # fmt: skip
        return discount

    def green_power(self) -> dict[str, Any]:
        """Draw one to three tiers of green power."""
        kind = self.random.choice(["FIXED_PER_UNIT", "FIXED_PER_UNIT", "FIXED_PER_DAY", "FIXED_PER_WEEK",
                                   "FIXED_PER_MONTH",
                                   "PERCENT_OF_USE", "PERCENT_OF_BILL"])  # fmt: skip
        name = "amount" if kind.startswith("FIXED") else "rate"
        percents = sorted(self.random.sample(["0.1", "0.2", "0.25", "0.5", "1.0"], self.random.randrange(1, 4)))
        if self.random.random() < 0.8:
            percents[-1] = "1"
        sizes = ["0.055", "0.0485", "0.013", ".06"] if self.random.random() < 0.97 else ["1.10", "-0.01"]
        return {
            "displayName": "Green", "scheme": "GREENPOWER", "type": kind,
            "description": self.random.choice(["Green power", "(inc. GST)", "gst free"]),
            "tiers": [{"percentGreen": percent, name: self.random.choice(sizes)} for percent in percents],
        }  # fmt: skip

    def demand(self) -> dict[str, Any]:
        """Draw a demand charge, mostly one that can be priced."""
        measured, charged = self.random.choice(
            [("DAY", "DAY"), ("MONTH", "DAY"), ("MONTH", "DAY"), ("MONTH", "MONTH"), ("TARIFF_PERIOD", "DAY"),
             ("TARIFF_PERIOD", "MONTH"), ("TARIFF_PERIOD", "TARIFF_PERIOD"), ("MONTH", "TARIFF_PERIOD")]
        )  # fmt: skip
        start, end = self.random.sample(range(48), 2)
        window = self.windows(DAYS, start, end, exclusive=self.random.random() < 0.5)[0]
        charge: dict[str, Any] = {
            "displayName": "Demand", "measurementPeriod": measured, "chargePeriod": charged,
            "amount": f"{self.random.randrange(50, 4500) / (10_000 if charged == 'DAY' else 100):.4f}",
            "startTime": window["startTime"], "endTime": window["endTime"],
            "description": self.random.choice(["Highest half hour", "Highest half hour, pro-rated by days"]),
        }  # fmt: skip
        if self.random.random() < 0.8:
            charge["days"] = self.random.choice(self.random.choice(DAY_GROUPS))
        if self.random.random() < 0.3:
            charge["minDemand"] = "2.5"
        if self.random.random() < 0.3:
            charge["maxDemand"] = "4.75"
        if self.random.random() < 0.1:
            charge["measureUnit"] = self.random.choice(["KW", "KVA"])
        return charge

    def spoil(self, plan: dict[str, Any]) -> None:
        """Make the plan one that must be refused, or nearly so."""
        contract = plan["electricityContract"]
        period = self.random.choice(contract["tariffPeriod"])
        kind = self.random.choice(["supply", "price", "window", "season", "hole", "overlap", "absurd"])
        rates = period.get("timeOfUseRates") or [period["singleRate"]]
        rate = self.random.choice(rates)
        if kind == "supply":
            period["dailySupplyCharge"] = self.random.choice(["", "-1.00"])
        elif kind == "price":
            rate["rates"][0]["unitPrice"] = "-0.01"
        elif kind == "absurd":
            period["dailySupplyCharge"] = "900000"
        elif kind == "season":
            period["endDate"] = period["startDate"]
        elif "timeOfUse" in rate:
            window = rate["timeOfUse"][0]
            if kind == "overlap":
                other = {**rate, "timeOfUse": [{**window, "endTime": "00:00"}]}
                period["timeOfUseRates"] = [*rates, other]
                return
            window["startTime"] = "07:10" if kind == "window" else window["endTime"]
