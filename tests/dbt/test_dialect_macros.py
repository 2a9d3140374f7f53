"""Every dialect macro, run on DuckDB and, where there is a server, on SQL Server: what it gives, not how it is spelled.

The macros are rendered by Jinja alone, with dbt's dispatch and return() stood in for, as starting dbt for each of some
hundred values would take minutes. That dbt finds and renders them is proven by every model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from jinja2.runtime import Macro

from loaders.sqlserver.connection import open_connection
from tests.dbt.tsql_numbers import evaluate

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"


class _ReturnedValueError(Exception):
    """What dbt's return() leaves a macro with."""

    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value


def _return(value: object) -> None:
    raise _ReturnedValueError(value)


@dataclass
class Render:
    """Renders SQL that calls macros, and runs it on an engine.

    Attributes:
        dialect: the engine's prefix of macros.
        rows: runs SQL.
        sources: the macros.
        module: the macros as Jinja's module.
    """

    dialect: str
    rows: Callable[[str], list[tuple[Any, ...]]]
    sources: str = ""
    module: object = None

    def __post_init__(self) -> None:
        folders = [PROJECT / "macros" / name for name in ("dialect", "types", "reads", "readings")]
        self.sources = "".join(path.read_text("utf-8") for folder in folders for path in sorted(folder.glob("*.sql")))
        self.environment = Environment(extensions=["jinja2.ext.do"])
        self.environment.globals.update({"adapter": self, "return": _return})
        self.module = self.environment.from_string(self.sources).module

    def dispatch(self, name: str) -> object:
        """The engine's implementation of a macro; DuckDB's is the default of every macro of ours."""
        return getattr(self.module, f"{self.dialect}__{name}", None) or getattr(self.module, f"default__{name}")

    def __call__(self, sql: str) -> str:
        return self.environment.from_string(self.sources + sql).render().strip()


@contextmanager
def returning_macros() -> Iterator[None]:
    """Macros may return values, as they do in dbt."""
    invoke = Macro._invoke

    def invoke_with_return(self: Macro, arguments: list[object], autoescape: bool) -> object:
        try:
            return invoke(self, arguments, autoescape)
        except _ReturnedValueError as returned:
            return returned.value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Macro, "_invoke", invoke_with_return)
        yield


@pytest.fixture(scope="module", params=["duckdb", pytest.param("sqlserver", marks=pytest.mark.sqlserver)])
def render(request: pytest.FixtureRequest) -> Iterator[Render]:
    """Render and run SQL that calls the macros, all of which see each other as they do in dbt."""
    with returning_macros(), ExitStack() as stack:
        if request.param == "duckdb":
            yield Render("duckdb", lambda sql: duckdb.execute(sql).fetchall())
        else:
            login = request.getfixturevalue("sqlserver_database")
            cursor = stack.enter_context(closing(open_connection(login, autocommit=True))).cursor()
            yield Render("sqlserver", lambda sql: [tuple(row) for row in cursor.execute(sql).fetchall()])


@pytest.fixture(scope="module")
def by_rules() -> Iterator[Render]:
    """Render for SQL Server, and compute by the rules of its types: no server hides what it would lose."""
    with returning_macros():
        yield Render("sqlserver", lambda sql: [(evaluate(sql[len("select ") : -len(" as found")]).value,)])


