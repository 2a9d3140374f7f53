"""Atom XML of entities: what the Gateway answers to a client that does not ask for JSON.

A client that forgets the Accept header gets this, as it would from SAP, and notices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" '
    'xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"'
)
_PROLOG = '<?xml version="1.0" encoding="utf-8"?>'


def entry(item: Mapping[str, object]) -> bytes:
    """Write one entity."""
    return (_PROLOG + _entry(item, _NAMESPACES)).encode()


def feed(items: Sequence[Mapping[str, object]]) -> bytes:
    """Write a collection."""
    return f"{_PROLOG}<feed {_NAMESPACES}>{''.join(_entry(item) for item in items)}</feed>".encode()


def _entry(item: Mapping[str, object], namespaces: str = "") -> str:
    metadata = item.get("__metadata")
    uri = str(metadata.get("uri", "")) if isinstance(metadata, Mapping) else ""
    properties = "".join(
        f"<d:{name}>{escape(str(value))}</d:{name}>" if value is not None else f'<d:{name} m:null="true"/>'
        for name, value in item.items()
        if not isinstance(value, Mapping)
    )
    return (
        f"<entry {namespaces}><id>{escape(uri)}</id>"
        f'<content type="application/xml"><m:properties>{properties}</m:properties></content></entry>'
    )
