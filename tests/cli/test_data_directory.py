"""Where the data directory is, who makes it, and what is said where there is none."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.layout import FORMAT

FORMATS = Path(__file__).parents[1] / "shared" / "local" / "formats"
ENVIRON = {"API_KEY": "k", "ADMIN": "k", "SLACK": "https://hooks.slack.com/services/T0/B0/x"}
CONFIG = """\
platform: {url: "http://127.0.0.1:9", api_key: env:API_KEY, admin_key: env:ADMIN}
webhook: {tokens: env:API_KEY}
hunts: {weekly: {targets: [{instance: i-0123456789abcdef0, region: us-east-1}]}}
destinations: {soc: {type: slack, webhook_url: env:SLACK}}
"""
READING = {
    "check": 1,
    "hunt list": 0,
    "hunt list --json": 0,
    "hunt plan": 1,
    "hunt run --dry-run": 0,
    "hunt report weekly": 4,
    "hunt run --retry-failed": 4,
    "hunt stop weekly": 4,
    "route EVENT": 0,
    "render EVENT --to soc": 0,
    "dead list": 4,
    "dead list --json": 4,
    "dead show e1": 4,
    "dead retry --all": 4,
    "ack e1 --by Ada": 4,
    "audit": 4,
    "webhook show": 3,
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the configuration, and another one in which the command is run."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "etc" / "huntbridge.yaml").write_text(CONFIG)
    (tmp_path / "event.json").write_text(
        '{"event": "processing_failed", "title": "T", "message": "project 3"}'
    )
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def run(place, command, *more, **environ):
    arguments = [str(place / "event.json") if word == "EVENT" else word for word in command.split()]
    given = ENVIRON | {"HUNTBRIDGE_CONFIG": str(place / "etc" / "huntbridge.yaml"), "HUNTBRIDGE_DATA": ""}
    return CliRunner().invoke(main, [*arguments, *more], env=given | environ, catch_exceptions=False)


def folders(place):
    return sorted(str(path.relative_to(place)) for path in place.rglob(".huntbridge"))


def served(data: Path):
    made = runtime.local(load(None, {"PLATFORM_IP": "cado.example", "API_KEY": "k"}), data, {})
    made.events.put(b"\xff", id="odd")
    for item in made.events.claim(1, lease=60):
        made.events.dead(item, reason="gone")


@pytest.mark.slow
@pytest.mark.parametrize(("command", "code"), READING.items())
def test_what_only_reads_makes_nothing(place, command, code):
    result = run(place, command)
    assert result.exit_code == code, result.output
    assert folders(place) == []
    assert "nothing is dead" not in result.output
    if code == 4:
        assert f"the data directory {place}/etc/.huntbridge does not exist" in result.output


def test_an_empty_directory_is_said_to_be_empty(place):
    (place / "etc" / ".huntbridge").mkdir()
    result = run(place, "dead list")
    assert result.exit_code == 4
    assert "is empty" in result.stderr
    assert list((place / "etc" / ".huntbridge").iterdir()) == []


def test_it_is_beside_the_configuration(place):
    served(place / "etc" / ".huntbridge")
    result = run(place, "dead list", "--json")
    assert [row["id"] for row in json.loads(result.stdout)] == ["odd"]
    assert result.stderr == ""


def test_what_writes_makes_it_beside_the_configuration(place):
    assert run(place, "hunt run --retry-for 0").exit_code == 3
    assert folders(place) == ["etc/.huntbridge"]


def test_one_of_an_earlier_version_in_the_current_folder_is_still_used(place):
    served(place / "home" / ".huntbridge")
    result = run(place, "dead list", "--json")
    assert [row["id"] for row in json.loads(result.stdout)] == ["odd"]
    assert f"move it to {place}/etc/.huntbridge" in result.stderr
    assert run(place, "hunt run --retry-for 0").exit_code == 3
    assert folders(place) == ["home/.huntbridge"]


def test_beside_the_configuration_comes_first(place):
    served(place / "home" / ".huntbridge")
    runtime.local(load(None, {"PLATFORM_IP": "cado.example", "API_KEY": "k"}), place / "etc/.huntbridge", {})
    result = run(place, "dead list")
    assert result.stdout == "nothing is dead\n"
    assert result.stderr == ""


@pytest.mark.parametrize("way", ["option", "environment"])
def test_what_is_given_is_used(place, way):
    served(place / "home" / ".huntbridge")
    served(place / "etc" / ".huntbridge")
    data = str(place / "elsewhere")
    given = (
        run(place, "dead list", "--data", data)
        if way == "option"
        else run(place, "dead list", HUNTBRIDGE_DATA=data)
    )
    assert given.exit_code == 4
    assert data in given.stderr
    assert not Path(data).exists()


def test_without_a_file_it_is_in_the_current_folder(place):
    environ = {"HUNTBRIDGE_CONFIG": "", "PLATFORM_IP": "cado.example", "API_KEY": "k"}
    assert f"{place}/home/.huntbridge does not exist" in run(place, "dead list", **environ).stderr


@pytest.mark.parametrize("command", ["dead list", "hunt list", "check", "hunt run", "ack e1 --by Ada"])
def test_one_that_is_in_a_file_cannot_be_used(place, command):
    (place / "file").write_text("x")
    result = run(place, command, "--data", str(place / "file" / "in"))
    assert result.exit_code == 4
    assert f"the data directory {place}/file/in cannot be " in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["dead list", "audit", "hunt report weekly"])
def test_one_that_may_not_be_read_is_not_a_mistake_in_the_command(place, command, monkeypatch):
    (place / "closed").mkdir()
    monkeypatch.setattr("os.access", lambda *_, **__: False)  # whoever runs the tests may read everything
    assert run(place, command, "--data", str(place / "closed")).exit_code == 4


def test_an_older_database_is_brought_up_to_date_by_what_reads(place):
    data = place / "etc" / ".huntbridge"
    data.mkdir()
    shutil.copy(FORMATS / "1.db", data / "huntbridge.db")
    assert run(place, "dead list").exit_code == 0
    with closing(sqlite3.connect(data / "huntbridge.db")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (FORMAT,)
