"""Interval energy of a channel's day, in whole watt-hours, from the seed alone.

Integer arithmetic throughout: a value depends on (seed, service point, suffix, market day, interval) and on
nothing else, neither on the order of generation nor on a processor's floating point. What stays out: which
channels exist (``generate_population``) and how a file writes their values (``generate_nem12``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

Energies = npt.NDArray[np.int64]
_Hashes = npt.NDArray[np.uint64]
_HALF_HOURS = 48
_MINUTES_A_DAY = 1440

# Relative load by half hour of market time.
_HOME = tuple(int(d, 16) for d in "332222222234689876554444444445568ACDEDCBA9876544")
_SHOP = (3,) * 12 + (4, 5, 7, 9, 11, 13, 14, 14, 15, 15, 15, 15, 15, 15, 15, 14, 14, 13, 12, 10, 8, 6, 5, 4) + (3,) * 12
_WATER = (14,) * 12 + (2,) * 4 + (0,) * 26 + (4, 8, 12, 14, 14, 14)
_SUN = (0,) * 12 + (1, 3, 6, 10, 14, 18, 22, 25, 27, 28, 28, 28, 27, 26, 24, 21, 18, 14, 10, 6, 3, 1) + (0,) * 14
_SHAPES = {
    kind: np.array(weights, dtype=np.int64)
    for kind, weights in {"HOME": _HOME, "SHOP": _SHOP, "WATER": _WATER, "SUN": _SUN}.items()
}
SHAPE_BY_SUFFIX = {"E2": "WATER", "B1": "SUN"}
_SUFFIX_CODES = {"E1": 1, "E2": 2, "B1": 3, "11": 4}


def shape_of(suffix: str, customer_type: str) -> str:
    """Name the daily shape of a channel."""
    return SHAPE_BY_SUFFIX.get(suffix, "SHOP" if customer_type == "BUSINESS" else "HOME")


@dataclass(frozen=True)
class ChannelGroup:
    """Channels of one interval length, column by column.

    Attributes:
        minutes: interval length of all of them.
        indices: service point number of each channel.
        suffixes: suffix of each.
        daily_wh: mean energy a day of each.
        shapes: shape name of each.
    """

    minutes: int
    indices: Sequence[int]
    suffixes: Sequence[str]
    daily_wh: Sequence[int]
    shapes: Sequence[str]


def day_energies(seed: int, group: ChannelGroup, day: date) -> Energies:
    """Give the energy of many channels on one market day: watt-hours, a row per channel, a column per interval."""
    count = _MINUTES_A_DAY // group.minutes
    half_hour = np.arange(count) * _HALF_HOURS // count
    codes = np.array([_SUFFIX_CODES[suffix] for suffix in group.suffixes], dtype=np.uint64)
    keys = _mix(np.uint64(seed) + (np.array(group.indices, dtype=np.uint64) << np.uint64(8)) + codes)
    day_keys = _mix(keys + np.uint64(day.toordinal() * 0x9E3779B97F4A7C15 % 2**64))
    weights = np.stack([_SHAPES[shape] for shape in group.shapes])
    totals = weights.sum(axis=1) * (count // _HALF_HOURS)
    noise = _between(_mix(day_keys[:, None] + np.arange(1, count + 1, dtype=np.uint64)[None, :]), 600, 1400)
    scale = np.array(group.daily_wh, dtype=np.int64) * _day_factor(day_keys, group.shapes, seed, day)
    energies: Energies = scale[:, None] * weights[:, half_hour] * noise // (totals[:, None] * 1_000_000)
    return energies


def _day_factor(day_keys: _Hashes, shapes: Sequence[str], seed: int, day: date) -> Energies:
    """Per mille of a mean day: people differ by day, shops rest on Sundays, the sun depends on the weather."""
    factor = _between(_mix(day_keys), 800, 1200)
    weather = _between(_mix(np.array([seed * 31 + day.toordinal()], dtype=np.uint64)), 450, 1000)[0]
    names = np.array(shapes)
    factor = np.where(names == "SUN", factor * weather // 1000, factor)
    resting = (names == "SHOP") & (day.isoweekday() == 7)  # noqa: PLR2004  ISO's Sunday
    result: Energies = np.where(resting, factor * 6 // 10, factor)
    return result


def _mix(value: _Hashes) -> _Hashes:
    """The finaliser of splitmix64: a good hash of 64 bits in five operations."""
    with np.errstate(over="ignore"):
        value = value + np.uint64(0x9E3779B97F4A7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))


def _between(hashes: _Hashes, low: int, high: int) -> Energies:
    spread: Energies = (hashes % np.uint64(high - low + 1)).astype(np.int64) + low
    return spread


_TABLE_SIZE = 20_000
_KWH_TEXTS = np.array([f"{wh // 1000}.{wh % 1000:03d}" for wh in range(_TABLE_SIZE)], dtype=object)
_WH_TEXTS = np.array([str(wh) for wh in range(_TABLE_SIZE)], dtype=object)


def value_texts(energies: Energies, unit: str = "KWH") -> list[str]:
    """Write each row's values as exact decimal text, parted by commas: kWh with three places, or whole Wh."""
    table = _WH_TEXTS if unit == "WH" else _KWH_TEXTS
    if energies.size and energies.max() >= _TABLE_SIZE:
        return [",".join(_text(int(wh), unit) for wh in row) for row in energies]
    return [",".join(row) for row in table[energies].tolist()]


def _text(wh: int, unit: str) -> str:
    return str(wh) if unit == "WH" else f"{wh // 1000}.{wh % 1000:03d}"
