"""What we write is portable SQL: what only one engine understands lives in macros/dialect, nowhere else.

The rules are a list of patterns over the own text (Jinja and comments taken out) of models, tests, shared macros, the
expressions and the fixtures in YAML, as parsers of other dialects accept most of what they would refuse on a server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
# Macros that differ by engine, or are one engine's own, are written for it.
FOR_ONE_ENGINE = {PROJECT / "macros" / "dialect", PROJECT / "macros" / "materialization"}
TEXTS = [
    path
    for path in sorted(PROJECT.rglob("*.sql"))
    if not {*path.parents} & FOR_ONE_ENGINE and "target" not in path.parts
]

# Reserved by T-SQL, harmless elsewhere: those that somebody would call a table or a column.
RESERVED = (
    "add|authorization|backup|bulk|check|close|column|compute|current|database|default|exit|external|file|function|holdlock|"
    "identity|index|key|kill|lineno|load|national|off|offsets|open|option|percent|pivot|plan|precision|print|proc|"
    "procedure|public|read|references|restore|revert|rule|save|schema|securityaudit|session_user|setuser|shutdown|"
    "statistics|tablesample|textsize|top|tran|transaction|trigger|tsequal|unpivot|use|user|view|waitfor|writetext"
)
RULES = {
    "a reserved word of T-SQL as a name": rf"\bas\s+(?:{RESERVED})\b(?!\s*\()|(?:\bwith|,)\s+(?:{RESERVED})\s+as\s*\(",
    "a cast by ::": r"::",
    "text joined by ||": r"\|\|",
    "a boolean word": r"\b(?:true|false)\b",
    "group by or order by a place": r"\b(?:group|order)\s+by\s+\d",
    "join using": r"\busing\s*\(",
    "qualify": r"\bqualify\b",
    "limit": r"\blimit\b",
    "an aggregate's filter": r"\bfilter\s*\(",
    "interval arithmetic": r"\binterval\s*(?:'|\d|\()",
    "a date literal": r"\b(?:date|timestamp)\s+'",
    "extract": r"\bextract\s*\(",
    "nulls first or last": r"\bnulls\s+(?:first|last)\b",
    "is distinct from": r"\bis\s+(?:not\s+)?distinct\s+from\b",
    "a division (macro divide or integer_divide)": r"(?<![/*])/(?![/*])",
    "avg, which leaves exact decimals": r"\bavg\s*\(",
    "a with inside another query": r"\(\s*with\b",
    "a list or a struct": r"\blist_|\bunnest\s*\(|\bstruct_",
    "a function that makes rows": r"\b(?:from|join)\s+(?:range|generate_series)\s*\(",
}
ONLY_BEYOND_STAGING = {
    "select *": r"\bselect\s+(?:distinct\s+)?(?:\w+\.)?\*",
    "all columns of a relation": r"\b\w+\.\*",
}


def own_sql(text: str) -> str:
    """A model's text without Jinja, comments and the insides of its literals."""
    text = re.sub(r"\{#.*?#\}|\{\{.*?\}\}|\{%.*?%\}", " jinja ", text, flags=re.DOTALL)
    text = re.sub(r"--[^\n]*", "", text)
    return re.sub(r"'[^']*'", "''", text).lower()


def has_uncast_sum(sql: str) -> bool:
    """Whether a sum stands without a cast around it; a window's sum may be cast later, a count of cases is whole."""
    for found in re.finditer(r"\bsum\s*\(", sql):
        depth, place = 1, found.end()
        while depth and place < len(sql):
            depth += {"(": 1, ")": -1}.get(sql[place], 0)
            place += 1
        is_cast = re.search(r"\bcast\s*\(\s*(?:coalesce\s*\(\s*)?$", sql[: found.start()])
        is_count = re.fullmatch(r"\s*case\b.*\b(?:then|else) [01]\s.*end\s*\)", sql[found.end() : place], re.DOTALL)
        if not (is_cast or is_count or re.match(r"\s*over\b", sql[place:])):
            return True
    return False


def broken_rules(path: Path, text: str) -> list[str]:
    """Names of the rules that a model's text breaks."""
    rules = (
        {**RULES, **ONLY_BEYOND_STAGING}
        if {"models", "singular"} & {*path.parts} and "staging" not in path.parts
        else RULES
    )
    sql = own_sql(text)
    found = [name for name, pattern in rules.items() if re.search(pattern, sql)]
    return [*found, "a sum without its cast"] if has_uncast_sum(sql) else found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_text_is_portable(path: Path) -> None:
    assert broken_rules(path, path.read_text(encoding="utf-8")) == []


def sql_in(node: Any, name: str = "") -> Iterator[str]:
    """Every piece of SQL in a YAML file of ours: fixtures of unit tests and the conditions of data tests."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from sql_in(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from sql_in(value, name)
    elif isinstance(node, str) and name in {"rows", "expression", "where"}:
        yield node


def test_sql_in_yaml_is_portable() -> None:
    found = {
        path.name: [(text[:80], broken) for text in texts if (broken := broken_rules(path, text))]
        for path in sorted((PROJECT / "models").rglob("*.yml"))
        if (texts := list(sql_in(yaml.safe_load(path.read_text(encoding="utf-8")))))
    }
    assert any("unit_tests" in name for name in found)
    assert {name: broken for name, broken in found.items() if broken} == {}


def test_checks_name_nothing_by_a_reserved_word() -> None:
    pattern = re.compile(RULES["a reserved word of T-SQL as a name"])
    checks = sorted((PROJECT.parent / "checks").rglob("*.yml"))
    assert checks
    assert [path.name for path in checks if pattern.search(own_sql(path.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("select 1 as plan", "a reserved word of T-SQL as a name"),
        ("with offsets as (select 1 as a) select a from offsets", "a reserved word of T-SQL as a name"),
        ("select a::int from b", "a cast by ::"),
        ("select a || b from c", "text joined by ||"),
        ("select 1 where true", "a boolean word"),
        ("select a from b group by 1", "group by or order by a place"),
        ("select 1 from a join b using (c)", "join using"),
        ("select sum(x) filter (where y) from a", "an aggregate's filter"),
        ("select d + interval '1 day' from a", "interval arithmetic"),
        ("select date '2026-01-01'", "a date literal"),
        ("select a / b from c", "a division (macro divide or integer_divide)"),
        ("select sum(a) as b from c", "a sum without its cast"),
        ("select * from (with a as (select 1) select 2) as b", "a with inside another query"),
        ("select a.* from a", "all columns of a relation"),
        ("select n from range(3) as numbers (n)", "a function that makes rows"),
    ],
)
def test_rule_list_refuses_what_only_one_engine_understands(sql: str, rule: str) -> None:
    assert rule in broken_rules(Path("models/marts/x.sql"), sql)


def test_rule_list_accepts_portable_sql() -> None:
    sql = """-- counts: true, ::, a || b
    {{ config(tags=['a']) }}
    select 'true || false :: limit' as a, cast(sum(b) as decimal(18, 2)) as b, sum(c) over (order by d) as e,
        interval_count, {{ divide('a', 'b', 2) }} as f
    from g group by h"""
    assert broken_rules(Path("models/marts/x.sql"), sql) == []
