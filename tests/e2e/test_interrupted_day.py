"""A billing day with systems down, a full disk and killed runs, and then one that is left alone.

Whatever happened before, the last run leaves exactly what an undisturbed retailer has, and SAP has every reading once.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from .harness import Retailer, Row, assert_balanced, differences, sandboxed

pytestmark = pytest.mark.e2e

DAY = "2026-03-05"
SEED = ("--service-points", "40", "--days", "10", "--day", DAY, "--closings", "12")
CURRENT_BILLS = "select * exclude (bill_version) from marts.fct_shadow_bills order by contract_id, period_start_date"
# A killed process cannot say when; these moments lie in extraction, in the models and near the load.
KILL_AFTER = ("extract_retailer_db", "dbt_rating", "sap_load")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    with sandboxed(tmp_path_factory.mktemp("undisturbed"), *SEED) as retailer:
        retailer.run(DAY)
        yield retailer


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    with sandboxed(tmp_path_factory.mktemp("disturbed"), *SEED) as retailer:
        yield retailer


def documents(retailer: Retailer) -> list[Row]:
    """What SAP was given, without the numbers it gave out itself."""
    return sorted(row[1:8] for row in retailer.sap_documents())


def queue(retailer: Retailer) -> set[Row]:
    """What waits for a person."""
    return set(retailer.fetch(
        "select rule_code, nmi, contract_id, first_market_date, detail from marts.fct_billing_exceptions "
        "where state = 'OPEN'"
    ))  # fmt: skip


def run_until(retailer: Retailer, step: str) -> None:
    """Start the day and kill its process without a word as soon as a step is shown as begun or done."""
    log = retailer.root / "killed.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            retailer.command("run", "--day", DAY), env=retailer.variables(), cwd=retailer.root,
            stdout=stream, stderr=stream,
        )  # fmt: skip
        give_up_at = time.monotonic() + 400
        while step not in log.read_text() and process.poll() is None and time.monotonic() < give_up_at:
            time.sleep(0.05)
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)


def test_systems_down_are_named_and_the_rest_of_the_day_goes_on(disturbed: Retailer) -> None:
    said = disturbed.run(DAY, expect=1, BILLSYNC_METERING_API_TOKEN="wrong", BILLSYNC_SAP_PASSWORD="wr0ng-pa55")
    assert "metering_api (2026-03-05)" in said
    assert "sap_load (2026-03-05)" in said
    assert "401" in said
    assert "wr0ng-pa55" not in said
    assert disturbed.sap_documents() == []
    assert disturbed.fetch("select count(*) from marts.fct_daily_usage")[0][0] > 300
    assert ("READY",) in disturbed.fetch("select distinct status from marts.fct_shadow_bills")


def test_full_disk_is_said_in_words(disturbed: Retailer) -> None:
    """A limit on the size of files stands for the disk: writing beyond it fails in the same places."""
    limit = 1024 * 1024
    assert (disturbed.home / "warehouse.duckdb").stat().st_size > limit
    done = subprocess.run(
        disturbed.command("run", "--day", DAY), env=disturbed.variables(), cwd=disturbed.root, capture_output=True,
        text=True, timeout=800, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "not complete: " in done.stderr or "what: " in done.stderr


@pytest.mark.parametrize("step", KILL_AFTER)
def test_killed_run_leaves_nothing_that_stops_the_next(disturbed: Retailer, step: str) -> None:
    run_until(disturbed, step)


def test_last_run_completes_the_day_as_if_nothing_had_happened(disturbed: Retailer, undisturbed: Retailer) -> None:
    disturbed.run(DAY)
    # What was decided and billed on the way stays on record: a bill held without its API data was version 1.
    history = (
        "fct_billing_exceptions", "fct_shadow_bills", "fct_shadow_bill_versions", "fct_shadow_bill_line_versions",
        "fct_bill_read_versions", "fct_bill_revisions",
    )  # fmt: skip
    assert differences(undisturbed.marts(without=history), disturbed.marts(without=history)) == {}
    assert disturbed.fetch(CURRENT_BILLS) == undisturbed.fetch(CURRENT_BILLS)
    assert queue(disturbed) == queue(undisturbed)
    assert_balanced(disturbed)


def test_sap_has_every_reading_once(disturbed: Retailer, undisturbed: Retailer) -> None:
    assert documents(disturbed) == documents(undisturbed)
    assert len(documents(disturbed)) > 0
