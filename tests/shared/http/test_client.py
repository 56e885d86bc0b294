"""Against real sockets on 127.0.0.1: what goes over the wire, and what comes of every way to fail."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import responses
from cryptography import x509

from shared.http import sockets
from shared.http.answers import Answer
from shared.http.client import Http
from shared.http.errors import ConnectFailed, ConnectionBroken, NetworkError, TimedOut, TlsFailed, UnknownHost
from tests.certificates import Certificate

HEAD = b"HTTP/1.1 200 OK\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"
SECRET = "sig=5ecret"
Talk = Callable[[socket.socket], None]


class Server:
    """Takes connections and lets `talk` do with each what it likes; keeps what it was sent."""

    def __init__(self, talk: Talk | bytes, context: ssl.SSLContext | None = None) -> None:
        self.seen: list[bytes] = []
        self.connections = 0
        self._talk, self.context = talk, context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with peer:
                peer.settimeout(5)
                try:
                    if self.context:
                        with self.context.wrap_socket(peer, server_side=True) as secure:
                            self._answer(secure)
                    else:
                        self._answer(peer)
                except OSError:
                    continue

    def _answer(self, peer: socket.socket) -> None:
        if not isinstance(self._talk, bytes):
            self._talk(peer)
            return
        while request := self.read(peer):
            self.seen.append(request)
            peer.sendall(self._talk)

    @staticmethod
    def read(peer: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = peer.recv(65_536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += peer.recv(65_536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(6)


@contextmanager
def serving(talk: Talk | bytes, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(talk, context)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def http(**settings: Any) -> Iterator[Http]:
    client = Http(**{"connect_timeout": 2, "read_timeout": 2, **settings})
    try:
        yield client
    finally:
        client.close()


def ask(server: Server, scheme: str = "http", **settings: Any) -> Answer:
    with http(**settings) as client:
        return client.request("GET", f"{scheme}://127.0.0.1:{server.port}/hook?{SECRET}")


def failure(server: Server, scheme: str = "http", **settings: Any) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        ask(server, scheme, **settings)
    return caught.value


# --- what is sent and what comes back


def test_a_request_as_it_goes_over_the_wire() -> None:
    with serving(OK) as server, http() as client:
        answer = client.request(
            "POST",
            f"http://127.0.0.1:{server.port}/a/../%7Eb/%2Fc?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a-b%2Fc%3D",
            headers={"Authorization": "Bearer k"},
            params={"page": 2, "deep": True, "project_id": [1, 2], "left_out": None},
            json={"text": "zß"},
        )
    head, _, body = server.seen[0].partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert (
        first == "POST /a/../%7Eb/%2Fc?sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=a-b%2Fc%3D"
        "&page=2&deep=true&project_id=1&project_id=2 HTTP/1.1"
    )
    assert sorted(lines) == [
        "Accept-Encoding: identity",
        "Accept: application/json",
        "Authorization: Bearer k",
        "Content-Length: 18",
        "Content-Type: application/json",
        f"Host: 127.0.0.1:{server.port}",
        "User-Agent: huntbridge",
    ]
    assert body == b'{"text":"z\\u00df"}'
    assert answer == Answer(200, {"content-length": "2"}, b"ok")


def test_bytes_go_out_as_they_are_and_a_fragment_stays_here() -> None:
    with serving(OK) as server, http() as client:
        client.request("PUT", f"http://127.0.0.1:{server.port}/x?a=1#frag", data=b"\x00raw")
    assert server.seen[0].startswith(b"PUT /x?a=1 HTTP/1.1\r\n")
    assert server.seen[0].endswith(b"\r\n\r\n\x00raw")


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 429, 500, 503])
def test_every_status_is_an_answer(status: int) -> None:
    reply = f"HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n".encode()
    with serving(reply) as server:
        answer = ask(server)
    assert (answer.status, answer.headers["location"]) == (status, "http://127.0.0.1:1/")
    assert len(server.seen) == 1


def test_a_connection_is_used_again_and_no_cookie_is_kept() -> None:
    with serving(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: s=1\r\n\r\n")) as server, http() as client:
        for _ in range(3):
            client.request("GET", f"http://127.0.0.1:{server.port}/")
    assert server.connections == 1
    assert b"ookie" not in b"".join(server.seen)


@pytest.mark.parametrize("clock", ["time", "monotonic"])
@pytest.mark.parametrize("hours", [1, -1])
def test_a_connection_that_was_idle_for_long_by_either_clock_is_not_used_again(
    clock: str, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frozen process: one of its clocks may have stood still, and the wall clock may be set back."""
    if (clock, hours) == ("monotonic", -1):
        pytest.skip("it never goes back")
    with serving(OK) as server, http() as client:
        for _ in range(2):
            client.request("POST", f"http://127.0.0.1:{server.port}/")
        assert server.connections == 1
        tick = getattr(time, clock)
        monkeypatch.setattr(time, clock, lambda: tick() + hours * 3_600)
        client.request("POST", f"http://127.0.0.1:{server.port}/")
    assert server.connections == 2


