"""Statements that Microsoft's SQL Server refuses and servers that only speak T-SQL take: none is in what we send.

Each rule has the number of the server's message. What is compiled for the target is parsed, no server is asked.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import expressions as exp

_OFFSETS = (exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue)


def _own_select(node: exp.Expression) -> exp.Select | None:
    return node.find_ancestor(exp.Select)


def _is_null(node: exp.Expression | None) -> bool:
    return node is None or isinstance(node.unnest(), exp.Null)


def _aggregates(tree: exp.Expression) -> Iterator[str]:
    for one in tree.find_all(exp.AggFunc):
        if isinstance(one, _OFFSETS):
            continue
        is_windowed = isinstance(one.parent, exp.Window)
        if one.find(exp.Select) or (not is_windowed and any(inner is not one for inner in one.find_all(exp.AggFunc))):
            yield "130: an aggregate over an aggregate or a subquery"
        if one.find(exp.Window):
            yield "4109: a window inside an aggregate"
        if isinstance(one.this, exp.Distinct) and is_windowed:
            yield "10759: distinct inside a window"


def _groups(tree: exp.Expression) -> Iterator[str]:
    for one in (item for group in tree.find_all(exp.Group) for item in group.expressions):
        if one.find(exp.Select, exp.AggFunc):
            yield "144: an aggregate or a subquery in group by"
        if not one.find(exp.Column):
            yield "164: group by something without a column"


def _orders(tree: exp.Expression) -> Iterator[str]:
    for select in tree.find_all(exp.Select):
        if select.args.get("order") and not select.args.get("limit"):
            yield "1033: order by without top in what becomes a view"
    for window in tree.find_all(exp.Window):
        order = window.args.get("order")
        if order is None and isinstance(window.this, exp.RowNumber | exp.Lag | exp.Lead):
            yield "4112: a numbering without order by"
        if order is not None and any(not item.find(exp.Column) for item in order.expressions):
            yield "5308: a window ordered by a constant"
        where = window.find_ancestor(exp.Where)
        if where is not None and where.find_ancestor(exp.Select) is _own_select(window):
            yield "4108: a window in where"


def _nulls(tree: exp.Expression) -> Iterator[str]:
    for one in tree.find_all(exp.Coalesce):
        if all(_is_null(item) for item in (one.this, *one.expressions)):
            yield "4127: coalesce of nothing but nulls"
    for one in tree.find_all(exp.Nullif):
        if _is_null(one.this):
            yield "4151: nullif of a null"
    for one in tree.find_all(exp.Case):
        if _is_null(one.args.get("default")) and all(_is_null(branch.args["true"]) for branch in one.args["ifs"]):
            yield "8133: a case of nothing but nulls"
    for one in tree.find_all(exp.Concat):
        if len(one.expressions) < 2:
            yield "189: concat of one"


def _columns(tree: exp.Expression) -> Iterator[str]:
    for select in tree.find_all(exp.Select):
        if not _gives_columns(select):
            continue
        names = [item.alias_or_name for item in select.expressions if not item.is_star]
        if "" in names:
            yield "8155: a column without a name"
        if len(names) != len(set(names)):
            yield "8156: two columns of one name"
        for item in select.expressions:
            if isinstance(item.unalias(), exp.Predicate | exp.Connector) and not isinstance(item.unalias(), exp.Case):
                yield "102: a condition as a value"


def _gives_columns(select: exp.Select) -> bool:
    """Whether its columns need names: not where they are named from outside, or only asked whether there are rows."""
    parent = select.parent
    if isinstance(parent, exp.Exists | exp.In | exp.Union):
        return False
    if isinstance(parent, exp.Subquery):
        alias = parent.args.get("alias")
        return isinstance(parent.parent, exp.From | exp.Join) and not (alias and alias.columns)
    return True


RULES = (_aggregates, _groups, _orders, _nulls, _columns)


def refusals(sql: str) -> list[str]:
    """What SQL Server would say."""
    tree = sqlglot.parse_one(sql, read="tsql")
    return sorted({message for rule in RULES for message in rule(tree)})


def test_nothing_that_sql_server_refuses_is_compiled_for_it(compiled_for_sqlserver: dict[str, str]) -> None:
    queries = {name: sql for name, sql in compiled_for_sqlserver.items() if "declare @" not in sql}
    assert len(queries) > 400
    found = {name: broken for name, sql in queries.items() if (broken := refusals(sql))}
    assert found == {}


@pytest.mark.parametrize(
    ("sql", "number"),
    [
        ("select min((select max(v) from (values (a), (b)) as c (v))) as d from t group by e", 130),
        ("select sum(count(*)) as n from t group by a", 130),
        ("select max(row_number() over (order by a)) as n from t", 4109),
        ("select count(distinct a) over (partition by b) as n from t", 10759),
        ("select a from t group by a, (select b from u)", 144),
        ("select 1 as a from t group by 'x'", 164),
        ("with a as (select b from t order by b) select b from a", 1033),
        ("select row_number() over (partition by a) as n from t", 4112),
        ("select row_number() over (order by 1) as n from t", 5308),
        ("select a from t where row_number() over (order by a) = 1", 4108),
        ("select coalesce(null, null) as a from t", 4127),
        ("select nullif(null, a) as b from t", 4151),
        ("select case when a = 1 then null end as b from t", 8133),
        ("select concat(a) as b from t", 189),
        ("with a as (select max(b) from t) select 1 as c from a", 8155),
        ("select a, b as a from t", 8156),
        ("select a = b as c from t", 102),
    ],
)
def test_rule_knows_what_sql_server_refuses(sql: str, number: int) -> None:
    assert [message.partition(":")[0] for message in refusals(sql)] == [str(number)]


def test_rules_let_pass_what_sql_server_takes() -> None:
    assert (
        refusals(
            "with a as (select top (1) b from t order by b) "
            "select b, sum(sum(b)) over (partition by b) as n, (select max(v) from (values (1), (2)) as c (v)) as m, "
            "case when b > 1 then 1 end as is_more from a where exists (select 1 from t) group by b"
        )
        == []
    )
