"""Slow answers of every kind at every outgoing call: each call ends in time, with its typed error.

A peer here sends one byte at a time and never stops, so that no timeout from byte to byte can end the call.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from receiver.destinations.contract import NEW_CASE, Destination, Retry
from receiver.destinations.jira.destination import JiraDestination
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.destinations.slack.webhook import SlackDestination
from receiver.destinations.teams.destination import TeamsDestination
from receiver.destinations.webhook.destination import WebhookDestination
from receiver.messages.message import Message
from shared.aws.clients import Clients
from shared.aws.errors import AwsError
from shared.config.destinations.jira import JiraConfig
from shared.http import sockets
from shared.http.client import Http
from shared.http.deadlines import within
from shared.http.errors import NetworkError, TimedOut
from shared.models.severity import Severity
from shared.platform.client import Cado
from shared.platform.errors import Unavailable
from shared.platform.transport import Transport
from shared.secrets import Secret
from tests.certificates import Certificate
from tests.slow_peers import DRIPS, Drip, dripping

SECONDS = 0.15  # for an answer
CONNECT = 2.0
BOUND = 5.0  # seconds: far above the deadline, and far below what a drip would take
Opens = Callable[..., Drip]


@pytest.fixture
def drip() -> Iterator[Opens]:
    with ExitStack() as opened:
        yield lambda *how: opened.enter_context(dripping(*how))


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


def http() -> Http:
    return Http(connect_timeout=CONNECT, read_timeout=SECONDS)


def clients(origin: str) -> Clients:
    return Clients(
        {"AWS_REGION": "eu-west-1"},
        endpoint_url=origin,
        connect_timeout=CONNECT,
        read_timeout=SECONDS,
        retries=0,
    )


def ask_plain(origin: str) -> None:
    with pytest.raises(NetworkError) as caught:
        http().request("POST", f"{origin}/", json={})
    assert (type(caught.value), caught.value.sent) == (TimedOut, True)


def platform(origin: str) -> Cado:
    return Cado(Transport(origin, Secret("k"), http(), tries=2, sleep=lambda _: None))


def read_the_platform(origin: str) -> None:
    with pytest.raises(Unavailable) as caught:
        platform(origin).whoami()
    assert not caught.value.ambiguous


def capture(origin: str) -> None:
    with pytest.raises(Unavailable) as caught:
        platform(origin).capture_ec2(1, "i-0123456789abcdef0", "eu-west-1")
    assert caught.value.ambiguous


def ask_aws(origin: str) -> None:
    with pytest.raises(AwsError) as caught:
        clients(origin).call("sqs", "get_queue_url", QueueName="events")
    assert caught.value.passing


def ask_s3(origin: str) -> None:
    from shared.aws.files import FileError, read_config

    with pytest.raises(FileError):
        read_config("s3://bucket/huntbridge.yaml", clients(origin), limit=100_000)


def jira(origin: str) -> Destination:
    config = JiraConfig(
        type="jira", url=origin, project="SEC", email="a@b.example", api_token="env:T", api="cloud"
    )
    return JiraDestination("tickets", config, http(), Secret("t0ken"))


DESTINATIONS: dict[str, Callable[[str], Destination]] = {
    "slack": lambda origin: SlackDestination(
        "soc", Secret(f"{origin}/services/T/B/X"), http(), timeout=SECONDS
    ),
    "slack bot": lambda origin: SlackBotDestination(
        "ir", Secret("xoxb-1"), "C0123456789", http(), base_url=f"{origin}/api/", timeout=SECONDS
    ),
    "teams": lambda origin: TeamsDestination("office", Secret(f"{origin}/workflows/x?sig=1"), http()),
    "jira": jira,
    "webhook": lambda origin: WebhookDestination(
        "siem", Secret(f"{origin}/in"), [Secret("a-secret-of-the-siem")], http()
    ),
}


def delivers(name: str) -> Callable[[str], None]:
    def deliver(origin: str) -> None:
        message = Message("e", "test", Severity.INFO, "t", "s")
        outcome = DESTINATIONS[name](origin).deliver(message, NEW_CASE)
        assert isinstance(outcome, Retry)
        assert outcome.ambiguous
        assert "did not answer within the time" in outcome.reason

    return deliver


CALLS: dict[str, Callable[[str], None]] = {
    "http": ask_plain,
    "platform": read_the_platform,
    "capture": capture,
    "aws": ask_aws,
    "s3": ask_s3,
    **{name: delivers(name) for name in DESTINATIONS},
}


@pytest.mark.parametrize("kind", DRIPS)
@pytest.mark.parametrize("call", CALLS)
def test_a_slow_answer_ends_with_the_deadline(call: str, kind: str, drip: Opens) -> None:
    origin = f"http://127.0.0.1:{drip(*DRIPS[kind]).port}"
    started = time.monotonic()
    CALLS[call](origin)
    assert time.monotonic() - started < BOUND


@pytest.mark.parametrize("name", DESTINATIONS)
def test_a_slow_answer_to_a_check_ends_with_the_deadline(name: str, drip: Opens) -> None:
    check = DESTINATIONS[name](f"http://127.0.0.1:{drip(*DRIPS['header']).port}").check()
    assert not check.ok
    assert "did not answer within the time" in check.detail


@pytest.mark.parametrize("kind", DRIPS)
def test_a_slow_answer_over_tls_ends_with_the_deadline(kind: str, drip: Opens, tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, "peer")
    peer = drip(*DRIPS[kind], certificate.context)
    client = Http(connect_timeout=CONNECT, read_timeout=SECONDS, ca_bundle=str(certificate.path))
    with pytest.raises(NetworkError) as caught:
        client.request("GET", f"https://127.0.0.1:{peer.port}/")
    assert (type(caught.value), caught.value.sent) == (TimedOut, True)


@pytest.mark.parametrize("secure", [False, True])
def test_a_peer_that_does_not_read_what_it_is_sent(secure: bool, tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, "peer")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take() -> None:
            peer, _ = listener.accept()
            kept.append(certificate.context.wrap_socket(peer, server_side=True) if secure else peer)

        kept: list[socket.socket] = []
        threading.Thread(target=take, daemon=True).start()
        client = Http(connect_timeout=1, read_timeout=SECONDS, ca_bundle=str(certificate.path))
        url = f"{'https' if secure else 'http'}://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(NetworkError) as caught:
            client.request("POST", url, data=b"x" * 20_000_000)
        for peer in kept:
            peer.close()
    assert (type(caught.value), caught.value.sent) == (TimedOut, True)


# A TLS record that says it is 16 KiB long, and comes byte by byte.
HANDSHAKE = (b"\x16\x03\x03\x40\x00", b"\x02")


@pytest.mark.parametrize("pin", [None, "0" * 64])
def test_a_slow_tls_handshake_was_not_sent(drip: Opens, pin: str | None) -> None:
    client = Http(connect_timeout=SECONDS, read_timeout=SECONDS, fingerprint=pin)
    with pytest.raises(NetworkError) as caught:
        client.request("GET", f"https://127.0.0.1:{drip(*HANDSHAKE).port}/")
    assert (type(caught.value), caught.value.sent) == (TimedOut, False)


def test_a_slow_tls_handshake_of_aws(drip: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "CONNECT", SECONDS)
    ask_aws(f"https://127.0.0.1:{drip(*HANDSHAKE).port}")


@pytest.mark.parametrize("kind", ["nothing", "status line", "header", "headers"])
def test_a_slow_answer_of_a_proxy_was_not_sent(drip: Opens, kind: str) -> None:
    proxies = {"https": f"http://127.0.0.1:{drip(*DRIPS[kind]).port}"}
    client = Http(connect_timeout=SECONDS, read_timeout=SECONDS, proxies=proxies)
    with pytest.raises(NetworkError) as caught:
        client.request("GET", "https://far.example/")
    assert (type(caught.value), caught.value.sent) == (TimedOut, False)


def test_a_slow_answer_of_a_proxy_before_aws(drip: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{drip(*DRIPS['header']).port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setitem(globals(), "CONNECT", SECONDS)
    ask_aws("https://sqs.eu-west-1.amazonaws.com")


def test_a_name_that_is_not_resolved_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "CONNECT", SECONDS)
    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [answered.wait(BOUND)])
    with pytest.raises(NetworkError) as caught:
        http().request("GET", "http://slow.example/")
    answered.set()
    assert (type(caught.value), caught.value.sent) == (TimedOut, False)


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    drip: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = drip(b"", b"").port
    silent, good = ("192.0.2.1", 9), ("127.0.0.1", port)
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in (silent, good)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr(sockets, "_SHORTEST_TRY", 0.05)
    given: list[float | None] = []
    plain = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        given.append(self.gettimeout())
        if address == silent:
            raise TimeoutError
        plain(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    with within(2.0):
        sockets.connect("two.example", 9, limit=5).close()
    assert given[0] == pytest.approx(1.0, abs=0.3)
    assert given[1] == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("call", CALLS)
def test_a_budget_cuts_a_call_that_may_take_longer(
    call: str, drip: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "SECONDS", 60.0)
    origin = f"http://127.0.0.1:{drip(*DRIPS['header']).port}"
    started = time.monotonic()
    with within(0.3):
        CALLS[call](origin)
    assert time.monotonic() - started < BOUND


def test_nothing_is_sent_once_a_budget_is_used_up() -> None:
    with within(0.0):
        with pytest.raises(NetworkError) as caught:
            http().request("POST", "http://127.0.0.1:9/")
        with pytest.raises(AwsError) as refused:
            clients("http://127.0.0.1:9").call("sqs", "get_queue_url", QueueName="events")
    assert (type(caught.value), caught.value.sent) == (TimedOut, False)
    assert refused.value.passing
    assert str(refused.value) == "no time was left to ask SQS"


def test_botocores_retries_and_their_pauses_are_within_the_budget(
    drip: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", slept.append)
    many = Clients(
        {"AWS_REGION": "eu-west-1"},
        endpoint_url=f"http://127.0.0.1:{drip(*DRIPS['header']).port}",
        connect_timeout=60,
        read_timeout=60,
        retries=3,
    )
    with within(0.3), pytest.raises(AwsError) as caught:
        many.call("sqs", "get_queue_url", QueueName="events")
    assert caught.value.passing
    assert slept == []
