"""``billsync explain`` says what the warehouse holds about a bill, exactly, and says so when there is none."""

from __future__ import annotations

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from billsync.cli import main
from billsync.explain import NoSuchBillError, as_json, explain_bill, plain_lines, print_rich
from billsync.explain.rules import rule_sentence
from loaders.warehouse.duckdb_warehouse import DuckDBWarehouse

READY, HELD, UNPRICED, BASIC, WRONG = (f"000000004{n}" for n in range(5))
OLD_PERIOD = (date(2026, 1, 5), date(2026, 2, 4))
PERIOD = (date(2026, 2, 5), date(2026, 3, 5))
HOSTILE = "[red]\x1b[2Jboo"

TABLES = f"""
create schema marts; create schema intermediate; create schema staging; create schema reference;
create table marts.fct_shadow_bills (
    contract_id varchar, period_start_date date, period_end_date date, status varchar, status_reason varchar,
    total_ex_gst_aud decimal(18,2), gst_aud decimal(18,2), total_inc_gst_aud decimal(18,2),
    usage_kwh decimal(23,14), feed_in_kwh decimal(23,14), bill_version integer default 2,
    billing_day date default date '2026-03-05', contract_account_id varchar default 'A', nmi varchar default 'N1',
    plan_id varchar default 'P', day_count integer default 29, has_estimates integer default 1,
    has_substitutes integer default 0, read_version_at timestamp default null, content_hash varchar default 'h');
insert into marts.fct_shadow_bills
    (contract_id, period_start_date, period_end_date, status, status_reason, total_ex_gst_aud, gst_aud,
     total_inc_gst_aud, usage_kwh, feed_in_kwh, nmi) values
    ('{READY}', '2026-01-05', '2026-02-04', 'READY', null, 1, 0.10, 1.10, 0, 0, 'N1'),
    ('{READY}', '2026-02-05', '2026-03-05', 'READY', null, 56.66, 5.92, 62.58, 70.00000000000001, 25.5, 'N1'),
    ('{HELD}', '2026-02-05', '2026-03-05', 'HELD', 'READ_SPIKE: up to 900 kWh a day', 9.00, 0.90, 9.90, 9, 0, 'N2'),
    ('{UNPRICED}', '2026-02-05', '2026-03-05', 'NOT_PRICEABLE', 'plan P, fees: no rule', null, null, null, 0, 0, 'N3'),
    ('{BASIC}', '2026-02-05', '2026-03-05', 'READY', null, 30.00, 3.00, 33.00, 100, 0, 'N4'),
    ('{WRONG}', '2026-02-05', '2026-03-05', 'READY', null, 30.00, 3.01, 33.01, 100, 0, 'N5');
create table marts.fct_shadow_bill_lines (
    contract_id varchar, period_start_date date, period_end_date date, charge_id varchar, charge_type varchar,
    time_band varchar, block_number integer, price_start_date date, quantity decimal(23,14), unit varchar,
    unit_price_ex_gst_aud decimal(14,8), amount_ex_gst_aud decimal(18,2), gst_aud decimal(18,4), rule_model varchar,
    plan_id varchar default 'P', version_hash varchar default 'abcdef0123456789');
insert into marts.fct_shadow_bill_lines
    (contract_id, period_start_date, period_end_date, charge_id, charge_type, time_band, block_number,
     price_start_date, quantity, unit, unit_price_ex_gst_aud, amount_ex_gst_aud, gst_aud, rule_model) values
    ('{READY}', '2026-02-05', '2026-03-05', 'FEED_IN:1:ALL:1', 'FEED_IN', 'ALL', 1, '2026-02-05', 25.5, 'KWH', 0.1,
     -2.55, 0, 'int_charges__feed_in'),
    ('{READY}', '2026-02-05', '2026-03-05', 'SUPPLY', 'SUPPLY', 'ALL', 1, '2026-02-05', 29, 'DAY', 1, 29, 2.9,
     'int_charges__supply'),
    ('{READY}', '2026-02-05', '2026-03-05', 'USAGE:PEAK:1', 'USAGE', 'PEAK', 1, '2026-02-05', 30, 'KWH', 0.33333333,
     10.00, 1.0, 'int_charges__usage'),
    ('{READY}', '2026-02-05', '2026-03-05', 'USAGE:PEAK:2', 'USAGE', 'PEAK', 2, '2026-02-05', 20.00000000000001,
     'KWH', 0.50000001, 10.00, 1.0, 'int_charges__usage'),
    ('{READY}', '2026-02-05', '2026-03-05', 'USAGE:ALL:1', 'USAGE', 'ALL', 1, '2026-03-01', 20, 'KWH', 0.5105,
     10.21, 1.021, null),
    ('{HELD}', '2026-02-05', '2026-03-05', 'SUPPLY', 'SUPPLY', 'ALL', 1, '2026-02-05', 9, 'DAY', 1, 9, 0.9, 'm'),
    ('{BASIC}', '2026-02-05', '2026-03-05', 'USAGE:ALL:1', 'USAGE', 'ALL', 1, '2026-02-05', 100, 'KWH', 0.3,
     30, 3, 'm'),
    ('{WRONG}', '2026-02-05', '2026-03-05', 'USAGE:ALL:1', 'USAGE', 'ALL', 1, '2026-02-05', 100, 'KWH', 0.3,
     30, 3, 'm');
create table intermediate.int_plan_versions__in_force as select * from (values
    ('P', 'abcdef0123456789', 2, date '2026-01-20', date '9999-12-31'),
    ('P', 'other', 1, date '2025-07-01', date '2026-01-19')
) as t(plan_id, version_hash, version_number, dated_from, last_date);
create table staging.stg_plans__versions as select 'P' as plan_id, 'abcdef0123456789' as version_hash,
    'Home Saver' as display_name;
create table marts.fct_bill_read_versions (
    contract_id varchar, bill_version integer, section varchar, nmi_suffix varchar, register_key varchar,
    market_date date, energy_kwh decimal(23,14), source varchar, file_name varchar, read_version_at timestamp,
    period_start_date date default date '2026-02-05', period_end_date date default date '2026-03-05',
    delivery_billing_day date default null, read_first_date date default null, read_last_date date default null);
insert into marts.fct_bill_read_versions (contract_id, bill_version, section, nmi_suffix, register_key, market_date,
    energy_kwh, source, file_name, read_version_at) values
    ('{READY}', 2, 'TARIFF_PERIOD', 'E1', '', '2026-02-27', 30, 'FILE', 'feb.csv', '2026-02-28 01:00:00'),
    ('{READY}', 2, 'TARIFF_PERIOD', 'E1', '', '2026-02-28', 20.00000000000001, 'FILE', 'feb.csv',
     '2026-03-01 01:00:00'),
    ('{READY}', 2, 'TARIFF_PERIOD', 'E1', '', '2026-03-01', 20, 'API', 'metering_api/N1', '2026-03-02 01:00:00'),
    ('{READY}', 2, 'FEED_IN', 'B1', '', '2026-02-28', 25.5, 'FILE', 'feb.csv', '2026-03-01 01:00:00'),
    ('{READY}', 1, 'TARIFF_PERIOD', 'E1', '', '2026-02-28', 99, 'FILE', 'replaced.csv', '2026-02-28 01:00:00'),
    ('{BASIC}', 2, 'TARIFF_PERIOD', '11', 'd/001', '2026-02-05', 60, 'RETAILER', null, null),
    ('{BASIC}', 2, 'TARIFF_PERIOD', '11', 'd/001', '2026-02-06', 40, 'RETAILER', null, null);
create table intermediate.int_daily_energy__by_rate as select * from (values
    ('{READY}', 'P', 'abcdef0123456789', 'TARIFF_PERIOD', 1, 'E1', date '2026-02-27', date '2026-02-27'),
    ('{READY}', 'P', 'abcdef0123456789', 'TARIFF_PERIOD', 1, 'E1', date '2026-02-28', date '2026-02-28'),
    ('{READY}', 'P', 'abcdef0123456789', 'TARIFF_PERIOD', 1, 'E1', date '2026-02-28', date '2026-02-28'),
    ('{READY}', 'P', 'abcdef0123456789', 'TARIFF_PERIOD', 2, 'E1', date '2026-02-28', date '2026-03-01'),
    ('{READY}', 'P', 'abcdef0123456789', 'TARIFF_PERIOD', 2, 'E1', date '2026-03-01', date '2026-03-01'),
    ('{READY}', 'P', 'abcdef0123456789', 'FEED_IN', 1, 'B1', date '2026-02-28', date '2026-02-28'),
    ('{READY}', 'P', 'abcdef0123456789', 'FEED_IN', 2, 'B1', date '2026-02-28', date '2026-02-28'),
    ('{READY}', 'Q', 'q', 'TARIFF_PERIOD', 1, 'E1', date '2026-02-28', date '2026-02-28'),
    ('{READY}', 'P', null, 'TARIFF_PERIOD', null, 'E1', date '2026-02-28', date '2026-02-28')
) as t(contract_id, plan_id, version_hash, section, parent_number, nmi_suffix, market_date, local_date);
create table intermediate.int_bill_problems__detect as select '{UNPRICED}' as contract_id, date '2026-02-05' as
    period_start_date, date '2026-03-05' as period_end_date, 'P' as plan_id, 'fees' as construct, 'no rule' as reason;
create table reference.exception_rules as select * from (values
    ('READ_SPIKE', 'Out of proportion', 'Look at the meter.'), ('SOURCE_UNAVAILABLE', 'x', 'Wait.')
) as t(rule_code, title, what_to_do);
create table marts.fct_billing_exceptions as select * from (values
    ('e1', 'READ_SPIKE', 'ISSUE', 'OPEN', null, 'N2', 'E1', null, date '2026-02-11', date '2026-02-12', $hostile),
    ('e2', 'READ_SPIKE', 'ISSUE', 'WAIVED', 'pool pump', 'N2', 'E1', null, date '2026-03-05', null, 'on the last day'),
    ('e3', 'READ_SPIKE', 'ISSUE', 'OPEN', null, 'N2', 'E1', null, date '2026-03-06', date '2026-03-07', 'later'),
    ('e4', 'READ_SPIKE', 'ISSUE', 'OPEN', null, 'N9', 'E1', '{HELD}', null, null, 'of the contract'),
    ('e5', 'READ_SPIKE', 'ISSUE', 'OPEN', null, 'N9', 'E1', 'other', null, null, 'of another'),
    ('e6', 'SOURCE_UNAVAILABLE', 'ISSUE', 'OPEN', null, null, null, null, null, null, 'retailer_db')
) as t(exception_id, rule_code, severity, state, state_reason, nmi, nmi_suffix, contract_id, first_market_date,
       last_market_date, detail);
create table marts.fct_isu_meter_readings as select '{READY}' as contract_id, date '2026-02-05' as period_start_date,
    date '2026-03-05' as period_end_date, 'O1' as meter_reading_order_id, 'D1' as device_id, '001' as register_id,
    '01' as meter_reading_reason, '01' as meter_reading_category, date '2026-03-05' as reading_date,
    1070::decimal(23,14) as reading_result, 70::decimal(23,14) as usage_kwh, 'KWH' as unit, 'CONFIRMED' as load_status,
    null as hold_reason, 'DOC7' as sap_document_id, null as sap_message;
create table marts.fct_shadow_bill_versions as select '{READY}' as contract_id, date '2026-02-05' as period_start_date,
    date '2026-03-05' as period_end_date, unnest([1, 2]) as bill_version, 'READY' as status,
    56.66::decimal(18,2) as total_ex_gst_aud, 5.92::decimal(18,2) as gst_aud, 62.58::decimal(18,2) as total_inc_gst_aud,
    70::decimal(23,14) as usage_kwh, 0::decimal(23,14) as feed_in_kwh, null::timestamp as read_version_at;
"""
COMPARISON = f"""
create table marts.fct_bill_reconciliation as select '{READY}' as contract_id, date '2026-02-05' as period_start_date,
    date '2026-03-05' as period_end_date, 56.66::decimal(18,2) as shadow_ex_gst_aud,
    57.66::decimal(18,2) as billed_ex_gst_aud, 1.00::decimal(18,2) as difference_aud,
    70::decimal(23,14) as shadow_kwh, 70::decimal(23,14) as billed_kwh, 0::decimal(23,14) as difference_kwh,
    'DIFFER' as outcome, 'SAP billed 1.00 AUD more' as reason;
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explain")
    with duckdb.connect(str(path / "warehouse.duckdb")) as connection:
        connection.execute(TABLES.replace("$hostile", f"'{HOSTILE}'") + COMPARISON)
    return path


@pytest.fixture(scope="module")
def warehouse(home: Path) -> DuckDBWarehouse:
    return DuckDBWarehouse(home / "warehouse.duckdb")


@pytest.fixture(scope="module")
def ready(warehouse: DuckDBWarehouse) -> dict[str, Any]:
    """The bill with everything, through the text that a reader of the JSON gets."""
    found: dict[str, Any] = json.loads(json.dumps(as_json(explain_bill(warehouse, READY))))
    return found


def lines_of(found: dict[str, Any]) -> dict[str, Any]:
    return {line["charge_id"]: line for line in found["lines"]}


def _invoke(home: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ("explain", *words), env={"BILLSYNC_HOME": str(home), "BILLSYNC_ENV": "test"})


def test_bill_without_a_period_is_the_latest(ready: dict[str, Any]) -> None:
    assert (ready["period_start_date"], ready["period_end_date"]) == ("2026-02-05", "2026-03-05")


def test_bill_of_a_period_is_that_one(warehouse: DuckDBWarehouse) -> None:
    assert explain_bill(warehouse, READY, OLD_PERIOD).bill["period_end_date"] == OLD_PERIOD[1]


def test_contract_without_its_leading_zeros_is_found(warehouse: DuckDBWarehouse) -> None:
    assert explain_bill(warehouse, READY.lstrip("0")).bill["contract_id"] == READY


@pytest.mark.parametrize(
    ("contract", "period", "said"),
    [
        ("777", None, "contract 777 has no bill"),
        ("' or 1=1 --", None, "has no bill"),
        (READY, (date(2026, 2, 5), date(2026, 3, 4)), "it has 2026-02-05..2026-03-05, 2026-01-05..2026-02-04"),
    ],
)
def test_unknown_bill_raises_and_says_what_there_is(
    warehouse: DuckDBWarehouse, contract: str, period: tuple[date, date] | None, said: str
) -> None:
    with pytest.raises(NoSuchBillError, match=said.replace("(", r"\(")):
        explain_bill(warehouse, contract, period)


def test_line_amounts_are_exact_decimals_as_text(ready: dict[str, Any]) -> None:
    line = lines_of(ready)["USAGE:PEAK:2"]
    assert line["quantity"] == "20.00000000000001"
    assert Decimal(line["exact_amount_aud"]) == Decimal("10.0000002000000050000001")
    assert (line["amount_ex_gst_aud"], line["gst_aud"]) == ("10.00", "1.0000")


def test_credit_has_a_negative_exact_amount(ready: dict[str, Any]) -> None:
    assert Decimal(lines_of(ready)["FEED_IN:1:ALL:1"]["exact_amount_aud"]) == Decimal("-2.55")


def test_line_names_plan_version_and_model(ready: dict[str, Any]) -> None:
    line = lines_of(ready)["USAGE:PEAK:1"]
    assert line["plan"] == {
        "plan_id": "P", "display_name": "Home Saver", "version_hash": "abcdef0123456789", "version": "abcdef01",
        "valid_from": "2026-01-20", "valid_to": None, "is_first_known": False,
    }  # fmt: skip
    assert line["rule"]["model"] == "int_charges__usage"


def test_line_of_a_season_has_the_reads_of_its_days_only(ready: dict[str, Any]) -> None:
    """The last hour of 28 February is 1 March on the plan's clock, so that day is in both seasons."""
    lines = lines_of(ready)
    (first,), (second,) = lines["USAGE:PEAK:1"]["reads"], lines["USAGE:ALL:1"]["reads"]
    assert [(v["file_name"], v["channel_days"]) for v in first["versions"]] == [("feb.csv", 1), ("feb.csv", 1)]
    assert [(v["file_name"], v["read_version_at"]) for v in second["versions"]] == [
        ("feb.csv", "2026-03-01T01:00:00Z"),
        ("metering_api/N1", "2026-03-02T01:00:00Z"),
    ]
    assert (first["channel_days"], second["channel_days"]) == (2, 2)


