"""dbt's ``adapter`` as sqlfluff sees it: a dispatched macro is some expression over its arguments.

sqlfluff renders models without dbt, so that linting needs no database and no parsed project; these modules stand in
for the names that dbt would give.
"""

import re
from collections.abc import Callable

QUERIES = frozenset({"half_hours_of", "split_record"})
"""Macros that stand for a whole query."""


def dispatch(name: str) -> Callable[..., str]:
    """Return a macro whose result parses where the macro may stand."""

    def macro(*arguments: object, **_named: object) -> str:
        names = [text for text in arguments if isinstance(text, str) and re.fullmatch(r"\w+(\.\w+)?", text)]
        if name in QUERIES:
            return f"select dialect_column from {names[0]}"
        return f"dialect_expression({', '.join(names)})"

    return macro


def get_relation(**_named: object) -> None:
    """No relation: a model is linted as in its first run."""
