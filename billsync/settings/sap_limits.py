"""How a load into SAP behaves, read from the settings: speed, release by a person, and when it pauses itself.

What belongs here: text into checked values. What stays out: the names and their defaults (``names.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

from billsync.settings.checked import choice, whole_number, wrong

if TYPE_CHECKING:
    from billsync.settings.values import Settings

APPROVALS: Final = ("none", "required")
_MOST_AT_ONCE: Final = 32
_MOST_DEVICES: Final = 500
_LONGEST_SETTLING: Final = 3600


@dataclass(frozen=True)
class SapLimits:
    """Checked values of the names ``BILLSYNC_SAP_*`` that steer a load.

    Attributes:
        needs_approval: whether a plan waits for a person's release.
        concurrency: requests in flight.
        batch_size: devices in one request.
        settle_seconds: how long SAP's silence about what got no answer is not believed.
        stop_least: rejected readings, or differing bills, below which a load never pauses itself.
        stop_rejected_share: share of rejected readings above which it does.
        stop_differing_share: share of differing bills above which it does.
        ca_bundle: certificates to trust instead of the built-in ones.
    """

    needs_approval: bool
    concurrency: int
    batch_size: int
    settle_seconds: int
    stop_least: int
    stop_rejected_share: Decimal
    stop_differing_share: Decimal
    ca_bundle: Path | None


def sap_limits(settings: Settings) -> SapLimits:
    """Read and check them.

    Raises:
        ConfigurationError: a value that is none; the message names the variable.
    """
    return SapLimits(
        needs_approval=choice(settings, "BILLSYNC_SAP_APPROVAL", APPROVALS) == "required",
        concurrency=whole_number(settings, "BILLSYNC_SAP_CONCURRENCY", _MOST_AT_ONCE),
        batch_size=whole_number(settings, "BILLSYNC_SAP_BATCH_SIZE", _MOST_DEVICES),
        settle_seconds=whole_number(settings, "BILLSYNC_SAP_SETTLE", _LONGEST_SETTLING),
        stop_least=whole_number(settings, "BILLSYNC_SAP_STOP_COUNT"),
        stop_rejected_share=_share(settings, "BILLSYNC_SAP_STOP_REJECTED"),
        stop_differing_share=_share(settings, "BILLSYNC_SAP_STOP_DIFFERING"),
        ca_bundle=_bundle(settings),
    )


def _share(settings: Settings, name: str) -> Decimal:
    value = settings.get(name) or ""
    try:
        share = Decimal(value)
    except InvalidOperation:
        share = Decimal(-1)
    if not (share.is_finite() and 0 <= share <= 1):
        raise wrong(name, value, "a share between 0 and 1, such as 0.10; 1 never stops")
    return share


def _bundle(settings: Settings) -> Path | None:
    value = settings.get("BILLSYNC_SAP_CA_BUNDLE")
    if not value:
        return None
    path = Path(value).expanduser().absolute()
    if not path.is_file():
        raise wrong("BILLSYNC_SAP_CA_BUNDLE", value, "a file with certificates (PEM)")
    return path
