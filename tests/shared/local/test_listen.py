"""Real sockets against the listening side: slow, half, oversized, ambiguous and many connections."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from random import Random
from typing import Any

import pytest

from shared.local import listen
from shared.local.listen import Listener
from shared.local.sockets import bound
from shared.local.web_loop import Answer, Request, WebLoop

MAX_BODY = 256 * 1024
HALF_BODY = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"
HALF_HEADERS = b"POST /hook HTTP/1.1\r\nHost: x\r\nX-Slow: "


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = environ["wsgi.input"].read()
    answer = json.dumps([environ["REQUEST_METHOD"], environ["PATH_INFO"], len(body), environ["REMOTE_ADDR"]])
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer.encode()]


class Listening:
    def __init__(self, **more: Any) -> None:
        self.turned_away: list[tuple[Any, ...]] = []
        given = {"max_body": MAX_BODY, "proxy": None, **more}
        self.beats: list[float] = []
        self.listener = self._make(on_refusal=lambda *what: self.turned_away.append(what), **given)
        threading.Thread(
            target=self.listener.run, args=(lambda: self.beats.append(time.monotonic()),), daemon=True
        ).start()

    def _make(self, **given: Any) -> Listener:
        return Listener(echo, "127.0.0.1", 0, **given)

    def close(self) -> None:
        self.listener.close()

    def connect(self, data: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
        peer = socket.create_connection(("127.0.0.1", self.listener.port), 5, source_address=(source, 0))
        peer.sendall(data)
        return peer

    def settle(self, half: int) -> None:
        """Wait until so many half requests have come in."""
        deadline = time.monotonic() + 5
        while sum(bool(channel.held()) for channel in self.listener._channels()) < half:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def ask(self, data: bytes, source: str = "127.0.0.1") -> bytes:
        with self.connect(data, source) as peer:
            return answer(peer)

    def post(self, body: bytes = b"{}", headers: bytes = b"", source: str = "127.0.0.1") -> bytes:
        head = b"POST /hook HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n"
        return self.ask(head % (len(body), headers) + body, source)


class Echo:
    """As `echo`, for the loop. It answers what is posted, and gives everything else away."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self.each_second = beat

    def takes(self, method: str, path: str) -> bool:
        self._asked = method, path
        return method == "POST"

    def store(self, requests: Sequence[Request]) -> list[Callable[[str], Answer]]:
        return [partial(self._answer, *self._asked, len(request.body)) for request in requests]

    def _answer(self, *said: object) -> Answer:
        return Answer("200 OK", [], json.dumps(said).encode())


class Parent:
    def __init__(self) -> None:
        self.stopped = False
        self.given: list[bytes] = []

    def join(self, map: dict[int, Any]) -> None:
        pass

    def give_away(self, connection: socket.socket, received: bytes, since: float) -> bool:
        self.given.append(received)
        return True

    def after_turn(self) -> None:
        pass


class LoopListening(Listening):
    def _make(self, **given: Any) -> Listener:
        self.parent = Parent()
        echo = Echo(lambda: self.beats.append(time.monotonic()))
        return WebLoop(echo, self.parent, bound("127.0.0.1", 0), **given)  # type: ignore[arg-type]

    def close(self) -> None:
        super().close()
        self.parent.stopped = True


def answer(peer: socket.socket) -> bytes:
    """All until the other side closes, be it with a reset."""
    parts = []
    with suppress(ConnectionResetError):
        while part := peer.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def one_answer(peer: socket.socket) -> bytes:
    received = b""
    while b"]" not in received:
        part = peer.recv(65_536)
        assert part, received
        received += part
    return received


@pytest.fixture(params=[Listening, LoopListening], ids=["threads", "loop"])
def kind(request):
    return request.param


@pytest.fixture
def listening(request, kind) -> Iterator[Listening]:
    made = kind(**getattr(request, "param", {}))
    yield made
    made.close()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("half", [HALF_BODY, HALF_HEADERS, b""], ids=["body", "headers", "nothing"])
