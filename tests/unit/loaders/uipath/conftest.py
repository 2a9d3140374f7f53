"""The pretend tenant as a fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.loaders.uipath.tenant import World, serve


@pytest.fixture
def uipath(tmp_path: Path) -> Iterator[World]:
    with serve(tmp_path) as world:
        yield world