def one(render: Render, expression: str) -> Any:
    """The value of an expression."""
    return render.rows(f"select {render(expression)} as found")[0][0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("{{ safe_decimal(\"'.02'\") }}", Decimal("0.02")),
        ("{{ safe_decimal(\"' 1.5 '\") }}", Decimal("1.5")),
        ("{{ safe_decimal(\"''\") }}", None),
        ("{{ safe_decimal(\"'1.2.3'\") }}", None),
        ("{{ safe_integer(\"'079'\") }}", 79),
        ("{{ safe_integer(\"'x'\") }}", None),
        ("{{ safe_date(\"'2026-03-05T10:00:00Z'\") }}", date(2026, 3, 5)),
        ("{{ safe_date(\"'5 March'\") }}", None),
        ("{{ compact_date(\"'20260305'\") }}", date(2026, 3, 5)),
        ("{{ compact_date(\"'20260230'\") }}", None),
        ("{{ compact_date(\"''\") }}", None),
        ("{{ flag('1 < 2') }}", 1),
        ("{{ flag('null > 1') }}", 0),
        ("{{ text_flag(\"'True'\") }}", 1),
        ("{{ text_flag('null') }}", 0),
        ("{{ clean_text(\"'  '\") }}", None),
        ("{{ text_length(\"'abc'\") }}", 3),
        ("{{ concat_text([\"'a'\", 'null', \"'b'\"]) }}", "ab"),
        ("{{ text_hash(\"'abc'\") }}", "ba7816bf8f01cfea414140de5dae2223"),
        ("{{ add_days(date_literal('2026-02-27'), 2) }}", date(2026, 3, 1)),
        ("{{ add_days(date_literal('2026-03-01'), -1) }}", date(2026, 2, 28)),
        ("{{ days_between(date_literal('2026-02-05'), date_literal('2026-03-05')) }}", 28),
        ("{{ month_start(date_literal('2026-03-05')) }}", date(2026, 3, 1)),
        ("{{ integer_divide('7', '2') }}", 3),
        ("{{ largest_of(['1', '3', '2']) }}", 3),
    ],
)
def test_macro_gives_the_value(render: Render, expression: str, expected: object) -> None:
    assert one(render, expression) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20260305120000", datetime(2026, 3, 5, 2)),  # noqa: DTZ001 - the warehouse's instants are naive UTC
        ("202603050000", datetime(2026, 3, 4, 14)),  # noqa: DTZ001
        ("200406081300011", datetime(2004, 6, 8, 3, 0, 1)),  # noqa: DTZ001 - AEMO's example with 15 digits
        ("20261399000000", None),
        ("", None),
    ],
)
def test_market_time_becomes_utc(render: Render, text: str, expected: datetime | None) -> None:
    assert one(render, f"{{{{ market_time_to_utc(\"'{text}'\") }}}}") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-06-30T14:00:00Z", datetime(2024, 6, 30, 14)),  # noqa: DTZ001
        ("2024-07-01T00:00:00+10:00", datetime(2024, 6, 30, 14)),  # noqa: DTZ001
        ("2024-06-30T09:30:00.250-04:30", datetime(2024, 6, 30, 14)),  # noqa: DTZ001
        ("2024-06-30 14:00:00", datetime(2024, 6, 30, 14)),  # noqa: DTZ001
        ("2024-06-30", datetime(2024, 6, 30)),  # noqa: DTZ001
        ("soon", None),
    ],
)
def test_iso_instant_becomes_utc(render: Render, text: str, expected: datetime | None) -> None:
    assert one(render, f"{{{{ iso_instant_to_utc(\"'{text}'\") }}}}") == expected


def test_market_day_end_is_two_in_the_afternoon_utc(render: Render) -> None:
    assert one(render, "{{ market_day_end_utc(date_literal('2026-03-05')) }}") == datetime(2026, 3, 5, 14)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789", "0123456789"),
        ("0123456789a", "0123456..."),
        ("éééé", "éééé"),
        ("ééééé", "ééééé"),
        ("éééééé", "é..."),
    ],
)
def test_short_text_ends_in_dots_where_it_does_not_fit(render: Render, text: str, expected: str) -> None:
    if render.dialect == "sqlserver" and not text.isascii() and not one(render, IS_UTF8):
        pytest.skip("the database's collation keeps no UTF-8 in varchar")
    assert one(render, f"{{{{ short_text(\"'{text}'\", 10) }}}}") == expected


def test_short_text_of_nothing_is_nothing(render: Render) -> None:
    assert one(render, "{{ short_text(\"nullif('a', 'a')\", 10) }}") is None


def test_join_text_keeps_the_order_asked_for(render: Render) -> None:
    sql = render(
        "select {{ join_text('word', ', ', 'place') }} from (values ('b', 2), ('a', 1), ('c', 3)) t (word, place)"
    )
    assert render.rows(sql) == [("a, b, c",)]


