"""The names that steer a load into SAP: defaults, and values that are none."""

from __future__ import annotations

from decimal import Decimal

import pytest

from billsync.settings import ConfigurationError, load_settings
from billsync.settings.sap_limits import sap_limits


def test_limits_of_an_empty_environment_are_the_documented_defaults() -> None:
    limits = sap_limits(load_settings({"BILLSYNC_ENV": "test"}))
    assert (limits.needs_approval, limits.concurrency, limits.batch_size, limits.ca_bundle) == (False, 5, 20, None)
    assert (limits.stop_least, limits.stop_rejected_share, limits.stop_differing_share) == (
        20,
        Decimal("0.10"),
        Decimal("0.25"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BILLSYNC_SAP_APPROVAL", "yes"),
        ("BILLSYNC_SAP_CONCURRENCY", "0"),
        ("BILLSYNC_SAP_CONCURRENCY", "33"),
        ("BILLSYNC_SAP_CONCURRENCY", "2.5"),
        ("BILLSYNC_SAP_BATCH_SIZE", "-1"),
        ("BILLSYNC_SAP_SETTLE", "soon"),
        ("BILLSYNC_SAP_STOP_COUNT", "0"),
        ("BILLSYNC_SAP_STOP_REJECTED", "10%"),
        ("BILLSYNC_SAP_STOP_REJECTED", "NaN"),
        ("BILLSYNC_SAP_STOP_DIFFERING", "1.01"),
        ("BILLSYNC_SAP_STOP_DIFFERING", "-0.1"),
        ("BILLSYNC_SAP_CA_BUNDLE", "/nowhere/ca.pem"),
    ],
)
def test_limit_that_is_none_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        sap_limits(load_settings({"BILLSYNC_ENV": "test", name: value}))
