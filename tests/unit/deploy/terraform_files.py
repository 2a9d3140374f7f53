"""The Terraform files as data: parsed by python-hcl2, strings without quotes, references found and filled in.

Terraform itself cannot be had from a package registry; this reads the same text and knows no provider.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import hcl2

from tests.conftest import REPOSITORY

FOLDER: Final = REPOSITORY / "deploy" / "terraform"
_MARKS: Final = frozenset({"__is_block__", "__comments__"})
_ATTRIBUTE: Final = re.compile(r"\b((?:data\.)?aws_[a-z0-9_]+)\.([a-z0-9_]+)")
_SIMPLE: Final = re.compile(r"\b(var|local)\.([a-z0-9_]+)")
_TEMPLATE: Final = re.compile(r"\$\{([^{}]*)\}")


@dataclass(frozen=True)
class Block:
    """One block: its kind, labels and content."""

    kind: str
    labels: tuple[str, ...]
    body: Mapping[str, Any]

    @property
    def address(self) -> str:
        """How expressions name it."""
        beginning = {"variable": ("var",), "data": ("data",)}.get(self.kind, ())
        return ".".join([*beginning, *self.labels])


@dataclass
class Module:
    """All blocks of the folder, and values given to what only AWS or a person knows."""

    texts: Mapping[str, str]
    given: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Module:
        """Read the folder's files."""
        return cls({path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.tf"))})

    @cached_property
    def blocks(self) -> list[Block]:
        """Every block of the files."""
        return [block for text in self.texts.values() for block in _blocks(hcl2.loads(text))]

    def of_kind(self, kind: str, first_label: str = "") -> list[Block]:
        """Blocks of a kind, and of a type where it is named."""
        return [one for one in self.blocks if one.kind == kind and (not first_label or one.labels[0] == first_label)]

    def resource(self, resource_type: str, name: str) -> Mapping[str, Any]:
        """One resource's content."""
        return next(one.body for one in self.of_kind("resource", resource_type) if one.labels[1] == name)

    @cached_property
    def locals(self) -> dict[str, Any]:
        """Local values as they are written."""
        return {name: value for one in self.of_kind("locals") for name, value in one.body.items()}

    @property
    def addresses(self) -> set[str]:
        """What expressions may name: resources, data sources, variables, locals."""
        named = {one.address for one in self.blocks if one.kind in {"resource", "data", "variable"}}
        return named | {f"local.{name}" for name in self.locals}

    def fill(self, value: Any) -> Any:
        """A value with its references filled in, as far as they are plain; an expression stays as it is."""
        if isinstance(value, list):
            filled = [self.fill(one) for one in value]
            return [one for part in filled for one in (part if isinstance(part, list) else [part])]
        if isinstance(value, dict):
            return {name: self.fill(one) for name, one in value.items()}
        if not isinstance(value, str):
            return value
        alone = _TEMPLATE.fullmatch(value)
        if alone:
            return self._reference(alone[1])
        return _TEMPLATE.sub(lambda found: str(self._reference(found[1])), value)

    def _reference(self, expression: str) -> Any:
        if expression in self.given:
            return self.given[expression]
        kind, _, name = expression.partition(".")
        if kind == "local" and name in self.locals:
            return self.fill(self.locals[name])
        if kind == "var":
            variable = next(one for one in self.of_kind("variable") if one.labels == (name,))
            return self.fill(variable.body["default"])
        return "${" + expression + "}"

    def policy(self, name: str) -> dict[str, Any]:
        """A policy document as AWS gets it, with every optional statement."""
        document = next(one.body for one in self.of_kind("data", "aws_iam_policy_document") if one.labels[1] == name)
        optional = [one for part in document.get("dynamic", []) for block in part.values() for one in block["content"]]
        return {
            "Version": "2012-10-17",
            "Statement": [self._statement(one) for one in [*document.get("statement", []), *optional]],
        }

    def _statement(self, written: Mapping[str, Any]) -> dict[str, Any]:
        statement = {"Effect": written.get("effect", "Allow"), "Action": self.fill(written["actions"])}
        if "sid" in written:
            statement["Sid"] = written["sid"]
        if "resources" in written:
            # A list that an expression makes is one value here.
            resources = self.fill(written["resources"])
            statement["Resource"] = resources if isinstance(resources, list) else [resources]
        for one in written.get("principals", []):
            statement.setdefault("Principal", {})[one["type"]] = self.fill(one["identifiers"])
        for one in written.get("condition", []):
            statement.setdefault("Condition", {}).setdefault(one["test"], {})[one["variable"]] = self.fill(
                one["values"]
            )
        return statement


def references(value: Any) -> set[str]:
    """Everything of the module that an expression names."""
    text = json.dumps(value)
    found = {f"{kind}.{name}" for kind, name in _ATTRIBUTE.findall(text)}
    return found | {f"{kind}.{name}" for kind, name in _SIMPLE.findall(text)}


def _blocks(parsed: Mapping[str, Any]) -> Iterator[Block]:
    for kind, several in parsed.items():
        for one in several if isinstance(several, list) and kind not in _MARKS else []:
            yield from _unlabelled(kind, (), one)


def _unlabelled(kind: str, labels: tuple[str, ...], body: Mapping[str, Any]) -> Iterator[Block]:
    if body.get("__is_block__"):
        yield Block(kind, labels, _plain(body))
        return
    for label, inner in body.items():
        if label not in _MARKS:
            yield from _unlabelled(kind, (*labels, label.strip('"')), inner)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.strip('"'): _plain(one) for name, one in value.items() if name not in _MARKS}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
