"""What the environment says, as plain values that are handed down.

What belongs here: one object with every value, which fetches what lies in AWS when it is used. What stays out: reading
variables (``environment.py``), opening anything that a value names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from billsync.settings.names import (
    AUTOMATION_RUNS_BY_DEFAULT,
    BY_NAME,
    STARTS_SANDBOX,
    ConfigurationError,
    full_name,
)
from billsync.settings.references import Secret, secret_parts
from billsync.settings.sqlserver import sqlserver_login
from loaders.aws.stored_values import refers, remembered, resolve


@dataclass(frozen=True)
class Settings:
    """What the environment says, as plain values.

    Attributes:
        environment: local, test or prod.
        home: the state folder, absolute.
        first_day: the first billing day partition.
        warehouse: the dbt target and the warehouse kind, one name for both.
        duckdb_path: the DuckDB file.
        sap_transport: how SAP is reached.
        sap_write: whether readings are sent.
        sap_amounts: whether SAP's billed amounts contain GST.
        extract: who reads meter files.
        values: every other name's value where there is one; secrets wrapped.
    """

    environment: str
    home: Path
    first_day: date
    warehouse: str
    duckdb_path: Path
    sap_transport: str
    sap_write: bool
    sap_amounts: str
    extract: str
    values: Mapping[str, str | Secret] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """The value of a name (with or without ``BILLSYNC_``), or None; one that lies in AWS is fetched.

        Raises:
            LoaderError: it lies in AWS and cannot be fetched.
        """
        name = full_name(name)
        value = self.values.get(name)
        text = value.reveal() if isinstance(value, Secret) else value
        return text if text is None or not refers(text) else resolve(text, name)

    def require(self, name: str) -> str:
        """The value of a name that is needed now.

        Raises:
            ConfigurationError: when it is not set; the message says which name and where to write it.
        """
        value = self.get(name)
        if not value:
            entry = BY_NAME[full_name(name)]
            hint = (
                "start the sandbox (billsync sandbox up) or set it"
                if STARTS_SANDBOX[self.environment]
                else "set it; .env.example lists every name"
            )
            msg = f"{entry.name} is not set ({entry.meaning}): {hint}"
            raise ConfigurationError(msg)
        return value

    @property
    def ledger_url(self) -> str:
        """URL of the operational database; it may hold a password."""
        url = self.require("BILLSYNC_LEDGER_URL")
        if url != "sqlserver":
            return url
        from loaders.sqlserver.login import sqlalchemy_url  # noqa: PLC0415 - only where it is chosen

        return sqlalchemy_url(sqlserver_login(self))

    @property
    def alert_urls(self) -> tuple[str, ...]:
        """Where alerts go; empty when nowhere."""
        return tuple((self.get("BILLSYNC_ALERT_URLS") or "").split())

    @property
    def report_urls(self) -> tuple[str, ...]:
        """Where reports go; empty when nowhere."""
        return tuple((self.get("BILLSYNC_REPORT_URLS") or "").split())

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret in use, for the code that must keep them out of a text; of an address its password too."""
        texts = [value.reveal() for value in self.values.values() if isinstance(value, Secret)]
        known = [remembered(text) if refers(text) else text for text in texts]
        return tuple(part for text in known if text for part in secret_parts(text))

    @property
    def references(self) -> Mapping[str, str]:
        """The names whose values lie in AWS, and where."""
        texts = {name: value.reveal() if isinstance(value, Secret) else value for name, value in self.values.items()}
        return {name: text for name, text in texts.items() if refers(text)}

    def refers_to(self, prefix: str) -> list[str]:
        """The names with a prefix whose values lie in AWS."""
        return [name for name in self.references if name.startswith(prefix)]

    @property
    def starts_sandbox(self) -> bool:
        """Whether the sandbox stands for the systems."""
        return STARTS_SANDBOX[self.environment]

    @property
    def automation_runs(self) -> bool:
        """Whether schedules run without being switched on."""
        return AUTOMATION_RUNS_BY_DEFAULT[self.environment]

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage."""
        return self.home / "dagster"

    @property
    def logs(self) -> Path:
        """Where logs lie."""
        return self.home / "logs"

    @property
    def staging(self) -> Path:
        """Where extracts put Parquet files before the warehouse takes them."""
        return self.home / "staging"

    @property
    def sandbox_state(self) -> Path:
        """What the running sandbox says of itself."""
        return self.home / "sandbox" / "sandbox.json"

    def report_path(self, day: date) -> Path:
        """Where the report of a day lies."""
        return self.home / "reports" / f"billing_day={day.isoformat()}" / "report.html"