def test_a_webhook_is_answered_beside_500_half_requests(listening, opened, half):
    for _ in range(500):
        opened.enter_context(listening.connect(half))
    began = time.monotonic()
    assert listening.post().startswith(b"HTTP/1.1 200 ")
    assert time.monotonic() - began < 2


def test_where_all_connections_are_taken_the_oldest_half_request_makes_room(listening, opened):
    listening.listener.connections = 20
    first = opened.enter_context(listening.connect(HALF_BODY))
    listening.settle(1)
    others = [opened.enter_context(listening.connect(HALF_BODY)) for _ in range(19)]
    listening.settle(20)
    assert listening.post().startswith(b"HTTP/1.1 200 ")
    assert answer(first) == b""
    assert listening.turned_away[0][:2] == ("/hook", 503)
    others[-1].sendall(b"x" * 499)
    assert one_answer(others[-1]).startswith(b"HTTP/1.1 200 ")


def test_many_connections_of_one_peer_are_given_up_before_the_one_of_another(listening, opened):
    listening.listener.connections = 20
    slow = opened.enter_context(listening.connect(HALF_BODY, source="127.0.0.2"))
    listening.settle(1)
    for _ in range(40):
        opened.enter_context(listening.connect(HALF_BODY))
    slow.sendall(b"x" * 499)
    assert one_answer(slow).startswith(b"HTTP/1.1 200 ")


def test_a_request_has_one_deadline_however_it_is_dripped(listening, monkeypatch):
    monkeypatch.setattr(listen, "REQUEST_WITHIN", 1.0)
    bodies, headers = listening.connect(HALF_BODY), listening.connect(HALF_HEADERS)
    began = time.monotonic()
    with bodies, headers:
        for peer in (bodies, headers):
            peer.settimeout(0.1)
        closed: dict[socket.socket, bytes] = {}
        while len(closed) < 2 and time.monotonic() < began + 8:
            for peer in {bodies, headers} - set(closed):
                try:
                    peer.sendall(b"x")
                    closed[peer] = peer.recv(1_000)
                except TimeoutError:
                    continue
                except OSError:
                    closed[peer] = b""
    assert closed[bodies].startswith(b"HTTP/1.1 408 Request Timeout")
    assert closed[headers] == b""
    assert [what[:2] for what in listening.turned_away] == [("/hook", 408)]


def test_an_idle_connection_is_closed_after_a_while_and_serves_further_requests_before(
    listening, monkeypatch
):
    monkeypatch.setattr(listen, "KEPT_ALIVE", 1.0)
    with listening.connect() as peer:
        for _ in range(3):
            peer.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            assert b'"/hook", 2' in one_answer(peer)
        assert peer.recv(1_000) == b""


def test_a_body_is_refused_by_its_declared_length_before_it_is_read(listening):
    head = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n%s\r\n"
    for more in (b"", b"Expect: 100-continue\r\n"):
        said = listening.ask(head % more + b"{")
        assert said.startswith(b"HTTP/1.1 413 ")
        assert json.loads(said.partition(b"\r\n\r\n")[2]) == {
            "status": "error", "message": "The body is larger than 256 KiB."
        }  # fmt: skip
    assert listening.turned_away == [("/hook", 413, "The body is larger than 256 KiB.", "127.0.0.1")] * 2


def test_a_chunked_body_is_refused_by_what_has_come_of_it(listening):
    head = b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    assert b'"/hook", 3' in listening.ask(head + b"3\r\nabc\r\n0\r\n\r\n")
    endless = listening.ask(head + b"fffffff\r\n" + b"x" * (MAX_BODY + 1))
    assert endless.startswith(b"HTTP/1.1 413 ")
    extended = listening.ask(head + b"3;x=" + b"y" * (MAX_BODY + 1))
    assert extended.startswith(b"HTTP/1.1 413 ")


