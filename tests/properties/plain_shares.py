"""The oracle's shares of a bill: discounts, green power and concessions, worked out from the lines before them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tests.properties.plain_extras import GST_DIVISOR, gst_of_words, quotient
from tests.properties.plain_pricer import CENT, KWH, PRICE, Json, NotPriceableError, Term, decimal, rounded

if TYPE_CHECKING:
    from tests.properties.plain_bill import BillMaker

Owner = tuple[str, int]
BILL_CHARGES = ("SUPPLY", "USAGE", "CONTROLLED_LOAD", "DEMAND")
USE_CHARGES = ("USAGE", "CONTROLLED_LOAD")
PERIOD_WORDS = ("per day", "a year", "once", "welcome")
LIMIT_WORDS = ("up to", "capped", "first 12 months")


def version_days(maker: BillMaker, owner: Owner) -> list[date]:
    """Return the days of a plan version in the bill; the date of its hours when it has none of its own."""
    plan_id, number = owner
    own = [
        day for day in maker.contract.days
        if maker.plan_on(day) == plan_id and maker.version(plan_id, day)[0] == number
    ]  # fmt: skip
    return own or [start_of(maker, owner)]


def start_of(maker: BillMaker, owner: Owner) -> date:
    has_days = maker.day_count.get((*owner, 0))
    starts = [
        start
        for key, start in maker.first_day.items()
        if key[:2] == owner and (maker.day_count.get(key) or not has_days)
    ]
    return min(starts)


def mark_of(maker: BillMaker, owner: Owner) -> str:
    if maker.day_count.get((*owner, 0)):
        return ""
    return min(maker.mark(key) for key in maker.first_day if key[:2] == owner)


def days_in_words(words: str, texts: tuple[str, ...]) -> bool:
    return any(text in words.lower() for text in texts)


def discount_lines(maker: BillMaker) -> None:
    """Take off what each version's discounts give; refuse names that no plan of the bill knows."""
    owners = list(dict.fromkeys(key[:2] for key in maker.first_day))
    known = set()
    for owner in owners:
        discounts = maker.plans[owner[0]][owner[1]]["electricityContract"].get("discounts") or []
        known |= {discount.get("displayName") for discount in discounts}
        for place, discount in enumerate(discounts, 1):
            one_discount(maker, owner, place, discount)
    met = [term.value for term in maker.contract.terms_in_bill("DISCOUNT_MET")]
    if any(not name or name not in known for name in met):
        raise NotPriceableError("a discount that no plan has")


def within_bill(maker: BillMaker, day: date) -> date:
    """A local day beyond the bill goes by the terms of the bill's first or last market day."""
    return min(max(day, maker.contract.first_day), maker.contract.last_day)


def one_discount(maker: BillMaker, owner: Owner, place: int, discount: Json) -> None:
    days = version_days(maker, owner)
    last = discount.get("endDate")
    is_open = [day for day in days if last is None or day.isoformat() <= last]
    met = [
        day for day in is_open
        if any(term.value == discount["displayName"]
               for term in maker.contract.terms_on("DISCOUNT_MET", within_bill(maker, day)))
    ]  # fmt: skip
    granted = is_open if discount["type"] == "GUARANTEED" else met
    detail = discount.get(discount["methodUType"]) or {}
    method = discount["methodUType"]
    size = decimal(detail.get("amount" if method == "fixedAmount" else "rate"))
    if not is_open or size == 0 or (discount["type"] == "CONDITIONAL" and not granted):
        return
    words = f"{discount['displayName']} {discount.get('description', '')}"
    if not granted or size is None or size < 0 or (method != "fixedAmount" and size >= 1):
        raise NotPriceableError(f"discount {discount['displayName']}")
    if days_in_words(words, LIMIT_WORDS) or (method == "fixedAmount" and days_in_words(words, PERIOD_WORDS)):
        raise NotPriceableError("a discount in words")
    has_days = bool(maker.day_count.get((*owner, 0)))
    charged = maker.charged[owner]
    kind = "TAKEN_OFF"
    if method == "fixedAmount":
        basis = gst_of_words(words, "INC")
        price = quotient(size, GST_DIVISOR, PRICE) if basis == "INC" else size
        quantity = quotient(Decimal(len(granted) * has_days), Decimal(len(maker.contract.days)), KWH)
        kind = "TAKEN_OFF_FREE" if basis == "FREE" else kind
    else:
        base = sum((charged[name] for name in (BILL_CHARGES if method == "percentOfBill" else USE_CHARGES)), Decimal(0))
        if method == "percentOverThreshold":
            threshold = decimal(detail.get("usageAmount"))
            if threshold is None or threshold < 0 or maker.day_count.get((*owner, 0)) != len(maker.contract.days):
                raise NotPriceableError("threshold")
            base = max(base - threshold, Decimal(0))
        price, quantity = size, quotient(base * len(granted), Decimal(len(days)), KWH)
    if quantity > 0:
        key = (f"DISCOUNT:{place}{mark_of(maker, owner)}", start_of(maker, owner))
        maker.line(owner, key, quantity, price, kind)


def green_power_lines(maker: BillMaker) -> None:
    """Charge the tier that the agreed percentage falls into, for the days on which it is agreed."""
    for term in maker.contract.terms_in_bill("GREEN_POWER_PERCENT"):
        check_number(maker, term, most=Decimal(100))
    for owner in list(dict.fromkeys(key[:2] for key in maker.first_day)):
        days = version_days(maker, owner)
        agreed: dict[Decimal, int] = {}
        for day in days:
            for term in maker.contract.terms_on("GREEN_POWER_PERCENT", day):
                if maker.contract.first_day <= day <= maker.contract.last_day:
                    agreed[Decimal(term.value)] = agreed.get(Decimal(term.value), 0) + 1
        tiers: dict[tuple[int, int], int] = {}
        for percent, count in agreed.items():
            if percent > 0:
                place = tier_of(maker.plans[owner[0]][owner[1]], percent)
                tiers[place] = tiers.get(place, 0) + count
        for place, count in tiers.items():
            green_power_line(maker, owner, place, (count, len(days)))


