"""Fixtures of all destinations: sample alarms, golden files, and a peer on a loopback port."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from shared.models.alarms import Alarm
from tests.receiver.destinations.peer import DROP, HANG, Peer, Reply
from tests.receiver.destinations.sample_alarms import ALARMS

HERE = Path(__file__).parent


@pytest.fixture(params=list(ALARMS))
def named_alarm(request: pytest.FixtureRequest) -> tuple[str, Alarm]:
    return request.param, ALARMS[request.param]


@pytest.fixture
def alarms() -> dict[str, Alarm]:
    return dict(ALARMS)


@pytest.fixture
def golden() -> Callable[[str, Any], None]:
    """Compares a text or a JSON value with its golden file; `UPDATE_GOLDEN=1` writes it instead."""

    def compare(name: str, body: Any) -> None:
        text = body if isinstance(body, str) else json.dumps(body, indent=1, ensure_ascii=False)
        path = HERE / name
        if os.environ.get("UPDATE_GOLDEN") == "1":
            path.write_text(text + "\n", encoding="utf-8")
        assert text + "\n" == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Peer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    peer = Peer()
    peer.thread.start()
    yield peer
    peer.close()


@pytest.fixture
def reply() -> type[Reply]:
    return Reply


@pytest.fixture
def dead_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def no_answers() -> tuple[Reply, Reply]:
    return HANG, DROP


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody trusts, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + certificate.public_bytes(Encoding.PEM)
    )
    return path


@pytest.fixture
def tls(self_signed: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Peer], None]:
    """Makes a peer speak TLS with that certificate."""

    def wrap(peer: Peer) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self_signed)
        server = peer.server
        accept = server.get_request

        def get_request() -> tuple[socket.socket, Any]:
            connection, address = accept()
            return context.wrap_socket(connection, server_side=True), address

        monkeypatch.setattr(server, "get_request", get_request)

    return wrap
