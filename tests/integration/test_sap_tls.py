"""SAP behind a certificate of the retailer's own authority: refused until its bundle is named, never unverified."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from billsync.doctor import examine
from billsync.settings import ConfigurationError, load_settings
from loaders.errors import PermanentError
from orchestration.sap_transports import odata_client
from sandbox.http import FaultMiddleware, SandboxServer
from tests.certificates import Certificates, make_certificates
from tests.unit.sandbox.conftest import World, sap  # noqa: F401 - the fixture
from tests.unit.sandbox.sap_world import PASSWORD, USER


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server(sap: World, certificates: Certificates) -> Iterator[SandboxServer]:  # noqa: F811
    """The pretend SAP once more, encrypted."""
    server = SandboxServer("127.0.0.1", 0, FaultMiddleware(sap.gateway.handle, sap.faults))
    server.socket = certificates.server_context().wrap_socket(server.socket, server_side=True)
    server.start()
    yield server
    server.shutdown()
    server.server_close()


def environment(server: SandboxServer, **more: str) -> dict[str, str]:
    return {
        "BILLSYNC_ENV": "test",
        "BILLSYNC_SAP_URL": server.url.replace("http:", "https:"),
        "BILLSYNC_SAP_USER": USER,
        "BILLSYNC_SAP_PASSWORD": PASSWORD,
        "BILLSYNC_SAP_CLIENT": "100",
        **more,
    }


def test_sap_with_an_unknown_authority_is_refused_before_anything_is_said(server: SandboxServer) -> None:
    with pytest.raises(PermanentError, match="certificate is not trusted") as caught:
        odata_client(load_settings(environment(server))).check()
    assert "verification is never switched off" in str(caught.value)
    assert list(server.request_log) == []


def test_sap_with_its_authority_in_the_bundle_is_talked_to(server: SandboxServer, certificates: Certificates) -> None:
    settings = load_settings(environment(server, BILLSYNC_SAP_CA_BUNDLE=str(certificates.authority)))
    client = odata_client(settings)
    client.check()
    assert client.feed("Contracts") != []
    client.close()


def test_bundle_that_is_no_file_names_the_variable(server: SandboxServer, tmp_path: Path) -> None:
    settings = load_settings(environment(server, BILLSYNC_SAP_CA_BUNDLE=str(tmp_path / "nowhere.pem")))
    with pytest.raises(ConfigurationError, match="BILLSYNC_SAP_CA_BUNDLE"):
        odata_client(settings)


def test_doctor_trusts_the_same_bundle(server: SandboxServer, certificates: Certificates, tmp_path: Path) -> None:
    def sap_is_ok(**more: str) -> bool:
        variables = environment(server, BILLSYNC_HOME=str(tmp_path), **more)
        [finding] = [one for one in examine(variables) if one.what == "SAP"]
        return finding.ok

    assert not sap_is_ok()
    assert sap_is_ok(BILLSYNC_SAP_CA_BUNDLE=str(certificates.authority))
