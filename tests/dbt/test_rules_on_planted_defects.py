"""Every rule on reads against meters with one planted fault each, and against near misses that are none.

The faults are other ones than the sandbox's. The plain meter takes 0.4 kWh each half hour, 19.2 kWh a day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from sandbox.nmi import check_digit
from tests.dbt.planted_reads import DAY, FIRST, Day, Event, Planted, Read, span
from tests.dbt.rules_run import Dbt, detect

EVERY_DAY = span(FIRST, DAY)
PLAIN = ["0.400"] * 48
ACTUAL = (1, 24, "A", "")
READ_ON = date(2026, 4, 20)
Outcome = tuple[Planted, dict[str, set[str]]]


def may(day: int) -> date:
    return date(2026, 5, day)


def odd_day(planted: Planted, name: str, one: Day, *rules: str, **site: str) -> None:
    """A plain meter with one odd day."""
    nmi = planted.plant(name, *rules)
    planted.site(nmi, **site)
    planted.deliver(nmi, EVERY_DAY, odd={may(6): one})


def _days(planted: Planted) -> None:
    nmi = planted.plant("nothing")
    planted.site(nmi)
    planted.deliver(nmi, EVERY_DAY)
    nmi = planted.plant("a day inside and the last one", "READ_MISSING_DAY")
    planted.site(nmi)
    planted.deliver(nmi, EVERY_DAY, odd={may(3): Day(is_dropped=True), DAY: Day(is_dropped=True)})
    nmi = planted.plant("five minutes missing", "READ_PARTIAL_DAY")
    planted.site(nmi)
    planted.deliver(nmi, EVERY_DAY, ["0.05"] * 288, odd={may(4): Day([*["0.05"] * 287, ""])})
    nmi = planted.plant("95 values", "RECORD_REJECTED", "READ_MISSING_DAY")
    planted.site(nmi)
    planted.deliver(nmi, EVERY_DAY, ["0.2"] * 96, odd={may(5): Day(["0.2"] * 95)})
    for name, body, unit, rules in (
        ("other values under one stamp", ["0.5"] * 48, "kWh", ("VERSION_CONFLICT",)),
        ("the same number", ["0.4"] * 48, "kWh", ()),
        ("the same in Wh", ["400"] * 48, "Wh", ()),
    ):
        nmi = planted.plant(name, *rules)
        planted.site(nmi)
        planted.deliver(nmi, EVERY_DAY)
        planted.deliver(nmi, [may(7)], body, unit=unit)


def _quality(planted: Planted) -> None:
    def events(name: str, *rest: Event, rules: Iterable[str]) -> None:
        odd_day(planted, name, Day(quality="V", events=[ACTUAL, *rest]), *rules)

    events("all covered", (25, 48, "S14", "76"), rules=["READ_SUBSTITUTED"])
    events("null data", (25, 26, "N", ""), (27, 48, "A", ""), rules=["READ_PARTIAL_DAY"])
    events("one left out", (26, 48, "A", ""), rules=["EVENTS_INCOMPLETE"])
    events("one beyond", (25, 49, "A", ""), rules=["EVENTS_INCOMPLETE"])
    events("one twice", (24, 48, "F14", "76"), rules=["EVENTS_INCOMPLETE", "READ_SUBSTITUTED"])
    events("V on an event", (25, 48, "V", ""), rules=["EVENTS_INCOMPLETE"])
    events("no reason on an event", (25, 48, "F17", ""), rules=["QUALITY_COMBINATION", "READ_SUBSTITUTED"])
    odd_day(planted, "E without a method", Day(quality="E"), "QUALITY_COMBINATION", "READ_ESTIMATED")
    odd_day(planted, "alarm and events", Day(reason="79", events=[(1, 24, "A", "79"), (25, 48, "A", "")]))
    odd_day(planted, "tamper without events", Day(reason="61"), "QUALITY_COMBINATION")
    odd_day(planted, "unknown flag", Day(quality="X11"), "QUALITY_INVALID")
    nmi = planted.plant("thirty estimated days", "READ_ESTIMATED")
    planted.site(nmi)
    planted.deliver(nmi, span(READ_ON - timedelta(days=20), READ_ON))
    planted.deliver(nmi, EVERY_DAY, odd=dict.fromkeys(EVERY_DAY, Day(quality="E52")))
    nmi = planted.plant("fifty estimated days", "READ_ESTIMATED", "ESTIMATES_IN_A_ROW")
    planted.site(nmi)
    days = span(DAY - timedelta(days=49), DAY)
    planted.deliver(nmi, days, odd=dict.fromkeys(days, Day(quality="E52")))


def _values(planted: Planted) -> None:
    odd_day(planted, "a watt-hour below nothing", Day(["-0.001", *PLAIN[1:]]), "READ_NEGATIVE")
    high, limit = Day(["8.641", *PLAIN[1:]]), Day(["8.640", *PLAIN[1:]])
    odd_day(planted, "17.282 kW on 14.4 kW", high, "READ_IMPOSSIBLE", connection_capability_kw="14.4")
    odd_day(planted, "17.28 kW on 14.4 kW", limit, connection_capability_kw="14.4")
    odd_day(planted, "17.282 kW on nobody knows what", high)
    odd_day(planted, "10.25 times", Day(["4.1"] * 48), "READ_SPIKE")
    odd_day(planted, "9.75 times", Day(["3.9"] * 48))
    for count, rules in ((7, ["ZERO_USE"]), (6, [])):
        nmi = planted.plant(f"nothing used on {count} days", *rules)
        planted.site(nmi)
        planted.deliver(nmi, EVERY_DAY, odd={may(day): Day(["0.0"] * 48) for day in range(3, 3 + count)})
    for value, rules in (("0.10", ["VACANT_USE"]), ("0.06", [])):
        nmi = planted.plant(f"{value} each half hour at a vacant site", *rules)
        planted.site(nmi, is_vacant="1")
        planted.deliver(nmi, EVERY_DAY, [value] * 48)
    for last_year, rules in (("1.35", ["SEASON_HIGH_LOW"]), ("1.30", [])):
        nmi = planted.plant(f"0.4 after {last_year} a year before", *rules)
        planted.site(nmi)
        planted.deliver(nmi, EVERY_DAY)
        planted.deliver(nmi, span(date(2025, 4, 14), date(2025, 5, 25)), [last_year] * 48)


def _hours(planted: Planted) -> None:
    night = ["0.5" if 2 <= place < 10 else "0" for place in range(48)]
    noon = ["1.0" if 20 <= place < 28 else "0" for place in range(48)]
    for name, jurisdiction, places, rules in (
        ("5 of 13 half hours from 16:30", "NSW", range(33, 38), ["LOAD_AT_WRONG_HOURS"]),
        ("2 of 10 half hours from 16:30", "NSW", range(33, 35), []),
        ("3 half hours from 16:30 in Perth", "WA", range(33, 36), []),
        ("5 half hours from 18:30 in Perth", "WA", range(37, 42), ["LOAD_AT_WRONG_HOURS"]),
    ):
        nmi = planted.plant(name, *rules)
        planted.site(nmi, uses={"E1": "GENERAL", "E2": "CONTROLLED_LOAD"}, jurisdiction=jurisdiction)
        planted.deliver(nmi, EVERY_DAY, configuration="E1E2")
        odd = {may(9): Day(["0.5" if place in places else value for place, value in enumerate(night)])}
        planted.deliver(nmi, EVERY_DAY, night, suffix="E2", configuration="E1E2", odd=odd)
    for value, rules in (("0.2", ["EXPORT_AT_NIGHT"]), ("0.1", [])):
        nmi = planted.plant(f"{value} sent from 22:00 on", *rules)
        planted.site(nmi, uses={"E1": "GENERAL", "B1": "GENERATION"})
        planted.deliver(nmi, EVERY_DAY, configuration="E1B1")
        odd = {may(9): Day([*noon[:44], *[value] * 4])}
        planted.deliver(nmi, EVERY_DAY, noon, suffix="B1", configuration="E1B1", odd=odd)


def _sites(planted: Planted) -> None:
    nmi = planted.plant("nobody's", "NMI_UNKNOWN")
    planted.deliver(nmi, span(may(1), may(2)))
    for name, last, rules in (("ten days after its end", DAY, ["NMI_CLOSED"]), ("two days after", may(12), [])):
        nmi = planted.plant(name, *rules)
        planted.site(nmi, end=may(10))
        planted.deliver(nmi, span(FIRST, last))
    nmi = planted.plant("its own check digit")
    planted.site(nmi)
    planted.deliver(f"{nmi}{check_digit(nmi)}", EVERY_DAY)
    wrong = f"{nmi}{(check_digit(nmi) + 1) % 10}"
    planted.plant("another check digit", "NMI_CHECKSUM", nmi=wrong)
    planted.deliver(wrong, [may(1)])
    nmi = planted.plant("a channel outside the configuration", "SUFFIX_NOT_CONFIGURED")
    planted.site(nmi)
    planted.deliver(nmi, EVERY_DAY)
    planted.deliver(nmi, [may(1)], suffix="E3")
    for delivered, rules in (("123", []), ("124", ["SERIAL_DIFFERS"])):
        nmi = planted.plant(f"meter {delivered} for ABC-00123", *rules)
        planted.site(nmi)
        planted.tables["devices"][-1]["serial_number"] = "ABC-00123"
        planted.deliver(nmi, EVERY_DAY, serial=delivered)
    for removed, rules in ((may(5), []), (may(10), ["METER_OVERLAP"])):
        nmi = planted.plant(f"changed on the 5th, old one gone on {removed}", *rules)
        planted.site(nmi)
        planted.tables["devices"][-1]["removed_date"] = str(removed)
        planted.device(nmi, f"X{nmi}", f"SX{nmi}", {"E1": "GENERAL"})["installed_date"] = str(may(5))
        planted.deliver(nmi, span(FIRST, may(4)))
        planted.deliver(nmi, span(may(5), DAY), serial=f"SX{nmi}")


def _registers(planted: Planted) -> None:
    # 29 days of 19.2 kWh lie between the two reads: 556.8 kWh.
    for name, multiplier, first, last, rules in (
        ("13.92 times 40", "40", "100.0", "113.92", []),
        ("16 times 40", "40", "100.0", "116.0", ["SUM_DIFFERS"]),
        ("through zero", "1", "999900.0", "456.8", []),
    ):
        nmi = planted.plant(name, *rules)
        planted.site(nmi, multiplier=multiplier)
        planted.deliver(nmi, EVERY_DAY, odd={FIRST: Day(index=first), DAY: Day(index=last)})
    for name, first, last, kwh, more, rules in (
        ("500 by both", "10000", "10500", "500", {}, []),
        ("5000 for 500", "10000", "10500", "5000", {}, ["SUM_DIFFERS"]),
        ("500 times 40", "10000", "10500", "20000", {"multiplier": "40"}, []),
        ("through zero", "99800", "00300", "500", {}, ["REGISTER_ROLLED_OVER"]),
        ("500 less, and nothing else said of it", "10500", "10000", "500", {}, ["REGISTER_BACKWARDS"]),
        ("less than nothing", "10000", "10500", "-500", {}, ["READ_NEGATIVE"]),
        (
            "50 MWh in a month on 20 kW",
            "10000",
            "60000",
            "50000",
            {"connection_capability_kw": "20"},
            ["READ_IMPOSSIBLE"],
        ),
    ):
        nmi = planted.plant(name, *rules)
        planted.basic(nmi, [Read((READ_ON, first, "A"), (DAY, last, "A"), kwh)], **more)
    for name, before, after, rules in (
        ("the market's own E64", "A", "E64", ["READ_ESTIMATED"]),
        ("a substitute without a reason", "A", "S62", ["READ_SUBSTITUTED", "QUALITY_COMBINATION"]),
        ("a substitute and its reason", "A", "F6428", ["READ_SUBSTITUTED"]),
        ("V before", "V", "A", ["QUALITY_INVALID"]),
    ):
        nmi = planted.plant(name, *rules)
        planted.basic(nmi, [Read((READ_ON, "10000", before), (DAY, "10500", after), "500")])
    nmi = planted.plant("read before the one it follows", "READ_BEFORE_PREVIOUS")
    planted.basic(nmi, [Read((DAY, "10000", "A"), (READ_ON, "10500", "A"), "500")])
    planted.expected[nmi].add("ORDER_WITHOUT_DATA")
    quarter = DAY - timedelta(days=91)
    twice = [
        Read((quarter - timedelta(days=91), "1000", "A"), (quarter, "1500", "E65"), "500"),
        Read((quarter, "1500", "E65"), (DAY, "2000", "E65"), "500"),
    ]
    for jurisdiction, rules in (("VIC", ["ESTIMATES_IN_A_ROW"]), ("NSW", [])):
        nmi = planted.plant(f"two estimated reads in {jurisdiction}", "READ_ESTIMATED", *rules)
        planted.basic(nmi, twice, jurisdiction=jurisdiction)


@pytest.fixture(scope="module")
def outcome(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """All meters judged in one run."""
    folder = tmp_path_factory.mktemp("planted")
    planted = Planted()
    for plant in (_days, _quality, _values, _hours, _sites, _registers):
        plant(planted)
    planted.write(folder / "landing")
    found: dict[str, set[str]] = defaultdict(set)
    for rule, _, nmi, *_ in detect(dbt, folder, planted.tables, delivered=DAY, since=DAY):
        found[nmi].add(rule)
    return planted, found


def test_planted_defects_are_found_by_their_rule_alone_and_near_misses_by_none(outcome: Outcome) -> None:
    planted, found = outcome
    wrong = {planted.names[nmi]: (found[nmi], rules) for nmi, rules in planted.expected.items() if found[nmi] != rules}
    assert wrong == {}
    assert found.keys() == planted.expected.keys()


def test_planted_defects_are_of_every_rule_on_reads(outcome: Outcome) -> None:
    planted, _ = outcome
    assert set().union(*planted.expected.values()) == {
        "ESTIMATES_IN_A_ROW", "EVENTS_INCOMPLETE", "EXPORT_AT_NIGHT", "LOAD_AT_WRONG_HOURS", "METER_OVERLAP",
        "NMI_CHECKSUM", "NMI_CLOSED", "NMI_UNKNOWN", "ORDER_WITHOUT_DATA", "QUALITY_COMBINATION", "QUALITY_INVALID",
        "READ_BEFORE_PREVIOUS", "READ_ESTIMATED", "READ_IMPOSSIBLE", "READ_MISSING_DAY", "READ_NEGATIVE",
        "READ_PARTIAL_DAY", "READ_SPIKE", "READ_SUBSTITUTED", "RECORD_REJECTED", "REGISTER_BACKWARDS",
        "REGISTER_ROLLED_OVER", "SEASON_HIGH_LOW", "SERIAL_DIFFERS", "SUFFIX_NOT_CONFIGURED", "SUM_DIFFERS",
        "VACANT_USE", "VERSION_CONFLICT", "ZERO_USE",
    }  # fmt: skip
