"""How requests to SAP are made: certificates, sizes, times. One place for every transport that speaks HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from billsync.settings.sap_limits import sap_limits

if TYPE_CHECKING:
    from billsync.settings import Settings
    from loaders.http import HttpPolicy

# A batch of a hundred questions is answered in less than half a megabyte; the rest is for long histories.
MOST_BODY_BYTES: Final = 16 * 1024 * 1024


def sap_policy(settings: Settings) -> HttpPolicy:
    """The limits of every request to SAP; its certificate is verified always, against our own bundle if one is named.

    Raises:
        ConfigurationError: the bundle is no file.
    """
    from loaders.http import HttpPolicy  # noqa: PLC0415 - loaded when used

    return HttpPolicy(max_body_bytes=MOST_BODY_BYTES, ca_bundle=sap_limits(settings).ca_bundle)
