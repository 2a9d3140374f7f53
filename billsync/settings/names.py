"""Every environment variable that billsync knows, with its default and its meaning, and what an environment does.

What belongs here: names, defaults and the maps from environment names to behaviour. What stays out: reading them
(``environment.py``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

ENVIRONMENTS: Final = ("local", "test", "prod")
WAREHOUSES: Final = ("duckdb", "sqlserver", "spark")
SAP_TRANSPORTS: Final = ("odata", "soap", "bapi", "idoc")
SAP_READBACKS: Final = ("odata", "bapi", "none")
SAP_AMOUNTS: Final = ("inc_gst", "ex_gst")
EXTRACTS: Final = ("local", "lambda")

# Every environment appears in every map; a name that is missing here is refused, never given a fall-back.
STARTS_SANDBOX: Final = {"local": True, "test": False, "prod": False}
WRITES_TO_SAP_BY_DEFAULT: Final = {"local": True, "test": False, "prod": False}
AUTOMATION_RUNS_BY_DEFAULT: Final = {"local": False, "test": False, "prod": True}


class ConfigurationError(Exception):
    """The environment says something billsync cannot act on; the message names the variable."""


@dataclass(frozen=True)
class Name:
    """One environment variable.

    Attributes:
        name: the variable.
        default: its value when unset, as shown in ``.env.example``; empty means none.
        meaning: one line for a person.
        is_secret: True when no log, report or repr may show it.
    """

    name: str
    default: str
    meaning: str
    is_secret: bool = False


NAMES: Final = (
    Name("BILLSYNC_ENV", "local", "local: the sandbox, started on demand; test, prod: the systems named below"),
    Name("BILLSYNC_HOME", "./var", "state folder: warehouse, ledger, logs, reports, Dagster's own storage"),
    Name("BILLSYNC_FIRST_DAY", "2020-01-01", "first billing day partition, an ISO date"),
    Name("BILLSYNC_WAREHOUSE", "duckdb", "duckdb, sqlserver or spark"),
    Name("BILLSYNC_DUCKDB_PATH", "$BILLSYNC_HOME/warehouse.duckdb", "the DuckDB file"),
    Name("BILLSYNC_SQLSERVER_HOST", "", "the SQL Server target: host, or host\\instance"),
    Name("BILLSYNC_SQLSERVER_PORT", "1433", "its port"),
    Name("BILLSYNC_SQLSERVER_DATABASE", "", "its database"),
    Name(
        "BILLSYNC_SQLSERVER_AUTHENTICATION",
        "sql",
        "sql (login and password), windows (Kerberos too), or Entra: ActiveDirectoryDefault, "
        "ActiveDirectoryIntegrated, ActiveDirectoryInteractive, ActiveDirectoryMSI, ActiveDirectoryPassword, "
        "ActiveDirectoryServicePrincipal",
    ),
    Name("BILLSYNC_SQLSERVER_USER", "", "its login; for Entra the user or the client id"),
    Name("BILLSYNC_SQLSERVER_PASSWORD", "", "the login's password or the client secret", is_secret=True),
    Name("BILLSYNC_SQLSERVER_DRIVER", "ODBC Driver 18 for SQL Server", "ODBC driver, where the backend is pyodbc"),
    Name("BILLSYNC_SQLSERVER_BACKEND", "mssql-python", "mssql-python (brings its own driver) or pyodbc"),
    Name("BILLSYNC_SQLSERVER_ENCRYPT", "True", "False leaves the connection unencrypted: test servers only"),
    Name("BILLSYNC_SQLSERVER_TRUST_CERT", "False", "True trusts the server's certificate unseen: test servers only"),
    Name("BILLSYNC_SQLSERVER_LOCK_TIMEOUT", "60", "longest wait in seconds for a lock that somebody else holds"),
    Name("BILLSYNC_SPARK_METHOD", "session", "the Spark target: session or thrift"),
    Name("BILLSYNC_SPARK_HOST", "localhost", "its thrift server"),
    Name("BILLSYNC_SPARK_PORT", "10000", "the thrift server's port"),
    Name(
        "BILLSYNC_LEDGER_URL",
        "sqlite:///$BILLSYNC_HOME/ledger.db",
        "SQLAlchemy URL of the load ledger and the exception queue; sqlserver: the database of BILLSYNC_SQLSERVER_*",
        is_secret=True,
    ),
    Name("BILLSYNC_LANDING", "", "meter files: a folder or s3://bucket/prefix"),
    Name(
        "BILLSYNC_ARCHIVE", "", "where each meter file is kept as delivered: a folder or s3://bucket/prefix; none: not"
    ),
    Name("BILLSYNC_EXTRACT", "local", "who reads meter files: local or lambda (an AWS Lambda function)"),
    Name("BILLSYNC_EXTRACT_FUNCTION", "", "name or ARN of that function"),
    Name("BILLSYNC_EXTRACT_OUTPUT", "", "where it leaves the rows as Parquet: s3://bucket/prefix"),
    Name("BILLSYNC_REPORTS", "", "where each report is published too: a folder or s3://bucket/prefix"),
    Name("BILLSYNC_SOURCE_DB_URL", "", "SQLAlchemy URL of the retailer database", is_secret=True),
    Name("BILLSYNC_METERING_API_URL", "", "metering API, base ending in /cds-au/v1"),
    Name("BILLSYNC_METERING_API_TOKEN", "", "its bearer token", is_secret=True),
    Name("BILLSYNC_TARIFF_API_URL", "", "plan register, base ending in /cds-au/v1"),
    Name("BILLSYNC_SAP_TRANSPORT", "odata", "odata, soap, bapi or idoc"),
    Name(
        "BILLSYNC_SAP_READBACK",
        "",
        "reads back what SAP has: odata, bapi, none (then a person decides); default odata, for bapi bapi",
    ),
    Name("BILLSYNC_SAP_URL", "", "SAP gateway, scheme://host:port"),
    Name("BILLSYNC_SAP_ODATA_PATH", "/sap/opu/odata/sap/ERP_UTILITIES_UMC/", "service path on the gateway"),
    Name("BILLSYNC_SAP_SOAP_URL", "", "where SOAP messages are posted; default BILLSYNC_SAP_URL"),
    Name("BILLSYNC_SAP_SOAP_PATH", "/sap/bc/srt/xip/sap/{interface}", "their path and query; may hold {message_id}"),
    Name("BILLSYNC_SAP_SOAP_SENDER", "BILLSYNC", "our name as a business system in their headers"),
    Name("BILLSYNC_SAP_SOAP_HARMLESS", "", "log TypeIDs of a failure that is none (already there), parted by spaces"),
    Name("BILLSYNC_SAP_SOAP_CORRECTIONS", "0", "1: SAP changes a reading sent again under its document's number"),
    Name("BILLSYNC_SAP_CONFIRMATIONS_LISTEN", "", "host:port where SAP posts confirmations; default 127.0.0.1:8520"),
    Name("BILLSYNC_SAP_CONFIRMATIONS_USER", "", "whom that endpoint lets in; empty: anybody who can connect"),
    Name("BILLSYNC_SAP_CONFIRMATIONS_PASSWORD", "", "their password", is_secret=True),
    Name("BILLSYNC_SAP_CONFIRMATIONS_WAIT", "300", "seconds after sending that a confirmation or status may take"),
    Name("BILLSYNC_SAP_PROFILES", "", "CSV file nmi,nmi_suffix,profile_number: intervals that go to EDM; empty: none"),
    Name("BILLSYNC_SAP_PROFILE_STATUSES", "A=W", "SAP's status of each quality there, e.g. A=W S=V F=V E=P"),
    Name(
        "BILLSYNC_SAP_READING_TYPES",
        "",
        "SAP's reading type of a category where they differ, e.g. 01=A1 03=E3 (not OData)",
    ),
    Name(
        "BILLSYNC_SAP_SERIALNO", "serial_number", "SERIALNO for RFC and IDoc: the device's serial_number or device_id"
    ),
    Name("BILLSYNC_SAP_IDOC_OUTBOX", "", "folder for IDoc files to SAP (idoc)"),
    Name("BILLSYNC_SAP_IDOC_INBOX", "", "folder where SAP's status files arrive"),
    Name("BILLSYNC_SAP_IDOC_SENDER", "BILLSYNC:BILLSYNC", "our port:partner in control records"),
    Name("BILLSYNC_SAP_IDOC_RECEIVER", "", "SAP's port:partner there, e.g. SAPPRD:PRDCLNT100"),
    Name("BILLSYNC_SAP_IDOC_LAYOUT", "", "JSON file with the segments of your SAP (WE60); empty: the built-in ones"),
    Name("BILLSYNC_SAP_RFC_HOST", "", "application server for RFC (bapi)"),
    Name("BILLSYNC_SAP_RFC_SYSNR", "00", "its system number"),
    Name("BILLSYNC_SAP_USER", "", "SAP user"),
    Name("BILLSYNC_SAP_PASSWORD", "", "SAP password", is_secret=True),
    Name("BILLSYNC_SAP_CLIENT", "", "SAP client, e.g. 100"),
    Name("BILLSYNC_SAP_WRITE", "", "1 sends readings, 0 plans and shows them; default 1 for the local sandbox, else 0"),
    Name("BILLSYNC_SAP_APPROVAL", "none", "required: a load waits until a person releases its plan (billsync approve)"),
    Name("BILLSYNC_SAP_CONCURRENCY", "5", "requests to SAP in flight while loading, 1 to 32"),
    Name("BILLSYNC_SAP_BATCH_SIZE", "20", "devices in one request"),
    Name("BILLSYNC_SAP_SETTLE", "10", "seconds after sending that SAP may still work on a request without an answer"),
    Name("BILLSYNC_SAP_STOP_REJECTED", "0.10", "the load pauses itself above this share of rejected readings in a run"),
    Name("BILLSYNC_SAP_STOP_DIFFERING", "0.25", "and above this share of compared bills with another total in SAP"),
    Name("BILLSYNC_SAP_STOP_COUNT", "20", "but never for fewer rejected readings, or differing bills, than this"),
    Name("BILLSYNC_SAP_CA_BUNDLE", "", "certificates (PEM file) to trust for SAP instead of the built-in ones"),
    Name("BILLSYNC_SAP_AMOUNTS", "inc_gst", "billed amounts read from SAP: inc_gst or ex_gst"),
    Name("BILLSYNC_UIPATH_EXCEPTIONS", "0", "1 gives exceptions of the seed robot_queues to UiPath robots"),
    Name("BILLSYNC_UIPATH_JOBS", "", "files that robots fetch: what their names begin with=Process, parted by commas"),
    Name("BILLSYNC_UIPATH_JOB_WAIT", "1800", "seconds a run waits for such a file"),
    Name("BILLSYNC_UIPATH_URL", "", "Orchestrator's tenant, e.g. https://cloud.uipath.com/ORG/TENANT/orchestrator_"),
    Name("BILLSYNC_UIPATH_FOLDER", "", "its folder with queues and processes: number, or path such as Shared/Billing"),
    Name("BILLSYNC_UIPATH_CLIENT_ID", "", "external application (OAuth2 client credentials)"),
    Name("BILLSYNC_UIPATH_CLIENT_SECRET", "", "the application's secret", is_secret=True),
    Name("BILLSYNC_UIPATH_SCOPE", "OR.Queues OR.Jobs OR.Execution", "scopes asked for"),
    Name("BILLSYNC_UIPATH_TOKEN_URL", "", "token endpoint of the identity server; default the one of the URL"),
    Name("BILLSYNC_UIPATH_TOKEN", "", "a personal access token, instead of an application", is_secret=True),
    Name(
        "BILLSYNC_ALERT_URLS",
        "",
        "where alerts go, parted by spaces: apprise URLs, sns:TOPIC-ARN, ses:TO?from=SENDER; none: log only",
        is_secret=True,
    ),
    Name(
        "BILLSYNC_REPORT_URLS", "", "where each day's report is sent, written likewise; none: nowhere", is_secret=True
    ),
    Name("AWS_ENDPOINT_URL", "", "a local stand-in for AWS; the usual AWS names are read by boto3 itself"),
)
BY_NAME: Final = {entry.name: entry for entry in NAMES}


def full_name(name: str) -> str:
    """The whole variable name for a name given with or without its prefix."""
    for candidate in (name, f"BILLSYNC_{name}"):
        if candidate in BY_NAME:
            return candidate
    msg = f"{name} is not a billsync setting"
    raise ConfigurationError(msg)


def unknown_names(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """``BILLSYNC_`` names that mean nothing here, most likely misspelt (``billsync doctor`` shows them)."""
    return tuple(sorted(name for name in environ if name.startswith("BILLSYNC_") and name not in BY_NAME))