def test_no_credentials_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with serving(OK) as server:
        ask(server)
    assert b"Authorization" not in server.seen[0]


def test_a_long_body_is_cut_and_says_so() -> None:
    with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000) as server:
        answer = ask(server, max_body=1_000)
    assert (answer.status, answer.body, answer.truncated) == (200, b"x" * 1_000, True)


def test_no_part_of_an_answer_is_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that says how long a chunk is: nothing else limits it."""
    monkeypatch.setattr(sockets, "MAX_ANSWER", 100_000)
    with serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 200_000) as server:
        error = failure(server)
    assert (type(error), error.sent) == (ConnectionBroken, True)


def test_many_answers_on_one_connection_are_each_counted_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "MAX_ANSWER", 100)
    with serving(OK) as server, http() as client:
        for _ in range(5):
            assert client.request("GET", f"http://127.0.0.1:{server.port}/").text == "ok"
    assert server.connections == 1


def test_a_compressed_body_is_counted_as_what_it_becomes() -> None:
    body = gzip.compress(b"0" * 50_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with serving(head + body) as server:
        answer = ask(server, max_body=100_000)
    assert (len(answer.body), answer.truncated) == (100_000, True)


def test_a_chunked_body_is_put_together() -> None:
    with serving(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n") as server:
        assert ask(server).json() == {}


@pytest.mark.parametrize(
    "url",
    [
        f"ftp://h/{SECRET}",
        f"/{SECRET}",
        f"http://user:{SECRET}@127.0.0.1/",
        f"http://127.0.0.1/{SECRET} HTTP/1.1\r\nX: y",
        f"http://127.0.0.1:99999999/{SECRET}",
        f"http://[::1/{SECRET}",
        f"http://*bad/{SECRET}",
        f"http://127.0.0.1/ä{SECRET}",
    ],
)
def test_a_url_that_cannot_be_called(url: str) -> None:
    with http() as client, pytest.raises(ValueError) as caught:
        client.request("GET", url)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("value", [f"Bearer {SECRET}\n", f"Bearer {SECRET}€", f"{SECRET}\r\nX: y"])
def test_a_header_that_cannot_be_sent(value: str) -> None:
    with http() as client, pytest.raises(ValueError) as caught:
        client.request("GET", "http://127.0.0.1:1/", headers={"Authorization": value})
    assert SECRET not in repr(caught.value)


def test_the_mock_that_other_tests_use_works_with_it() -> None:
    with responses.RequestsMock() as mock, http() as client:
        mock.post("https://chat.example/hook", body="ok", status=200)
        answer = client.request("POST", "https://chat.example/hook", json={"a": 1})
    assert (answer.status, answer.text) == (200, "ok")


# --- no answer


def test_nobody_is_there() -> None:
    with serving(OK) as server:
        pass
    error = failure(server)
    assert (type(error), error.sent, error.host) == (ConnectFailed, False, f"127.0.0.1:{server.port}")


def test_the_name_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with http() as client, pytest.raises(NetworkError) as caught:
        client.request("GET", f"http://nowhere.example/{SECRET}")
    assert (type(caught.value), caught.value.sent) == (UnknownHost, False)
    assert str(caught.value) == "nowhere.example: the name cannot be resolved"


def test_no_connection_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr("shared.http.sockets.connect", slow)
    with http() as client, pytest.raises(NetworkError) as caught:
        client.request("GET", f"http://nowhere.example/{SECRET}")
    assert (type(caught.value), caught.value.sent) == (TimedOut, False)


def hold(peer: socket.socket) -> None:
    Server.read(peer)
    peer.recv(1)


def drip(peer: socket.socket) -> None:
    Server.read(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
    for _ in range(8):
        peer.sendall(b"x")
    peer.recv(1)


def cut(reply: bytes) -> Talk:
    def talk(peer: socket.socket) -> None:
        Server.read(peer)
        peer.sendall(reply)

    return talk


@pytest.mark.parametrize(
    ("talk", "kind"),
    [
        pytest.param(hold, TimedOut, id="never answers"),
        pytest.param(drip, TimedOut, id="never ends"),
        pytest.param(cut(b""), ConnectionBroken, id="closes without an answer"),
        pytest.param(
            cut(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), ConnectionBroken, id="half a body"
        ),
        pytest.param(
            cut(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha"),
            ConnectionBroken,
            id="half a chunk",
        ),
        pytest.param(cut(b"SSH-2.0-OpenSSH_9.6\r\n"), ConnectionBroken, id="another protocol"),
        pytest.param(
            cut(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"),
            ConnectionBroken,
            id="not gzip",
        ),
    ],
)
def test_an_answer_that_does_not_come_leaves_it_open_whether_it_was_done(
    talk: Talk, kind: type[NetworkError]
) -> None:
    with serving(talk) as server:
        error = failure(server, read_timeout=0.2)
    assert (type(error), error.sent) == (kind, True)
    assert SECRET not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


# --- TLS


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Certificate]:
    folder = tmp_path_factory.mktemp("certs")
    root = Certificate(folder, "root")
    return {
        "root": root,
        "signed": Certificate(folder, "signed", by=root),
        "alone": Certificate(folder, "alone"),
        "named": Certificate(folder, "named", host="cado.example"),
        "expired": Certificate(folder, "expired", expired=True),
        "old": Certificate(folder, "old", by=root, expired=True),
        "other": Certificate(folder, "other", by=root, host="cado.example"),
    }


@pytest.mark.parametrize(("shows", "bundle"), [("signed", "root"), ("alone", "alone"), ("signed", "signed")])
def test_a_bundle_is_trusted(certs: dict[str, Certificate], shows: str, bundle: str) -> None:
    with serving(OK, certs[shows].context) as server:
        assert ask(server, "https", ca_bundle=str(certs[bundle].path)).status == 200


@pytest.mark.parametrize("shows", ["alone", "named"])
def test_a_pinned_certificate_is_trusted_whatever_its_name(certs: dict[str, Certificate], shows: str) -> None:
    pin = certs[shows].fingerprint.upper()
    colons = ":".join(pin[at : at + 2] for at in range(0, 64, 2))
    with serving(OK, certs[shows].context) as server, http(fingerprint=colons) as client:
        for _ in range(2):
            assert client.request("GET", f"https://127.0.0.1:{server.port}/").status == 200
    assert server.connections == 2  # one look at the certificate, one connection for both requests


@pytest.mark.parametrize(
    ("shows", "bundle", "says"),
    [
        pytest.param("alone", None, "self-signed", id="self-signed, nothing given"),
        pytest.param("signed", None, "ca_bundle", id="own authority, nothing given"),
        pytest.param("signed", "alone", "self-signed", id="another authority"),
        pytest.param("old", "root", "has expired", id="expired"),
        pytest.param("other", "root", "for another name", id="another host"),
    ],
)
def test_a_certificate_that_does_not_verify(
    certs: dict[str, Certificate], shows: str, bundle: str | None, says: str
) -> None:
    with serving(OK, certs[shows].context) as server:
        error = failure(server, "https", ca_bundle=bundle and str(certs[bundle].path))
    assert (type(error), error.sent) == (TlsFailed, False)
    assert says in str(error)
    assert server.seen == []


def test_another_certificate_than_the_pinned_one(certs: dict[str, Certificate]) -> None:
    with serving(OK, certs["alone"].context) as server:
        error = failure(server, "https", fingerprint=certs["signed"].fingerprint)
    assert (type(error), error.sent) == (TlsFailed, False)
    assert certs["alone"].fingerprint in str(error)
    assert certs["signed"].fingerprint in str(error)
    assert server.seen == []


def test_a_pinned_certificate_that_has_expired(certs: dict[str, Certificate]) -> None:
    with serving(OK, certs["expired"].context) as server:
        error = failure(server, "https", fingerprint=certs["expired"].fingerprint)
    assert (type(error), server.seen) == (TlsFailed, [])
    assert "has expired" in str(error)


def test_the_certificate_changes_while_we_run(certs: dict[str, Certificate]) -> None:
    goodbye = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    pin = certs["alone"].fingerprint
    with serving(cut(goodbye), certs["alone"].context) as server, http(fingerprint=pin) as client:
        url = f"https://127.0.0.1:{server.port}/"
        assert client.request("GET", url).status == 200
        server.context = certs["signed"].context
        with pytest.raises(NetworkError, match=certs["signed"].fingerprint):
            client.request("GET", url)
        server.context = certs["alone"].context
        assert client.request("GET", url).status == 200


@pytest.mark.parametrize("pin", [None, "0" * 64])
def test_a_port_that_does_not_speak_tls(pin: str | None) -> None:
    with serving(lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        error = failure(server, "https", fingerprint=pin)
    assert (type(error), error.sent) == (TlsFailed, False)
    assert "does not speak TLS on this port" in str(error)


def test_a_tls_handshake_that_hangs_was_not_sent() -> None:
    def hang(peer: socket.socket) -> None:
        while peer.recv(10_000):
            pass

    with serving(hang) as server:
        error = failure(server, "https", connect_timeout=0.3)
    assert (type(error), error.sent) == (TimedOut, False)


def test_a_reset_in_the_handshake_was_not_sent() -> None:
    with serving(lambda peer: peer.shutdown(socket.SHUT_RDWR)) as server:
        error = failure(server, "https")
    assert (type(error) in (TlsFailed, ConnectionBroken), error.sent) == (True, False)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"ca_bundle": "/nowhere/ca.pem"}, "/nowhere/ca.pem: it cannot be read"),
        ({"ca_bundle": __file__}, "not a PEM file"),
        ({"fingerprint": "abc"}, "64 hex digits"),
    ],
)
def test_settings_that_cannot_be_used(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Http(**settings)


# --- proxies


def test_a_proxy_is_used_but_not_for_this_machine_nor_for_the_exceptions() -> None:
    with serving(OK) as proxy, serving(OK) as server:
        proxies = {"http": f"http://127.0.0.1:{proxy.port}", "no": "near.invalid, 10.0.0.0/8"}
        with http(proxies=proxies) as client:
            client.request("GET", "http://far.invalid/a?b=%2F")
            client.request("GET", f"http://127.0.0.1:{server.port}/direct")
            with pytest.raises(NetworkError) as caught:
                client.request("GET", "http://near.invalid/")
    assert proxy.seen[0].startswith(b"GET http://far.invalid/a?b=%2F HTTP/1.1\r\n")
    assert (len(proxy.seen), len(server.seen)) == (1, 1)
    assert type(caught.value) is UnknownHost


def test_a_proxy_that_refuses() -> None:
    with serving(cut(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")) as proxy:
        proxies = {"https": f"http://127.0.0.1:{proxy.port}"}
        with http(proxies=proxies) as client, pytest.raises(NetworkError) as caught:
            client.request("GET", f"https://far.invalid/{SECRET}")
    assert (type(caught.value), caught.value.sent) == (ConnectFailed, False)
    assert str(caught.value) == "far.invalid: the proxy refused to connect us"


@pytest.mark.parametrize("proxy", ["http://", "http://user:5ecret@[::1", "socks5://user:5ecret@127.0.0.1:1"])
def test_a_proxy_that_cannot_be_used(proxy: str) -> None:
    with http(proxies={"https": proxy}) as client, pytest.raises(NetworkError) as caught:
        client.request("GET", "https://far.invalid/")
    assert (type(caught.value), caught.value.sent) == (ConnectFailed, False)
    assert "5ecret" not in str(caught.value)


# --- small things


@pytest.mark.parametrize("shows", ["alone", "signed", "expired"])
def test_the_end_of_a_certificate_is_read(certs: dict[str, Certificate], shows: str) -> None:
    end = x509.load_pem_x509_certificate(certs[shows].path.read_bytes()).not_valid_after_utc
    with serving(OK, certs[shows].context) as server, http() as client:
        if shows == "expired":  # a call to this peer fails, and its error says why
            with pytest.raises(NetworkError):
                client.certificate_end(f"https://127.0.0.1:{server.port}/x")
        else:
            assert client.certificate_end(f"https://127.0.0.1:{server.port}/x") == end
    assert client.certificate_end("http://127.0.0.1:9") is None
