"""The file of variables beside the configuration: every command reads it, if only its owner may."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from cli.main import main

TOKEN = "a-token-of-sixteen-characters"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "HUNTBRIDGE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "huntbridge.yaml").write_text(
        "platform: {url: 'http://127.0.0.1:9', api_key: env:CADO_API_KEY}\n"
        "webhook: {tokens: env:WEBHOOK_TOKEN}\n"
    )
    return tmp_path


@pytest.fixture
def check(folder) -> Callable[..., tuple[Result, str]]:
    def check(text: str, mode: int = 0o600, name: str = "huntbridge", **environ: str) -> tuple[Result, str]:
        """What `huntbridge check` says, and what it finds about the token of the webhook."""
        path = folder / f"{name}.env"
        path.write_text(text)
        path.chmod(mode)
        before = dict(os.environ)
        command = ["check", "--json", "--config", f"{name}.yaml"]
        result = CliRunner().invoke(main, command, env=environ, catch_exceptions=False)
        assert dict(os.environ) == before
        found = {finding["what"]: finding for finding in json.loads(result.stdout)}
        return result, found["webhook token 1"]["detail"]

    return check


def test_its_variables_are_used(check):
    result, detail = check(f"# of mine\n\n WEBHOOK_TOKEN={TOKEN}\n")
    assert (detail, result.stderr) == ("env:WEBHOOK_TOKEN can be read", "")


def test_a_value_may_hold_what_a_url_has(check):
    _, detail = check("WEBHOOK_TOKEN=https://a.example/?a=1&sig=x%20#y=\r\n")
    assert detail == "env:WEBHOOK_TOKEN can be read"


def test_the_environment_takes_precedence(check):
    _, detail = check(f"WEBHOOK_TOKEN={TOKEN}\n", WEBHOOK_TOKEN="short")
    assert "has fewer than 8 characters" in detail


def test_each_configuration_has_its_own(check, folder):
    (folder / "prod.yaml").write_text((folder / "huntbridge.yaml").read_text())
    _, detail = check(f"WEBHOOK_TOKEN={TOKEN}\n", name="prod")
    assert detail == "env:WEBHOOK_TOKEN can be read"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_others_may_use_it(check, mode):
    result, detail = check(f"WEBHOOK_TOKEN={TOKEN}\n", mode)
    assert "the environment variable WEBHOOK_TOKEN is not set" in detail
    assert "chmod 600 huntbridge.env" in result.stderr


def test_a_line_that_is_none(check):
    result, detail = check(f"export WEBHOOK_TOKEN=abc\nWEBHOOK_TOKEN={TOKEN}\n")
    assert detail == "env:WEBHOOK_TOKEN can be read"
    assert result.stderr == "huntbridge.env:1: the line is not used: write NAME=value\n"


def test_a_file_that_is_not_text(check, folder):
    result, _ = check("")
    assert result.stderr == ""
    (folder / "huntbridge.env").write_bytes(b"\xff\xfe")
    result = CliRunner().invoke(main, ["check"], catch_exceptions=False)
    assert "huntbridge.env is not used, because it is not UTF-8 text" in result.stderr
