"""The data dictionary says what the dbt project says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dictionary", REPOSITORY / "docs" / "generate_data_dictionary.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_data_dictionary_is_up_to_date(generator: ModuleType, tmp_path: Path) -> None:
    made = generator.dictionary(generator.read_manifest(tmp_path))
    assert generator.DICTIONARY.read_text(encoding="utf-8") == made, "run: python docs/generate_data_dictionary.py"


def test_data_dictionary_lists_columns_and_escapes_bars(generator: ModuleType) -> None:
    column = {"name": "usage_kwh", "data_type": "decimal(23, 14)", "description": "in | out\nof it"}
    nodes = {
        "a": {
            "resource_type": "model", "schema": "marts", "name": "fct_b", "description": "Grain: x.",
            "columns": {"usage_kwh": column}, "config": {},
        },
        "b": {"resource_type": "model", "schema": "staging", "name": "stg_c"},
    }  # fmt: skip
    text = generator.dictionary({"nodes": nodes})
    assert "### fct_b\n\nGrain: x.\n\n| column | type | meaning |" in text
    assert "| usage_kwh | decimal(23, 14) | in \\| out of it |" in text
    assert "stg_c" not in text
