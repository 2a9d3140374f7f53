"""What a sandbox keeps beside its data: its pretend credentials and where its process listens."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """What the pretend systems let in. They guard nothing, but a client has to send them as it would elsewhere."""

    metering_token: str
    sap_user: str
    sap_password: str
    sap_client: str
    uipath_token: str
    uipath_client_id: str
    uipath_client_secret: str


def credentials_of(home: Path) -> Credentials:
    """Give a sandbox's credentials; made once, so that a restart does not lock its clients out."""
    path = home / "credentials.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    made = asdict(
        Credentials(
            metering_token=secrets.token_urlsafe(24),
            sap_user="BILLSYNC",
            sap_password=secrets.token_urlsafe(18),
            sap_client="100",
            uipath_token=secrets.token_urlsafe(24),
            uipath_client_id="billsync",
            uipath_client_secret=secrets.token_urlsafe(24),
        )
    )
    if set(made) - set(kept):
        # New, or of a sandbox that had fewer systems.
        write_private_json(path, {**made, **kept})
    return Credentials(**{**made, **kept})


def write_private_json(path: Path, payload: object) -> None:
    """Write JSON that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(payload, file, indent=1)
        file.write("\n")
    beside.replace(path)


def read_state(home: Path) -> dict[str, object]:
    """Read ``sandbox.json``; empty when nothing was started or the file is not whole."""
    try:
        state = json.loads((home / "sandbox.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
