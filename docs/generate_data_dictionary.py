"""Writes docs/reference/data-dictionary.md from the dbt manifest: every mart and seed, its grain and its columns.

Run it after changing a mart's YAML: ``python docs/generate_data_dictionary.py``. With ``--check`` it writes nothing
and exits 1 when the file is not what the project says.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

REPOSITORY: Final = Path(__file__).resolve().parents[1]
DICTIONARY: Final = REPOSITORY / "docs" / "reference" / "data-dictionary.md"
HEAD: Final = """# Data dictionary

The tables that others may build on (schema `marts`) and the editable reference data (schema `reference`).
Dates are market days (UTC+10), instants end in `_at` and are UTC, energy and money are exact decimals.
Made by `docs/generate_data_dictionary.py` from the dbt project; do not edit.
"""


def dictionary(manifest: Mapping[str, Any]) -> str:
    """The whole file as text.

    Args:
        manifest: dbt's manifest as plain data.
    """
    nodes = manifest["nodes"].values()
    marts = [node for node in nodes if node["resource_type"] == "model" and node["schema"] == "marts"]
    seeds = [node for node in nodes if node["resource_type"] == "seed"]
    parts = [HEAD, "## Marts\n", _contents(marts), *map(_table, _by_name(marts))]
    parts += ["## Reference data\n", _contents(seeds), *map(_table, _by_name(seeds))]
    return "\n".join(parts)


def _by_name(nodes: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(nodes, key=lambda node: str(node["name"]))


def _contents(nodes: Iterable[Mapping[str, Any]]) -> str:
    return "\n".join(f"- [{node['name']}](#{node['name']})" for node in _by_name(nodes)) + "\n"


def _table(node: Mapping[str, Any]) -> str:
    lines = [f"### {node['name']}\n", str(node["description"]).strip() or "No description.", ""]
    columns = node["columns"].values()
    if columns:
        lines += ["| column | type | meaning |", "|---|---|---|"]
        types = node["config"].get("column_types") or {}
        lines += [
            f"| {column['name']} | {column.get('data_type') or types.get(column['name']) or ''} "
            f"| {_cell(column['description'])} |"
            for column in columns
        ]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Parse the dbt project into a folder of its own, offline."""
    sys.path.insert(0, str(REPOSITORY))
    from orchestration.dbt_runner import DbtTarget, load_manifest  # noqa: PLC0415 - the path is set just above

    return load_manifest(DbtTarget("duckdb", folder / "dbt", folder / "logs", dict(os.environ)))


def main() -> int:
    """Write or check the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 when out of date")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        text = dictionary(read_manifest(Path(folder)))
    if check:
        if DICTIONARY.read_text(encoding="utf-8") == text:
            return 0
        print(f"{DICTIONARY.relative_to(REPOSITORY)} is out of date: run python docs/generate_data_dictionary.py")
        return 1
    DICTIONARY.write_text(text, encoding="utf-8")
    print(f"wrote {DICTIONARY.relative_to(REPOSITORY)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
