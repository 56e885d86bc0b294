"""`huntbridge mute`: what it would have covered, what it stores, and what the audit log says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.alarms import Alarm
from shared.models.events import Event, EventFacts
from shared.models.severity import Severity
from shared.queues import items
from shared.storage import audit
from tests.queue_items import decoded

CONFIG = """\
platform: {url: "https://cado.example", api_key: env:KEY}
destinations: {soc: {type: slack, webhook_url: env:SLACK}}
mutes:
  - {match: {instance: build-*}, at: 2020-01-01, until: 2020-02-01, by: Ada, why: it is over}
  - {match: {instance: lab-1}, at: "%s", until: "%s", by: Bo, why: a pentest, malicious: true}
"""
ADD = ("mute", "add", "--event", "admin_login", "--for", "7d", "--by", "Ada", "--why", "a drill")


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HUNTBRIDGE_DATA", "HUNTBRIDGE_CONFIG", "PLATFORM_IP", "HUNTBRIDGE_TABLE"):
        monkeypatch.delenv(name, raising=False)
    now = datetime.now(UTC)
    tomorrow = now + timedelta(days=1)
    (tmp_path / "huntbridge.yaml").write_text(CONFIG % (now.isoformat(), tomorrow.isoformat()))
    made = runtime.local(load(None, {}), tmp_path / "data", {})
    for number, kind in enumerate(("admin_login", "admin_login", "audit_event_create")):
        event = Event(f"e{number}", kind, now)
        made.ledger.events.save_whole_alarm(Alarm(event, Severity.INFO))
        made.ledger.events.record_routed(event, Severity.INFO, ["soc"], facts=EventFacts(f"event {number}"))
    return made


@pytest.fixture
def run(place):
    def run(*arguments, code=0, **more):
        result = CliRunner().invoke(main, [*arguments, "--data", "data"], env={"COLUMNS": "300"}, **more)
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_a_dry_run_shows_what_would_have_been_covered_and_stores_nothing(place, run):
    out = run(*ADD, "--dry-run")
    assert "It would have covered 2 of 3 events of the last 30 days, 0 of them malicious." in out
    assert "event 0" in out
    assert "event 2" not in out
    assert place.ledger.mutes.stored() == []
    run(*ADD, input="n\n", code=1)
    assert place.ledger.mutes.stored() == []


def test_a_mute_in_a_script_needs_the_option_yes(place, run):
    assert "nobody answered; with --yes the command does not ask" in run(*ADD, input="", code=2)
    assert place.ledger.mutes.stored() == []


def test_a_mute_is_added_listed_and_ended(place, run):
    out = run(*ADD, "--yes")
    (mute,) = place.ledger.mutes.stored()
    assert f"mute {mute.id}" in out
    assert mute.until - mute.at == timedelta(days=7)
    (item,) = place.events.claim(10, lease=60)
    assert decoded(items.OwnEvent, item.body).event["kind"] == "muted"
    place.ledger.mutes.hit(mute.id, "e9")
    listed = json.loads(run("mute", "list", "--json"))["mutes"]
    assert [(each["by"], each["hits"]) for each in listed] == [("Bo", 0), ("Ada", 1)]
    lines = run("mute", "list").splitlines()
    assert "lab-1" in lines[1]
    assert "event admin_login" in lines[2]
    run("mute", "end", mute.id, "--by", "Cy", "--why", "enough")
    assert place.ledger.mutes.stored() == []
    said = run("mute", "end", mute.id, "--by", "Cy", code=1)
    assert f"there is no stored mute {mute.id}; `huntbridge mute list` shows all mutes" in said
    ended, added = (entry for entry in audit.newest(place.store, datetime.now(UTC)) if "mute" in entry.action)
    assert (added.action, added.about, added.before) == ("mute add", f"mute {mute.id}", {})
    assert added.after["match"] == ended.before["match"] == "event admin_login"
    assert added.after["why"] == "a drill"
    assert (ended.action, ended.after) == ("mute end", {"ended_by": "Cy", "why": "enough"})


def test_what_is_refused(run):
    base = ("mute", "add", "--by", "Ada", "--why", "a drill")
    for more, why in (
        (("--instance", "*", "--for", "1d"), "nearly every alarm"),
        (("--instance", "web-1"), "say when the mute ends"),
        (("--instance", "web-1", "--for", "91d"), "longer than 90 days"),
        (("--instance", "web-1", "--for", "soon"), "is no time"),
        (("--instance", "web-1", "--until", "soon"), "or 7d for seven days from now"),
        (("--instance", "web-1", "--until", "91d"), "longer than 90 days"),
        (("--instance", "web-1", "--until", "2020-01-01"), "end before it begins"),
        (("--tag", "Env", "--for", "1d"), "KEY=VALUE"),
    ):
        assert why in run(*base, *more, code=2)
