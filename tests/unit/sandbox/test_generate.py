"""The default seed, read by a small parser of its own."""

import collections
import gzip
import hashlib
import io
import json
import sqlite3
import zipfile
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sandbox.generate import seed_sandbox
from sandbox.generate_orders import Spec
from sandbox.nmi import check_digit

DAY = "2026-03-05"


def _bodies(folder: Path) -> dict[str, str]:
    """Every readable delivery of a folder as text, by file name."""
    bodies = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        if "UNREADABLE" in path.name:
            continue
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        if path.suffix == ".zip":
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = archive.read(archive.namelist()[0])
        bodies[path.name] = data.decode("ascii")
    return bodies


def _records(body: str) -> list[tuple[list[str], list[str]]]:
    """(200 fields, 300 fields) of a file."""
    header, found = [], []
    for line in body.split("\r\n"):
        fields = line.split(",")
        if fields[0] == "200":
            header = fields
        if fields[0] == "300":
            found.append((header, fields))
    return found


def _digest(home: Path) -> dict[str, str]:
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(home.rglob("*"))
        if path.is_file()
    }


def _query(home: Path, sql: str) -> list[tuple]:
    connection = sqlite3.connect(home / "retailer.db")
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_seed_same_spec_gives_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        seed_sandbox(tmp_path / name, Spec(service_points=210, days=30, seed=seed))
    first, second, other = (_digest(tmp_path / name) for name in "abc")
    assert first == second
    assert first.keys() != other.keys() or first != other


def test_seed_again_into_same_folder_leaves_nothing_of_the_old_seed(tmp_path):
    seed_sandbox(tmp_path / "a", Spec(service_points=30, days=5))
    seed_sandbox(tmp_path / "a", Spec(service_points=20, days=3))
    seed_sandbox(tmp_path / "b", Spec(service_points=20, days=3))
    assert _digest(tmp_path / "a") == _digest(tmp_path / "b")


def test_population_covers_every_jurisdiction_delivery_and_interval(seeded):
    rows = _query(seeded, "select jurisdiction, delivery, is_life_support, is_vacant from service_points")
    assert len(rows) >= 300
    assert {row[0] for row in rows} == {"NSW", "VIC", "QLD", "SA", "TAS", "ACT", "NT", "WA"}
    assert {row[1] for row in rows} == {"FILE", "API", "READING"}
    assert any(row[2] for row in rows)
    assert any(row[3] for row in rows)
    suffixes = dict(_query(seeded, "select nmi_suffix, count(*) from registers group by 1"))
    assert {"E1", "E2", "B1", "11"} <= suffixes.keys()


def test_orders_demo_day_closes_sixty_contracts_with_one_order_per_register(seeded):
    closing = _query(
        seeded,
        f"""select o.contract_id, count(*), count(distinct o.register_id), min(period_start_date), max(previous_reading)
            from meter_reading_orders o join contracts c on c.contract_id = o.contract_id
            where scheduled_read_date = '{DAY}' group by 1""",
    )
    assert len(closing) >= 60
    assert all(count == distinct and previous is not None for _, count, distinct, _, previous in closing)
    lengths = [(date.fromisoformat(DAY) - date.fromisoformat(start)).days + 1 for _, _, _, start, _ in closing]
    assert sum(28 <= length <= 30 for length in lengths) >= 60
    assert sum(length > 31 for length in lengths) >= 3
    missing = _query(
        seeded,
        f"""select * from registers r join devices d using (device_id) join contracts c using (nmi)
            where c.contract_id in (select contract_id from meter_reading_orders where scheduled_read_date = '{DAY}')
            and d.removed_date is null
            and not exists (select 1 from meter_reading_orders o where o.device_id = r.device_id
                and o.register_id = r.register_id and o.scheduled_read_date = '{DAY}')""",
    )
    assert missing == []


def test_orders_every_day_of_the_later_range_has_some(seeded):
    days = _query(seeded, "select distinct scheduled_read_date from meter_reading_orders order by 1")
    assert len(days) > 20


def test_registers_vary_in_places_bands_multipliers_and_one_rolls_over(seeded):
    registers = _query(
        seeded,
        "select time_band, multiplier, integer_places, decimal_places, previous_reading, usage_type"
        " from registers left join meter_reading_orders using (device_id, register_id)",
    )
    assert {"ALL", "PEAK", "OFF_PEAK", "SHOULDER"} == {row[0] for row in registers}
    assert {"1", "40"} == {row[1] for row in registers}
    assert len({(row[2], row[3]) for row in registers}) >= 5
    assert any(row[4] and Decimal(row[4]) > 10 ** row[2] - 20 for row in registers)
    assert {"GENERAL", "CONTROLLED_LOAD", "GENERATION"} <= {row[5] for row in registers}


