"""Rows on their way into the raw layer from a step of the run itself.

What belongs here: staging in a folder of its own and cleaning up. What stays out: which rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from loaders.warehouse import RawWrite
from orchestration.systems import Systems


def write_staged(systems: Systems, name: str, stage: Callable[[Path], Sequence[RawWrite]]) -> dict[str, int]:
    """Let something stage its files and take them into the warehouse; returns rows by table.

    Args:
        systems: where to.
        name: of the folder.
        stage: writes files below the folder it is given.
    """
    folder = systems.staging_folder(name)
    try:
        return systems.warehouse.replace(stage(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
