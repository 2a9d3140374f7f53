"""What a person reads of an error: what, why and what to do, never a traceback."""

from __future__ import annotations

import errno

import dagster as dg
import pytest
import sqlalchemy as sa

from billsync.run import TELLING, told_failures
from billsync.words import plain_errors
from loaders.errors import PermanentError
from orchestration.dbt_runner import DbtError


def told(error: Exception, capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as ended, plain_errors():
        raise error
    assert ended.value.code == 1
    return capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermanentError("Reading the plans", "no answer", "Ask the register."), "Ask the register."),
        (DbtError("the dbt project does not parse: model x\n  depends on y"), "model x depends on y"),
        (OSError(errno.ENOSPC, "No space left on device", "/var/billsync/ledger.db"), "No space left on device"),
        (sa.exc.OperationalError("select 1", {}, RuntimeError("disk I/O error")), "disk I/O error"),
        (KeyError("nmi"), "nmi"),
    ],
)
def test_any_error_is_told_in_three_lines(error: Exception, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(error, capsys)
    assert [line[:5] for line in lines] == ["what:", "why: ", "fix: "]
    assert words in " ".join(lines)


def test_an_error_nobody_foresaw_names_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    what, _why, fix = told(ZeroDivisionError("division by zero"), capsys)
    assert what == "what: ZeroDivisionError"
    assert "test_words.py" in fix


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermanentError("Reading the plans", "no answer", "Ask."), "Reading the plans: no answer. Ask."),
        (KeyError("nmi"), "KeyError: 'nmi'"),
    ],
)
def test_failure_of_a_step_is_told_without_the_name_of_a_class_of_ours(error: Exception, words: str) -> None:
    @dg.op
    def step() -> None:
        raise error

    @dg.job
    def job() -> None:
        step()

    events = job.execute_in_process(raise_on_error=False).all_events
    assert told_failures(one for one in events if one.event_type in TELLING) == [f"step: {words}"]


def test_failure_of_a_blocking_check_tells_what_the_check_found() -> None:
    @dg.asset_check(asset=dg.AssetKey(["raw", "bills"]), blocking=True)
    def gate() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="raw.bills soda_source_invalid: 2 rows")

    @dg.asset_check(asset=dg.AssetKey(["raw", "bills"]))
    def other() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False, description="somebody looks at this later")

    definitions = dg.Definitions(
        asset_checks=[gate, other], jobs=[dg.define_asset_job("checks", dg.AssetSelection.all_asset_checks())]
    )
    events = definitions.resolve_job_def("checks").execute_in_process(raise_on_error=False).all_events
    (line,) = told_failures(one for one in events if one.event_type in TELLING)
    assert line.endswith("gate failed: raw.bills soda_source_invalid: 2 rows")
