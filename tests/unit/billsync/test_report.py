"""The report says what the marts say, needs no network, and survives hostile text."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from billsync.report import build_report, summarise
from billsync.report.figures import bars, columns, nice_step, shares
from billsync.report.queries import QUERIES
from billsync.report.verdict import judge
from billsync.report.words import NOTHING, clean, money, number, seconds, signed_money
from loaders.warehouse.duckdb_warehouse import DuckDBWarehouse

DAY = date(2026, 3, 5)
HOSTILE = '<script>alert("1")</script> & <img src=https://evil.test/x> "\' jane@example.com'

TABLES = """
create schema marts; create schema reference;
create table marts.rpt_sync_status as select * from (values
    (date '2026-03-05', 'contracts', 4, 'contracts', 9, 6, 0, 3),
    (date '2026-03-05', 'readings_planned', 5, 'readings', 11, 8, 0, 3),
    (date '2026-03-05', 'readings_loaded', 6, 'readings', 8, 7, 0, 1),
    (date '2026-03-05', 'bills_compared', 7, 'bills', 6, 4, 2, 0),
    (date '2026-03-04', 'contracts', 4, 'contracts', 777, 777, 0, 0)
) as t(billing_day, stage, stage_number, unit, received, accepted, rejected, parked);
create table marts.fct_shadow_bills as select * from (values
    ('C1', date '2026-02-05', date '2026-03-05', date '2026-03-05', 'N1', 'READY', 1234.56::decimal(18,2), null, 1, 0),
    ('C2', date '2026-02-05', date '2026-03-05', date '2026-03-05', 'N2', 'READY', 0.44::decimal(18,2), null, 0, 1),
    ('C3', date '2026-02-05', date '2026-03-05', date '2026-03-05', 'N3', 'HELD', 50.00::decimal(18,2), $hostile, 0, 0),
    ('C4', date '2026-02-05', date '2026-03-05', date '2026-03-05', 'N4', 'NOT_PRICEABLE', null, 'demand', 0, 0)
) as t(contract_id, period_start_date, period_end_date, billing_day, nmi, status, total_inc_gst_aud, status_reason,
       has_estimates, has_substitutes);
create table marts.fct_isu_meter_readings as select * from (values
    (date '2026-03-05', 'C1', 'CONFIRMED'), (date '2026-03-05', 'C1', 'CONFIRMED'), (date '2026-03-05', 'C2', 'LOCKED')
) as t(billing_day, contract_id, load_status);
create table marts.fct_bill_reconciliation as select * from (values
    (date '2026-03-05', 'C1', 'N1', date '2026-02-05', date '2026-03-05', 1122.33::decimal(18,2),
     1133.44::decimal(18,2), 11.11::decimal(18,2), 4321.125::decimal(23,14), 4321::decimal(23,14), 'DIFFER', $hostile),
    (date '2026-03-05', 'C2', 'N2', date '2026-02-05', date '2026-03-05', 0.40, 0.40, 0.00, 1, 1, 'AGREE', 'same')
) as t(billing_day, contract_id, nmi, period_start_date, period_end_date, shadow_ex_gst_aud, billed_ex_gst_aud,
       difference_aud, shadow_kwh, billed_kwh, outcome, reason);
create table reference.exception_rules as select * from (values
    ('READ_SPIKE', 'ISSUE', 'Usage out of proportion', 'm', 'Look at the meter.')
) as t(rule_code, severity, title, meaning, what_to_do);
create table marts.fct_billing_exceptions as select * from (values
    ('e1', date '2026-03-05', 'READ_SPIKE', 'ISSUE', 'N3', 'E1', 'C3', date '2026-02-11', date '2026-02-12',
     $hostile, 'OPEN'),
    ('e2', date '2026-03-05', 'READ_SPIKE', 'ISSUE', 'N3', 'E1', 'C3', date '2026-02-14', date '2026-02-14',
     'x', 'WAIVED'),
    ('e3', date '2026-03-01', 'READ_SPIKE', 'ISSUE', 'N9', 'E1', 'C9', null, null, 'old', 'OPEN')
) as t(exception_id, billing_day, rule_code, severity, nmi, nmi_suffix, contract_id, first_market_date,
       last_market_date, detail, state);
create table marts.fct_bill_revisions (
    contract_id varchar, nmi varchar, period_start_date date, period_end_date date, revision_day date, cause varchar,
    outcome varchar, from_total_inc_gst_aud decimal(18,2), to_total_inc_gst_aud decimal(18,2),
    difference_aud decimal(18,2), reason varchar);
insert into marts.fct_bill_revisions values
    ('0040000031', 'N31', '2026-01-05', '2026-02-04', '2026-03-05', 'READS', 'ADJUSTMENT_AFTER_ISSUE', 100.00, 84.16,
     -15.84, 'difference bill: credit the next bill');