def test_time_bands_of_registers_are_bands_of_the_contracts_plan(seeded):
    for plan_id, band in _query(
        seeded,
        "select distinct plan_id, time_band from registers join devices using (device_id) join contracts using (nmi)"
        " join contract_plans using (contract_id) where time_band <> 'ALL' and contract_plans.end_date is null"
        " and exists (select 1 from meter_reading_orders o where o.contract_id = contracts.contract_id)"
        " and plan_id <> 'BNK999999MRE1@EME'",
    ):
        plan = json.loads((seeded / "plans" / f"{plan_id.replace('@', '%40')}.json").read_text())
        rates = plan["electricityContract"]["tariffPeriod"][0]["timeOfUseRates"]
        assert band in {rate["type"] for rate in rates}


def test_files_of_a_plain_day_are_well_formed_nem12(seeded):
    bodies = _bodies(seeded / "landing/nem12/billing_day=2026-01-30")
    assert len(bodies) == 6
    for name, body in bodies.items():
        lines = body.split("\r\n")
        version, unique, sender, receiver = name.split(".")[0].split("#")
        assert (version, receiver) == ("NEM12", "BANKSIA")
        assert len(unique) <= 36
        assert lines[0].split(",")[3:] == [sender, receiver]
        assert lines[-2:] == ["900", ""]
        assert "\n" not in body.replace("\r\n", "")
        assert len({record[0][1] for record in _records(body)}) > 20
        for header, record in _records(body):
            count = 1440 // int(header[8])
            assert len(record) - count in {6, 7}
            assert all(Decimal(value) >= 0 for value in record[2 : 2 + count])
            assert record[2 + count] == "A"
            assert len(header[1]) == 10 or check_digit(header[1][:10]) == int(header[1][10])


def test_files_values_add_up_to_the_truth_in_every_unit(seeded):
    truth = pq.read_table(seeded / "truth/intervals.parquet").to_pylist()
    day = date(2026, 2, 7)
    expected = {(row["nmi"], row["nmi_suffix"]): row["values"].split(",") for row in truth if row["market_date"] == day}
    scale = {"KWH": 1, "WH": 1000}
    units = collections.Counter()
    for body in _bodies(seeded / f"landing/nem12/billing_day={day}").values():
        for header, record in _records(body):
            if header[7].upper() in scale:
                count = 1440 // int(header[8])
                delivered = [Decimal(value) / scale[header[7].upper()] for value in record[2 : 2 + count]]
                assert delivered == [Decimal(value) for value in expected[header[1][:10], header[4]]]
                units[header[7]] += 1
    assert units.keys() == {"kWh", "KWH", "Wh"}


def test_planted_defects_are_of_every_kind_in_the_known_number(seeded):
    planted = json.loads((seeded / "truth/planted.json").read_text())
    assert collections.Counter(entry["rule_code"] for entry in planted) == {
        "READ_MISSING_DAY": 3,
        "ORDER_WITHOUT_DATA": 1,
        "READ_SPIKE": 2,
        "READ_SUBSTITUTED": 3,
        "READ_ESTIMATED": 3,
        "EVENTS_INCOMPLETE": 1,
        "QUALITY_INVALID": 1,
        "VERSION_CONFLICT": 2,
        "READ_PARTIAL_DAY": 3,
        "READ_NEGATIVE": 1,
        "RECORD_REJECTED": 2,
        "SERIAL_DIFFERS": 1,
        "SUFFIX_NOT_CONFIGURED": 1,
        "NMI_CHECKSUM": 1,
        "NMI_UNKNOWN": 2,
        "FILE_CUT_OFF": 1,
        "FILE_NO_HEADER": 1,
        "FILE_UNREADABLE": 1,
        "PLAN_UNKNOWN": 1,
        "CONTRACT_OVERLAP": 1,
        "ORDER_WITHOUT_CONTRACT": 1,
        "REGISTER_UNKNOWN": 1,
        "READING_WITHOUT_REGISTER": 1,
        "PLAN_NOT_PRICEABLE": 4,
        "READ_IMPOSSIBLE": 1,
        "ZERO_USE": 1,
        "VACANT_USE": 1,
        "LOAD_AT_WRONG_HOURS": 1,
        "EXPORT_AT_NIGHT": 1,
        "SEASON_HIGH_LOW": 1,
        "QUALITY_COMBINATION": 1,
        "ESTIMATES_IN_A_ROW": 1,
        "SUM_DIFFERS": 1,
        "REGISTER_BACKWARDS": 1,
        "REGISTER_ROLLED_OVER": 1,
        "READ_BEFORE_PREVIOUS": 1,
        "METER_OVERLAP": 1,
        "NMI_CLOSED": 1,
        "LIFE_SUPPORT_HELD": 1,
    }


def test_planted_file_and_line_point_at_the_record(seeded):
    planted = json.loads((seeded / "truth/planted.json").read_text())
    checked = 0
    for entry in planted:
        if entry["line"]:
            folder = next((seeded / "landing/nem12").glob(f"*/{entry['file']}")).parent
            line = _bodies(folder)[entry["file"]].split("\r\n")[entry["line"] - 1]
            assert line.startswith(f"300,{entry['first_market_date'].replace('-', '')},"), entry
            checked += 1
    assert checked >= 15


