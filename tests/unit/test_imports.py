"""Which way imports go (docs/adr/0051): read from the source, imports inside functions and for types included."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAVES = {"billsync.settings", "billsync.warehouse", "billsync.alerts", "billsync.report"}
MAY_IMPORT = {
    "loaders": set(),
    "checks": set(),
    "sandbox": set(),
    "leaf": LEAVES | {"loaders"},
    "orchestration": LEAVES | {"loaders", "checks"},
    "billsync": LEAVES | {"billsync", "orchestration", "loaders", "checks"},
}
# The sandbox's own command hangs below billsync's; everybody else starts it as a process.
EXCEPTIONS = {("billsync.cli", "sandbox.cli")}


def _room(module: str) -> str:
    """The package that a module belongs to; a leaf of billsync by its own name."""
    return next((leaf for leaf in LEAVES if f"{module}.".startswith(f"{leaf}.")), module.split(".", maxsplit=1)[0])


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            # "from billsync import warehouse" names a module too.
            found |= {node.module} if "." in node.module else {f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return {module for module in found if module.split(".")[0] in {"billsync", *MAY_IMPORT}}


def _granted(module: str) -> set[str]:
    return {imported for importer, imported in EXCEPTIONS if importer == module}


@pytest.mark.parametrize("package", ["billsync", "orchestration", "loaders", "checks", "sandbox"])
def test_package_imports_only_what_stands_below_it(package: str) -> None:
    against: list[str] = []
    files = sorted((ROOT / package).rglob("*.py"))
    for path in files:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        room = _room(module)
        allowed = MAY_IMPORT["leaf" if room in LEAVES else room] | {package if room not in LEAVES else room}
        against += [
            f"{module} imports {one}" for one in sorted(_imported(path) - _granted(module)) if _room(one) not in allowed
        ]

    assert files
    assert against == []
