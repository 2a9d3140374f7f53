"""Closing many bills at once from stored daily determinants: the data, the timed stage and what it is compared with.

Every contract has one meter with half-hour reads over thirty days and a plan with time of use, a free window capped per
day, steps that pool over the bill, and a demand charge.
"""

from __future__ import annotations

import json
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb

from benchmarks.row_pricer import PlanPrices, price_bills

DAYS = 30
PLAN_COUNT = 6
POOL = 2000
WORKWEEK = ["BUSINESS_DAYS"]
FREE_DAYS = ["SAT", "SUN", "PUBLIC_HOLIDAYS"]
EVERY_DAY = ["MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN", "PUBLIC_HOLIDAYS"]
STORED = ("int_daily_energy__by_rate", "int_daily_demand__by_charge", "fct_daily_usage")
PRICED = ("int_bills__price", "fct_shadow_bill_lines", "fct_billing_determinants")


def prices_of(number: int) -> PlanPrices:
    """The prices of one of the plans, as text, so that both pricers read the same decimals."""
    return PlanPrices(
        supply=f"1.{10 + number}", peak=f"0.4{number}15", free_volume="4", free_after=f"0.29{number}",
        step_volume="340.06", step_price=f"0.2{number}5", rest_price=f"0.27{number}", demand=f"0.1{number}2",
    )  # fmt: skip


def plan_of(number: int) -> dict[str, object]:
    """One of the plans, as the register would answer it."""
    prices = prices_of(number)

    def window(days: list[str], start: str, end: str) -> dict[str, object]:
        return {"days": days, "startTime": start, "endTime": end}

    rates = [
        {"type": "PEAK", "displayName": "Peak", "rates": [{"unitPrice": prices.peak}],
         "timeOfUse": [window(WORKWEEK, "15:00", "21:00")]},
        {"type": "SHOULDER1", "displayName": "Free", "period": "P1D",
         "rates": [{"unitPrice": "0.00", "volume": prices.free_volume}, {"unitPrice": prices.free_after}],
         "timeOfUse": [window(EVERY_DAY, "11:00", "14:00")]},
        {"type": "OFF_PEAK", "displayName": "Off peak", "period": "P1M",
         "rates": [{"unitPrice": prices.step_price, "volume": prices.step_volume}, {"unitPrice": prices.rest_price}],
         "timeOfUse": [window(EVERY_DAY, "21:00", "11:00"), window(EVERY_DAY, "14:00", "15:00"),
                       window(FREE_DAYS, "15:00", "21:00")]},
    ]  # fmt: skip
    demand = {"displayName": "Demand", "amount": prices.demand, "days": WORKWEEK, "startTime": "15:00",
              "endTime": "21:00", "measurementPeriod": "MONTH", "chargePeriod": "DAY"}  # fmt: skip
    period = {"displayName": "All year", "startDate": "01-01", "endDate": "12-31", "rateBlockUType": "timeOfUseRates",
              "dailySupplyCharge": prices.supply, "timeOfUseRates": rates, "demandCharges": [demand]}  # fmt: skip
    contract = {"pricingModel": "TIME_OF_USE", "timeZone": "LOCAL", "isFixed": False, "paymentOption": [],
                "tariffPeriod": [period]}  # fmt: skip
    return {"planId": f"BENCH{number}", "effectiveFrom": "2025-07-01T00:00:00Z", "lastUpdated": "2025-07-01T00:00:00Z",
            "customerType": "RESIDENTIAL", "electricityContract": contract}  # fmt: skip


def fill(path: Path, day: date, contracts: int) -> None:
    """Fill the raw layer: contracts, orders of ``day``, and the reads of the thirty days up to it."""
    from loaders.sources.market_calendar import extract_market_calendar  # noqa: PLC0415
    from loaders.sources.plan_flattening import flatten_plan  # noqa: PLC0415
    from loaders.warehouse import open_warehouse  # noqa: PLC0415
    from loaders.warehouse.schema import RAW_TABLES  # noqa: PLC0415

    warehouse = open_warehouse("duckdb", duckdb_path=path)
    warehouse.ensure_raw_schema()
    first = day - timedelta(days=DAYS - 1)
    warehouse.replace(
        extract_market_calendar(first - timedelta(days=3), day + timedelta(days=3), path.parent / "c", ["NSW"]).writes
    )
    with duckdb.connect(str(path)) as connection:
        for number in range(PLAN_COUNT):
            plan = plan_of(number)
            flat = flatten_plan(json.dumps({"data": plan}).encode(), str(plan["planId"]), first)
            for table, rows in flat.rows.items():
                marks = ", ".join("?" for _ in RAW_TABLES[table].columns)
                connection.executemany(f"insert into raw.{table} values ({marks})", [list(row) for row in rows])
        connection.execute("set threads to 2; set preserve_insertion_order to false; select setseed(0.5)")
        connection.execute(_contracts(first, day, contracts))
        connection.execute(_reads(first, day, contracts))


