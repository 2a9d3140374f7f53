"""JSON read without losing a digit: numbers stay the text they were sent as.

What belongs here: parsing, and safe access to members whose type a sender may get wrong.
What stays out: any particular interface.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from loaders.errors import LoaderError

Json = str | bool | None | list["Json"] | dict[str, "Json"]
JsonObject = Mapping[str, Json]


class MalformedError(LoaderError):
    """An answer whose shape is not that of its standard.

    Attributes:
        path: where, as a JSON path.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"Reading {path}", why, "Ask the owner of the interface to correct its answer.")
        self.path = path


def parse_exact(body: bytes) -> Json:
    """Parse JSON; numbers become their text.

    Raises:
        MalformedError: not JSON, or nested too deeply.
    """
    try:
        return cast("Json", json.loads(body, parse_float=str, parse_int=str, parse_constant=str))
    except (ValueError, RecursionError) as error:
        beginning = " ".join(body[:200].decode("utf-8", "replace").split())[:80]
        raise MalformedError("$", f"it is not JSON ({error}); it begins {beginning!r}") from error


def canonical(value: Json) -> str:
    """Return one text for equal JSON, whatever the order of members."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def as_object(value: Json, path: str) -> JsonObject:
    """Return a member that must be an object."""
    if not isinstance(value, dict):
        raise MalformedError(path, "it should be an object")
    return value


def objects(parent: JsonObject, name: str, path: str) -> list[tuple[str, JsonObject]]:
    """Return a member that is a list of objects, each with its path.

    A single object stands for a list of one (the 2024 register writes some members so); absent is an empty list.
    """
    value = parent.get(name)
    if value is None:
        return []
    if isinstance(value, dict):
        return [(f"{path}.{name}", value)]
    if not isinstance(value, list):
        raise MalformedError(f"{path}.{name}", "it should be a list of objects")
    return [
        (place, as_object(item, place)) for place, item in ((f"{path}.{name}[{n}]", i) for n, i in enumerate(value))
    ]


def text(parent: JsonObject, name: str, path: str) -> str | None:
    """Return a simple member as text; None when absent or empty."""
    value = parent.get(name)
    if isinstance(value, (dict, list)):
        raise MalformedError(f"{path}.{name}", "it should be a simple value")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value or None


def texts(parent: JsonObject, name: str, path: str) -> str | None:
    """Return a list of simple values joined by commas; None when absent or empty."""
    value = parent.get(name)
    if value is None or isinstance(value, str):
        return value or None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedError(f"{path}.{name}", "it should be a list of texts")
    return ",".join(str(item) for item in value) or None
