"""`huntbridge console`: hashes, links, and the console of a stack on a laptop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import Any

import pytest
import requests
from click.testing import CliRunner
from werkzeug.security import check_password_hash

from cli.console import why_readonly
from cli.main import main
from shared.config.console import ConsoleUserConfig
from shared.local.database import Database
from shared.local.store import SqliteStore
from shared.storage.ports import StoreError
from tests.cli.test_stack_option import Laptop
from tests.moto_server import moto_server

PASSWORD = "correct horse battery staple"
SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "huntbridge.yaml").write_text(
        "platform: {url: https://cado.example, api_key: env:K}\nwebhook: {tokens: env:K}\n"
    )
    return tmp_path


def run(*args: str, said: str = "") -> tuple[int, str, str]:
    result = CliRunner().invoke(main, ["console", *args], input=said)
    return result.exit_code, result.stdout, result.stderr


def test_a_hash_is_printed_alone_and_the_configuration_takes_it():
    code, printed, _ = run("password", said=f"{PASSWORD}\n{PASSWORD}\n")
    assert code == 0
    user = ConsoleUserConfig(password_hash=printed.strip())
    assert check_password_hash(user.password_hash, PASSWORD)
    assert printed.startswith("scrypt:32768:8:1$")
    assert PASSWORD not in printed


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("short\n", "at least 12 characters"),
        ("x" * 1_001 + "\n", "at most 1000 characters"),
        (f"{PASSWORD}\nanother one altogether\n", "two different passwords"),
    ],
)
def test_no_hash_of_a_wrong_password(said, why):
    code, printed, told = run("password", said=said)
    assert (code, printed) == (1, "")
    assert why in told


def test_a_link_needs_a_running_serve(place):
    code, printed, told = run("link")
    assert (code, printed) == (4, "")
    assert "no serve runs on the data directory" in told
    assert not list(place.glob("**/console.links"))


def test_a_link_is_nothing_for_a_proxy(place):
    with (place / "huntbridge.yaml").open("a") as file:
        file.write("console: {proxy: {address: 10.0.0.4, header: X-User, default_role: viewer}}\n")
    code, _, told = run("link")
    assert code == 2
    assert "the proxy signs users in" in told


@pytest.fixture(scope="module")
def moto():
    with moto_server() as url:
        yield url


@pytest.mark.timeout(120)
def test_the_console_of_a_stack_runs_on_a_laptop(moto, tmp_path, monkeypatch):
    laptop = Laptop(moto, tmp_path, monkeypatch)
    process = subprocess.Popen(
        [sys.executable, "-m", "cli.main", "console", "--stack", laptop.stack],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.fspath(__file__).partition("/tests/")[0]},
        cwd=tmp_path,
    )
    assert process.stdout
    try:
        line = process.stdout.readline()
        ((url, token),) = re.findall(r"(http://127\.0\.0\.1:\d+)/sign-in/link\?token=(\S+)", line)
        browser = requests.Session()
        done = browser.post(f"{url}/sign-in/link", data={"token": token}, headers=SAME, timeout=30)
        assert done.status_code == 200
        page = browser.get(f"{url}/", timeout=30)
        assert page.status_code == 200
        assert "administrator" in page.text
        assert "arn:aws" in page.text  # who acts is the IAM identity
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert list(tmp_path.iterdir()) == []  # nothing is kept on the laptop


class Denied(SqliteStore):
    def put(self, *args: Any, expect: int | None = None, **more: Any) -> bool:
        assert expect  # never a write that could be done
        raise StoreError("DynamoDB: AccessDeniedException: not authorized to perform dynamodb:PutItem")


def test_credentials_that_may_only_read_show_no_buttons(monkeypatch):
    monkeypatch.setenv("HUNTBRIDGE_TABLE", "ledger")
    assert "not act here" in why_readonly(Denied(Database(None)))
    assert why_readonly(SqliteStore(Database(None))) == ""
    monkeypatch.delenv("HUNTBRIDGE_TABLE")
    assert why_readonly(Denied(Database(None))) == ""
