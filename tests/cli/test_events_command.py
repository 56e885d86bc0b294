"""`huntbridge events` and `deliveries`: what was sent, where it went, and why it did not arrive."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.active_hours import ActiveHours, Window
from shared.models.alarms import Alarm
from shared.models.captures import Capture, CaptureState
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.events import Event, EventFacts
from shared.models.holds import Hold
from shared.models.hunts import Hunt
from shared.models.severity import Severity
from shared.models.systems import System

ENVIRON = {
    "PLATFORM_IP": "https://cado.example",
    "API_KEY": "k",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
    "TEAMS_WEBHOOK_URL": "http://127.0.0.1:9/x",
    "HUNTBRIDGE_CONFIG": "",
    "HUNTBRIDGE_TABLE": "",
}
WEB = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
DB = System("i-0bbbbbbbbbbbbbbb2", "us-east-1", "prod")
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a command on a machine that was told of two alarms: web-02's reached Slack but not Teams, db-01's
    is forty days old."""
    monkeypatch.chdir(tmp_path)
    environ = ENVIRON | {"HUNTBRIDGE_DATA": str(tmp_path / "data")}
    made = runtime.local(load(None, environ), tmp_path / "data", environ)
    for system, name, age in ((DB, "db-01", 40), (WEB, "web-02", 1)):
        at = NOW - timedelta(days=age)
        made.now = partial(_same, at)
        made.__dict__.pop("ledger", None)
        ledger = made.ledger
        hunt = ledger.hunts.open(Hunt("weekly", at))
        capture = ledger.captures.plan(Capture(hunt.id, system))
        ledger.instance_names.save(system.instance, name)
        ledger.captures.update(capture, state=CaptureState.PROCESSED, requested_at=at, ended_at=at)
        event = Event(f"event-of-{name}", "processing_with_alarms", at, system=system, hunt_id=hunt.id)
        facts = EventFacts(f"5 malicious on {name}", system.key, name, hunt.id)
        ledger.events.record_routed(event, Severity.MALICIOUS, ["slack", "teams"], facts=facts)
        sent = Delivery(event.id, "slack", DeliveryState.DELIVERED, attempts=1, ref="C1:1.2")
        ledger.deliveries.save(sent)
    dead = Delivery("event-of-web-02", "teams", DeliveryState.DEAD, attempts=3, reason="404: workflow is off")
    ledger.deliveries.save(dead)

    def run(*arguments, code=0):
        result = CliRunner().invoke(main, arguments, env=environ, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return run


def test_what_was_sent_about_a_system_in_the_last_month(run):
    assert "5 malicious on web-02" in run("events", "list", "--system", "web-02", "--since", "30d")
    assert "there are no such events" in run("events", "list", "--system", "db", "--since", "30d")
    both = json.loads(run("events", "list", "--json"))
    assert [row["id"] for row in both["events"]] == ["event-of-web-02", "event-of-db-01"]
    assert both["next"] == ""


def test_the_severity_is_written_as_it_is_shown(run):
    rows = json.loads(run("events", "list", "--severity", "malicious", "--json"))["events"]
    assert {row["severity"] for row in rows} == {"malicious"}
    assert "there are no such events" in run("events", "list", "--severity", "info")


def test_a_unique_beginning_of_an_event_is_enough(run):
    assert "5 malicious on web-02" in run("events", "show", "event-of-w")
    said = run("events", "show", "event-of", code=2)
    assert "is the beginning of several events" in said
    assert said.endswith("  event-of-db-01\n  event-of-web-02\n")


def test_an_event_is_sent_again(run, tmp_path, monkeypatch):
    made = runtime.local(load(None, ENVIRON), tmp_path / "data", ENVIRON)
    event = Event("event-of-web-02", "processing_with_alarms", NOW, project_id=3, system=WEB)
    made.ledger.events.save_whole_alarm(Alarm(event, Severity.MALICIOUS, malicious=5, system=WEB))
    shown = run("events", "resend", "event-of-w", "--to", "teams")
    assert shown.startswith("teams (teams) would get:\n  5 ")
    assert "  Sent because " in shown
    assert "nothing was sent; --send sends it" in shown
    body = json.loads(run("events", "resend", "event-of-w", "--to", "teams", "--json"))
    assert "event event-of-web-02 told the same before" in json.dumps(body)
    assert not made.deliveries.claim(10, lease=60)
    said = run("events", "resend", "event-of-w", "--to", "teams", "--send")
    (item,) = made.deliveries.claim(10, lease=60)
    assert item.id == said.split("`huntbridge events show ")[1].partition("`")[0] + ":teams"
    assert said.startswith("queued for teams; ")
    assert "teams: waiting, not tried yet" in run("events", "show", item.id.removesuffix(":teams"))
    assert "there is no destination 'jira'" in run("events", "resend", "event-of-w", "--to", "jira", code=1)
    assert "nothing is left of event event-of-db-01" in run(
        "events", "resend", "event-of-db", "--to", "teams", code=1
    )
    assert "there is no event 'x'" in run("events", "resend", "x", "--to", "teams", code=1)


def test_an_event_says_what_became_of_each_message(run):
    text = run("events", "show", "event-of-web-02")
    assert "system       web-02 prod/us-east-1/i-0aaaaaaaaaaaaaaa1" in text
    assert "slack: delivered at " in text
    assert "attempt 3: 404: workflow is off" in text
    untried = run("events", "show", "event-of-db-01")
    assert "teams: waiting, not tried yet" in untried


def test_why_something_did_not_arrive(run):
    text = run("deliveries", "list", "--destination", "teams", "--state", "dead")
    assert "404: workflow is off" in text
    assert "web-02" in text
    assert "there are no such deliveries" in run("deliveries", "list", "--state", "waiting")


def test_until_when_a_message_is_held(run, tmp_path):
    environ = ENVIRON | {"HUNTBRIDGE_DATA": str(tmp_path / "data")}
    ledger = runtime.local(load(None, environ), tmp_path / "data", environ).ledger
    hours = ActiveHours((0, 1, 2, 3, 4), (Window(480, 1080),), "Europe/Berlin")
    hold = Hold(until=datetime(2099, 11, 30, 7, 0, tzinfo=UTC), hours=hours)
    held = Delivery("event-of-db-01", "teams", DeliveryState.IN_DIGEST, ref=hold.digest_id, hold=hold)
    ledger.deliveries.save(held)
    until = "held until 2099-11-30 08:00 Europe/Berlin"
    assert f"teams: {until}, and then told in one message" in run("events", "show", "event-of-db")
    assert until in run("deliveries", "list", "--state", "held")
    assert "event-of-db-01" not in run("deliveries", "list", "--state", "delivered", "--destination", "teams")
    assert f"Told at slack. For teams it is {until}." in run("why", "event-of-db")
    said = json.loads(run("why", "event-of-db", "--json"))
    assert (said["told"], said["held"]["teams"]["until"]) == (["slack"], "2099-11-30T07:00:00Z")


def test_pages_follow_each_other(run):
    first = json.loads(run("events", "list", "--limit", "1", "--json"))
    assert [row["id"] for row in first["events"]] == ["event-of-web-02"]
    second = json.loads(run("events", "list", "--limit", "1", "--json", "--page", first["next"]))
    assert [row["id"] for row in second["events"]] == ["event-of-db-01"]
    assert "--page" in run("events", "list", "--limit", "1")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("events", "list", "--page", "nonsense"), 2, "this page's token cannot be read"),
        (("events", "list", "--system", "mail"), 2, "no hunt captured a system 'mail'"),
        (("events", "list", "--since", "soon"), 2, "'soon' is no time"),
        (("events", "show", "nothing"), 1, "there is no event 'nothing'"),
        (("deliveries", "list", "--destination", "jura"), 2, "there is no destination 'jura'; there are: "),
    ],
)
def test_mistakes_say_what_to_write(run, arguments, code, text):
    assert text in run(*arguments, code=code)