def check_number(maker: BillMaker, term: Term, most: Decimal | None = None) -> None:
    try:
        value = Decimal(term.value)
    except InvalidOperation as error:
        raise NotPriceableError(f"{term.name} {term.value!r}") from error
    if value < 0 or (most is not None and value > most):
        raise NotPriceableError(f"{term.name} {term.value}")
    others = [other for other in maker.contract.terms_in_bill(term.name) if other != term]
    if any(other in maker.contract.terms_on(term.name, day) for other in others for day in maker.contract.days
           if term in maker.contract.terms_on(term.name, day)):  # fmt: skip
        raise NotPriceableError(f"two {term.name} on one day")


def tier_of(plan: Json, percent: Decimal) -> tuple[int, int]:
    """Return the place of the charge and of its tier with the least percentage that is enough."""
    found = []
    for number, charge in enumerate(plan["electricityContract"].get("greenPowerCharges") or [], 1):
        for tier_number, tier in enumerate(charge["tiers"], 1):
            upper = decimal(tier.get("percentGreen"))
            if upper is None or not 0 <= upper <= 1:
                raise NotPriceableError("percentGreen")
            found.append((upper, number, tier_number))
    enough = sorted(entry for entry in found if entry[0] * 100 >= percent)
    if not enough or (len(enough) > 1 and enough[1][0] == enough[0][0]):
        raise NotPriceableError("no tier of green power, or two")
    return enough[0][1:]


def green_power_line(maker: BillMaker, owner: Owner, place: tuple[int, int], share: tuple[int, int]) -> None:
    charge = maker.plans[owner[0]][owner[1]]["electricityContract"]["greenPowerCharges"][place[0] - 1]
    tier, kind = charge["tiers"][place[1] - 1], charge["type"]
    words = f"{charge['displayName']} {charge.get('description', '')}"
    size = decimal(tier.get("amount" if kind.startswith("FIXED") else "rate"))
    limits = {"FIXED_PER_UNIT": Decimal("0.2"), "FIXED_PER_DAY": Decimal(20)}
    if size is None or size < 0 or (kind.startswith("PERCENT") and size >= 1) or size > limits.get(kind, size):
        raise NotPriceableError("green power tier")
    count, of = share
    supply_days = count if maker.day_count.get((*owner, 0)) else 0
    line_kind = "CHARGE"
    if kind.startswith("FIXED"):
        text = words.lower()
        if "inc. gst" in text:
            size = quotient(size, GST_DIVISOR, PRICE)
        elif gst_of_words(words, "EX") == "FREE":
            line_kind = "FREE"
    if kind == "FIXED_PER_UNIT":
        quantity = quotient(maker.energy_charged[owner] * count, Decimal(of), KWH)
    elif kind.startswith("FIXED"):
        times, divisor = {"DAY": (1, 1), "WEEK": (1, 7), "MONTH": (12, 365)}[kind.removeprefix("FIXED_PER_")]
        quantity = quotient(Decimal(supply_days * times), Decimal(divisor), KWH)
    else:
        names = BILL_CHARGES if kind == "PERCENT_OF_BILL" else USE_CHARGES
        base = sum((maker.charged[owner][name] for name in names), Decimal(0))
        quantity = quotient(base * count, Decimal(of), KWH)
    if quantity > 0 and size > 0:
        key = (f"GREEN_POWER:{place[0]}.{place[1]}{mark_of(maker, owner)}", start_of(maker, owner))
        maker.line(owner, key, quantity, size, line_kind)


def concession_lines(maker: BillMaker) -> None:
    """Take off the concessions: before GST in Victoria and Queensland, after it elsewhere."""
    contract, bill = maker.contract, maker.bill
    base, gst = Decimal(0), Decimal(0)
    for (charge_id, _), line in bill.lines.items():
        if charge_id.split(":")[0] in (*BILL_CHARGES, "DISCOUNT", "FEED_IN"):
            base, gst = base + line.amount, gst + line.gst
    is_before = contract.jurisdiction in ("VIC", "QLD")
    if not is_before:
        base += rounded(gst, CENT)
    found = []
    for name in ("CONCESSION_PERCENT", "CONCESSION_FIXED"):
        terms = contract.terms_in_bill(name)
        ordered = sorted(terms, key=lambda term: (max(term.first_day, contract.first_day),
                                                  min(term.last_day, contract.last_day), term.value))  # fmt: skip
        found += [(number, term) for number, term in enumerate(ordered, 1)]
    for number, term in found:
        check_number(maker, term, most=Decimal(100) if term.name == "CONCESSION_PERCENT" else None)
        days = [day for day in contract.days if term in contract.terms_on(term.name, day)]
        whole, price = (Decimal(1), Decimal(term.value)) if term.name == "CONCESSION_FIXED" else (
            max(base, Decimal(0)), Decimal(term.value) / 100)  # fmt: skip
        quantity = quotient(whole * len(days), Decimal(len(contract.days)), KWH)
        if quantity > 0 and price > 0:
            owner = (maker.plan_on(contract.last_day), 0)
            kind = "TAKEN_OFF" if is_before else "TAKEN_OFF_FREE"
            maker.line(owner, (f"{term.name}:{number}", days[0]), quantity, price, kind)