def test_clean_closing_contracts_have_every_day_of_every_suffix_delivered(seeded):
    planted = json.loads((seeded / "truth/planted.json").read_text())
    victims = {entry["contract_id"] for entry in planted}
    delivered: set[tuple[str, str, str]] = set()
    for folder in (seeded / "landing/nem12").iterdir():
        for body in _bodies(folder).values():
            delivered |= {(header[1][:10], header[4], record[1]) for header, record in _records(body)}
    api = sqlite3.connect(seeded / "metering.db")
    delivered |= set(api.execute("select nmi, nmi_suffix, replace(market_date, '-', '') from reads"))
    api.close()
    due = _query(
        seeded,
        f"""select distinct contract_id, nmi, nmi_suffix, period_start_date
            from meter_reading_orders join contracts using (contract_id) join devices using (device_id, nmi)
            join registers using (device_id, register_id) join service_points using (nmi)
            where scheduled_read_date = '{DAY}' and meter_type <> 'BASIC'""",
    )
    checked = 0
    for contract, nmi, suffix, start in due:
        day = date.fromisoformat(start)
        while contract not in victims and day <= date.fromisoformat(DAY):
            assert (nmi, suffix, f"{day:%Y%m%d}") in delivered
            day += timedelta(days=1)
            checked += 1
    assert checked > 1500


def test_basic_meters_close_by_file_and_by_reading(seeded):
    today = _bodies(seeded / f"landing/nem12/billing_day={DAY}")
    records = [line for body in today.values() for line in body.split("\r\n") if line.startswith("250,")]
    assert len(records) >= 3
    assert {len(record.split(",")) for record in records} == {23}
    readings = _query(seeded, f"select 1 from meter_readings where reading_date = '{DAY}' and register_id <> '007'")
    assert len(readings) >= 3


def test_broken_files_are_broken_as_said(seeded):
    folder = seeded / f"landing/nem12/billing_day={DAY}"
    cut = next(folder.glob("*CUTOFF*")).read_bytes()
    assert not cut.endswith(b"\n")
    assert b"\r\n900" not in cut
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(next(folder.glob("*UNREADABLE*")))


def test_clean_channels_stay_below_the_spike_rule(seeded):
    planted = json.loads((seeded / "truth/planted.json").read_text())
    victims = {entry["nmi"] for entry in planted}
    limits = {
        nmi: Decimal(kw) * 24
        for nmi, kw in _query(seeded, "select nmi, connection_capability_kw from service_points")
        if kw
    }
    days: dict[tuple[str, str], list[Decimal]] = {}
    for row in pq.read_table(seeded / "truth/intervals.parquet").to_pylist():
        if row["interval_length_minutes"] < 1440 and row["nmi"] not in victims:
            usage = sum(map(Decimal, row["values"].split(",")))
            days.setdefault((row["nmi"], row["nmi_suffix"]), []).append(usage)
    for (nmi, _), usages in days.items():
        assert max(usages) < limits.get(nmi, Decimal("Infinity"))
        assert max(usages) * len(usages) < 5 * sum(usages)


def test_differing_bills_are_ten_clean_closing_contracts(seeded):
    differing = json.loads((seeded / "truth/differing_bills.json").read_text())
    planted = json.loads((seeded / "truth/planted.json").read_text())
    contracts = {entry["contract_id"] for entry in differing}
    assert len(contracts) == 10
    assert {entry["measure"] for entry in differing} == {"amount", "kwh"}
    assert contracts.isdisjoint(entry["contract_id"] for entry in planted)
    closing = _query(seeded, f"select contract_id from meter_reading_orders where scheduled_read_date = '{DAY}'")
    assert contracts <= {row[0] for row in closing}


def test_duplicates_repeat_content_under_another_name(seeded):
    landing = seeded / "landing/nem12"
    today = _bodies(landing / f"billing_day={DAY}")
    yesterday = _bodies(landing / "billing_day=2026-03-04")
    assert today["NEM12#20260305D001#BLUEMDP#BANKSIA.zip"] == today["NEM12#202603050001#BLUEMDP#BANKSIA.csv"]
    assert today["NEM12#20260305D002#BLUEMDP#BANKSIA.csv"] == yesterday["NEM12#202603040001#BLUEMDP#BANKSIA.csv"]


def test_basic_meter_readings_agree_with_the_truth(seeded):
    totals: dict[str, Decimal] = collections.defaultdict(Decimal)
    for row in pq.read_table(seeded / "truth/intervals.parquet").to_pylist():
        if row["interval_length_minutes"] == 1440:
            totals[row["nmi"]] += Decimal(row["values"])
    readings = _query(
        seeded,
        "select nmi, meter_reading from meter_readings join devices on device_id = meter_id"
        " where reading_type = 'ACTUAL' and register_id <> '007' order by reading_date",
    )
    by_nmi: dict[str, list[Decimal]] = collections.defaultdict(list)
    for nmi, reading in readings:
        by_nmi[nmi].append(Decimal(reading))
    planted = json.loads((seeded / "truth/planted.json").read_text())
    for one in planted:
        if one["rule_code"] == "REGISTER_BACKWARDS":
            del by_nmi[one["nmi"]]
    assert len(by_nmi) >= 4
    for nmi, (previous, current) in by_nmi.items():
        assert current - previous == totals[nmi] > 0