# The published examples of the checksum, and one that is wrong.
@pytest.mark.parametrize(
    ("nmi", "digit"),
    [("2001985732", "8"), ("QAAAVZZZZZ", "3"), ("6305888444", "6"), ("NGGG000055", "4"), ("VKTS786150", "2")],
)
def test_nmi_checksum_is_that_of_the_published_examples(render: Render, nmi: str, digit: str) -> None:
    assert str(one(render, f"{{{{ nmi_checksum(\"'{nmi}'\") }}}}")) == digit
    assert one(render, f"{{{{ nmi_checksum_state(\"'{nmi}{digit}'\") }}}}") == "RIGHT"
    assert one(render, f"{{{{ nmi_checksum_state(\"'{nmi}{(int(digit) + 1) % 10}'\") }}}}") == "WRONG"
    assert one(render, f"{{{{ nmi_checksum_state(\"'{nmi}'\") }}}}") == "NONE"


@pytest.mark.parametrize(
    ("values", "form"),
    [
        ("1.5,.02,0,5.", "PLAIN"),
        ("1.5,-0.35", "PLAIN"),
        ("1.5,,2", "ODD"),
        ("0.12345678901234,1", "FINE"),
        ("-999.5,.00000000000001", "FINE"),
        ("1000.1234567,1", "ODD"),
        ("0.123456789012345,1", "ODD"),
        ("123456.5,1", "ODD"),
        ("1.2.3,1", "BAD"),
        ("1e3,1", "BAD"),
        ("-,1", "BAD"),
        ("1234567890.5,1", "BAD"),
    ],
)
def test_value_form_tells_how_values_are_written(render: Render, values: str, form: str) -> None:
    expected = form if render.dialect == "duckdb" or form == "BAD" else "ODD"
    assert one(render, f"{{{{ value_form(\"'{values}'\") }}}}") == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [("1.5,99999.9", False), ("1.5,100000", True), ("-0123456.5,1", True), ("0.1234567,000012345", False)],
)
def test_has_long_value_sees_six_digits_before_the_point(render: Render, values: str, expected: bool) -> None:
    assert one(render, f"{{{{ flag(has_long_value(\"'{values}'\", 6)) }}}}") == int(expected)


def test_split_record_numbers_its_values_from_one(render: Render) -> None:
    records = "(select 'a' as name, '1.5,,.02' as values_text)"
    sql = render(f"select * from ({{{{ split_record(\"{records}\", ['name']) }}}}) as s")
    assert sorted(render.rows(sql), key=lambda row: row[2]) == [("a", "1.5", 1), ("a", "", 2), ("a", ".02", 3)]


def test_half_hours_of_gives_48_rows_and_none_for_a_conflict(render: Render) -> None:
    hours = ", ".join(f"{number}.5 as hh_{number:02d}_kwh" for number in range(1, 49))
    keys = "'n' as nmi, 'E1' as nmi_suffix, cast('2026-03-05' as date) as market_date"
    relation = f"(select {keys}, {hours}, flagged as is_conflicting from (values (0), (1)) t (flagged))"
    sql = render(f'{{{{ half_hours_of("{relation}") }}}}')
    rows = render.rows(f"select half_hour, energy_kwh from ({sql}) as h")
    assert sorted(rows) == [(number, Decimal(f"{number}.5")) for number in range(1, 49)]


def _records(minutes: int) -> st.SearchStrategy[tuple[int, str, list[Decimal], str]]:
    """A day's values as each form allows them, and a unit whose product is exact."""
    count = 1440 // minutes

    def day(form: str, largest: int, places: int, factors: list[str]) -> st.SearchStrategy[object]:
        value = st.decimals(-999, largest, places=places, allow_nan=False)
        values = st.lists(value, min_size=count, max_size=count)
        return st.tuples(st.just(minutes), st.just(form), values, st.sampled_from(factors))

    return st.one_of(day("PLAIN", 99999, 6, ["1", "0.001", "1000"]), day("FINE", 999, 14, ["1", "1000"]))  # type: ignore[return-value]


@settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example((5, "PLAIN", [Decimal("99999.999999")] * 288, "1000"))
@example((5, "FINE", [Decimal("999.99999999999999")] * 288, "1000"))
@given(st.sampled_from([5, 10, 15, 30]).flatmap(_records))
def test_plain_half_hours_are_the_exact_sums(render: Render, record: tuple[int, str, list[Decimal], str]) -> None:
    if render.dialect != "duckdb":
        pytest.skip("only DuckDB has the plain way")
    minutes, form, values, factor = record
    text = ",".join(f"{value:f}" for value in values)
    columns = ", ".join(f"{{{{ plain_half_hour({number}) }}}} as h{number}" for number in range(1, 49))
    delivered = f"{{{{ plain_values(\"'{text}'\", '{form}') }}}} as delivered_values"
    fields = f"{minutes} as interval_length_minutes, cast({factor} as decimal(7, 3)) as kwh_factor"
    sql = render(f"select {columns} from (select {fields}, {delivered})")
    size = 30 // minutes
    expected = [sum(values[size * n : size * (n + 1)], Decimal(0)) * Decimal(factor) for n in range(48)]
    assert list(render.rows(sql)[0]) == expected


