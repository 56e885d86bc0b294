"""Slow pages must not keep webhooks out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from shared.local.listen import Listener
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
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    pages = Pages(lambda path: path == "/page", threads=PAGES, most_waiting=WAITING)
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


def test_the_peer_is_known_whatever_the_headers_say(served):
    url, go, _ = served
    go.set()
    for header in ({"X-Forwarded-For": "192.0.2.7"}, {"Forwarded": "for=192.0.2.7"}, {}):
        assert requests.get(f"{url}/x", headers=header, timeout=10).text == "127.0.0.1"