def test_line_under_two_feed_ins_counts_a_channel_day_once(ready: dict[str, Any]) -> None:
    (channel,) = lines_of(ready)["FEED_IN:1:ALL:1"]["reads"]
    assert (channel["nmi_suffix"], channel["channel_days"]) == ("B1", 1)


def test_line_without_energy_has_no_reads(ready: dict[str, Any]) -> None:
    assert lines_of(ready)["SUPPLY"]["reads"] == []


def test_reads_are_those_of_the_current_bill_version(ready: dict[str, Any]) -> None:
    names = {version["file_name"] for channel in ready["reads"] for version in channel["versions"]}
    assert names == {"feb.csv", "metering_api/N1"}
    assert [(channel["nmi_suffix"], channel["channel_days"]) for channel in ready["reads"]] == [("E1", 3), ("B1", 1)]


def test_basic_meter_read_stands_behind_its_lines(warehouse: DuckDBWarehouse) -> None:
    found = as_json(explain_bill(warehouse, BASIC))
    (channel,) = found["lines"][0]["reads"]
    assert (channel["nmi_suffix"], channel["register"], channel["channel_days"]) == ("11", "d/001", 2)
    assert "the retailer's own readings" in "\n".join(plain_lines(explain_bill(warehouse, BASIC)))


