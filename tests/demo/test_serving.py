"""Serving a simulated app: a free loopback port, and nothing left behind."""

import socket

import pytest
import requests
from flask import Flask

from demo.serving import serving


@pytest.fixture
def app():
    app = Flask("t")

    @app.post("/refuse")
    def refuse():
        return "no", 401  # without reading the body

    return app


def test_it_answers_on_loopback_while_the_block_lasts(app):
    with serving(app) as url:
        assert url.startswith("http://127.0.0.1:")
        assert requests.post(f"{url}/refuse", timeout=5).status_code == 401
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{url}/refuse", timeout=5)


def test_a_taken_port_is_an_error_and_not_the_end_of_the_process(app):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
        serving(app, taken.getsockname()[1]),
    ):
        pass


def test_a_refusal_arrives_though_the_app_did_not_read_the_body(app):
    with serving(app) as url:
        for _ in range(20):
            answer = requests.post(f"{url}/refuse", data=b"x" * 2_000_000, timeout=5)
            assert (answer.status_code, answer.text) == (401, "no")


def test_nothing_is_written_to_the_terminal(app, capfd):
    with serving(app) as url:
        requests.post(f"{url}/refuse", timeout=5)
    assert capfd.readouterr() == ("", "")
