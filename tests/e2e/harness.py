"""What the end-to-end tests share: running the command line as a person would, and looking at what it left behind.

The product runs in processes of its own, from its source folder; nothing here imports it.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

REPOSITORY = Path(__file__).resolve().parents[2]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Retailer:
    """One installation: a folder of its own, and the environment that its commands see."""

    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "state"

    @property
    def sandbox(self) -> Path:
        return self.home / "sandbox"

    def variables(self, **more: str) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("BILLSYNC_", "DAGSTER_"))}
        own = {"PYTHONPATH": str(REPOSITORY), "BILLSYNC_HOME": str(self.home)}
        return inherited | own | dict(self.environment) | more

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "billsync", *words]

    def call(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run one command; whatever happens, nobody is shown a traceback."""
        done = subprocess.run(
            self.command(*words), env=self.variables(**more), cwd=self.root, capture_output=True, text=True,
            timeout=800, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr + done.stdout, done.stderr
        return done

    def run(self, day: date | str, *, expect: int = 0, **more: str) -> str:
        """Run a billing day; returns what stood on standard error."""
        done = self.call("run", "--day", str(day), **more)
        assert done.returncode == expect, f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stderr

    def fetch(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        with duckdb.connect(str(self.home / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def marts(self, *, without: Sequence[str] = (), without_columns: Sequence[str] = ()) -> dict[str, list[str]]:
        """Every row of every mart, each as text, sorted: equal results are equal whatever order they lie in.

        ``without`` names marts that keep a history, ``without_columns`` what SAP chooses.
        """
        names = [
            name
            for (name,) in self.fetch(
                "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
            )
            if name not in without
        ]
        assert names, "there are no marts"
        chosen = f"columns(c -> c not in {list(without_columns)})" if without_columns else "*"
        return {name: sorted(map(repr, self.fetch(f'select {chosen} from marts."{name}"'))) for name in names}

    def sap(self, sql: str) -> list[Row]:
        """Ask the pretend SAP's own memory."""
        with sqlite3.connect(self.sandbox / "sap.db") as connection:
            return connection.execute(sql).fetchall()

    def sap_documents(self) -> list[Row]:
        return self.sap("select * from results order by 1, 2, 3")

    def retailer(self, sql: str) -> list[Row]:
        """Ask (or change) the sandbox's retailer database."""
        with sqlite3.connect(self.sandbox / "retailer.db") as connection:
            return connection.execute(sql).fetchall()


def differences(left: Mapping[str, Sequence[str]], right: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The rows that only one of two states of the marts has, by mart; a few of each side."""
    found = {}
    for name in sorted({*left, *right}):
        only_left = sorted(set(left.get(name, ())) - set(right.get(name, ())))
        only_right = sorted(set(right.get(name, ())) - set(left.get(name, ())))
        if only_left or only_right or len(left.get(name, ())) != len(right.get(name, ())):
            found[name] = [f"- {row}" for row in only_left[:3]] + [f"+ {row}" for row in only_right[:3]]
    return found


def assert_balanced(retailer: Retailer) -> None:
    """Every stage of every day: what came in went somewhere, and neighbours agree on what they pass on."""
    rows = retailer.fetch(
        "select billing_day, stage, unit, received, accepted, rejected, parked from marts.rpt_sync_status "
        "order by billing_day, stage_number"
    )
    assert rows
    for row in rows:
        assert row[3] == row[4] + row[5] + row[6], row
    for before, after in itertools.pairwise(rows):
        if before[0] == after[0] and before[2] == after[2]:
            assert after[3] == before[4], (before, after)


@contextmanager
def sandboxed(root: Path, *seed: str) -> Iterator[Retailer]:
    """A retailer whose systems are the sandbox, seeded small; its process ends with the test."""
    retailer = Retailer(root, {"BILLSYNC_ENV": "local"})
    root.mkdir(parents=True, exist_ok=True)
    seeded = retailer.call("sandbox", "seed", *seed)
    assert seeded.returncode == 0, seeded.stderr
    try:
        yield retailer
    finally:
        retailer.call("sandbox", "down")
