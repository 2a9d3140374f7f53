"""The oracle's shares of a bill: discounts, which are parts of a plan version's own charges."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.properties.plain_extras import GST_DIVISOR, gst_of_words, quotient
from tests.properties.plain_pricer import KWH, PRICE, Json, NotPriceableError, decimal

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


def one_discount(maker: BillMaker, owner: Owner, place: int, discount: Json) -> None:
    days = version_days(maker, owner)
    last = discount.get("endDate")
    is_open = [day for day in days if last is None or day.isoformat() <= last]
    met = [
        day for day in is_open
        if any(term.value == discount["displayName"] for term in maker.contract.terms_on("DISCOUNT_MET", day))
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