def test_a_report_in_each_format(run, tmp_path):
    assert "| weekly |" in run("report")
    run("report", "--format", "html", "-o", str(tmp_path / "report.html"))
    assert "<h1>Threat hunts, " in (tmp_path / "report.html").read_text()
    assert run("report", "--format", "csv", "--weeks", "4").startswith("section,name,measure,week,value")


@pytest.fixture
def whole(run, tmp_path):
    """The events of `run` with their alarms, and one that an earlier version sent."""
    made = runtime.local(load(None, ENVIRON), tmp_path / "data", ENVIRON)
    for name, system, severity, hours in (
        ("event-of-web-02", WEB, Severity.MALICIOUS, 24),
        ("info-of-db-01", DB, Severity.INFO, 20),
        ("old-of-db-01", DB, Severity.MALICIOUS, 19),
        ("withheld-of-db-01", DB, Severity.MALICIOUS, 18),
    ):
        at = NOW - timedelta(hours=hours)
        made.now = partial(_same, at)
        made.__dict__.pop("ledger", None)
        event = Event(name, "processing_with_alarms", at, project_id=3, system=system)
        to = [] if "withheld" in name else ["slack"]
        if name != "event-of-web-02":
            facts = EventFacts(f"something on {system.instance}", system.key)
            made.ledger.events.record_routed(event, severity, to, facts=facts)
        if "old" not in name:
            made.ledger.events.save_whole_alarm(Alarm(event, severity, malicious=5, system=system))
    return made


def test_the_events_of_a_time_are_sent_again_to_one_destination(run, whole):
    command = ("replay", "--since", "2d", "--to", "teams")
    shown = run(*command)
    assert "2 messages would be sent to teams; nothing was sent, --send sends them" in shown
    assert "left out: nothing is left of event old-of-db-01" in shown
    assert "left out: event withheld-of-db-01 was sent to nobody" in shown
    assert "event-of-db-01" not in shown
    assert not whole.deliveries.claim(10, lease=60)
    said = json.loads(run(*command, "--severity", "malicious", "--send", "--json"))
    assert [entry["event"] for entry in said["events"] if entry["sent_as"]] == ["event-of-web-02"]
    assert "2 messages queued for teams" in run(*command, "--send")  # one of them was queued just before
    items = {item.id.removesuffix(":teams") for item in whole.deliveries.claim(10, lease=60)}
    assert {id.split(":")[1] for id in items} == {"event-of-web-02", "info-of-db-01"}
    assert len(items) == 2
    assert "again:" not in run(*command)  # what was sent again is not sent again once more


def test_a_replay_has_bounds(run, whole):
    said = run("replay", "--since", "2d", "--to", "teams", "--limit", "1", "--send", code=2)
    assert "more than 1 event match, so nothing was sent" in said
    assert not whole.deliveries.claim(10, lease=60)
    assert "there are no such events" in run("replay", "--since", "today", "--kind", "x", "--to", "teams")
    assert "there is no destination 'jira'" in run("replay", "--since", "today", "--to", "jira", code=2)
    said = run("replay", "--since", "19h", "--to", "teams", "--send", code=1)
    assert "no event could be sent again" in said


def _same(at):
    return at