create table marts.fct_daily_usage as select * from (values
    ('N1', 'E1', date '2026-03-05', 10.125::decimal(23,14), 0::decimal(23,14), 40, 6, 1, 1, 3.5::decimal(18,6)),
    ('N1', 'B1', date '2026-03-05', 4.5, 0, 48, 0, 0, 0, 9.9),
    ('N2', 'E1', date '2026-03-04', 20, 0.5, 48, 0, 0, 0, 7.25),
    ('N2', 'E1', date '2026-01-01', 5000, 0, 48, 0, 0, 0, 99)
) as t(nmi, nmi_suffix, market_date, usage_kwh, filled_kwh, actual_interval_count, substituted_interval_count,
       estimated_interval_count, missing_interval_count, max_demand_kw);
create table marts.dim_service_points as select * from (values ('N1', 'VIC')) as t(nmi, jurisdiction);
create table marts.fct_billing_determinants as select * from (values
    ('C1', date '2026-02-05', date '2026-03-05', 'USAGE', 'PEAK', 4321.125::decimal(23,14)),
    ('C1', date '2026-02-05', date '2026-03-05', 'SUPPLY', null, 29)
) as t(contract_id, period_start_date, period_end_date, charge_type, time_band, quantity);
create table marts.rejected_records as select * from (values
    (date '2026-03-05', 'f.csv', 'VALUE_COUNT', '47 values where 48 are needed')
) as t(billing_day, file_name, reason_code, reason);
"""


class _Text(HTMLParser):
    """Collects what a reader sees, and every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDBWarehouse:
    path = tmp_path_factory.mktemp("report") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        quoted = "'" + HOSTILE.replace("'", "''") + "'"
        connection.execute(TABLES.replace("$hostile", quoted))
    return DuckDBWarehouse(path)


