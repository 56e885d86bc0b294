"""The console of a real `serve`: through its real listener, beside the webhooks or on its own address."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.security import generate_password_hash

from console.guard import CSP

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

TOKEN = "a-token-of-serve"
SAME = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "correct horse battery staple"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def environ(tmp_path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path),
        "HUNTBRIDGE_DATA": str(tmp_path / "data"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "WEBHOOK_TOKEN": TOKEN,
        "API_KEY": "k",
    }


class Served:
    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process, self.log = process, log
        assert process.stdout
        line = process.stdout.readline()
        assert "webhooks go to " in line, log.read_text()
        self.url = line.split()[2].rstrip(";")

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def link(self) -> tuple[str, str]:
        """The address and the token of the link that was printed."""
        (found,) = re.findall(r"(http://\S+)/sign-in/link\?token=(\S+)", self.line())
        return found[0], found[1]


@contextmanager
def serve(environ, tmp_path, console: str = "", *more: str) -> Iterator[Served]:
    (tmp_path / "huntbridge.yaml").write_text(
        "platform: {url: 'http://127.0.0.1:9', api_key: env:API_KEY}\n"
        "webhook: {tokens: env:WEBHOOK_TOKEN}\n" + (f"console: {console}\n" if console else "")
    )
    log = tmp_path / "serve.log"
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve", "--port", "0", *more],
            env=environ | {"HUNTBRIDGE_CONFIG": str(tmp_path / "huntbridge.yaml")},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        yield Served(process, log)
    finally:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def webhook(url: str) -> int:
    body = {"token": TOKEN, "event": "processing_failed", "title": "T", "message": "project 3"}
    return requests.post(f"{url}/webhooks/cado", json=body, timeout=10).status_code


def test_the_printed_link_opens_the_console_beside_the_webhooks(environ, tmp_path):
    with serve(environ, tmp_path) as served:
        url, token = served.link()
        assert url == served.url
        browser = requests.Session()
        looked = browser.get(f"{url}/sign-in/link", params={"token": token}, timeout=10)
        assert "Open the console" in looked.text
        form: dict[str, Any] = {"data": {"token": token}, "headers": SAME, "timeout": 10}
        assert browser.post(f"{url}/sign-in/link", **form, allow_redirects=False).status_code == 303
        assert browser.cookies.keys() == [f"huntbridge-{url.rpartition(':')[2]}"]
        page = browser.get(f"{url}/settings", timeout=10)
        assert (page.status_code, page.headers["Content-Security-Policy"]) == (200, CSP)
        assert requests.post(f"{url}/sign-in/link", **form).status_code == 401  # it worked once

        # what the webhooks' application answered before, it answers as before
        assert webhook(url) == 202
        assert requests.get(f"{url}/health", timeout=10).json()["status"]
        for path in (
            "/webhooks/cado",
            "//webhooks//cado/",
            "/webhooks",
            "/webhooks/x",
            "/slack/actions",
            "/metrics",
        ):
            answer = requests.get(f"{url}{path}", timeout=10)
            assert answer.headers["Content-Type"] == "application/json", path
            assert answer.status_code in (404, 405)

        # a second link, made by the command
        command = [sys.executable, "-m", "cli.main", "console", "link"]
        config = {"HUNTBRIDGE_CONFIG": str(tmp_path / "huntbridge.yaml")}
        made = subprocess.run(command, env=environ | config, capture_output=True, text=True, check=True)
        address, _, second = made.stdout.strip().partition("/sign-in/link?token=")
        assert address == url
        form["data"] = {"token": second}
        assert requests.post(f"{url}/sign-in/link", **form, allow_redirects=False).status_code == 303
        assert token not in served.log.read_text()
        assert second not in served.log.read_text()


def test_no_trick_with_a_request_gets_past_the_listener(environ, tmp_path):
    with serve(environ, tmp_path) as served:
        url, token = served.link()
        port = int(url.rpartition(":")[2])

        def ask(head: str, body: str = "") -> str:
            with socket.create_connection(("127.0.0.1", port), 10) as peer:
                text = f"{head}\r\nConnection: close\r\n"
                peer.sendall(f"{text}Content-Length: {len(body)}\r\n\r\n{body}".encode("latin-1"))
                answer = b""
                while part := peer.recv(65_536):
                    answer += part
            return answer.decode("latin-1")

        host = f"Host: 127.0.0.1:{port}"
        for head in (
            f"GET / HTTP/1.1\r\nHost: evil.example:{port}",
            f"GET / HTTP/1.1\r\n{host}\r\nX-Forwarded-For: 192.0.2.7",
            f"GET / HTTP/1.1\r\n{host}\r\nForwarded: for=127.0.0.1",
            f"GET /sign-in HTTP/1.1\r\n{host}\r\nX-Forwarded-Host: evil.example",
            f"POST /sign-in/link HTTP/1.1\r\n{host}\r\nOrigin: http://evil.example",
            f"POST /sign-in/link HTTP/1.1\r\n{host}\r\nSec-Fetch-Site: cross-site",
            f"POST /sign-in/link HTTP/1.1\r\n{host}",
        ):
            answer = ask(head)
            assert answer.startswith("HTTP/1.1 403"), (head, answer[:200])
            assert CSP in answer
        for head in (
            f"GET /static/../../huntbridge.yaml HTTP/1.1\r\n{host}",
            f"GET /static/%2e%2e/%2e%2e/huntbridge.yaml HTTP/1.1\r\n{host}",
            f"GET //evil.example/%2e%2e HTTP/1.1\r\n{host}",
        ):
            answer = ask(head)
            assert answer.split()[1] in ("302", "400", "404"), answer[:200]
            assert not re.search(r"Location: (//|http)", answer)
        assert "303" in ask(
            f"POST /sign-in/link HTTP/1.1\r\n{host}\r\nOrigin: http://127.0.0.1:{port}\r\n"
            "Content-Type: application/x-www-form-urlencoded",
            f"token={token}",
        )


def test_an_address_of_its_own(environ, tmp_path):
    port = free_port()
    with serve(environ, tmp_path, f"{{listen: '127.0.0.1:{port}'}}") as served:
        url, _ = served.link()
        assert url == f"http://127.0.0.1:{port}"
        assert requests.get(f"{url}/sign-in", timeout=10).status_code == 200
        assert requests.get(f"{served.url}/sign-in", timeout=10).status_code == 404
        assert webhook(served.url) == 202
        assert webhook(url) in (401, 403)


def test_other_addresses_have_no_console_until_somebody_says_who_may_use_it(environ, tmp_path):
    with serve(environ, tmp_path, "", "--host", "0.0.0.0") as served:
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        assert requests.get(f"{url}/sign-in", timeout=10).status_code == 404
        assert webhook(url) == 202
        log = served.log.read_text()
        assert "the console is not served" in log
        assert "configure console.users" in log


def test_users_make_it_possible(environ, tmp_path):
    users = (
        f"{{mara: {{role: viewer, password_hash: '{generate_password_hash(PASSWORD, 'scrypt:256:8:1')}'}}}}"
    )
    with serve(environ, tmp_path, f"{{users: {users}}}", "--host", "0.0.0.0") as served:
        assert "the console is at " in served.line()
        url = served.url.replace("0.0.0.0", "127.0.0.1")
        browser = requests.Session()
        form = {"name": "mara", "password": PASSWORD}
        browser.post(f"{url}/sign-in", data=form, headers=SAME, timeout=10)
        assert "mara" in browser.get(f"{url}/settings", timeout=10).text
        assert "passwords are sent unencrypted" in served.log.read_text()


def test_the_console_can_be_switched_off(environ, tmp_path):
    with serve(environ, tmp_path, "{enabled: false}") as served:
        assert requests.get(f"{served.url}/", timeout=10).headers["Content-Type"] == "application/json"
        assert webhook(served.url) == 202
