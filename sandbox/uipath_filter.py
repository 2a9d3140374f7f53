"""The part of OData V4's ``$filter`` that the pretend Orchestrator takes: ``eq``, ``ne``, ``and``, ``or``, brackets.

Anything else is refused: a client that believes in an ignored filter reads wrong rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(r"\s*(?:(?P<mark>[()])|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<word>[A-Za-z_]+))")
_MAX_LENGTH = 8000


class FilterError(ValueError):
    """A filter that is not understood."""


def matches(text: str | None, row: Mapping[str, object]) -> bool:
    """Whether a row fits a filter; an absent filter fits all.

    Raises:
        FilterError: for words, properties or literals that are not known.
    """
    if not text:
        return True
    if len(text) > _MAX_LENGTH:
        raise FilterError("the filter is too long")
    parser = _Parser(_tokens(text), row)
    found = parser.either()
    if parser.tokens:
        raise FilterError(f"near {parser.tokens[0][1]!r}")
    return found


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise FilterError(f"near {text[position : position + 20]!r}")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return found


class _Parser:
    """Both sides of a word are always read, so that a mistake on the right is found whatever the left says."""

    def __init__(self, tokens: list[tuple[str, str]], row: Mapping[str, object]) -> None:
        self.tokens = tokens
        self._row = row

    def either(self) -> bool:
        found = self._both()
        while self._take("or"):
            right = self._both()
            found = found or right
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._take("and"):
            right = self._one()
            found = found and right
        return found

    def _one(self) -> bool:
        if self._take("("):
            found = self.either()
            if not self._take(")"):
                raise FilterError("a bracket is not closed")
            return found
        (kind, name), (_, operator), (sort, raw) = self._next(), self._next(), self._next()
        if kind != "word" or name not in self._row or operator not in {"eq", "ne"} or sort not in {"text", "number"}:
            raise FilterError(f"near {name!r} {operator} {raw}")
        value: object = int(raw) if sort == "number" else raw[1:-1].replace("''", "'")
        return (self._row[name] == value) == (operator == "eq")

    def _take(self, word: str) -> bool:
        if self.tokens and self.tokens[0][1] == word and self.tokens[0][0] != "text":
            del self.tokens[0]
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if not self.tokens:
            raise FilterError("the filter ends too early")
        return self.tokens.pop(0)
