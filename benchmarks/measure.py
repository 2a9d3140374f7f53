"""Run a piece of work in a process of its own and say how long it took and how much memory it held at most."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measurement:
    """One stage of one run, without imports: seconds on the clock and of all cores together, memory, what it counted.

    On a busy machine only the CPU seconds say anything; divided by the cores they are the best a quiet one could do.
    """

    stage: str
    seconds: float
    cpu_seconds: float
    peak_mib: float
    counts: Mapping[str, float]


def measured(stage: str, *arguments: str) -> Measurement:
    """Run ``python -m benchmarks.stages STAGE …`` and return what it measured."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.stages", stage, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[1],
    )
    if process.returncode != 0:
        raise SystemExit(f"stage {stage} failed:\n{process.stdout}\n{process.stderr}")
    answer = json.loads(process.stdout.strip().splitlines()[-1])
    return Measurement(stage, answer["seconds"], answer["cpu_seconds"], answer["peak_mib"], answer["counts"])


def report(work: Callable[[], Mapping[str, float]]) -> None:
    """Time the work in this process and print the measurement as one JSON line."""
    started, cpu_started = time.perf_counter(), _cpu_seconds()
    counts = work()
    seconds, cpu_seconds = time.perf_counter() - started, _cpu_seconds() - cpu_started
    peak_kib = max(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
    )
    measured_values = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3)}
    print(json.dumps({**measured_values, "peak_mib": round(peak_kib / 1024, 1), "counts": dict(counts)}))


def _cpu_seconds() -> float:
    """Of this process and of the children that it has waited for: big days are read by several."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def machine() -> str:
    """Return the machine in one line, for the table's caption."""
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory_gib:.0f} GiB, Python {platform.python_version()}, {platform.machine()}"
