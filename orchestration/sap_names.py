"""What readings are called in SAP, bound to settings: serial numbers of devices, reading types of categories.

What belongs here: the customer's choices and where the names come from. What stays out: where they are written
(``loaders/sap_isu``).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from billsync.settings import ConfigurationError, Settings
from loaders.sap_isu.ledger_rows import batched
from orchestration.systems import Systems

if TYPE_CHECKING:
    from loaders.sap_isu.readings import SerialNumbers

DEVICE_ID, SERIAL_NUMBER = "device_id", "serial_number"
_DEVICES_PER_QUERY: Final = 500
_CODE_LENGTH: Final = 2


def serial_numbers(systems: Systems) -> SerialNumbers:
    """How a device is called in the field SERIALNO.

    Raises:
        ConfigurationError: the setting is neither of the two.
    """
    chosen = systems.settings.require("SAP_SERIALNO")
    if chosen == DEVICE_ID:
        return lambda device_ids: {one: one for one in device_ids}
    if chosen != SERIAL_NUMBER:
        msg = f"BILLSYNC_SAP_SERIALNO is {chosen!r}; it must be {SERIAL_NUMBER} or {DEVICE_ID}"
        raise ConfigurationError(msg)
    return _SerialNumbers(systems)


def reading_types(settings: Settings) -> dict[str, str]:
    """SAP's reading type of each category that has another name there.

    Raises:
        ConfigurationError: the setting is not ``01=A1`` and the like.
    """
    text = settings.get("SAP_READING_TYPES") or ""
    pairs = [word.partition("=") for word in text.split()]
    if any(not 1 <= len(code) <= _CODE_LENGTH for category, _, kind in pairs for code in (category, kind)):
        msg = f"BILLSYNC_SAP_READING_TYPES is {text!r}; it must be pairs of codes such as 01=A1, parted by spaces"
        raise ConfigurationError(msg)
    return {category: kind for category, _, kind in pairs}


class _SerialNumbers:
    """Serial numbers from the raw layer, each device asked for once; called from several threads."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems
        self._known: dict[str, str | None] = {}
        self._lock = threading.Lock()

    def __call__(self, device_ids: Sequence[str]) -> Mapping[str, str]:
        with self._lock:
            for chunk in batched(
                [one for one in dict.fromkeys(device_ids) if one not in self._known], _DEVICES_PER_QUERY
            ):
                self._ask(chunk)
            found = {one: self._known[one] for one in device_ids}
        return {one: serial for one, serial in found.items() if serial}

    def _ask(self, device_ids: Sequence[str]) -> None:
        marks = ", ".join("?" * len(device_ids))
        query = f"select device_id, serial_number from raw.retailer_devices where device_id in ({marks})"  # noqa: S608
        rows = self._systems.warehouse.fetch(query, list(device_ids))
        self._known.update(dict.fromkeys(device_ids))
        self._known.update((str(row["device_id"]), _text(row["serial_number"])) for row in rows)


def _text(value: object) -> str | None:
    return None if value is None else str(value).strip() or None