@pytest.fixture(scope="module")
def html(warehouse: DuckDBWarehouse, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("out") / "deeper" / "report.html"
    assert build_report(warehouse, DAY, path, [("dbt_rating", 61.0), ("sap_load", 2.25)]) == path
    assert [one.name for one in path.parent.iterdir()] == ["report.html"]
    return path.read_text(encoding="utf-8")


def read(html: str) -> tuple[str, list[tuple[str, dict[str, str | None]]]]:
    parser = _Text()
    parser.feed(html)
    return re.sub(r"\s+", " ", " ".join(parser.words)), parser.tags


@pytest.mark.parametrize(
    "said",
    [
        "9 contracts close: 6 ready to bill, 3 waiting; 7 of 8 readings are confirmed by SAP; 2 of 6 compared bills ",
        "2 of 6 compared bills differ; 1 issue is open.",
        "$1,235.00",  # 1234.56 + 0.44, the ready bills
        "contracts contracts 9 accepted: 6 parked: 3 6 3 0",
        "confirmed 2 1 read back from SAP",
        "locked 1 1 stored by SAP",
        "$1,122.33 $1,133.44 +$11.11 4,321.125 4,321.000",
        "Usage out of proportion READ_SPIKE issue 2 1 1 0 Look at the meter.",
        "and 1 from earlier days",
        "2026-03-04 20.500 0.000",
        "2026-03-05 10.125 4.500",
        "VIC 1 10.1 4.5 3.50",
        "unknown 1 20.5 0.0 7.25",
        "usage peak 4,321.1",
        "actual 136 94.444 %",
        "substituted (S, F) 6 4.167 %",
        "estimated (E) 1 0.694 %",
        "value count 1 1 47 values where 48 are needed",
        "dbt rating 1 min 01 s",
        "all steps 1 min 03 s",
    ],
)
def test_report_numbers_are_the_marts_numbers(html: str, said: str) -> None:
    assert said in read(html)[0]


def test_report_other_days_do_not_leak_in(html: str) -> None:
    text = read(html)[0]
    assert "777" not in text
    assert "5,000" not in text


def test_report_hostile_text_stays_text(html: str) -> None:
    text, tags = read(html)
    assert '<script>alert("1")</script>' in text
    assert not [tag for tag, _ in tags if tag in {"script", "img", "iframe", "object", "embed"}]
    assert "jane@example.com" not in html
    assert "[e-mail]" in text


def test_report_asks_for_nothing_outside_itself(html: str) -> None:
    _, tags = read(html)
    addresses = [
        value
        for _, attributes in tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset"} and value
    ]
    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_report_links_lead_to_sections_that_exist(html: str) -> None:
    _, tags = read(html)
    ids = {attributes["id"] for _, attributes in tags if "id" in attributes}
    links = {(attributes["href"] or "")[1:] for tag, attributes in tags if tag == "a"}
    assert links
    assert links <= ids


def test_report_every_query_is_listed_as_it_can_be_run(html: str, warehouse: DuckDBWarehouse) -> None:
    text = read(html)[0]
    days = {"day": DAY, "first_day": date(2026, 2, 4)}
    for query in QUERIES:
        shown = query.shown(days)
        assert re.sub(r"\s+", " ", shown) in text
        assert warehouse.fetch(shown) == query.run(warehouse, days)
        assert set(re.findall(r"(?:from|join) (\w+)\.", shown)) <= {"marts", "reference"}


def test_summary_is_the_verdict_and_the_balance(warehouse: DuckDBWarehouse) -> None:
    lines = summarise(warehouse, DAY).splitlines()
    assert lines[0].startswith("**The load is not confirmed yet.** 9 contracts close")
    assert "| readings_loaded | 8 | 7 | 1 | 0 |" in lines


def test_report_day_nobody_ran_says_so(warehouse: DuckDBWarehouse, tmp_path: Path) -> None:
    text = read(build_report(warehouse, date(2030, 1, 1), tmp_path / "empty.html").read_text(encoding="utf-8"))[0]
    assert "No run of this billing day has finished." in text
    assert "no step was timed" in text


def stages(**changed: tuple[int, int, int]) -> dict[str, list[dict[str, object]]]:
    counts = {
        "contracts": (5, 0, 0),
        "readings_planned": (5, 0, 0),
        "readings_loaded": (5, 0, 0),
        "bills_compared": (5, 0, 0),
        **changed,
    }
    balance = [
        {"stage": name, "received": sum(each), "accepted": each[0], "rejected": each[1], "parked": each[2]}
        for name, each in counts.items()
    ]
    return {"balance": balance, "open_issues": []}


@pytest.mark.parametrize(
    ("changed", "tone"),
    [
        ({}, "good"),
        ({"bills_compared": (0, 0, 5)}, "good"),
        ({"bills_compared": (4, 1, 0)}, "attention"),
        ({"contracts": (4, 0, 1)}, "attention"),
        ({"readings_loaded": (4, 0, 1)}, "attention"),
        ({"readings_loaded": (4, 1, 0)}, "incomplete"),
        ({"contracts": (4, 1, 0)}, "incomplete"),
        ({"readings_planned": (4, 1, 0)}, "incomplete"),
    ],
)
def test_verdict_worst_stage_sets_the_tone(changed: dict[str, tuple[int, int, int]], tone: str) -> None:
    assert judge(stages(**changed)).tone == tone


def test_words_round_half_up_and_mark_nothing() -> None:
    assert number(Decimal("1234.5")) == "1,235"
    assert number(Decimal("0.0005"), 3) == "0.001"
    assert money(Decimal("-3.5")) == "-$3.50"
    assert signed_money(Decimal("3.5")) == "+$3.50"
    assert money(None) == NOTHING
    assert seconds(9.96) == "10.0 s"
    assert seconds(125) == "2 min 05 s"


def test_clean_takes_out_addresses_of_people_and_credentials() -> None:
    assert clean("ask bob.b@mail.test of https://user:secret@host.test/x") == "ask [e-mail] of https://host.test/x"


def test_shares_small_part_stays_visible_and_all_fit() -> None:
    chart = shares([("accepted", 1_000_000), ("parked", 0), ("rejected", 1)])
    assert [box.kind for box in chart.boxes] == ["accepted", "rejected"]
    assert chart.boxes[1].width >= 6
    assert chart.boxes[-1].x + chart.boxes[-1].width == pytest.approx(1000)
    assert shares([("accepted", 0)]).boxes == ()


def test_columns_share_one_scale_around_zero() -> None:
    chart = columns([("a", Decimal(80), Decimal(40)), ("b", Decimal(20), Decimal(0))], height=200)
    up, down, small = chart.boxes
    assert up.height == pytest.approx(2 * down.height)
    assert up.height == pytest.approx(4 * small.height)
    assert up.y + up.height == pytest.approx(down.y) == pytest.approx(chart.baseline)
    assert columns([]).boxes == ()


def test_bars_longest_fills_the_width() -> None:
    assert [box.width for box in bars([("a", 2), ("b", 1), ("c", 0)])] == [1000, 500, 0]
    assert bars([("a", 0)])[0].width == 0


@pytest.mark.parametrize(("top", "step"), [(1, 0.25), (4, 1), (9, 2.5), (10, 2.5), (5_700, 2_000), (39, 10)])
def test_nice_step_is_round(top: float, step: float) -> None:
    assert nice_step(top, 4) == pytest.approx(step)


def test_report_lists_the_bills_that_were_revised_with_their_outcome(html: str) -> None:
    section = html[html.index('id="revisions"') :]
    section = section[: section.index("</section>")]
    assert "0040000031" in section
    assert "adjustment after issue" in section
    assert "-$15.84" in section
