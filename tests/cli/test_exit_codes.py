"""The exit codes are one table (docs/reference/exit-codes.md), and every command keeps to it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from cli.main import main
from shared.hosting import runtime
from shared.hosting.configuration import load
from tests.cli_commands import below

CONFIG = """\
platform: {url: "http://127.0.0.1:9", api_key: env:KEY, admin_key: env:KEY}
webhook: {tokens: env:TOKEN}
hunts: {weekly: {targets: [{instance: i-0123456789abcdef0, region: us-east-1}]}}
destinations: {soc: {type: slack, webhook_url: env:SLACK}}
"""
ENVIRON = {
    "KEY": "k",
    "TOKEN": "a-token-of-sixteen-characters",
    "SLACK": "http://127.0.0.1:9/services/T0/B0/x",
    "AWS_EC2_METADATA_DISABLED": "true",
    "HUNTBRIDGE_TABLE": "",
    "HUNTBRIDGE_DATA": "",
    "HUNTBRIDGE_CONFIG": "",
}
# What each command is given, so that nothing but the failure stands in its way.
COMMANDS = {
    "serve": "--port 0",
    "config diff": "",
    "config reload": "",
    "hunt plan": "",
    "hunt run": "--retry-for 0",
    "hunt list": "",
    "hunt show": "weekly",
    "hunt report": "weekly",
    "hunt stop": "weekly",
    "coverage": "",
    "leftovers": "",
    "events list": "",
    "events show": "e1",
    "events resend": "e1 --to soc",
    "why": "e1",
    "finding explain": "--event e1",
    "replay": "--since yesterday --to soc",
    "cases list": "",
    "cases show": "e1",
    "cases ack": "e1 --by Ada",
    "cases release": "e1 --by Ada",
    "cases close": "e1 --by Ada --verdict benign --why known",
    "cases reopen": "e1 --by Ada --why again",
    "cases capture-again": "e1 --by Ada",
    "mute add": "--instance web-1 --for 1d --by Ada --why drill --yes",
    "known list": "",
    "known show": "k1",
    "known end": "k1 --by Ada",
    "mute list": "",
    "mute end": "m1 --by Ada",
    "console link": "",
    "deliveries list": "",
    "report": "",
    "check": "",
    "send-test": "soc",
    "render": "--severity info --to soc",
    "route": "--severity info",
    "routes test": "",
    "ack": "e1 --by Ada",
    "dead list": "",
    "dead show": "e1",
    "dead retry": "e1",
    "dead discard": "e1 --why old",
    "audit": "",
    "backup": "made.db",
    "downgrade": "made.db",
    "restore": "huntbridge.yaml",
    "export": "--before 2026-01-01",
    "erase": "--before 2026-01-01 --yes",
    "intelligence check": "",
    "intelligence diff": "",
    "intelligence push": "",
    "intelligence remove": "--yes",
    "intelligence hits": "",
    "intelligence rerun": "--weeks 4 --yes",
    "webhook register": "--url https://hunt.example/webhooks/cado",
    "webhook show": "",
    "webhook test": "",
    "webhook remove": "--yes",
    "webhook rotate": "",
    "schedules sync": "--group g --function-arn f --role-arn r",
}
NO_CONFIGURATION = {"demo", "console password", "init"}  # none of them reads the configuration
NO_DATA = {
    *("send-test", "route", "routes test", "render", "schedules sync"),
    *("webhook register", "webhook show", "webhook test", "webhook remove"),
    "intelligence check",
}
NO_DATABASE = {
    "console link",  # its links are in a file beside the database
    "restore",  # it asks before it replaces anything
    *("config diff", "config reload"),  # they ask the running serve
}
PLATFORM_DOWN = {
    "hunt run": 3,
    "webhook register": 3,
    "webhook show": 3,
    "webhook test": 3,
    "webhook remove": 3,
    "intelligence diff": 3,
    "intelligence push": 3,
    "intelligence remove": 3,
    "check": 1,  # by the table: whatever it is that would not work
}
FAILED = {
    "ack": 1,
    "events show": 1,
    "why": 1,
    "known show": 1,
    "finding explain": 1,
    "dead show": 1,
    "dead discard": 1,
    "dead retry": 1,
    "hunt report": 2,
    "hunt show": 2,
    "send-test": 5,
}


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    for name, inner in below(command).items():
        yield from leaves(inner, (*path, name))


ALL = sorted(leaves(main))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HUNTBRIDGE_DATA", "HUNTBRIDGE_CONFIG", "PLATFORM_IP"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "huntbridge.yaml").write_text(CONFIG)

    def run(command, *more, **environ):
        arguments = [*command.split(), *COMMANDS[command].split(), *more]
        result = CliRunner().invoke(main, arguments, env=ENVIRON | environ, catch_exceptions=False)
        assert "Traceback" not in result.output
        assert result.exit_code == 0 or result.output.strip(), "a failure without a word"
        return result

    return run


def test_every_command_is_here():
    assert set(ALL) - NO_CONFIGURATION <= set(COMMANDS)


@pytest.mark.parametrize("command", [one for one in ALL if one not in NO_CONFIGURATION])
def test_a_configuration_that_is_wrong(run, tmp_path, command):
    (tmp_path / "huntbridge.yaml").write_text(CONFIG + "hunts: {}\n")
    result = run(command)
    assert result.exit_code == 2
    assert "huntbridge.yaml:5: hunts: written twice" in result.stderr


@pytest.mark.parametrize("command", [one for one in ALL if one not in NO_CONFIGURATION])
def test_an_option_that_there_is_not(run, command):
    assert run(command, "--nothing").exit_code == 2


@pytest.mark.parametrize("command", [one for one in ALL if one not in NO_DATA | NO_CONFIGURATION])
def test_a_data_directory_that_cannot_be_used(run, tmp_path, command):
    (tmp_path / "file").write_text("x")
    result = run(command, "--data", str(tmp_path / "file" / "in"))
    assert result.exit_code == 4
    assert f"{tmp_path}/file/in" in result.stderr


@pytest.mark.parametrize(
    "command", [one for one in ALL if one not in NO_DATA | NO_CONFIGURATION | NO_DATABASE]
)
def test_a_database_that_is_none(run, tmp_path, command):
    (tmp_path / ".huntbridge").mkdir()
    (tmp_path / ".huntbridge" / "huntbridge.db").write_text("this is no database at all, but a letter" * 200)
    result = run(command)
    assert result.exit_code == 4
    assert "cannot be opened as huntbridge's database" in result.stderr


@pytest.mark.parametrize(("command", "code"), PLATFORM_DOWN.items())
def test_a_platform_that_does_not_answer(run, command, code):
    assert run(command).exit_code == code


@pytest.mark.parametrize(("command", "code"), FAILED.items())
def test_what_was_asked_for_and_did_not_work(run, tmp_path, command, code):
    runtime.local(load(None, ENVIRON), tmp_path / ".huntbridge", ENVIRON)
    assert run(command).exit_code == code


@pytest.mark.parametrize("command", ["webhook show", "hunt run", "serve", "send-test"])
def test_a_secret_that_is_not_there(run, tmp_path, command):
    text = CONFIG.replace("env:KEY", "env:NOWHERE").replace("env:SLACK", "env:NOWHERE")
    (tmp_path / "huntbridge.yaml").write_text(text)
    result = run(command)
    assert result.exit_code == 2
    assert "NOWHERE is not set" in result.stderr