def _contracts(first: date, day: date, contracts: int) -> str:
    since = "2025-07-01"
    return f"""
    create temp table keys as
        select printf('%010d', n) as contract_id, printf('N%09d', n) as nmi, printf('%018d', n) as device_id,
            printf('BENCH%d', n % {PLAN_COUNT}) as plan_id
        from range(1, {contracts} + 1) as numbers(n);
    insert into raw.retailer_customers by name
        select contract_id as customer_id, 'RESIDENTIAL' as customer_type, '0' as is_gst_registered from keys;
    insert into raw.retailer_contract_accounts by name
        select contract_id as contract_account_id, contract_id as customer_id from keys;
    insert into raw.retailer_service_points by name
        select nmi, 'NSW' as jurisdiction, 'FILE' as delivery from keys;
    insert into raw.retailer_contracts by name
        select contract_id, contract_id as contract_account_id, nmi, '{since}' as start_date from keys;
    insert into raw.retailer_contract_plans by name
        select contract_id, plan_id, '{since}' as start_date from keys;
    insert into raw.retailer_devices by name
        select device_id, nmi, '{since}' as installed_date from keys;
    insert into raw.retailer_registers by name
        select device_id, '001' as register_id, 'E1' as nmi_suffix, 'GENERAL' as usage_type, 'ALL' as time_band,
            'kWh' as unit, '1' as multiplier, '6' as integer_places, '3' as decimal_places from keys;
    insert into raw.retailer_meter_reading_orders by name
        select date '{day}' as billing_day, contract_id as meter_reading_order_id, contract_id, device_id,
            '001' as register_id, '01' as meter_reading_reason, '{day}' as scheduled_read_date,
            '{first}' as period_start_date, '0' as previous_reading from keys;
    """


def _reads(first: date, day: date, contracts: int) -> str:
    """One delivery a day, each half hour up to 2.5 kWh in watt hours; days are drawn from a pool of texts."""
    return f"""
    create temp table pool as
        select n, string_agg(printf('%d.%03d', watt_hours // 1000, watt_hours % 1000), ',') as values_text
        from (
            select n, cast(floor(random() * 2500) as integer) as watt_hours
            from range({POOL}) as texts(n) cross join range(48) as half_hours(h)
        ) as drawn
        group by n;
    insert into raw.meter_files by name
        select cast(moment as date) as billing_day, 'FILE' as source, strftime(moment, 'f%Y%m%d') as file_name,
            strftime(moment, 'f%Y%m%d') as file_hash, 'ACCEPTED' as status
        from range(timestamp '{first}', timestamp '{day}' + interval 1 day, interval 1 day) as days(moment);
    insert into raw.meter_interval_records by name
        select cast(moment as date) as billing_day, 'FILE' as source, strftime(moment, 'f%Y%m%d') as file_name,
            cast(contract as integer) as line_number, printf('N%09d', contract) as nmi, 'E1' as nmi_suffix,
            'kWh' as unit, 30 as interval_length_minutes, strftime(moment, '%Y%m%d') as interval_date,
            pool.values_text, 48 as value_count, md5(pool.values_text) as content_hash, 'A' as quality_method,
            strftime(moment, '%Y%m%d230000') as update_text
        from range(1, {contracts} + 1) as contracts(contract)
        cross join range(timestamp '{first}', timestamp '{day}' + interval 1 day, interval 1 day) as days(moment)
        inner join pool on pool.n = (contract * 7919 + dayofyear(moment) * 104729) % {POOL};
    """


def price_row_by_row(path: Path, sample: int) -> dict[str, float]:
    """Price a sample with pandas, row by row, and compare every line with the warehouse's; return its speed."""
    numbers = {f"BENCH{number}": prices_of(number) for number in range(PLAN_COUNT)}
    with duckdb.connect(str(path), read_only=True) as connection:
        chosen = f"contract_id <= printf('%010d', {sample})"
        energy = connection.execute(
            "select contract_id, plan_id, local_date, rate_number, energy_kwh "
            f"from intermediate.int_daily_energy__by_rate where {chosen} order by contract_id"
        ).df()
        demand = connection.execute(
            "select contract_id, local_date, demand_kw from intermediate.int_daily_demand__by_charge "
            f"where {chosen} and demand_number is not null order by contract_id"
        ).df()
        due = connection.execute(
            "select contract_id, period_start_date, period_end_date "
            f"from intermediate.int_bill_periods__due where {chosen}"
        ).df()
        expected = {
            (row[0], row[1]): row[2]
            for row in connection.execute(
                f"select contract_id, charge_id, amount_ex_gst_aud from marts.fct_shadow_bill_lines where {chosen}"
            ).fetchall()
        }
    started = time.perf_counter(), time.process_time()
    lines = price_bills(due, energy, demand, numbers)
    seconds, cpu_seconds = time.perf_counter() - started[0], time.process_time() - started[1]
    if lines != expected:
        differing = [(key, lines.get(key), expected.get(key)) for key in {*lines, *expected}
                     if lines.get(key) != expected.get(key)]  # fmt: skip
        raise SystemExit(f"{len(differing)} lines differ: {differing[:3]}")
    return {"bills": len(due), "lines": len(lines), "seconds": seconds, "cpu_seconds": cpu_seconds}
