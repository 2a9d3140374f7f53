"""Certificates of an authority of one's own, for servers on loopback."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificates:
    """An authority's certificate, and a server's certificate and key that it has signed."""

    authority: Path
    server: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """What a server on 127.0.0.1 shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server, self.key)
        return context


def make_certificates(folder: Path, *, host: str = "IP:127.0.0.1", is_expired: bool = False) -> Certificates:
    """Make an authority and let it sign a certificate for a host of today, or of yesterday."""
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("needs the openssl command to make certificates")
    made = Certificates(folder / "authority.crt", folder / "server.crt", folder / "server.key")
    authority_key, request, names = folder / "authority.key", folder / "server.csr", folder / "names"
    names.write_text(f"subjectAltName={host}\n")
    new_key = "-newkey rsa:2048 -nodes"
    signer = f"-CA {made.authority} -CAkey {authority_key} -CAcreateserial"
    for words in (
        f"req -x509 {new_key} -days 2 -subj /CN=own-authority -keyout {authority_key} -out {made.authority}",
        f"req {new_key} -subj /CN=127.0.0.1 -keyout {made.key} -out {request}",
        f"x509 -req -in {request} {signer} -days {-1 if is_expired else 2} -extfile {names} -out {made.server}",
    ):
        subprocess.run([tool, *words.split()], check=True, capture_output=True)
    return made
