"""SOAP envelopes and the XML in them: read safely, written only when valid.

What belongs here: bytes to an element and back, the schema, the limits on what strangers send.
What stays out: what a message means (``messages``), HTTP (``client``, ``receiver``).

No entity is expanded, nothing is fetched, a document type is refused outright, and a body is bounded before it is
parsed; depth and text lengths are bounded by the parser itself.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

from lxml import etree

from loaders.errors import PermanentError

ROOT_NAMESPACE = "http://sap.com/xi/SAPGlobal20/Global"
SOAP_ACTION = "http://sap.com/xi/WebService/soap1.1"
CONTENT_TYPE = "text/xml; charset=utf-8"
MAX_XML_BYTES = 16 * 1024 * 1024

_ENVELOPE_NAMESPACES = (
    "http://schemas.xmlsoap.org/soap/envelope/",
    "http://www.w3.org/2003/05/soap-envelope",
)
_SCHEMAS = Path(__file__).parent / "schemas"
_DECLARATIONS = tuple(word.encode(coding) for word in ("<!DOCTYPE", "<!ENTITY") for coding in ("utf-8", "utf-16-le"))
_EXCERPT = 200
_VALIDATION = threading.Lock()


class XmlError(PermanentError):
    """A body that is no message; nothing of it was used."""


def parse_message(body: bytes, *, what: str, max_bytes: int = MAX_XML_BYTES) -> etree._Element:
    """The message in a SOAP envelope, or the message itself where there is no envelope.

    Args:
        body: the bytes as received.
        what: what is being read, for the error.
        max_bytes: more is refused unread.

    Raises:
        XmlError: too large, not well-formed, with a document type, or without a message.
    """
    if len(body) > max_bytes:
        raise _refused(what, f"it has {len(body)} bytes, more than {max_bytes}")
    upper = body.upper()
    if any(word.upper() in upper for word in _DECLARATIONS):
        raise _refused(what, "it declares a document type or entities, which no SOAP message has")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, collect_ids=False
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        shown = body[:_EXCERPT].decode("utf-8", errors="replace")
        raise _refused(what, f"it is not XML ({error}); it begins {shown!r}") from None
    return _payload(root, what)


def fault_of(body: bytes) -> str | None:
    """The text of a SOAP fault, None when the body holds none (or nothing that could be read)."""
    try:
        message = parse_message(body, what="Reading SAP's answer")
    except XmlError:
        return None
    if local_name(message) != "Fault":
        return None
    texts = [(child.text or "").strip() for child in message.iter() if child.text and child.text.strip()]
    return " ".join(texts)[:_EXCERPT] or "a fault without a text"


def write_message(message: etree._Element) -> bytes:
    """The envelope with a message that fits the schema.

    Raises:
        XmlError: it does not; the message says where.
    """
    problem = schema_problem(message)
    if problem:
        raise _refused(f"Writing {local_name(message)}", problem)
    envelope = etree.Element(f"{{{_ENVELOPE_NAMESPACES[0]}}}Envelope", nsmap={"soap": _ENVELOPE_NAMESPACES[0]})
    etree.SubElement(envelope, f"{{{_ENVELOPE_NAMESPACES[0]}}}Header")
    etree.SubElement(envelope, f"{{{_ENVELOPE_NAMESPACES[0]}}}Body").append(message)
    written: bytes = etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")
    return written


def schema_problem(message: etree._Element) -> str | None:
    """The first thing that keeps a message from fitting the schema; None when it fits."""
    schema = _schema()
    with _VALIDATION:  # the error log is the schema's own
        if schema.validate(message):
            return None
        return str(schema.error_log[0].message)


def new_root(name: str) -> etree._Element:
    """The root of a message, in SAP's global namespace; what goes into it has none."""
    return etree.Element(f"{{{ROOT_NAMESPACE}}}{name}", nsmap={"glob": ROOT_NAMESPACE})


def local_name(element: etree._Element) -> str:
    """An element's name without its namespace."""
    return str(etree.QName(element).localname)


def _payload(root: etree._Element, what: str) -> etree._Element:
    if etree.QName(root).namespace not in _ENVELOPE_NAMESPACES:
        return root
    for child in root:
        if isinstance(child.tag, str) and local_name(child) == "Body":
            for message in child:
                if isinstance(message.tag, str):
                    return message
    raise _refused(what, "the envelope is empty")


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_SCHEMAS / "messages.xsd"))


def _refused(what: str, why: str) -> XmlError:
    return XmlError(what, why, "Nothing of it was used. Check what sent it and what stands in between.")
