"""Settings that lie in AWS: in Secrets Manager or in the Parameter Store of SSM, fetched when they are used.

A value is written ``secretsmanager:NAME``, ``secretsmanager:NAME#key`` (one text of a secret that is JSON, as AWS's own
rotation keeps it) or ``ssm:/name``; a name may be an ARN, which says the region too. Inside an address references stand
in braces, and what they give is quoted there: ``mssql+pyodbc://{secretsmanager:db#username}:{secretsmanager:db#password}@host/db``.

What belongs here: reading such a text, fetching, and remembering for seconds, so that a value that was rotated is used
without a restart. What stays out: which settings there are (``billsync/settings.py``). botocore is imported late.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from loaders.errors import LoaderError, PermanentError

KEPT_SECONDS: Final = 10.0
FETCH_SECONDS: Final = 30.0
_STORES: Final = "secretsmanager|ssm"
_WHOLE: Final = re.compile(rf"({_STORES}):([^\s{{}}#]+)(?:#([^\s{{}}]+))?")
_INSIDE: Final = re.compile(rf"\{{{_WHOLE.pattern}\}}")
_BEGUN: Final = re.compile(rf"(?:^|\{{)(?:{_STORES}):")
_ARN_REGION: Final = 3


@dataclass(frozen=True)
class Reference:
    """Where one value lies.

    Attributes:
        store: ``secretsmanager`` or ``ssm``.
        name: of the secret or parameter, or its ARN.
        key: which value of a JSON object; empty for the whole text.
    """

    store: str
    name: str
    key: str = ""

    @property
    def document(self) -> Reference:
        """What is fetched: values of one object come together."""
        return Reference(self.store, self.name)

    @property
    def region(self) -> str | None:
        """The region, where an ARN says it."""
        parts = self.name.split(":")
        return parts[_ARN_REGION] or None if parts[0] == "arn" and len(parts) > _ARN_REGION else None

    def __str__(self) -> str:
        return f"{self.store}:{self.name}{'#' + self.key if self.key else ''}"


def refers(text: str) -> bool:
    """Whether a setting's text names a value elsewhere, be it well written or not."""
    return _BEGUN.search(text) is not None


def references(text: str) -> Iterator[Reference]:
    """Yield what a text refers to.

    Raises:
        ValueError: it begins a reference and is none.
    """
    found = [whole] if (whole := _WHOLE.fullmatch(text)) else list(_INSIDE.finditer(text))
    if len(found) != len(_BEGUN.findall(text)):
        msg = "a reference is written secretsmanager:NAME, secretsmanager:NAME#key or ssm:/name"
        raise ValueError(msg)
    yield from (_reference(one) for one in found)


def resolve(text: str, wanted_for: str) -> str:
    """The text with what it refers to.

    Args:
        text: a setting's text.
        wanted_for: the setting, for messages.

    Raises:
        LoaderError: a value cannot be fetched, or is not there.
    """
    return _replaced(text, lambda one: _value(one, _document(one.document, wanted_for), wanted_for))


def remembered(text: str) -> str | None:
    """The text with what it refers to, as far as that was fetched before; None when something was not."""
    with _lock:
        kept = {document: value for document, (value, _) in _kept.items()}
    try:
        return _replaced(text, lambda one: _value(one, kept[one.document], ""))
    except (KeyError, LoaderError):
        return None


def changes() -> int:
    """How often a value was another when it was fetched again; for ``renewed``."""
    return _changes


def renewed(since: int) -> bool:
    """Whether a value is another by now than at an earlier moment; what is remembered is fetched again.

    Asked when a system refuses what it was given: after a rotation the same work is worth one more try.

    Args:
        since: ``changes()`` before the work began.
    """
    with _lock:
        known = list(_kept)
    for document in known:
        # Whoever needs one that cannot be had fetches it again, and says why that fails.
        with suppress(LoaderError):
            _fetch(document, "a login that was refused")
    return changes() > since


_kept: dict[Reference, tuple[str, float]] = {}
_changes = 0
_lock = threading.Lock()


def _reference(found: re.Match[str]) -> Reference:
    store, name, key = found.groups()
    return Reference(store, name, key or "")


def _replaced(text: str, value_of: Callable[[Reference], str]) -> str:
    if whole := _WHOLE.fullmatch(text):
        return value_of(_reference(whole))
    return _INSIDE.sub(lambda found: quote(value_of(_reference(found)), safe=""), text)


def _document(document: Reference, wanted_for: str) -> str:
    with _lock:
        kept = _kept.get(document)
    if kept is not None and time.monotonic() - kept[1] < KEPT_SECONDS:
        return kept[0]
    return _fetch(document, wanted_for)


def _fetch(document: Reference, wanted_for: str) -> str:
    from loaders.aws.clients import AwsPolicy, call, open_client  # noqa: PLC0415 - see module

    policy = AwsPolicy(read_timeout_seconds=FETCH_SECONDS / 3, budget_seconds=FETCH_SECONDS)
    client = open_client(document.store, policy, region=document.region)
    text = call(_what(document, wanted_for), lambda: _FETCHERS[document.store](client, document.name), policy)
    _remember(document, text)
    return text


def _remember(document: Reference, text: str) -> None:
    global _changes  # noqa: PLW0603 - the count of one process
    with _lock:
        _changes += document in _kept and _kept[document][0] != text
        _kept[document] = (text, time.monotonic())


def _secret(client: Any, name: str) -> str:
    answer = client.get_secret_value(SecretId=name)
    return str(answer["SecretString"]) if "SecretString" in answer else bytes(answer["SecretBinary"]).decode()


def _parameter(client: Any, name: str) -> str:
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


_FETCHERS: Final[dict[str, Callable[[Any, str], str]]] = {"secretsmanager": _secret, "ssm": _parameter}


def _value(reference: Reference, text: str, wanted_for: str) -> str:
    """One value of what was fetched; no message shows any of it."""
    value: object = text
    if reference.key:
        try:
            found = json.loads(text, parse_float=str, parse_int=str)
        except ValueError:
            found = None
        value = found.get(reference.key) if isinstance(found, dict) else None
    if not isinstance(value, str) or not value:
        why = f"it holds no text under {reference.key}" if reference.key else "it is empty"
        raise PermanentError(
            _what(reference, wanted_for), why, "Correct the setting, or what is stored there, and run again."
        )
    return value


def _what(reference: Reference, wanted_for: str) -> str:
    return f"Fetching {reference} for {wanted_for}"