def test_totals_add_up_from_lines_and_gst(ready: dict[str, Any]) -> None:
    assert ready["totals"] == {
        "lines_ex_gst_aud": "56.66", "exact_gst_aud": "5.9210", "total_ex_gst_aud": "56.66", "gst_aud": "5.92",
        "total_inc_gst_aud": "62.58", "adds_up": True,
    }  # fmt: skip


def test_totals_that_do_not_add_up_are_called_out(warehouse: DuckDBWarehouse) -> None:
    explanation = explain_bill(warehouse, WRONG)
    assert as_json(explanation)["totals"]["adds_up"] is False
    assert "THE TOTALS ARE NOT WHAT THE LINES MAKE" in "\n".join(plain_lines(explanation))


def test_held_bill_shows_the_exceptions_that_touch_it_and_what_to_do(warehouse: DuckDBWarehouse) -> None:
    explanation = explain_bill(warehouse, HELD)
    assert [row["exception_id"] for row in explanation.exceptions] == ["e1", "e4", "e2"]
    text = "\n".join(plain_lines(explanation))
    assert "HELD: READ_SPIKE: up to 900 kWh a day" in text
    assert "Look at the meter." in text
    assert "pool pump" in text


def test_not_priceable_bill_names_the_construct_and_shows_no_amount(warehouse: DuckDBWarehouse) -> None:
    found = as_json(explain_bill(warehouse, UNPRICED))
    assert (found["totals"], found["lines"]) == (None, [])
    assert found["not_priceable"] == [{"plan_id": "P", "construct": "fees", "reason": "no rule"}]


