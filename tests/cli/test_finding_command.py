"""`huntbridge finding explain`: the fingerprint of a finding, and of all findings of an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.alarms import Alarm
from shared.models.events import Event
from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import fingerprint
from shared.models.severity import Severity

ENVIRON = {
    "PLATFORM_IP": "https://cado.example",
    "API_KEY": "k",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
    "HUNTBRIDGE_CONFIG": "",
    "HUNTBRIDGE_TABLE": "",
}
BACKDOOR = "Malicious File Detected: php_backdoor"
ALARM = Alarm(
    Event("event-of-web-02", "processing_with_alarms", datetime(2026, 11, 28, tzinfo=UTC)),
    Severity.MALICIOUS,
    findings=(
        Finding(
            BACKDOOR,
            4,
            Severity.MALICIOUS,
            artefacts=(Artefact("/home/ada/a.php", 3, ("a" * 64,)), Artefact("", 1, listed=False)),
        ),
        Finding("User accessing sudo", 1_200, Severity.SUSPICIOUS, artefacts=(Artefact("", 1_200),)),
        Finding("Possible WebShell Command", 2, Severity.SUSPICIOUS),
    ),
)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = ENVIRON | {"HUNTBRIDGE_DATA": str(tmp_path / "data")}
    ledger = runtime.local(load(None, environ), tmp_path / "data", environ).ledger
    for alarm in (
        ALARM,
        Alarm(Event("event-of-db", "processing_failed", ALARM.event.received_at), Severity.INFO),
    ):
        ledger.events.record_routed(alarm.event, alarm.severity, ["slack"])
        ledger.events.save_whole_alarm(alarm)
    gone = Event("event-that-is-old", "processing_failed", ALARM.event.received_at)
    ledger.events.record_routed(gone, Severity.INFO, ["slack"])

    def run(*arguments, code=0):
        result = CliRunner().invoke(
            main, ("finding", "explain", *arguments), env=environ, catch_exceptions=False
        )
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_each_step_with_its_rule(run):
    said = run(BACKDOOR, "--path", "C:\\Users\\Ada\\2026-11-28\\a.php")
    one = fingerprint(BACKDOOR, "C:\\Users\\Bob\\2025-01-01\\A.PHP")
    assert (
        said
        == f"""\
fingerprint  {one.id}
rule         {BACKDOOR}
place        c:\\users\\<user>\\<date>\\a.php

path: Windows
  C:\\Users\\Ada\\2026-11-28\\a.php
  → c:\\users\\ada\\2026-11-28\\a.php
path: home directory
  c:\\users\\ada\\2026-11-28\\a.php
  → c:\\users\\<user>\\2026-11-28\\a.php
path: date
  c:\\users\\<user>\\2026-11-28\\a.php
  → c:\\users\\<user>\\<date>\\a.php
"""
    )


def test_a_finding_of_which_nothing_is_folded(run):
    said = run(BACKDOOR)
    assert said.endswith("\nplace        -\n\nnothing is folded\n")
    assert json.loads(run(BACKDOOR, "--json")) == {
        "fingerprint": {"id": fingerprint(BACKDOOR, "").id, "rule": BACKDOOR, "place": ""},
        "steps": [],
    }


def test_all_findings_of_an_event(run):
    head, *rows, _, note = run("--event", "event-of-web").splitlines()
    assert head.split() == ["Fingerprint", "Severity", "Alarms", "Description", "Path", "Contents"]
    assert [row.split()[0] for row in rows] == [
        fingerprint(BACKDOOR, "/home/ada/a.php").id,
        "-",
        fingerprint("User accessing sudo", "").id,
        "-",
    ]
    assert rows[0].split()[1:] == ["malicious", "3", *BACKDOOR.split(), "/home/ada/a.php", "a" * 12]
    assert rows[1].split()[-3:] == ["not", "known", "-"]
    assert rows[2].split()[-3:] == ["no", "path", "-"]
    assert note.startswith("The platform did not say where all alarms of 2 findings were raised")


def test_all_findings_of_an_event_as_json(run):
    backdoor, sudo, webshell = json.loads(run("--event", "event-of-web-02", "--json"))["findings"]
    assert [finding["complete"] for finding in (backdoor, sudo, webshell)] == [False, True, False]
    assert backdoor["artefacts"][0] == {
        "path": "/home/ada/a.php",
        "count": 3,
        "contents": ["a" * 64],
        "listed": True,
        "fingerprint": {
            "id": fingerprint(BACKDOOR, "/home/bob/a.php").id,
            "rule": BACKDOOR,
            "place": "/home/<user>/a.php",
        },
    }
    assert backdoor["artefacts"][1]["fingerprint"] is None
    assert webshell["artefacts"] == []


def test_an_event_without_findings(run):
    assert run("--event", "event-of-db") == "the event has no findings\n"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "give a DESCRIPTION or --event"),
        (("x", "--event", "event-of-db"), 2, "not both"),
        (("--event", "event-of-db", "--path", "/x"), 2, "not both"),
        (("--event", "nothing"), 1, "there is no event 'nothing'"),
        (("--event", "event-that-is-old"), 1, "is not kept any more"),
    ],
)
def test_what_cannot_be_explained(run, arguments, code, says):
    assert says in run(*arguments, code=code)


def test_hostile_text_is_shown_without_what_nobody_can_see(run):
    said = run("bad\x1b[31m\u202e name", "--path", "/tmp/\x1b]0;x\x07")
    assert "\x1b" not in said
    assert "\u202e" not in said
