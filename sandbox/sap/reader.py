"""Reading entities out of the store: one generic query per set, rendered as OData V2 JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection, Row
from urllib.parse import quote, urlencode

from sandbox.sap.edm import json_date, json_decimal
from sandbox.sap.errors import ServiceError
from sandbox.sap.filter import FilterError, Where, parse_filter
from sandbox.sap.model import BY_SET, NAMESPACE, EntityType, Property

_PROCESSING = "/IWBEP/CM_MGW_RT/021"


@dataclass(frozen=True)
class Selection:
    """What to read from one set."""

    entity: EntityType
    where: Sequence[Where] = ()
    order_by: str = "row_order"
    offset: int = 0
    limit: int | None = None


@dataclass(frozen=True)
class Page:
    """One page of a collection."""

    items: list[dict[str, object]]
    count: int | None = None
    next_link: str | None = None
    entity: EntityType = field(default=BY_SET["MeterReadingResults"])


class Reader:
    """Reads sets on one connection; ``root`` is the absolute service root for links."""

    def __init__(self, connection: Connection, root: str, page_size: int) -> None:
        self._connection = connection
        self._root = root
        self._page_size = page_size

    def collection(self, entity: EntityType, where: Sequence[Where], query: Mapping[str, str], path: str) -> Page:
        """Read a page of a set under the query options."""
        conditions = [*where]
        if "$filter" in query:
            conditions.append(_filter(query["$filter"], entity))
        skip = _number(query, "$skip") or 0
        offset = _number(query, "$skiptoken") or skip
        top = _number(query, "$top")
        taken = offset - skip
        left = None if top is None else max(top - taken, 0)
        limit = self._page_size if left is None else min(left, self._page_size)
        selection = Selection(entity, conditions, _order(query, entity), offset, limit + 1)
        rows = self.rows(selection)
        more = len(rows) > limit and (left is None or left > limit)
        count = self.count(entity, conditions) if query.get("$inlinecount") == "allpages" else None
        next_link = None
        if more:
            options = {k: v for k, v in query.items() if k != "$skiptoken"} | {"$skiptoken": str(offset + limit)}
            next_link = f"{self._root}{path}?" + urlencode(options, quote_via=quote, safe="$'")
        wanted = _selected(query, entity)
        return Page([self.render(entity, row, wanted) for row in rows[:limit]], count, next_link, entity)

    def single(self, entity: EntityType, where: Sequence[Where], query: Mapping[str, str]) -> dict[str, object]:
        """Read one entity.

        Raises:
            ServiceError: 404 when there is none.
        """
        return self.render(entity, self.raw(entity, where), _selected(query, entity))

    def raw(self, entity: EntityType, where: Sequence[Where]) -> Row:
        """Read one entity's stored values, to navigate from it.

        Raises:
            ServiceError: 404 when there is none.
        """
        rows = self.rows(Selection(entity, where, limit=1))
        if not rows:
            raise ServiceError(404, "/IWBEP/CM_MGW_RT/020", f"Resource not found for segment '{entity.name}'")
        return rows[0]

    def rows(self, selection: Selection) -> list[Row]:
        """Run the query of a selection."""
        columns = ", ".join(f'"{p.name}"' for p in selection.entity.properties)
        condition, params = _condition(selection.where)
        sql = (
            f'select {columns} from "umc_{selection.entity.set_name}" where {condition} '  # noqa: S608 - model names only
            f"order by {selection.order_by} limit ? offset ?"
        )
        limit = -1 if selection.limit is None else selection.limit
        return self._connection.execute(sql, (*params, limit, selection.offset)).fetchall()

    def count(self, entity: EntityType, where: Sequence[Where]) -> int:
        """Count the entities of a selection."""
        condition, params = _condition(where)
        sql = f'select count(*) from "umc_{entity.set_name}" where {condition}'  # noqa: S608 - model names only
        return int(self._connection.execute(sql, params).fetchone()[0])

    def render(self, entity: EntityType, row: Row, wanted: frozenset[str] | None = None) -> dict[str, object]:
        """Write one entity as JSON V2 has it, with its metadata and deferred navigations."""
        uri = f"{self._root}{entity.set_name}({_key(entity, row)})"
        result: dict[str, object] = {"__metadata": {"id": uri, "uri": uri, "type": f"{NAMESPACE}.{entity.name}"}}
        for prop in entity.properties:
            if wanted is None or prop.name in wanted:
                result[prop.name] = _value(prop, row[prop.name])
        for name in entity.navigations:
            if wanted is None or name in wanted:
                result[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
        return result


def _condition(where: Sequence[Where]) -> tuple[str, tuple[object, ...]]:
    sql = " and ".join(f"({one.sql})" for one in where) or "1 = 1"
    return sql, tuple(param for one in where for param in one.params)


def _value(prop: Property, raw: object) -> object:
    if prop.edm == "Edm.Boolean":
        return bool(raw)
    if raw is None or (prop.edm != "Edm.String" and raw == ""):
        return "" if prop.edm == "Edm.String" and not prop.nullable else None
    if prop.edm == "Edm.Decimal":
        return json_decimal(str(raw), prop.size)
    if prop.edm == "Edm.DateTime":
        return json_date(str(raw))
    return str(raw)


def _key(entity: EntityType, row: Row) -> str:
    parts = []
    for name in entity.keys:
        prop = entity.property(name)
        text = str(row[name])
        is_date = prop is not None and prop.edm == "Edm.DateTime"
        literal = f"datetime'{quote(text, safe='')}'" if is_date else f"'{quote(text, safe='')}'"
        parts.append(literal if len(entity.keys) == 1 else f"{name}={literal}")
    return ",".join(parts)


def _filter(text: str, entity: EntityType) -> Where:
    try:
        return parse_filter(text, entity)
    except FilterError as error:
        raise ServiceError(400, _PROCESSING, str(error), "$filter") from error


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not text.isdigit():
        raise ServiceError(400, _PROCESSING, f"Invalid value for {name}: {text}")
    return int(text)


def _order(query: Mapping[str, str], entity: EntityType) -> str:
    text = query.get("$orderby")
    if not text:
        return "row_order"
    parts = []
    for item in text.split(","):
        match = re.fullmatch(r"\s*(\w+)(?:\s+(asc|desc))?\s*", item)
        if match is None or entity.property(match[1]) is None:
            raise ServiceError(400, _PROCESSING, f"Invalid $orderby: {text}")
        parts.append(f'"{match[1]}" {match[2] or "asc"}')
    return ", ".join([*parts, "row_order"])


def _selected(query: Mapping[str, str], entity: EntityType) -> frozenset[str] | None:
    text = query.get("$select")
    if not text or text == "*":
        return None
    names = frozenset(name.strip() for name in text.split(","))
    for name in names:
        if entity.property(name) is None and name not in entity.navigations:
            raise ServiceError(400, _PROCESSING, f"Property {name} not found in type {entity.name}")
    return names
