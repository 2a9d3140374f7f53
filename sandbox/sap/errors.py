"""Refusals of the pretend gateway and the two shapes in which SAP writes them (JSON and XML).

Codes ``EL/9xx`` are pretend: SAP's real message numbers for these cases are not publicly confirmed, and a client has
to decide by the HTTP status and the class of the code, never by a number.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from sandbox.sap.model import NAMESPACE

XML_TYPE = "application/xml;charset=utf-8"
JSON_TYPE = "application/json"


class ServiceError(Exception):
    """A request that the service refuses.

    Args:
        status: the HTTP status.
        code: T100 class and number, or a framework code that begins with a slash.
        message: what SAP says.
        target: the property or row that it is about.
    """

    def __init__(self, status: int, code: str, message: str, target: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target


class BusinessError(ServiceError):
    """A refusal by a rule of IS-U rather than by the protocol; always 400, as the Gateway answers it."""

    def __init__(self, code: str, message: str, target: str = "") -> None:
        super().__init__(400, code, message, target)


@dataclass(frozen=True)
class Notice:
    """A message that comes with a success (header ``sap-message``)."""

    code: str
    message: str
    target: str = ""


@dataclass(frozen=True)
class ErrorWriter:
    """Writes errors; ``nested`` takes the older JSON form with ``errordetails.errordetail``."""

    nested: bool = False
    transaction: str = field(default="0000000000000000000000000000SBX1")

    def write(self, error: ServiceError, *, as_json: bool) -> tuple[str, bytes]:
        """Give the content type and the body."""
        if as_json:
            return JSON_TYPE, json.dumps(self._payload(error)).encode()
        details = "".join(
            f"<errordetail>{''.join(f'<{k}>{escape(v)}</{k}>' for k, v in entry.items())}</errordetail>"
            for entry in self._details(error)
        )
        body = (
            '<?xml version="1.0" encoding="utf-8"?>'
            '<error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
            f'<code>{escape(error.code)}</code><message xml:lang="en">{escape(error.message)}</message>'
            f"<innererror><transactionid>{self.transaction}</transactionid>"
            f"<errordetails>{details}</errordetails></innererror></error>"
        )
        return XML_TYPE, body.encode()

    def _payload(self, error: ServiceError) -> dict[str, object]:
        details = self._details(error)
        return {
            "error": {
                "code": error.code,
                "message": {"lang": "en", "value": error.message},
                "innererror": {
                    "application": {
                        "component_id": "IS-U",
                        "service_namespace": "/SAP/",
                        "service_id": NAMESPACE,
                        "service_version": "0001",
                    },
                    "transactionid": self.transaction,
                    "timestamp": datetime.now(UTC).strftime("%Y%m%d%H%M%S.%f0"),
                    "Error_Resolution": {
                        "SAP_Transaction": "Run transaction /IWFND/ERROR_LOG on the Gateway hub system",
                    },
                    "errordetails": {"errordetail": details} if self.nested else details,
                },
            }
        }

    @staticmethod
    def _details(error: ServiceError) -> list[dict[str, str]]:
        """List the business message and the framework's own entry behind it, as the Gateway does."""
        entries = [
            {"code": error.code, "message": error.message, "propertyref": error.target, "severity": "error"},
        ]
        if isinstance(error, BusinessError):
            framework = {"code": "/IWBEP/CX_MGW_BUSI_EXCEPTION", "message": "An exception was raised"}
            entries.append({**framework, "propertyref": "", "severity": "error"})
        return entries


def message_header(warnings: list[Notice]) -> str:
    """Write the ``sap-message`` header: the first warning, the others as its details (ASCII only)."""
    entries = [{"code": w.code, "message": w.message, "severity": "warning", "target": w.target} for w in warnings]
    return json.dumps({**entries[0], "details": entries[1:]})
