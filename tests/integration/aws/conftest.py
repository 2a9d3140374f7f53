"""AWS on loopback, started once; every test has an empty account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from loaders.aws.clients import AwsPolicy, open_client
from tests.aws_stand_in import ENVIRONMENT, Proxy, moto_server, proxied

QUICK = AwsPolicy(read_timeout_seconds=5, budget_seconds=5, max_attempts=4, first_wait_seconds=0.01)


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="session")
def session_proxy(moto_url: str) -> Iterator[Proxy]:
    with proxied(moto_url) as proxy:
        yield proxy


@pytest.fixture
def aws(moto_url: str, session_proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    """An account with nothing in it, behind the proxy."""
    requests.post(f"{moto_url}/moto-api/reset", timeout=10)
    session_proxy.faults.clear()
    session_proxy.requests.clear()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": session_proxy.url}.items():
        monkeypatch.setenv(name, value)
    return session_proxy


@pytest.fixture
def s3(aws: Proxy) -> Any:
    """A client, and the bucket ``landing``."""
    client = open_client("s3")
    client.create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-2"})
    aws.requests.clear()
    return client
