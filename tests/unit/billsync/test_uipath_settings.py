"""What robots do, from the environment: off unless asked for, refused when unclear."""

from __future__ import annotations

import pytest

from billsync.settings import ConfigurationError, load_settings
from billsync.settings.uipath import token_url, uipath_settings


def test_robots_are_off_by_default() -> None:
    assert not uipath_settings(load_settings({})).is_used


def test_jobs_are_read_by_the_names_of_their_files() -> None:
    asked = uipath_settings(load_settings({"BILLSYNC_UIPATH_JOBS": "retailer=Fetch files, network = Other "}))
    assert dict(asked.jobs) == {"retailer": "Fetch files", "network": "Other"}
    assert asked.is_used
    assert not asked.hands_over_exceptions


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLSYNC_UIPATH_EXCEPTIONS", "yes"),
        ("BILLSYNC_UIPATH_JOBS", "Fetch"),
        ("BILLSYNC_UIPATH_JOBS", "a=B,a=C"),
        ("BILLSYNC_UIPATH_JOBS", "a/b=C"),
        ("BILLSYNC_UIPATH_JOBS", "net=A,network=B"),
        ("BILLSYNC_UIPATH_JOB_WAIT", "0"),
        ("BILLSYNC_UIPATH_JOB_WAIT", "ten"),
    ],
)
def test_a_value_that_is_none_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        uipath_settings(load_settings({name: value}))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://cloud.uipath.com/acme/prod/orchestrator_",
            "https://cloud.uipath.com/acme/identity_/connect/token",
        ),
        (
            "https://cloud.uipath.com/acme/prod/orchestrator_/",
            "https://cloud.uipath.com/acme/identity_/connect/token",
        ),
        ("https://robots.acme.example", "https://robots.acme.example/identity/connect/token"),
    ],
)
def test_the_token_endpoint_follows_from_the_address(url: str, expected: str) -> None:
    assert token_url(load_settings({"BILLSYNC_ENV": "prod", "BILLSYNC_UIPATH_URL": url})) == expected


def test_a_token_endpoint_that_is_named_is_used() -> None:
    environ = {"BILLSYNC_ENV": "prod", "BILLSYNC_UIPATH_TOKEN_URL": "https://id.example/token"}
    assert token_url(load_settings(environ)) == "https://id.example/token"
