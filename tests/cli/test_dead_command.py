"""`huntbridge dead`: what a person reads of what could not be delivered, and how it goes out again."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cli.main import main
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.deliveries import Delivery, DeliveryState
from shared.models.events import Event
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from shared.queues import items
from shared.storage import audit

ENVIRON = {"PLATFORM_IP": "https://cado.example", "API_KEY": "k", "SLACK_WEBHOOK_URL": ""}
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALARM = Alarm(
    Event("e1", "processing_with_alarms", NOON, text="ALARMS", project_id=3, evidence_id=4),
    Severity.MALICIOUS,
    malicious=5,
    instance=Instance("i-0aaaaaaaaaaaaaaa1", "us-east-1", name="web-01"),
)


@pytest.fixture
def side(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return runtime.local(load(None, ENVIRON), tmp_path / "data", ENVIRON)


@pytest.fixture
def dead(tmp_path, side):
    def run(*arguments, code=0):
        result = CliRunner().invoke(
            main,
            ["dead", *arguments],
            env=ENVIRON | {"HUNTBRIDGE_DATA": str(tmp_path / "data"), "COLUMNS": "200"},
            catch_exceptions=False,
        )
        assert result.exit_code == code, result.output
        return result.output

    return run


def kill(queue, body, id, reason):
    queue.put(body, id=id)
    for item in queue.claim(10, lease=60):
        queue.dead(item, reason=reason)


@pytest.fixture
def corpses(side):
    kill(
        side.deliveries,
        items.encode(items.DeliverAlarm("soc", dump(ALARM))),
        "e1:soc",
        "the webhook is gone (no_service)",
    )
    kill(
        side.deliveries,
        items.encode(items.DeliverAlarm("office", dump(ALARM))),
        "e1:office",
        "given up after 300 attempts",
    )
    webhook = items.encode(
        items.Webhook(b'{"token": "<token>", "message": "7 alarms in project id 9"}', NOON)
    )
    kill(side.events, webhook, "e2", "unexpected KeyError")
    kill(
        side.captures,
        items.encode(items.RequestCapture("weekly@x", dump(System("i-1", "us-east-1")), 0)),
        "c1",
        "gone",
    )
    kill(side.events, b"\xff\x00", "odd", "unexpected ValueError")


def test_nothing_is_dead(dead):
    assert dead("list") == "nothing is dead\n"
    assert json.loads(dead("list", "--json")) == []
    assert dead("retry", "--all") == "nothing is dead\n"


def test_the_list_names_all_three_queues(dead, corpses):
    shown = dead("list")
    for text in (
        "e1:soc",
        "5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)",
        "the webhook is gone (no_service)",
        "7 alarms in project 9",
        "capture of i-1 for weekly@x",
        "not an item of huntbridge",
    ):
        assert text in shown, shown
    rows = {row["id"]: row for row in json.loads(dead("list", "--json"))}
    assert rows.keys() == {"e1:soc", "e1:office", "e2", "c1", "odd"}
    assert {key: rows["e1:soc"][key] for key in ("queue", "destination", "attempts", "reason")} == {
        "queue": "deliveries",
        "destination": "soc",
        "attempts": 1,
        "reason": "the webhook is gone (no_service)",
    }


def test_show_prints_the_message_that_would_have_been_sent(dead, corpses):
    shown = dead("show", "e1:soc").splitlines()
    assert shown[:4] == [
        "id           e1:soc",
        "queue        deliveries",
        "destination  soc",
        "reason       the webhook is gone (no_service)",
    ]
    assert shown[4].endswith("UTC at attempt 1, came in " + shown[4][-16:])
    assert shown[6] == "5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert "Evidence: id 4" in shown
    assert "7 alarms in project id 9" in dead("show", "e2")
    assert "weekly@x" in dead("show", "c1")
    assert "�" in dead("show", "odd")
    assert json.loads(dead("show", "e1:soc", "--json"))["item"]["alarm"]["malicious"] == 5
    assert json.loads(dead("show", "e2", "--json"))["item"]["webhook"].startswith('{"token": "<token>"')


def test_an_unknown_id_is_an_error(dead, corpses):
    assert "there is no dead item 'nope'; `huntbridge dead list`" in dead("show", "nope", code=1)
    assert "there is no dead item 'nope'" in dead("retry", "e1:soc", "nope", code=1)
    assert len(json.loads(dead("list", "--json"))) == 5  # all or nothing


@pytest.mark.parametrize(
    ("arguments", "revived"),
    [
        (["e1:soc"], {"e1:soc"}),
        (["e1:soc", "e2"], {"e1:soc", "e2"}),
        (["--destination", "office"], {"e1:office"}),
        (["--all"], {"e1:soc", "e1:office", "e2", "c1", "odd"}),
    ],
)
def test_retry_puts_the_chosen_items_back(dead, corpses, side, arguments, revived):
    assert dead("retry", *arguments) == f"{len(revived)} put back, to be tried again\n"
    living = {
        item.id
        for queue in (side.captures, side.events, side.deliveries)
        for item in queue.claim(10, lease=60)
    }
    assert living == revived
    assert {row["id"] for row in json.loads(dead("list", "--json"))}.isdisjoint(revived)


@pytest.mark.parametrize("arguments", [[], ["--all", "x"], ["--all", "--destination", "soc"]])
def test_retry_needs_ids_or_an_option(dead, arguments):
    assert "say what to try again: an ID, --all, or --destination NAME" in dead("retry", *arguments, code=2)


def test_items_about_cases_are_described_in_words(side, dead):
    click = items.Click("acknowledge", "project/3/evidence/4", "U1", "ada", "C1", "1764000000.000001")
    clicked = items.encode(items.SlackClick(click, "env:GONE", NOON))
    kill(side.events, clicked, "click", "no destination has it")
    kill(
        side.events,
        items.encode(items.Reminder("project/3/evidence/4", 1, NOON)),
        "reminder",
        "unexpected KeyError",
    )
    step = items.Escalation("project/3/evidence/4", 2, 3, NOON, ("pager",))
    kill(side.events, items.encode(step), "step", "unexpected KeyError")
    assert {row["id"]: row["what"] for row in json.loads(dead("list", "--json"))} == {
        "click": "a click in Slack, acknowledge: project/3/evidence/4",
        "reminder": "a reminder of the case: project/3/evidence/4",
        "step": "step 2 of the escalation of the case: project/3/evidence/4",
    }


def test_a_unique_beginning_of_an_id_is_enough(dead, corpses):
    assert "id           e1:soc\n" in dead("show", "e1:s")
    assert dead("retry", "e1:o", "c") == "2 put back, to be tried again\n"
    assert {row["id"] for row in json.loads(dead("list", "--json"))} == {"e1:soc", "e2", "odd"}


def test_an_ambiguous_id_is_an_error_that_lists_the_candidates(dead, corpses):
    for arguments in (("show", "e1"), ("retry", "e2", "e1:")):
        said = dead(*arguments, code=2)
        assert "is the beginning of several dead items; write more of it:\n  e1:office\n  e1:soc\n" in said
    assert len(json.loads(dead("list", "--json"))) == 5


def test_discard_deletes_the_chosen_items_and_says_why_in_the_audit_log(dead, corpses, side):
    delivery = Delivery("e1", "soc", DeliveryState.DEAD, attempts=1, reason="gone")
    side.ledger.deliveries.save(delivery)
    assert dead("discard", "e1:s", "c1", "--why", "the channel\u202e is closed") == "2 dead items deleted\n"
    assert {row["id"] for row in json.loads(dead("list", "--json"))} == {"e1:office", "e2", "odd"}
    assert dead("discard", "odd", "--why", "no item") == "1 dead item deleted\n"
    assert all(queue.depth().living == 0 for queue in (side.captures, side.events, side.deliveries))
    after = side.ledger.deliveries.get("e1", "soc")
    assert (after.state, after.reason) == (DeliveryState.DISCARDED, "gone")
    assert after.note.startswith("discarded by ")
    assert after.note.endswith(": the channel is closed")
    odd, *entries = audit.newest(side.store, side.now())
    assert odd.action == "dead discard"
    assert {entry.about: (dict(entry.before), dict(entry.after)) for entry in entries} == {
        "1 item of captures": (
            {"dead": ["c1: gone"]},
            {"discard": ["c1"], "why": "the channel is closed"},
        ),
        "1 item of deliveries": (
            {"dead": ["e1:soc: the webhook is gone (no_service)"]},
            {"discard": ["e1:soc"], "why": "the channel is closed"},
        ),
    }
    assert {entry.origin.partition(" on ")[0] for entry in entries} == {"the command line"}


def test_discard_needs_ids_and_a_reason(dead, corpses):
    assert "Missing argument 'ID...'" in dead("discard", "--why", "x", code=2)
    assert "Missing option '--why'" in dead("discard", "e1:soc", code=2)
    assert "--why is empty" in dead("discard", "e1:soc", "--why", " \u200b", code=2)
    assert "there is no dead item 'nope'" in dead("discard", "nope", "--why", "x", code=1)
    assert len(json.loads(dead("list", "--json"))) == 5


def test_a_decision_about_a_case_is_described_in_words(side, dead):
    decision = items.DecideCase("project/3/evidence/4", {"action": "close"})
    kill(side.events, items.encode(decision), "close-1", "gone")
    (row,) = json.loads(dead("list", "--json"))
    assert row["what"] == "a decision about the case, close: project/3/evidence/4"
