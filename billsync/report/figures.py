"""Geometry of the report's charts: numbers in, boxes and ticks out.

What belongs here: pure arithmetic on a drawing area. What stays out: markup and colour (``templates/``), data
(``queries``). Pixels may be floats; the numbers written beside them stay the exact decimals of the marts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import floor, log10

Number = Decimal | int | float
_NICE_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Box:
    """One drawn part: place in the drawing, its class of colour and the value it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    value: Number
    label: str = ""


@dataclass(frozen=True)
class Tick:
    """One line of an axis."""

    position: float
    value: float


@dataclass(frozen=True)
class Chart:
    """A drawing: its size, boxes and axis."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    ticks: tuple[Tick, ...] = ()
    baseline: float = 0.0


def shares(parts: Sequence[tuple[str, Number]], *, width: float = 1000, height: float = 22, gap: float = 2) -> Chart:
    """One horizontal bar cut into its parts; a part that is not zero is never too thin to be seen."""
    present = [(kind, value) for kind, value in parts if value]
    total = float(sum(float(value) for _, value in present))
    least = 6.0
    room = width - gap * max(len(present) - 1, 0) - least * len(present)
    boxes, x = [], 0.0
    for kind, value in present:
        size = least + room * float(value) / total
        boxes.append(Box(x, 0, size, height, kind, value))
        x += size + gap
    return Chart(width, height, tuple(boxes))


def bars(values: Sequence[tuple[str, Number]], *, width: float = 1000, kind: str = "taken") -> list[Box]:
    """Lengths of horizontal bars, one for each label, on a common scale from zero."""
    top = max((float(value) for _, value in values), default=0.0)
    return [
        Box(0, 0, (width * float(value) / top) if top > 0 else 0.0, 0, kind, value, label) for label, value in values
    ]


def columns(
    points: Sequence[tuple[str, Number, Number]], *, width: float = 760, height: float = 220, left: float = 56
) -> Chart:
    """Columns per label: the first value upwards, the second downwards, on one axis around zero."""
    up = max((float(one) for _, one, _ in points), default=0.0)
    down = max((float(two) for _, _, two in points), default=0.0)
    step = nice_step(max(up, down) or 1.0, 4)
    steps_up, steps_down = _steps(up, step), _steps(down, step)
    pixels = height / max(steps_up + steps_down, 1)
    baseline = steps_up * pixels
    slot = (width - left) / max(len(points), 1)
    thickness = min(slot * 0.72, 34)
    boxes = []
    for number, (label, one, two) in enumerate(points):
        x = left + slot * number + (slot - thickness) / 2
        above, below = float(one) / step * pixels, float(two) / step * pixels
        boxes.append(Box(x, baseline - above, thickness, above, "taken", one, label))
        if two:
            boxes.append(Box(x, baseline, thickness, below, "sent", two, label))
    ticks = tuple(Tick(baseline - n * pixels, n * step) for n in range(-steps_down, steps_up + 1))
    return Chart(width, height, tuple(boxes), ticks, baseline)


def nice_step(top: float, count: int) -> float:
    """A round distance between axis lines, so that about ``count`` of them reach ``top``."""
    rough = top / count
    magnitude = 10 ** floor(log10(rough))
    return float(next(magnitude * step for step in _NICE_STEPS if magnitude * step >= rough * 0.999999))


def _steps(value: float, step: float) -> int:
    return -int(-value // step) if value > 0 else 0