def test_the_sender_of_a_body_that_is_too_large_gets_the_answer_and_not_a_reset(listening):
    with listening.connect(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n") as peer:
        for _ in range(80):
            peer.sendall(b"x" * 100_000)
        assert answer(peer).startswith(b"HTTP/1.1 413 ")


def test_a_body_of_the_limit_is_taken_and_none_is_written_to_the_disk(listening, monkeypatch):
    def to_disk(*_: Any, **__: Any) -> None:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr("waitress.buffers.TempfileBasedBuffer.__init__", to_disk)
    assert f'"/hook", {MAX_BODY}'.encode() in listening.post(b"x" * MAX_BODY)
    assert listening.post(b"x" * (MAX_BODY + 1)).startswith(b"HTTP/1.1 413 ")


def test_incomplete_bodies_hold_no_more_memory_than_is_set(listening, opened, monkeypatch):
    monkeypatch.setattr(listen, "MAX_HELD", 500_000)
    head = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 250000\r\n\r\n"
    slow = opened.enter_context(listening.connect(HALF_HEADERS))
    peers = [opened.enter_context(listening.connect(head + b"x" * 200_000)) for _ in range(4)]
    assert [answer(peer) for peer in peers[:2]] == [b"", b""]
    slow.sendall(b"x\r\n\r\n")  # it holds no body, so nothing is won by closing it
    assert one_answer(slow).startswith(b"HTTP/1.1 200 ")
    peers[3].sendall(b"x" * 50_000)
    assert one_answer(peers[3]).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "head",
    [
        b"POST /hook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /hook HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
        b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /hook HTTP/1.1\r\nHost : x\r\n\r\n",
        b"POST http://[/hook HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_a_request_of_which_two_ends_could_be_read_is_refused_and_the_connection_closed(listening, head):
    said = listening.ask(head + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"\r\nX-Content-Type-Options: nosniff\r\n" in said
    assert b"\r\nContent-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n" in said
    assert said.count(b"HTTP/1.") == 1


PARTS = (
    *(
        b"POST ",
        b"GET ",
        b"/hook",
        b"//",
        b"http://[",
        b"\x00",
        b"\xff",
        b"%zz",
        b"?",
        b"#",
        b"\r\n",
        b"\r\n",
        b"\n",
    ),
    *(
        b" HTTP/1.1",
        b" HTTP/1.0",
        b" HTTP/2.0",
        b"Host: x",
        b":",
        b"\t",
        b"abc",
        b"0\r\n\r\n",
        b"3\r\nabc\r\n",
    ),
    *(b"Content-Length: 3", b"Content-Length: 99999999999999999999", b"Content-Length: +3"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Expect: 100-continue"),
)


def test_no_bytes_cause_a_traceback_or_keep_a_connection(listening, caplog):
    random = Random(7)
    for _ in range(400):
        start = random.choice((b"", b"POST /hook HTTP/1.1\r\n"))
        data = start + b"".join(random.choices(PARTS, k=random.randint(1, 12))) + b"\r\n\r\n"
        with listening.connect(data) as peer:
            peer.settimeout(0.002)  # most have gone before they are answered
            with suppress(OSError):
                peer.recv(1_000)
    assert listening.post().startswith(b"HTTP/1.1 200 ")
    deadline = time.monotonic() + 5
    while listening.listener._channels():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


def test_headers_have_a_size(listening):
    said = listening.ask(b"POST /hook HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000)
    assert b" 431 " in said[:20]


@pytest.mark.parametrize(
    ("listening", "sender"),
    [({"proxy": None}, "127.0.0.1"), ({"proxy": "127.0.0.1"}, "192.0.2.1")],
    indirect=["listening"],
)
def test_the_sender_is_the_peer_unless_the_peer_is_a_trusted_proxy(listening, sender):
    said = listening.post(headers=b"X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n")
    assert f'"{sender}"'.encode() in said


@pytest.mark.parametrize("kind", [Listening])
def test_after_close_what_is_in_is_answered_and_nobody_gets_in(listening):
    with listening.connect(HALF_BODY):
        listening.listener.close()
        deadline = time.monotonic() + 5
        while not listening.listener.rest():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with pytest.raises(OSError, match=r"refused|reset"):
        listening.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def test_a_fault_of_ours_in_the_loop_ends_no_listening(listening, monkeypatch, caplog):
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise TypeError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(listening.listener, "_beat", fail)
        assert failed.wait(5)
    assert listening.post().startswith(b"HTTP/1.1 200 ")
    assert "failed and continues" in caplog.text


# What the loop gives away


def test_the_loop_gives_a_connection_away_with_all_that_came_in_after_the_answers_before_it():
    made = LoopListening()
    posted = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
    asked = b"PUT /page HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nab"
    with made.connect(posted + posted + asked) as peer:
        said = answer(peer)
    assert (said.count(b"200 OK"), said.count(b"100 Continue")) == (2, 0)
    with made.connect(b"GET /dripped HTTP/1.1\r\n") as peer:
        time.sleep(0.1)
        peer.sendall(b"Host: x\r\n\r\n")
        assert answer(peer) == b""
    assert made.parent.given == [asked, b"GET /dripped HTTP/1.1\r\nHost: x\r\n\r\n"]
    made.close()


def test_a_connection_that_nobody_can_take_is_told_so():
    made = LoopListening()
    made.parent.give_away = lambda *_: False  # type: ignore[method-assign]
    said = made.ask(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 2" in said
    made.close()


def connection() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return socket.create_connection(server.getsockname()), server.accept()[0]


def test_a_listener_goes_on_with_a_connection_that_another_accepted():
    refused: list[Any] = []
    made = Listener(
        echo,
        *("127.0.0.1", 0),
        max_body=MAX_BODY,
        proxy=None,
        on_refusal=lambda *what: refused.append(what),
        accepts=False,
    )
    threading.Thread(target=made.run, daemon=True).start()
    ours, theirs = connection()
    made.adopt(theirs, b"POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab", time.monotonic())
    ours.sendall(b"cd")
    assert b'"/page", 4, "127.0.0.1"' in one_answer(ours)
    late, theirs = connection()
    made.adopt(theirs, HALF_BODY, time.monotonic() - listen.REQUEST_WITHIN)
    assert answer(late).startswith(b"HTTP/1.1 408 ")
    assert [what[:2] for what in refused] == [("/hook", 408)]
    made.close()


# Addresses


def addresses(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: int, *more: Any, **named: Any) -> list[Any]:
        if host != "localhost":
            return real(host, port, *more, **named)
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))
            if ":" in host
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in hosts
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def listener(host: str, port: int = 0) -> Listener:
    return Listener(echo, host, port, max_body=MAX_BODY, proxy=None, on_refusal=lambda *_: None)


def test_a_host_with_several_addresses_is_listened_on_at_each_and_one_port(monkeypatch):
    addresses(monkeypatch, "127.0.0.1", "127.0.0.2", "127.0.0.1")
    made = listener("localhost")
    monkeypatch.undo()
    threading.Thread(target=made.run, daemon=True).start()
    for host in ("127.0.0.1", "127.0.0.2"):
        with socket.create_connection((host, made.port), 5) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b"200 OK" in answer(peer)
    made.close()


def test_an_address_that_the_machine_does_not_have_is_left_out_and_one_that_is_taken_is_not(monkeypatch):
    addresses(monkeypatch, "192.0.2.1", "127.0.0.1")
    made = listener("localhost")
    made.close()
    addresses(monkeypatch, "192.0.2.1")
    with pytest.raises(OSError, match="assign requested address"):
        listener("localhost")
    with socket.create_server(("127.0.0.2", 0)) as taken:
        addresses(monkeypatch, "127.0.0.1", "127.0.0.2")
        with pytest.raises(OSError, match="already in use"):
            listener("localhost", taken.getsockname()[1])


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70, "a..b", "::zz"])
def test_a_host_that_is_none_is_an_error_with_a_reason(host):
    with pytest.raises(OSError) as caught:
        listener(host)
    assert caught.value.strerror
