"""The roles of the Terraform files are enough for the code that runs under them, and for nothing more.

moto judges each request by the caller's policies. It names actions by their operation where AWS names them by the
permission; ``AS_MOTO_NAMES_IT`` says which, and grants nothing that AWS would not by the same statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from loaders.aws.clients import open_client
from loaders.aws.function import handler
from loaders.aws.landing import S3Landing
from tests.aws_stand_in import ENVIRONMENT, moto_server
from tests.unit.deploy.terraform_files import Module
from tests.unit.deploy.test_terraform import GIVEN, LANDING, RECORDS
from tests.unit.loaders.sources.meter_harness import DAY, day, header, mdff

TEXT: Final = mdff(header(), day()).encode()
KEY: Final = f"nem12/billing_day={DAY}/a.csv"
AS_MOTO_NAMES_IT: Final = {"s3:GetObject": ["s3:HeadObject"], "s3:ListBucket": ["s3:HeadBucket", "s3:ListObjectsV2"]}
# Who may take a role is not what is tried here.
ANYBODY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}],
}
SETTINGS: Final = {
    "BILLSYNC_LANDING": f"s3://{LANDING}",
    "BILLSYNC_EXTRACT_OUTPUT": f"s3://{RECORDS}/extracted",
    "BILLSYNC_ARCHIVE": f"s3://{RECORDS}/archive",
}


def policy(name: str) -> dict[str, Any]:
    module = Module.read()
    module.given.update(GIVEN)
    document = module.policy(name)
    for statement in document["Statement"]:
        statement["Action"] += [also for one in statement["Action"] for also in AS_MOTO_NAMES_IT.get(one, [])]
    return document


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}.items():
            patch.setenv(name, value)
        s3, iam = boto3.client("s3"), boto3.client("iam")
        for bucket in (LANDING, RECORDS):
            s3.create_bucket(
                Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": ENVIRONMENT["AWS_DEFAULT_REGION"]}
            )
        s3.put_object(Bucket=LANDING, Key=KEY, Body=TEXT)
        for name in ("extract", "dagster"):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(ANYBODY))
            iam.put_role_policy(RoleName=name, PolicyName=name, PolicyDocument=json.dumps(policy(name)))
        yield url


@pytest.fixture
def under_role(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Judge every request, made with a role's credentials."""

    @contextmanager
    def under(name: str) -> Iterator[None]:
        role = boto3.client("iam").get_role(RoleName=name)["Role"]["Arn"]
        got = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", got["AccessKeyId"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", got["SecretAccessKey"])
        monkeypatch.setenv("AWS_SESSION_TOKEN", got["SessionToken"])
        requests.post(f"{server}/moto-api/reset-auth", data="0", timeout=10).raise_for_status()
        try:
            yield
        finally:
            requests.post(f"{server}/moto-api/reset-auth", data="inf", timeout=10).raise_for_status()

    return under


def refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except ClientError as error:
        # moto gives services that speak JSON an answer in XML, in which botocore finds no code.
        return "AccessDenied" in str(error)
    return False


def test_function_role_is_enough_to_extract_a_file_that_arrived(
    under_role: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": LANDING}, "object": {"key": KEY.replace("=", "%3D")}},
    }
    message = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps({"Records": [record]})}
    with under_role("extract"):
        assert handler({"Records": [message]}) == {"batchItemFailures": []}
    written = boto3.client("s3").list_objects_v2(Bucket=RECORDS)["Contents"]
    assert {one["Key"].split("/")[0] for one in written} == {"archive", "extracted"}


def test_function_role_may_not_change_what_was_delivered(under_role: Callable[[str], Any]) -> None:
    with under_role("extract"):
        s3 = open_client("s3")
        assert refused(lambda: s3.put_object(Bucket=LANDING, Key=KEY, Body=b""))
        assert refused(lambda: s3.delete_object(Bucket=LANDING, Key=KEY))
        assert refused(lambda: s3.get_object(Bucket=RECORDS, Key="reports/x"))
        assert refused(lambda: s3.put_object(Bucket=RECORDS, Key="code/extract.zip", Body=b""))


def test_dagster_role_is_enough_to_read_the_landing_and_to_keep_files(under_role: Callable[[str], Any]) -> None:
    with under_role("dagster"):
        landing = S3Landing.parse(f"s3://{LANDING}")
        (file,) = landing.list_files(DAY)
        assert landing.list_days() == [DAY]
        assert landing.unfinished(DAY) == []
        with landing.open(DAY, file) as stream:
            assert stream.read() == TEXT
        s3 = open_client("s3")
        for key in ("archive/x", "reports/x.html"):
            s3.put_object(Bucket=RECORDS, Key=key, Body=b"x", IfNoneMatch="*")
            assert s3.head_object(Bucket=RECORDS, Key=key)["ContentLength"] == 1


def test_dagster_role_may_not_remove_what_was_kept(under_role: Callable[[str], Any]) -> None:
    with under_role("dagster"):
        s3 = open_client("s3")
        assert refused(lambda: s3.delete_object(Bucket=RECORDS, Key="archive/x"))
        assert refused(lambda: s3.put_object(Bucket=LANDING, Key=KEY, Body=b""))
        assert refused(lambda: s3.put_object(Bucket=RECORDS, Key="extracted/x", Body=b""))
        assert refused(lambda: s3.get_object(Bucket=RECORDS, Key="code/extract.zip"))


def test_dagster_role_reads_no_secret_but_its_own(under_role: Callable[[str], Any]) -> None:
    boto3.client("secretsmanager").create_secret(Name="elsewhere", SecretString="x")
    with under_role("dagster"):
        secrets = open_client("secretsmanager")
        assert refused(lambda: secrets.get_secret_value(SecretId="elsewhere"))
        assert refused(secrets.list_secrets)