def test_sap_side_has_readings_and_outcome(ready: dict[str, Any]) -> None:
    (reading,) = ready["sap"]["readings"]
    assert (reading["load_status"], reading["sap_document_id"]) == ("CONFIRMED", "DOC7")
    comparison = ready["sap"]["comparison"]
    assert (comparison["billed_ex_gst_aud"], comparison["difference_aud"], comparison["outcome"]) == (
        "57.66", "1.00", "DIFFER",
    )  # fmt: skip


def test_day_that_stopped_before_settlement_is_explained_without_it(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(TABLES.replace("$hostile", "'x'"))
    explanation = explain_bill(DuckDBWarehouse(tmp_path / "warehouse.duckdb"), READY)
    assert explanation.comparison is None
    assert "not compared yet" in "\n".join(plain_lines(explanation))


def test_plain_text_has_neither_control_characters_nor_a_cut(warehouse: DuckDBWarehouse) -> None:
    lines = plain_lines(explain_bill(warehouse, HELD))
    assert [line for line in lines if not line.isprintable()] == []
    assert any("[red] [2Jboo" in line for line in lines)


def test_tables_on_a_terminal_show_text_from_outside_as_it_is(warehouse: DuckDBWarehouse) -> None:
    shown = io.StringIO()
    print_rich(explain_bill(warehouse, HELD), Console(file=shown, width=200, force_terminal=True))
    assert "[red] [2Jboo" in shown.getvalue()


def test_tables_on_a_terminal_keep_every_digit(warehouse: DuckDBWarehouse) -> None:
    shown = io.StringIO()
    print_rich(explain_bill(warehouse, READY), Console(file=shown, width=300))
    assert "20.00000000000001" in shown.getvalue()


@pytest.mark.parametrize(
    ("row", "is_stepped", "sentence"),
    [
        ({"charge_type": "SUPPLY", "charge_id": "SUPPLY:CONTROLLED_LOAD"}, False,
         "The controlled load's own daily supply charge, for each market day at this price."),
        ({"charge_type": "USAGE", "time_band": "PEAK"}, True,
         "Energy taken from the grid, in the plan's PEAK windows, the part in step 1 of the rate."),
        ({"charge_type": "FEED_IN", "gst_aud": Decimal(0), "amount_ex_gst_aud": Decimal(-1)}, False,
         ("Energy sent to the grid, paid as a credit, at any time, "
          "without GST, as the customer is not registered for it.")),
        ({"charge_type": "DEMAND"}, False, "The highest half-hour power inside the demand charge's window."),
        ({"charge_type": "DISCOUNT", "charge_id": "DISCOUNT:1", "unit": "AUD",
          "unit_price_ex_gst_aud": Decimal("0.02500000"), "amount_ex_gst_aud": Decimal(-1)}, False,
         "A discount of the plan, given as a credit, 2.5 % of the amount that stands as its quantity."),
        ({"charge_type": "DISCOUNT", "charge_id": "CONCESSION_FIXED:1", "unit": "BILL",
          "amount_ex_gst_aud": Decimal(-1), "gst_aud": Decimal(0)}, False,
         "A concession agreed for the contract, given as a credit, after GST, which it does not lower."),
        ({"charge_type": "FEE", "charge_id": "GREEN_POWER:1.1", "unit": "KWH"}, False,
         "Green power, as agreed for the contract."),
        ({"charge_type": "LEVY"}, False, "A charge of type LEVY."),
    ],
)  # fmt: skip
def test_rule_sentence_says_what_the_line_charges_for(row: dict[str, Any], is_stepped: bool, sentence: str) -> None:
    line = {"charge_id": "x", "time_band": "ALL", "block_number": 1, "gst_aud": Decimal("0.1"),
            "amount_ex_gst_aud": Decimal(1)} | row  # fmt: skip
    assert rule_sentence(line, is_stepped=is_stepped) == sentence


def test_command_prints_json_only(home: Path) -> None:
    result = _invoke(home, "--contract", "40", "--period", "2026-02-05..2026-03-05", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["total_inc_gst_aud"] == "62.58"


def test_command_prints_text_where_there_is_no_terminal(home: Path) -> None:
    result = _invoke(home, "--contract", "40")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "Read versions behind channel E1" in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--contract"),
        (("--contract", "777"), "contract 777 has no bill"),
        (("--contract", "40", "--period", "2026-02-05..2026-03-04"), "it has 2026-02-05..2026-03-05"),
        (("--contract", "40", "--period", "2026-02-05"), "is no period"),
        (("--contract", "40", "--period", "2026-03-05..2026-02-05"), "ends before it begins"),
    ],
)
def test_command_for_what_is_not_there_exits_with_2_and_says_why(home: Path, words: tuple[str, ...], said: str) -> None:
    result = _invoke(home, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_command_before_any_marts_exits_with_2(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "warehouse.duckdb")).close()
    assert _invoke(tmp_path, "--contract", "40").exit_code == 2
