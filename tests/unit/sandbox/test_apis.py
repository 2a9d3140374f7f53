"""The metering API, the plan register and the control endpoints over real HTTP."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
import requests

from sandbox.cdr import BASE_PATH
from sandbox.faults import FaultStore
from sandbox.metering_api import USAGE_PATH
from sandbox.server import bind, build_router, settings_of
from sandbox.state import Credentials

CREDENTIALS = Credentials("t0ken", "USER", "secret", "100", "pat", "billsync", "app-secret")
MONTH = {"oldest-date": "2026-02-01", "newest-date": "2026-02-28", "interval-reads": "FULL"}


@dataclass
class Served:
    url: str
    home: Path
    token: str = CREDENTIALS.metering_token

    def usage(self, nmis, *, token=None, version="1", body=None, **query):
        return requests.post(
            f"{self.url}{USAGE_PATH}",
            params=query,
            json=body if body is not None else {"data": {"servicePointIds": nmis}},
            headers={"Authorization": f"Bearer {token or self.token}", "x-v": version},
            timeout=10,
        )

    def get(self, path, version):
        return requests.get(f"{self.url}{BASE_PATH}{path}", headers={"x-v": version} if version else {}, timeout=10)

    def rows(self, sql, *values):
        connection = sqlite3.connect(self.home / "metering.db")
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def served(seeded: Path) -> Iterator[Served]:
    faults = FaultStore()
    router, sap = build_router(seeded, CREDENTIALS, faults)
    server = bind(router, faults, 18470)
    server.start()
    yield Served(server.url, seeded)
    server.shutdown()
    server.server_close()
    sap.close()


def _nmis(served: Served) -> list[str]:
    return [row[0] for row in served.rows("select nmi from service_points order by 1")]


def test_usage_pages_follow_links_to_every_read_once(served):
    nmis = _nmis(served)[:3]
    answer = served.usage(nmis, **MONTH, **{"page-size": "50"}).json()
    reads, pages = answer["data"]["reads"], 1
    while "next" in answer["links"]:
        assert len(answer["data"]["reads"]) == 50
        answer = requests.post(
            answer["links"]["next"],
            json={"data": {"servicePointIds": nmis}},
            headers={"Authorization": "Bearer t0ken", "x-v": "1"},
            timeout=10,
        ).json()
        reads += answer["data"]["reads"]
        pages += 1
    assert answer["meta"] == {"totalRecords": len(reads), "totalPages": pages}
    keys = {(read["servicePointId"], read["registerSuffix"], read["readStartDate"]) for read in reads}
    stored = served.rows(
        "select nmi, nmi_suffix, market_date from reads where nmi in (?, ?, ?)"
        " and market_date between '2026-02-01' and '2026-02-28'",
        *nmis,
    )
    assert len(reads) == len(keys)
    assert keys == set(stored)


def test_usage_export_is_negative_and_sums_are_exact(served):
    (nmi,) = served.rows("select nmi from reads where nmi_suffix = 'B1' limit 1")[0]
    text = served.usage([nmi], **MONTH, **{"page-size": "1000"}).text
    reads = json.loads(text, parse_float=Decimal)["data"]["reads"]
    exports = [read for read in reads if read["registerSuffix"] == "B1"]
    assert len(exports) == 28
    for read in exports:
        values = read["intervalRead"]["intervalReads"]
        assert len(values) == 1440 // read["intervalRead"]["readIntervalLength"]
        assert max(values) <= 0
        assert sum(values) == read["intervalRead"]["aggregateValue"] < 0


def test_usage_substituted_day_carries_read_qualities(served):
    nmi, day = served.rows("select nmi, market_date from reads where quality <> 'ACTUAL'")[0]
    answer = served.usage([nmi], **{"oldest-date": day, "newest-date": day, "interval-reads": "FULL"}).json()
    (read,) = [read for read in answer["data"]["reads"] if read["registerSuffix"] == "E1"]
    interval = read["intervalRead"]
    assert interval["readQualities"] == [
        {"startInterval": 1, "endInterval": len(interval["intervalReads"]), "quality": "SUBSTITUTE"}
    ]


def test_usage_min_30_adds_up_shorter_intervals(served):
    (nmi,) = served.rows("select nmi from reads where interval_length_minutes = 5 limit 1")[0]
    full, half = (
        json.loads(served.usage([nmi], **{**MONTH, "interval-reads": detail}).text, parse_float=Decimal)
        for detail in ("FULL", "MIN_30")
    )
    fine = full["data"]["reads"][0]["intervalRead"]["intervalReads"]
    coarse = half["data"]["reads"][0]["intervalRead"]["intervalReads"]
    assert coarse == [sum(fine[start : start + 6]) for start in range(0, 288, 6)]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": "wrong"}, 401),
        ({"version": "9"}, 200),
        ({"version": "0"}, 400),
        ({"body": {"data": {}}}, 400),
        ({"body": ["x"]}, 400),
        ({"nmis": ["4100000000"]}, 422),
        ({"oldest-date": "2026-02-30"}, 400),
        ({"page": "0"}, 400),
        ({"page": "9999"}, 422),
        ({"page-size": "1001"}, 422),
    ],
)
def test_usage_wrong_request_is_refused_with_an_error_object(served, change, status):
    # x-v 9 asks for at most version 9, but without x-min-v a holder may only answer 9.
    expected = 406 if change == {"version": "9"} else status
    nmis = change.pop("nmis", _nmis(served)[:1])
    answer = served.usage(nmis, **{**MONTH, **change})
    assert answer.status_code == expected
    assert answer.json()["errors"][0]["code"].startswith("urn:au-cds:error:")


def test_plans_list_pages_through_the_catalogue(served):
    seen: list[str] = []
    page = 1
    while True:
        answer = served.get(f"/energy/plans?page={page}&page-size=20", "1").json()
        seen += [plan["planId"] for plan in answer["data"]["plans"]]
        if page == answer["meta"]["totalPages"]:
            break
        page += 1
    assert len(seen) == len(set(seen)) == answer["meta"]["totalRecords"] > 50
    assert "electricityContract" not in answer["data"]["plans"][0]


def test_plan_detail_needs_version_three_and_a_known_plan(served):
    (first, *_) = served.get("/energy/plans", "1").json()["data"]["plans"]
    detail = served.get(f"/energy/plans/{first['planId']}", "3")
    assert detail.headers["x-v"] == "3"
    assert detail.json()["data"]["planId"] == first["planId"]
    assert served.get(f"/energy/plans/{first['planId']}", "1").status_code == 406
    assert served.get(f"/energy/plans/{first['planId']}", None).status_code == 400
    assert served.get("/energy/plans/BNK999999MRE1@EME", "3").status_code == 404


def test_plans_hold_the_shapes_of_the_register(served):
    texts = [path.read_text() for path in (served.home / "plans").iterdir()]
    contracts = [json.loads(text)["electricityContract"] for text in texts]
    periods = [period for contract in contracts for period in contract["tariffPeriod"]]
    assert any("dailySupplyCharges" in period for period in periods)
    assert any("dailySupplyCharge" in period for period in periods)
    assert any(period["startDate"] > period["endDate"] for period in periods)
    blocks = {period["singleRate"].get("period") for period in periods if "singleRate" in period}
    assert {"P1D", "P1M", "P3M", "P1Y", None} <= blocks
    assert {contract.get("timeZone") for contract in contracts} == {"LOCAL", "AEST", None}
    windows = [w for p in periods for rate in p.get("timeOfUseRates", []) for w in rate["timeOfUse"]]
    ends = {window["endTime"] for window in windows}
    assert {"20:59", "21:00", "2059", "659"} <= ends


def test_control_faults_are_armed_shown_spent_and_forgotten(served):
    control = f"{served.url}/control/faults"
    armed = requests.post(
        control, json={"fault": "429", "count": 2, "path_prefix": USAGE_PATH, "retry_after": 1}, timeout=5
    )
    assert armed.status_code == 201
    nmis = _nmis(served)[:1]
    limited = served.usage(nmis, **MONTH)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "1")
    assert served.get("/energy/plans", "1").status_code == 200
    assert requests.get(control, timeout=5).json()["faults"][0]["count"] == 1
    assert requests.delete(control, timeout=5).json() == {"faults": []}
    assert served.usage(nmis, **MONTH).status_code == 200
    assert requests.post(control, json={"fault": "typo"}, timeout=5).status_code == 400


def test_settings_point_every_source_at_the_sandbox(served):
    settings = settings_of(served.home, served.url, CREDENTIALS, "127.0.0.1:8520")
    assert Path(settings["BILLSYNC_LANDING"], "nem12").is_dir()
    assert settings["BILLSYNC_METERING_API_URL"].endswith("/cds-au/v1")
    assert settings["BILLSYNC_SAP_URL"] == served.url
