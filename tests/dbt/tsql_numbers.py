"""What SQL Server makes of an exact number's expression, by its documented rules of types.

T-SQL derives precision and scale of every partial result, keeps 38 digits and rounds what does not fit; servers that
only speak T-SQL compute on with all places and hide it. Written from Microsoft's pages "Precision, scale, and length"
and "Constants"; knows no more of SQL than our macros for numbers use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

import sqlglot
from sqlglot import expressions as exp

MOST_DIGITS, LEAST_SCALE, LARGEST_INT = 38, 6, 2_147_483_647
WHOLE_DIGITS_KEPT = MOST_DIGITS - LEAST_SCALE
EXACT = Context(prec=200)


@dataclass(frozen=True)
class Number:
    """A value with its type; an int has no precision."""

    value: Decimal | None
    precision: int = 10
    scale: int = 0
    is_int: bool = False

    @property
    def whole_digits(self) -> int:
        return self.precision - self.scale


def typed(value: Decimal | None, precision: int, scale: int) -> Number:
    """A decimal of this type, rounded to its places.

    Raises:
        OverflowError: it does not fit.
    """
    if value is None:
        return Number(None, precision, scale)
    rounded = value.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=EXACT)
    if abs(rounded) >= Decimal(10) ** (precision - scale):
        msg = f"Arithmetic overflow: {value} into decimal({precision}, {scale})"
        raise OverflowError(msg)
    return Number(rounded, precision, scale)


def evaluate(sql: str) -> Number:
    """The value of an expression."""
    return _of(sqlglot.parse_one(sql, read="tsql"))


def _of(node: exp.Expression) -> Number:
    for kind, evaluated in KINDS:
        if isinstance(node, kind):
            return evaluated(node)
    msg = f"not known here: {node!r}"
    raise NotImplementedError(msg)


def _same_type(node: exp.Expression) -> Number:
    """Signs, abs, floor and nullif, which leave the type as it is (floor: but for its places)."""
    one = _of(node.this)
    if one.value is None:
        return one
    if isinstance(node, exp.Floor):
        return Number(one.value.to_integral_value(ROUND_FLOOR), MOST_DIGITS)
    if isinstance(node, exp.Nullif):
        return replace(one, value=None if one.value == _of(node.expression).value else one.value)
    return replace(one, value=abs(one.value) if isinstance(node, exp.Abs) else -one.value)


def _literal(node: exp.Expression) -> Number:
    text = str(node.this)
    digits, scale = text.replace(".", "").lstrip("0") or "0", len(text.partition(".")[2])
    if "." not in text and int(text) <= LARGEST_INT:
        return Number(Decimal(text), is_int=True)
    return Number(Decimal(text), max(len(digits), scale), scale)


def _cast(node: exp.Cast) -> Number:
    size = [int(one.name) for one in node.to.expressions]
    if node.to.this == exp.DataType.Type.INT:
        one = _of(node.this)
        return Number(one.value and one.value.to_integral_value(), is_int=True)
    assert node.to.this == exp.DataType.Type.DECIMAL, node
    is_text = isinstance(node.this, exp.Literal) and node.this.is_string
    return typed(Decimal(node.this.name) if is_text else _of(node.this).value, *size)


def _case(node: exp.Case) -> Number:
    branches = [(branch.this, _of(branch.args["true"])) for branch in node.args["ifs"]]
    last = _of(node.args["default"]) if node.args.get("default") else Number(None)
    results = [result for _, result in branches] + [last]
    if node.this:
        wanted = _of(node.this).value
        chosen = next((result for value, result in branches if _of(value).value == wanted), last)
    else:
        chosen = next((result for condition, result in branches if _holds(condition)), last)
    if all(result.is_int for result in results):
        return chosen
    scale = max(result.scale for result in results)
    return typed(chosen.value, min(MOST_DIGITS, scale + max(result.whole_digits for result in results)), scale)


def _holds(node: exp.Expression) -> bool:
    match node:
        case exp.Paren():
            return _holds(node.this)
        case exp.And():
            return _holds(node.this) and _holds(node.expression)
        case exp.Or():
            return _holds(node.this) or _holds(node.expression)
    left, right = _of(node.this).value, _of(node.expression).value
    if left is None or right is None:
        return False
    return {exp.LT: left < right, exp.GT: left > right, exp.EQ: left == right}[type(node)]


def _combined(node: exp.Binary, left: Number, right: Number) -> Number:
    value = None if left.value is None or right.value is None else _computed(node, left.value, right.value)
    if left.is_int and right.is_int:
        assert not isinstance(node, exp.Div), "an int divided by an int is cut"
        if value is not None and abs(value) > LARGEST_INT:
            msg = f"Arithmetic overflow: {value} into int"
            raise OverflowError(msg)
        return Number(value, is_int=True)
    return typed(value, *_result_type(node, left, right))


def _computed(node: exp.Binary, left: Decimal, right: Decimal) -> Decimal:
    match node:
        case exp.Add():
            return EXACT.add(left, right)
        case exp.Sub():
            return EXACT.subtract(left, right)
        case exp.Mul():
            return EXACT.multiply(left, right)
        case exp.Div():
            return EXACT.divide(left, right)
        case exp.Mod():
            return EXACT.remainder(left, right)
    msg = f"not known here: {node!r}"
    raise NotImplementedError(msg)


def _result_type(node: exp.Binary, left: Number, right: Number) -> tuple[int, int]:
    larger_scale, larger_whole = max(left.scale, right.scale), max(left.whole_digits, right.whole_digits)
    if isinstance(node, exp.Mod):
        return min(left.whole_digits, right.whole_digits) + larger_scale, larger_scale
    if isinstance(node, exp.Add | exp.Sub):
        precision = larger_scale + larger_whole + 1
        return min(precision, MOST_DIGITS), min(larger_scale, MOST_DIGITS - larger_whole)
    if isinstance(node, exp.Mul):
        precision, scale = left.precision + right.precision + 1, left.scale + right.scale
    else:
        scale = max(LEAST_SCALE, left.scale + right.precision + 1)
        precision = left.whole_digits + right.scale + scale
    whole = precision - scale
    if precision <= MOST_DIGITS:
        return precision, scale
    return MOST_DIGITS, min(scale, MOST_DIGITS - whole if whole < WHOLE_DIGITS_KEPT else LEAST_SCALE)


KINDS: tuple[tuple[type[exp.Expression] | tuple[type[exp.Expression], ...], Callable[..., Number]], ...] = (
    (exp.Paren, lambda node: _of(node.this)),
    (exp.Literal, _literal),
    (exp.Null, lambda _node: Number(None)),
    (exp.Cast, _cast),
    (exp.Case, _case),
    ((exp.Neg, exp.Abs, exp.Floor, exp.Nullif), _same_type),
    (exp.Binary, lambda node: _combined(node, _of(node.this), _of(node.expression))),
)
