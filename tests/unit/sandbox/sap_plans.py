"""Small plan answers for the tests of the pretend SAP's pricer."""

from __future__ import annotations

from typing import Any

EVERY_DAY = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN"]
WORKDAYS = EVERY_DAY[:5]


def rate(*steps: tuple[str, str | None], **more: Any) -> dict[str, Any]:
    rates = [{"unitPrice": price} | ({"volume": volume} if volume else {}) for price, volume in steps]
    return {"displayName": "Rate", "rates": rates, **more}


def window(start: str, end: str, days: list[str] | None = None) -> dict[str, Any]:
    return {"startTime": start, "endTime": end, "days": days or EVERY_DAY}


def period(start: str = "01-01", end: str = "12-31", supply: str = "1.00", **more: Any) -> dict[str, Any]:
    return {"displayName": "P", "startDate": start, "endDate": end, "dailySupplyCharge": supply, **more}


def flat(price: str = "0.30", **more: Any) -> dict[str, Any]:
    return period(singleRate=rate((price, None)), **more)


def tou(peak: list[dict[str, Any]], off_peak: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Peak at 0.50, off-peak at 0.20."""
    return period(
        timeOfUseRates=[
            rate(("0.50", None), type="PEAK", timeOfUse=peak),
            rate(("0.20", None), type="OFF_PEAK", timeOfUse=off_peak),
        ],
        **more,
    )


def single_feed_in(price: str, name: str = "Feed-in", **more: Any) -> dict[str, Any]:
    return {"displayName": name, "scheme": "OTHER", "singleTariff": {"rates": [{"unitPrice": price}]}, **more}


def plan(
    *periods: dict[str, Any], clock: str | None = "AEST", plan_id: str = "PLAN1", **contract: Any
) -> dict[str, Any]:
    zone = {"timeZone": clock} if clock else {}
    return {
        "planId": plan_id,
        "effectiveFrom": "2025-06-30T14:00:00Z",
        "lastUpdated": "2025-06-30T14:00:00Z",
        "electricityContract": {**zone, "tariffPeriod": list(periods), **contract},
    }