def exact_quotient(numerator: Decimal, denominator: Decimal, scale: int) -> Decimal:
    """The quotient to so many places, half away from zero."""
    with localcontext() as context:
        context.prec = 60
        return (numerator / denominator).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)


IS_UTF8 = "case when cast(databasepropertyex(db_name(), 'Collation') as varchar(99)) like '%UTF8' then 1 else 0 end"
MONEY = st.decimals(-999999, 999999, places=6, allow_nan=False)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(MONEY, MONEY.filter(bool), st.integers(0, 14))
def test_divide_rounds_half_away_from_zero_exactly(
    render: Render, numerator: Decimal, denominator: Decimal, scale: int
) -> None:
    sql = "{{ divide(\"cast('%s' as decimal(23, 14))\", \"cast('%s' as decimal(23, 14))\", %d) }}"
    found = one(render, sql % (f"{numerator:f}", f"{denominator:f}", scale))
    assert found == exact_quotient(numerator, denominator, scale)


ENERGY = st.decimals(-99999, 99999, places=14, allow_nan=False)


@settings(max_examples=200, deadline=None)
@example(Decimal("99999.99999999999999"), 7, 14)
@example(Decimal(1), 365, 14)
@given(ENERGY, st.integers(-366, 366).filter(bool), st.integers(0, 14))
def test_divide_keeps_its_places_by_sql_server_s_rules(
    by_rules: Render, numerator: Decimal, denominator: int, scale: int
) -> None:
    # Cast, as a column of days is an int whatever its value.
    sql = "{{ divide(\"cast('%s' as decimal(23, 14))\", 'cast(%d as int)', %d) }}"
    found = one(by_rules, sql % (f"{numerator:f}", denominator, scale))
    assert found == exact_quotient(numerator, Decimal(denominator), scale)


@pytest.mark.parametrize("days", ["21", "22", "92", "366"])
def test_divide_by_a_whole_number_of_days_does_not_overflow(render: Render, by_rules: Render, days: str) -> None:
    # The share of a bill: an amount in cents times some days, by the days of the bill.
    amount = "cast('12345.67' as decimal(18, 2)) * cast(13 as int)"
    for engine in (render, by_rules):
        found = one(engine, f'{{{{ divide("({amount})", "cast({days} as int)", 14, 8) }}}}')
        assert found == exact_quotient(Decimal("12345.67") * 13, Decimal(days), 14)


@pytest.mark.parametrize(("value", "places", "expected"), [("1.49999999999999", 0, "1"), ("2.00005", 4, "2.0001")])
def test_reading_is_rounded_by_all_its_places_by_sql_server_s_rules(
    by_rules: Render, value: str, places: int, expected: str
) -> None:
    wide = f"cast('{value}' as decimal(38, 14))"
    assert one(by_rules, f"{{{{ round_half_up(\"{wide}\", 'cast({places} as int)') }}}}") == Decimal(expected)


@pytest.mark.parametrize(("numerator", "expected"), [("1", "0.5"), ("-1", "-0.5"), ("0.25", "0.1"), ("-0.25", "-0.1")])
def test_divide_rounds_a_tie_away_from_zero(render: Render, numerator: str, expected: str) -> None:
    found = one(render, f"{{{{ divide(\"cast('{numerator}' as decimal(18, 6))\", '2', 1) }}}}")
    assert found == Decimal(expected)


def test_divide_by_zero_is_null(render: Render) -> None:
    assert one(render, "{{ divide('cast(1 as decimal(18, 2))', '0', 2) }}") is None


def test_divide_beyond_its_bound_raises_instead_of_being_wrong(render: Render) -> None:
    with pytest.raises(Exception, match=r"(?i)overflow|out of range|cast"):
        one(render, "{{ divide(\"cast('99999999999999999999999' as decimal(38, 0))\", '3', 14) }}")
