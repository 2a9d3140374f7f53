"""The commands, with a real process in a folder of the test's own."""

import json
import os
from pathlib import Path

import pytest
import requests
from click.testing import CliRunner, Result

from sandbox.cli import sandbox
from sandbox.process import running, stop


@pytest.fixture
def home(tmp_path: Path):
    yield tmp_path
    stop(tmp_path / "sandbox")


def _run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(sandbox, ["--home", str(home), *words])


SMALL = ("--service-points", "12", "--days", "3")


def test_up_twice_keeps_one_process_and_down_ends_it(home):
    assert _run(home, "seed", *SMALL).exit_code == 0
    first, second = _run(home, "up"), _run(home, "up")
    assert first.exit_code == second.exit_code == 0
    assert first.output == second.output
    state = running(home / "sandbox")
    assert requests.get(f"{state['url']}/control/health", timeout=5).json()["pid"] == state["pid"]
    assert (home / "sandbox" / "sandbox.json").stat().st_mode & 0o077 == 0
    assert _run(home, "down").exit_code == 0
    assert running(home / "sandbox") == {}
    assert "no sandbox" in _run(home, "down").output


def test_two_sandboxes_take_different_ports(home, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for folder in (home, other):
        _run(folder, "seed", *SMALL)
        assert _run(folder, "up").exit_code == 0
    try:
        assert running(home / "sandbox")["url"] != running(other / "sandbox")["url"]
    finally:
        stop(other / "sandbox")


def test_reset_restarts_a_running_sandbox_with_new_data_and_the_same_credentials(home):
    _run(home, "seed", *SMALL)
    _run(home, "up")
    before = running(home / "sandbox")
    assert _run(home, "reset", "--service-points", "9", "--days", "2").exit_code == 0
    after = running(home / "sandbox")
    assert after["pid"] != before["pid"]
    assert after["settings"]["BILLSYNC_METERING_API_TOKEN"] == before["settings"]["BILLSYNC_METERING_API_TOKEN"]
    status = json.loads(_run(home, "status", "--json").output)
    assert status["seed"]["service_points"] == 9


def test_bill_and_fault_reach_the_running_server(home):
    _run(home, "seed", *SMALL)
    _run(home, "up")
    assert "billed 0" in _run(home, "bill", "--day", "2026-03-05").output
    assert "1 faults armed" in _run(home, "fault", "503", "--path-prefix", "/cds-au").output
    url = running(home / "sandbox")["url"]
    assert requests.get(f"{url}/cds-au/v1/energy/plans", timeout=5).status_code == 503
    assert "no faults" in _run(home, "fault", "none").output


def test_bill_without_a_running_sandbox_says_what_to_do(home):
    result = _run(home, "bill")
    assert result.exit_code == 1
    assert "billsync sandbox up" in result.output


def test_down_leaves_a_process_alone_that_is_not_the_sandbox(home):
    folder = home / "sandbox"
    folder.mkdir()
    (folder / "sandbox.json").write_text(json.dumps({"pid": os.getpid(), "url": "http://127.0.0.1:9"}))
    assert "no sandbox" in _run(home, "down").output


def test_seed_wrong_option_is_wrong_usage(home):
    assert _run(home, "seed", "--days", "0").exit_code == 2
