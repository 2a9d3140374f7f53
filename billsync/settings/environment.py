"""From environment variables to settings: read once, refused where they say something that billsync cannot act on.

Only ``billsync/`` and ``orchestration/`` read the environment; everything below them takes plain values.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path

from billsync.settings.names import (
    BY_NAME,
    ENVIRONMENTS,
    EXTRACTS,
    NAMES,
    SAP_AMOUNTS,
    SAP_TRANSPORTS,
    STARTS_SANDBOX,
    WAREHOUSES,
    WRITES_TO_SAP_BY_DEFAULT,
    ConfigurationError,
)
from billsync.settings.references import Secret, reference_problem
from billsync.settings.values import Settings


def load_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment.

    Args:
        environ: the variables; unset and empty mean the same.

    Raises:
        ConfigurationError: for an environment, warehouse, transport, date or switch that is not known.
    """
    for problem in filter(None, (reference_problem(entry.name, environ.get(entry.name) or "") for entry in NAMES)):
        raise ConfigurationError(problem)
    environment = _choice(environ, "BILLSYNC_ENV", ENVIRONMENTS)
    home = Path(environ.get("BILLSYNC_HOME") or BY_NAME["BILLSYNC_HOME"].default).expanduser().absolute()
    filled = {entry.name: _value(environ, entry.name, home) for entry in NAMES}
    served = _sandbox_values(home / "sandbox" / "sandbox.json") if STARTS_SANDBOX[environment] else {}
    for name, value in served.items():
        filled[name] = filled[name] or value
    is_sandbox_sap = STARTS_SANDBOX[environment] and filled["BILLSYNC_SAP_URL"] in ("", served.get("BILLSYNC_SAP_URL"))
    return Settings(
        environment=environment,
        home=home,
        first_day=_first_day(filled["BILLSYNC_FIRST_DAY"]),
        warehouse=_choice(environ, "BILLSYNC_WAREHOUSE", WAREHOUSES),
        duckdb_path=Path(filled["BILLSYNC_DUCKDB_PATH"]).expanduser().absolute(),
        sap_transport=_choice(environ, "BILLSYNC_SAP_TRANSPORT", SAP_TRANSPORTS),
        sap_write=_sap_write(filled["BILLSYNC_SAP_WRITE"], environment, is_sandbox_sap=is_sandbox_sap),
        sap_amounts=_choice(environ, "BILLSYNC_SAP_AMOUNTS", SAP_AMOUNTS),
        extract=_choice(environ, "BILLSYNC_EXTRACT", EXTRACTS),
        values={name: Secret(value) if BY_NAME[name].is_secret else value for name, value in filled.items() if value},
    )


def _value(environ: Mapping[str, str], name: str, home: Path) -> str:
    return environ.get(name) or BY_NAME[name].default.replace("$BILLSYNC_HOME", home.as_posix())


def _choice(environ: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environ.get(name) or BY_NAME[name].default
    if value not in allowed:
        msg = f"{name} is {value!r}; it must be one of {', '.join(allowed)}"
        raise ConfigurationError(msg)
    return value


def _first_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        msg = f"BILLSYNC_FIRST_DAY is {text!r}; it must be an ISO date such as 2020-01-01"
        raise ConfigurationError(msg) from error


def _sap_write(text: str, environment: str, *, is_sandbox_sap: bool) -> bool:
    if text not in ("", "0", "1"):
        msg = f"BILLSYNC_SAP_WRITE is {text!r}; it must be 1 or 0"
        raise ConfigurationError(msg)
    if text:
        return text == "1"
    # A local environment that names a SAP of its own is not the sandbox: writing to it is opt-in.
    return WRITES_TO_SAP_BY_DEFAULT[environment] and is_sandbox_sap


def _sandbox_values(state: Path) -> dict[str, str]:
    """Names that the running sandbox serves; empty when there is none."""
    if not state.is_file():
        return {}
    try:
        served = json.loads(state.read_text(encoding="utf-8"), parse_float=Decimal).get("settings", {})
    except (ValueError, AttributeError) as error:
        msg = f"{state} cannot be read ({error}): run billsync sandbox reset"
        raise ConfigurationError(msg) from error
    return {name: str(value) for name, value in served.items() if name in BY_NAME}
