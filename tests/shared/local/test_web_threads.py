"""Slow pages must not keep webhooks out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import pytest
import requests

from shared.local.listen import AHEAD, Listener
from shared.local.web_threads import Pages

PAGES, WAITING = 2, 3


@pytest.fixture
def served():
    """Pages block until `go` is set; everything else answers at once."""
    go, blocked = threading.Event(), threading.Semaphore(0)

    def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        if environ["PATH_INFO"] == "/page":
            blocked.release()
            go.wait(30)
        body = environ["huntbridge.peer"].encode()
        if environ["PATH_INFO"] == "/large":
            body = b"x" * 50_000
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    pages = Pages(lambda path: path in ("/page", "/large"), threads=PAGES, most_waiting=WAITING)
    listener = Listener(
        app, "127.0.0.1", 0, max_body=1_000, proxy=None, on_refusal=lambda *_: None, pages=pages
    )
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.port}", go, blocked
    go.set()
    listener.close()


def test_webhooks_are_answered_while_pages_hang(served):
    url, go, blocked = served
    answers: list[requests.Response] = []

    def page() -> None:
        answers.append(requests.get(f"{url}/page", timeout=30))

    threads = [threading.Thread(target=page) for _ in range(PAGES + WAITING + 5)]
    for thread in threads:
        thread.start()
    for _ in range(PAGES):
        assert blocked.acquire(timeout=10)
    for _ in range(20):
        assert requests.post(f"{url}/hook", timeout=10).status_code == 200
    go.set()
    for thread in threads:
        thread.join(30)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) >= PAGES + WAITING
    assert set(statuses) == {200, 503}
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert refused.headers["Retry-After"] == "2"
    assert "Try again" in refused.json()["message"]


def test_clients_that_read_no_answers_keep_no_threads(served):
    url, go, _ = served
    go.set()
    port = int(url.rpartition(":")[2])
    requests_ahead = b"GET /large HTTP/1.1\r\n\r\n" * 2_500
    with ExitStack() as opened:
        for _ in range(PAGES):
            peer = opened.enter_context(socket.socket())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            peer.connect(("127.0.0.1", port))
            peer.sendall(requests_ahead)
        time.sleep(1)
        assert requests.get(f"{url}/page", timeout=5).status_code == 200


def test_requests_that_were_sent_ahead_are_answered_in_order(served):
    url, go, _ = served
    go.set()
    port = int(url.rpartition(":")[2])
    for sent, closes in ((AHEAD, False), (500, True)):
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            peer.sendall(b"GET /hook HTTP/1.1\r\n\r\n" * sent)
            got = b""
            with suppress(TimeoutError, ConnectionResetError):
                while part := peer.recv(65_536):
                    got += part
            # A burst that arrives in several parts is answered a part at a time.
            assert AHEAD <= got.count(b"200 OK") <= max(AHEAD, sent // 2)
            assert (b"Connection: close" in got) == closes


def test_the_peer_is_known_whatever_the_headers_say(served):
    url, go, _ = served
    go.set()
    for header in ({"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {}):
        assert requests.get(f"{url}/x", headers=header, timeout=10).text == "127.0.0.1"
