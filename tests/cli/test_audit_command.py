"""`huntbridge audit`: what a person did stands there, with who it was and from where."""

from __future__ import annotations

import getpass
import json
import socket
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.operator import operator
from receiver.assemble import case_actions, case_lifecycle
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.storage import audit
from tests.queue_items import decoded

ENVIRON = {
    "PLATFORM_IP": "https://cado.example",
    "API_KEY": "k",
    "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x",
}
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALARM = Alarm(
    Event("e1", "processing_with_alarms", NOON, text="ALARMS", project_id=3, evidence_id=4),
    Severity.MALICIOUS,
)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = runtime.local(load(None, ENVIRON), tmp_path / "data", ENVIRON)
    case_lifecycle(made).add(ALARM, ["slack"])
    made.ledger.events.record_routed(ALARM.event, ALARM.severity, ["slack"], case=ALARM.case_key)
    return made


@pytest.fixture
def run(tmp_path, made):
    def run(*arguments):
        environ = ENVIRON | {"HUNTBRIDGE_DATA": str(tmp_path / "data")}
        result = CliRunner().invoke(main, arguments, env=environ, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_an_empty_log_is_said_to_be_empty(run):
    assert run("audit") == "the audit log has no entries\n"
    assert json.loads(run("audit", "--json")) == []


def test_who_took_a_case_and_what_was_put_back(run, made):
    made.deliveries.put(items.encode(items.DeliverAlarm("slack", dump(ALARM))), id="e1:slack")
    for item in made.deliveries.claim(1, lease=60):
        made.deliveries.dead(item, reason="gone")
    run("ack", "e1", "--by", "Ada")
    run("dead", "retry", "e1:slack")
    retry, ack = json.loads(run("audit", "--json"))
    me, here = getpass.getuser(), f"the command line on {socket.gethostname()}"
    assert (ack["action"], ack["about"], ack["by"]) == ("ack", "project/3/evidence/4", "Ada")
    assert ack["origin"] == f"{here}, {me}"
    assert (ack["before"], ack["after"]) == ({"taken_by": None}, {"taken_by": "Ada"})
    assert (retry["action"], retry["about"]) == ("dead retry", "1 of deliveries")
    assert (retry["by"], retry["origin"]) == (me, here)
    assert (retry["before"], retry["after"]) == ({"dead": ["e1:slack"]}, {"put_back": ["e1:slack"]})
    assert len(json.loads(run("audit", "--json", "--limit", "1"))) == 1
    shown = run("audit").splitlines()
    assert shown[0].endswith(f"UTC  dead retry: 1 of deliveries, by {me} from {here}")
    assert shown[1] == '    dead: ["e1:slack"] → -'


def test_the_worker_that_tells_of_a_taken_case_adds_no_second_entry(run, made):
    run("ack", "e1", "--by", "Ada")
    for item in made.events.claim(10, lease=60):
        case_actions(made, case_lifecycle(made)).acknowledge(decoded(items.AcknowledgeCase, item.body))
    assert len(json.loads(run("audit", "--json"))) == 1


def test_an_operator_is_known_behind_sudo_and_on_aws(made, monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "root")
    monkeypatch.setenv("SUDO_USER", "ada")
    made.identity = lambda: "arn:aws:sts::111122223333:assumed-role/ops/ada"
    assert operator(made) == "root (sudo by ada), arn:aws:sts::111122223333:assumed-role/ops/ada"


def test_a_user_without_a_name_is_known_by_number(made, monkeypatch):
    def nobody():
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4242)
    assert operator(made) == "user 4242"


def test_a_value_that_was_not_there_before_is_shown_alone_and_as_it_is_written(run, made):
    made_config = load(None, ENVIRON)
    audit.configuration_loaded(made.store, made_config, "ada", "serve on here", NOON)
    shown = run("audit").splitlines()
    assert "configuration: the first one recorded here, by ada from serve on here" in shown[0]
    assert '    platform.url: "https://cado.example"' in shown
    assert "null" not in "".join(shown)
