"""What `huntbridge check` says of a `serve` on the data directory."""

from __future__ import annotations

import socket

import pytest
from flask import Flask

from cli import check_serve
from demo.serving import serving
from shared.config.config import Config
from shared.hosting import runtime
from shared.local.data_directory import AlreadyServed, address, announce, is_served, sole_server

CONFIG = {"platform": {"url": "https://cado.example", "api_key": "env:KEY"}}


@pytest.fixture
def told(tmp_path):
    def told():
        made = runtime.reading(Config.model_validate(CONFIG), None, {})
        return [(one.mark.strip(), one.detail) for one in check_serve.findings(made, tmp_path)]

    return told


def health(status, body):
    app = Flask("health")
    app.add_url_rule("/health", view_func=lambda: (body, status))
    return app


def test_where_none_runs(told, tmp_path):
    assert told() == [("ok", f"not running on {tmp_path}")]
    announce(tmp_path, "http://127.0.0.1:1")  # one was killed
    (tmp_path / "serve.lock").touch()
    assert told() == [("ok", f"not running on {tmp_path}")]
    assert not is_served(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, '{"status": "ok"}', [("ok", "and healthy")]),
        (503, '{"status": "failing", "problems": ["follow is late", "a\\u202eb"]}',
         [("FAIL", "follow is late"), ("FAIL", "ab")]),
        (503, '{"status": "error", "message": "x"}', [("FAIL", "it answers with 503")]),
        (200, '{"status": "failing", "problems": ["the clock stands still"]}',
         [("FAIL", "the clock stands still")]),
        (200, "<html>", [("FAIL", "is not huntbridge (status 200)")]),
        (200, "[1]", [("ok", "and healthy")]),
    ],
)  # fmt: skip
def test_what_it_says_of_itself(told, tmp_path, status, body, expected):
    with serving(health(status, body)) as url, sole_server(tmp_path):
        announce(tmp_path, url)
        found = told()
    assert [mark for mark, _ in found] == [mark for mark, _ in expected]
    for (_, detail), (_, said) in zip(found, expected, strict=True):
        assert said in detail


def test_one_that_does_not_answer(told, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with sole_server(tmp_path):
        announce(tmp_path, f"http://127.0.0.1:{port}")
        ((mark, detail),) = told()
    assert mark == "FAIL"
    assert f"does not answer at http://127.0.0.1:{port}" in detail


def test_one_of_an_earlier_version(told, tmp_path):
    with sole_server(tmp_path):
        assert told() == [("warn", "running, but its address is not known")]


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("http://0.0.0.0:80", "http://127.0.0.1:80"),
        ("http://[::]:80", "http://[::1]:80"),
        ("http://hunt.example:80", "http://hunt.example:80"),
    ],
)
def test_the_address_can_be_called_from_this_machine(tmp_path, url, seen):
    announce(tmp_path, url)
    assert address(tmp_path) == seen


def test_looking_does_not_take_the_lock(tmp_path):
    with sole_server(tmp_path):
        assert is_served(tmp_path)
        with pytest.raises(AlreadyServed), sole_server(tmp_path):
            pass
    assert not is_served(tmp_path)
    with sole_server(tmp_path):
        pass
