"""The sandbox's day with AWS around it: files in S3, read by the Lambda function, secrets in Secrets Manager.

The same day is run from a folder first. What comes of both must be the same: marts, exceptions, reconciliation, report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.aws_stand_in import ENVIRONMENT, Proxy, moto_server, proxied
from tests.lambda_runtime import Service, events_of, lambda_function

from .harness import REPOSITORY, Retailer, differences, sandboxed

pytestmark = pytest.mark.e2e

DAY = "2026-03-05"
SEED = ("--service-points", "40", "--days", "10", "--day", DAY, "--closings", "12")
FUNCTION = {
    "BILLSYNC_LANDING": "s3://retailer/landing",
    "BILLSYNC_EXTRACT_OUTPUT": "s3://retailer/extracted",
    "BILLSYNC_ARCHIVE": "s3://retailer/archive",
}
SECRETS = ("BILLSYNC_METERING_API_TOKEN", "BILLSYNC_SAP_PASSWORD")
# When an exception was found is no part of what a day comes to.
INSTANTS = ("detected_at", "state_at")


@dataclass
class Days:
    """Both installations, after their SAPs have billed."""

    plain: Retailer
    on_aws: Retailer
    service: Service
    proxy: Proxy
    s3: Any


def client(name: str, proxy: Proxy) -> Any:
    import boto3

    return boto3.client(
        name, endpoint_url=proxy.url, region_name=ENVIRONMENT["AWS_DEFAULT_REGION"], aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )  # fmt: skip


def upload(s3: Any, retailer: Retailer) -> None:
    s3.create_bucket(Bucket="retailer", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    landing = retailer.sandbox / "landing"
    for path in landing.rglob("*"):
        if path.is_file():
            s3.upload_file(str(path), "retailer", f"landing/{path.relative_to(landing).as_posix()}")


def references(proxy: Proxy, retailer: Retailer) -> dict[str, str]:
    """Secrets of the sandbox in Secrets Manager, an address in SSM, and settings that refer to them."""
    served = json.loads((retailer.sandbox / "sandbox.json").read_text(encoding="utf-8"))["settings"]
    for name in SECRETS:
        client("secretsmanager", proxy).create_secret(Name=name, SecretString=json.dumps({"value": served[name]}))
    client("ssm", proxy).put_parameter(Name="/tariffs", Value=served["BILLSYNC_TARIFF_API_URL"], Type="String")
    return {
        **{name: f"secretsmanager:{name}#value" for name in SECRETS},
        "BILLSYNC_TARIFF_API_URL": "ssm:/tariffs",
    }


def billed(retailer: Retailer, **more: str) -> None:
    retailer.run(DAY, **more)
    assert retailer.call("sandbox", "bill").returncode == 0
    retailer.run(DAY, **more)


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    with ExitStack() as stack:
        plain = stack.enter_context(sandboxed(tmp_path_factory.mktemp("plain"), *SEED))
        billed(plain)
        proxy = stack.enter_context(proxied(stack.enter_context(moto_server())))
        seeded = stack.enter_context(sandboxed(tmp_path_factory.mktemp("aws"), *SEED))
        assert seeded.call("sandbox", "up").returncode == 0
        s3 = client("s3", proxy)
        upload(s3, seeded)
        topic = client("sns", proxy).create_topic(Name="reports")["TopicArn"]
        aws = {**ENVIRONMENT, "AWS_ENDPOINT_URL": proxy.url}
        service = stack.enter_context(
            lambda_function("extract", "loaders.aws.function.handler", REPOSITORY, {**aws, **FUNCTION})
        )
        environment = {
            **seeded.environment, **aws, **FUNCTION, **references(proxy, seeded),
            "AWS_ENDPOINT_URL_LAMBDA": service.url,
            "BILLSYNC_EXTRACT": "lambda",
            "BILLSYNC_EXTRACT_FUNCTION": "extract",
            "BILLSYNC_REPORTS": "s3://retailer/reports",
            "BILLSYNC_REPORT_URLS": f"sns:{topic}",
        }  # fmt: skip
        on_aws = Retailer(seeded.root, environment)
        billed(on_aws)
        yield Days(plain, on_aws, service, proxy, s3)


def test_marts_of_the_day_on_aws_are_those_of_a_folder(days: Days) -> None:
    plain, on_aws = (one.marts(without_columns=INSTANTS) for one in (days.plain, days.on_aws))
    assert differences(plain, on_aws) == {}
    assert len(plain["fct_shadow_bills"]) >= 12


def test_files_were_read_by_the_function_and_by_nobody_else(days: Days) -> None:
    asked = [file["name"] for event in events_of(days.service) for file in event["files"]]  # type: ignore[attr-defined]
    assert len(asked) == len(set(asked)) > 0
    days.proxy.requests.clear()
    days.on_aws.run(DAY)
    assert days.proxy.asked("GET", "/retailer/landing/") == []


def test_every_file_and_every_report_is_kept_with_its_checksum(days: Days) -> None:
    kept = days.s3.list_objects_v2(Bucket="retailer")["Contents"]
    delivered = [one["Key"] for one in kept if one["Key"].startswith("landing/nem12/")]
    archived = [one["Key"] for one in kept if one["Key"].startswith("archive/deliveries/")]
    reports = [one["Key"] for one in kept if one["Key"].startswith(f"reports/billing_day={DAY}/")]
    assert len(archived) == len(delivered) > 0
    assert len(reports) >= 2
    for key in (*archived, *reports):
        assert days.s3.head_object(Bucket="retailer", Key=key, ChecksumMode="ENABLED")["ChecksumSHA256"]
    last = days.s3.get_object(Bucket="retailer", Key=sorted(reports)[-1])["Body"].read()
    assert last == (days.on_aws.home / "reports" / f"billing_day={DAY}" / "report.html").read_bytes()


def test_report_numbers_on_aws_are_those_of_a_folder(days: Days) -> None:
    def numbers(retailer: Retailer) -> list[str]:
        text = (retailer.home / "reports" / f"billing_day={DAY}" / "report.html").read_text(encoding="utf-8")
        shown = re.sub(r"(?s)<footer.*|<section[^>]*steps.*?</section>", "", text)
        return re.findall(r"<td[^>]*>\s*([-\d,.$]+)\s*</td>", shown)

    assert numbers(days.plain) == numbers(days.on_aws)
    assert len(numbers(days.plain)) > 20


def test_secrets_appear_in_no_log_and_no_report(days: Days) -> None:
    served = json.loads((days.on_aws.sandbox / "sandbox.json").read_text(encoding="utf-8"))["settings"]
    written: list[Path] = [*(days.on_aws.home / "logs").rglob("*"), *(days.on_aws.home / "reports").rglob("*.html")]
    for path in written:
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            assert not [name for name in SECRETS if served[name] in text], path
