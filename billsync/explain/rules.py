"""What a line charges for, in one plain sentence.

What belongs here: words about the kinds of charge that the output contract names. What stays out: prices and layout. A
new charge model needs nothing here; its line names the model itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

EDGE: Final = ":EDGE"
CONTROLLED_LOAD_SUPPLY: Final = "SUPPLY:CONTROLLED_LOAD"
_ENERGY: Final = {
    "USAGE": "energy taken from the grid",
    "CONTROLLED_LOAD": "energy of the controlled load's own channel",
    "FEED_IN": "energy sent to the grid, paid as a credit",
}
_OTHER: Final = {
    "DEMAND": "the highest half-hour power inside the demand charge's window",
    "FEE": "a recurrent fee of the plan, for the bill's days",
    "DISCOUNT": "a discount of the plan, given as a credit",
}
_NAMED: Final = {
    "GREEN_POWER": "green power, as agreed for the contract",
    "CONCESSION_PERCENT": "a concession agreed for the contract, given as a credit",
    "CONCESSION_FIXED": "a concession agreed for the contract, given as a credit",
}
_PART_OF_AN_AMOUNT: Final = "AUD"
_HUNDRED: Final = 100


def rule_sentence(line: Mapping[str, Any], *, is_stepped: bool) -> str:
    """Say what a line charges for.

    Args:
        line: a row of ``fct_shadow_bill_lines``.
        is_stepped: whether other lines of the bill are further steps of the same rate.
    """
    parts = [_what(line)]
    if is_stepped or line["block_number"] > 1:
        parts.append(f"the part in step {line['block_number']} of the rate")
    if str(line["charge_id"]).endswith(EDGE):
        parts.append("in the hours when the plan's clock shows a day outside this price's days")
    if line["charge_type"] == "FEED_IN" and line["gst_aud"] == 0 and line["amount_ex_gst_aud"] != 0:
        parts.append("without GST, as the customer is not registered for it")
    if line.get("unit") == _PART_OF_AN_AMOUNT:
        percent = f"{line['unit_price_ex_gst_aud'] * _HUNDRED:f}".rstrip("0").rstrip(".")
        parts.append(f"{percent} % of the amount that stands as its quantity")
    if line["charge_type"] == "DISCOUNT" and line["gst_aud"] == 0 and line["amount_ex_gst_aud"] != 0:
        parts.append("after GST, which it does not lower")
    sentence = ", ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def _what(line: Mapping[str, Any]) -> str:
    kind, band = str(line["charge_type"]), line["time_band"]
    if kind == "SUPPLY":
        of_whom = "the controlled load's own" if line["charge_id"] == CONTROLLED_LOAD_SUPPLY else "the"
        return f"{of_whom} daily supply charge, for each market day at this price"
    named = _NAMED.get(str(line["charge_id"]).partition(":")[0])
    if named:
        return named
    if kind in _ENERGY:
        when = "at any time" if band in (None, "", "ALL") else f"in the plan's {band} windows"
        return f"{_ENERGY[kind]}, {when}"
    return _OTHER.get(kind, f"a charge of type {kind}")
