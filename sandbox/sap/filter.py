"""``$filter`` and keys of OData V2, turned into a WHERE clause over a view of the store.

Supported: comparisons of a property with a literal, ``and``, ``or``, ``not`` and brackets. Anything else is refused
with the words SAP would use, rather than ignored: a client that believes in an ignored filter reads wrong rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.sap.edm import EdmValueError, plain_date
from sandbox.sap.model import EntityType

_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<date>datetime'[^']*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_/]*)|(?P<number>-?\d+(?:\.\d+)?[MmLlDdFf]?))"
)
_OPERATORS = {"eq": "=", "ne": "<>", "ge": ">=", "le": "<=", "gt": ">", "lt": "<"}
# As much as a URL holds.
_MAX_LENGTH = 64_000


class FilterError(ValueError):
    """A filter or key that the service does not take."""


@dataclass(frozen=True)
class Where:
    """A condition with its parameters."""

    sql: str
    params: tuple[object, ...] = ()


def parse_filter(text: str, entity: EntityType) -> Where:
    """Turn a ``$filter`` into a condition over the set's view."""
    if len(text) > _MAX_LENGTH:
        raise FilterError("The filter expression is too long")
    return _Parser(_tokens(text), entity).parse()


def parse_key(text: str, entity: EntityType) -> Where:
    """Turn ``'x'`` or ``A='x',B=datetime'…'`` (between the brackets of a URL) into a condition."""
    parts = re.findall(r"(?:([A-Za-z]+)=)?(datetime'[^']*'|'(?:[^']|'')*')(?:,|$)", text)
    names = [name for name, _ in parts]
    if len(parts) == 1 and not names[0]:
        names = list(entity.keys[:1])
    if sorted(names) != sorted(entity.keys):
        raise FilterError(f"The key predicate of {entity.set_name} needs {', '.join(entity.keys)}")
    conditions = " and ".join(f'"{name}" = ?' for name in names)
    return Where(conditions, tuple(_literal(raw) for _, raw in parts))


def string_literal(text: str) -> str:
    """Read a quoted string literal of a URL."""
    if not re.fullmatch(r"'(?:[^']|'')*'", text):
        raise FilterError(f"Not a string literal: {text}")
    return text[1:-1].replace("''", "'")


def _literal(raw: str) -> object:
    if raw.startswith("datetime'"):
        try:
            return plain_date(raw[9:-1])
        except EdmValueError as error:
            raise FilterError(str(error)) from error
    if raw.startswith("'"):
        return string_literal(raw)
    if raw in {"true", "false"}:
        return int(raw == "true")
    raise FilterError(f"Invalid literal {raw}")


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise FilterError(f"Invalid filter near {text[position : position + 20]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return found


class _Parser:
    """Recursive descent over the tokens; ``or`` binds weaker than ``and``, ``and`` weaker than ``not``."""

    def __init__(self, tokens: list[tuple[str, str]], entity: EntityType) -> None:
        self._tokens = tokens
        self._entity = entity
        self._at = 0
        self._params: list[object] = []

    def parse(self) -> Where:
        sql = self._either()
        if self._at != len(self._tokens):
            raise FilterError(f"Invalid filter near {self._tokens[self._at][1]!r}")
        return Where(sql, tuple(self._params))

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _either(self) -> str:
        parts = [self._both()]
        while self._peek() == ("word", "or"):
            self._next()
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"

    def _both(self) -> str:
        parts = [self._one()]
        while self._peek() == ("word", "and"):
            self._next()
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else f"({' and '.join(parts)})"

    def _one(self) -> str:
        kind, _ = self._peek()
        if self._peek() == ("word", "not"):
            self._next()
            return f"(not {self._one()})"
        if kind == "open":
            self._next()
            inner = self._either()
            if self._next()[0] != "close":
                raise FilterError("A bracket is not closed")
            return inner
        return self._comparison()

    def _comparison(self) -> str:
        left, operator, right = self._next(), self._next(), self._next()
        sql_operator = _OPERATORS.get(operator[1])
        if sql_operator is None or left[0] != "word":
            raise FilterError(f"Invalid filter near {left[1]!r}: a property compared with a literal is needed")
        prop = self._entity.property(left[1])
        if prop is None:
            raise FilterError(f"Property {left[1]} not found in type {self._entity.name}")
        if not self._entity.may_filter(prop.name):
            raise FilterError(f"Property {prop.name} of type {self._entity.name} is not filterable")
        if (prop.edm == "Edm.DateTime") != (right[0] == "date"):
            raise FilterError(f"Property {prop.name} is compared with a literal of another type: {right[1]}")
        self._params.append(_literal(right[1]))
        return f'"{prop.name}" {sql_operator} ?'
