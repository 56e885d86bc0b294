"""People acknowledge a case or ask for an issue: who may do so, who is first, and who is told."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from demo.slack.records import Post
from shared.models.acknowledgements import Acknowledgement
from shared.models.codec import dump
from shared.models.event_kinds import ACKNOWLEDGED
from shared.queues import items
from shared.queues.worker import work
from shared.secrets import Secret, SecretRef
from shared.storage import audit
from tests.receiver.world import CASE, HIDDEN, SIGNING, SOC, TITLE, buttons, facts, header


def test_a_click_acknowledges_the_case_and_every_destination_that_was_told_is_told_once(make_world):
    world = make_world(["ir", "tickets", "office", "siem"])
    world.alarm()
    assert buttons(world.parent) == [
        "Acknowledge",
        "Capture again",
        "Open in the EC2 console",
        "Open SEC-1 in Jira",
    ]
    assert world.slack.mentions == []

    world.click()

    assert buttons(world.parent) == ["Capture again", "Open in the EC2 console", "Open SEC-1 in Jira"]
    assert facts(world.parent)["Taken by"] == "ada, 2026-11-24 03:01 UTC"
    title = "5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert header(world.parent) == "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert world.thread() == [header(world.parent), f"▲ Taken by ada: {title}"]
    assert world.slack.mentions == ["<@U012AB3CD>"]
    assert world.ephemerals() == []
    (comment,) = world.jira.issues["SEC-1"].comments
    assert f"Taken by ada: {title}" in json.dumps(comment["body"])
    assert [message.kind for message in world.siem.sent] == ["high_severity_alarm", ACKNOWLEDGED]
    assert world.siem.sent[1].alarm.acknowledgement.by == "ada"
    assert [message.title for message in world.stage.office.sent][1:] == [f"Taken by ada: {title}"]
    assert world.slack.refused == []


def test_a_second_user_is_told_alone_who_has_the_case(make_world):
    world = make_world()
    world.alarm()
    stale = world.slack.click(world.parent, "acknowledge", user="U0BOB00001", name="bob")
    again = world.slack.click(world.parent, "acknowledge")
    world.click()
    before = [post.body for post in world.slack.posts]

    assert [world.send(stale), world.send(again)] == [200, 200]
    world.stage.run_all()

    assert sorted(world.ephemerals()) == [
        ("U012AB3CD", f"You have taken “{TITLE}” already, at 2026-11-24 03:01 UTC."),
        ("U0BOB00001", f"ada has taken “{TITLE}” already, at 2026-11-24 03:01 UTC."),
    ]
    assert [post.body for post in world.slack.posts] == before


def test_if_eight_users_click_at_once_one_of_them_has_the_case(make_world):
    world = make_world()
    world.alarm()
    for number in range(8):
        world.click(user=f"U000000{number}A", name=f"analyst-{number}", run=False)
    workers = [world.stage.worker() for _ in range(8)]

    def run(worker) -> None:
        while work(world.stage.runtime.events, worker.event, lease=60):
            pass

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.stage.run_all()

    taken = world.stage.runtime.ledger.cases.get(CASE).acknowledgement
    assert [text for text in world.thread() if "Taken by" in text] == [
        f"▲ Taken by {taken.by}: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    ]
    assert len(world.ephemerals()) == 7
    assert {text for _, text in world.ephemerals()} == {
        f"{taken.by} has taken “{TITLE}” already, at 2026-11-24 03:01 UTC."
    }


def test_a_request_that_is_replayed_within_five_minutes_changes_nothing(make_world):
    world = make_world()
    world.alarm()
    request = world.slack.click(world.parent, "acknowledge")
    shown = replace(world.parent)  # as it still stands on a screen that was not brought up to date
    for _ in range(3):
        assert world.send(request) == 200
        world.stage.run_all()
    assert len(world.thread()) == 2
    assert world.ephemerals() == []
    late = world.slack.click(shown, "acknowledge", user="U0BOB00001", name="bob")
    for _ in range(3):
        assert world.send(late) == 200
        world.stage.run_all()
    assert len(world.ephemerals()) == 1
    world.stage.forward(301)
    assert world.send(request) == 401


def test_if_a_worker_dies_after_the_acknowledgement_the_next_worker_sends_the_messages(
    make_world, monkeypatch
):
    world = make_world(["ir", "siem"])
    world.alarm()
    world.click(run=False)
    put = world.stage.runtime.deliveries.put
    died: list[int] = []

    def dies(body, **more):
        if not died:
            died.append(1)
            raise KeyboardInterrupt
        return put(body, **more)

    monkeypatch.setattr(world.stage.runtime.deliveries, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        world.stage.run()
    world.stage.forward(61)
    world.stage.run_all()
    assert [message.kind for message in world.siem.sent] == ["high_severity_alarm", ACKNOWLEDGED]
    assert len([text for text in world.thread() if "Taken by" in text]) == 1
    assert world.ephemerals() == []


def test_if_slack_is_down_the_case_is_acknowledged_and_slack_is_told_later(make_world):
    world = make_world(["ir", "siem"])
    world.alarm()
    world.slack.fail(503, times=6, on="POST /api/")
    world.click(run=False)
    world.stage.run()
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "ada"
    assert [message.kind for message in world.siem.sent] == ["high_severity_alarm", ACKNOWLEDGED]
    assert "Acknowledge" in buttons(world.parent)
    world.stage.run_all()
    assert "Acknowledge" not in buttons(world.parent)
    assert len(world.thread()) == 2


def test_a_button_of_a_deleted_case_answers_that_nothing_was_done(make_world):
    world = make_world()
    world.alarm()
    world.stage.runtime.store.delete("case-file", CASE, "-")
    before = [post.body for post in world.slack.posts]
    world.click()
    world.click("create-issue")
    said = ("U012AB3CD", "huntbridge knows nothing of this case any more, so nothing was done.")
    assert world.ephemerals() == [said, said]
    assert [post.body for post in world.slack.posts] == before
    assert world.jira.issues == {}


def test_an_app_may_only_act_on_cases_posted_through_it(make_world):
    world = make_world(["siem"])
    world.alarm()
    world.slack.posts.append(
        Post(
            SOC,
            "1764000000.000001",
            world.stage.moment,
            {
                "blocks": [
                    {
                        "type": "actions",
                        "elements": [
                            {
                                "type": "button",
                                "action_id": "acknowledge",
                                "value": CASE,
                                "text": {"type": "plain_text", "text": "Mine"},
                            }
                        ],
                    }
                ]
            },
        )
    )
    world.click()
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement is None
    assert [text for _, text in world.ephemerals()] == [
        "huntbridge knows nothing of this case any more, so nothing was done."
    ]


def test_only_users_in_may_acknowledge_can_acknowledge(make_world):
    world = make_world(["ir"], listed=["U012AB3CD", "U0BBBBBBBB"])
    world.alarm()
    before = dict(world.parent.body)
    world.click(user="U0AAAAAAAA", name="*mallory* <!here>")
    ((user, text),) = world.ephemerals()
    assert user == "U0AAAAAAAA"
    assert text.startswith("You may not acknowledge")
    assert world.parent.body == before
    assert not world.stage.runtime.ledger.cases.get(CASE).acknowledgement
    (entry,) = audit.newest(world.stage.runtime.store, world.stage.moment)
    assert (entry.action, entry.about, entry.origin) == (audit.ACK, CASE, "Slack")
    assert "U0AAAAAAAA" in entry.by
    assert entry.after == {"refused": "not in may_acknowledge of ir"}
    assert world.slack.mentions == []

    world.click(user="U0BBBBBBBB", name="bob")
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "bob"
    assert len(world.ephemerals()) == 1


def test_may_acknowledge_does_not_apply_to_the_command_line(make_world):
    world = make_world(["ir"], listed=["U0BBBBBBBB"])
    world.alarm()
    taken = Acknowledgement("ack:1", world.stage.moment, "carol", origin="cli")
    world.stage.runtime.events.put(items.encode(items.AcknowledgeCase(CASE, dump(taken))), id="ack:1")
    world.stage.run_all()
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "carol"


def test_may_acknowledge_applies_to_one_destination_only(make_world):
    """One app posts to two channels, and only one of these destinations has a list."""
    world = make_world(["ir", "second"], listed=["U0BBBBBBBB"])
    world.alarm()
    second, first = sorted(world.parents, key=lambda post: post.channel)
    assert world.send(world.slack.click(first, "acknowledge", user="U0AAAAAAAA")) == 200
    world.stage.run_all()
    assert not world.stage.runtime.ledger.cases.get(CASE).acknowledgement
    world.stage.forward(1)
    assert world.send(world.slack.click(second, "acknowledge", user="U0AAAAAAAA", name="ann")) == 200
    world.stage.run_all()
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "ann"


def test_a_click_with_a_removed_signing_secret_becomes_a_dead_item(make_world):
    world = make_world(["ir", "siem"])
    world.alarm()
    gone = SecretRef.parse("env:GONE")
    world.secrets = {gone: Secret(world.slack.signing_secret)}
    world.click()
    (dead,) = world.stage.runtime.events.dead_items()
    assert dead.reason == "a click was signed with env:GONE, and no destination has that signing_secret"
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement is None


def test_a_rotated_signing_secret_works_beside_the_one_before(make_world):
    world = make_world()
    world.alarm()
    old = world.slack.signing_secret
    world.secrets = {SIGNING: Secret("the-new-one"), SecretRef.parse("env:OLD"): Secret(old)}
    request = world.slack.click(world.parent, "acknowledge")
    world.slack.signing_secret = "the-new-one"
    world.click()
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "ada"
    world.secrets.popitem()
    assert world.send(request) == 401


@pytest.mark.parametrize(
    "name",
    [
        "<!channel>",
        "<@U0BOB00001>",
        "*bold* `x`",
        f"a{HIDDEN}da\x00",
        "https://evil.example",
        "",
        "x" * 5_000,
    ],
)
def test_a_hostile_name_is_shown_as_text_and_mentions_nobody(make_world, name):
    world = make_world(["ir", "tickets"])
    world.alarm()
    world.click(name=name)
    assert world.slack.mentions == ["<@U012AB3CD>"]
    assert world.slack.refused == []
    assert HIDDEN not in json.dumps([post.body for post in world.slack.posts], ensure_ascii=False)
    (comment,) = world.jira.issues["SEC-1"].comments
    assert "Taken by" in json.dumps(comment["body"])
    assert world.jira.refused == []


def test_an_invalid_user_id_is_never_mentioned(make_world):
    world = make_world()
    world.alarm()
    request = world.slack.click(world.parent, "acknowledge", user="S0123456789")
    assert world.send(request) == 400
    assert world.slack.mentions == []


def test_many_clicks_create_one_issue_and_the_button_becomes_a_link(make_world):
    world = make_world()
    world.alarm()
    assert buttons(world.parent) == [
        "Acknowledge",
        "Create Jira issue",
        "Capture again",
        "Open in the EC2 console",
    ]
    twice = world.slack.click(world.parent, "create-issue", user="U0BOB00001", name="bob")
    world.click("create-issue", run=False)
    assert world.send(twice) == 200
    world.stage.run_all()

    assert list(world.jira.issues) == ["SEC-1"]
    assert world.jira.issues["SEC-1"].fields["summary"].startswith("5 high severity alarms on web-01")
    assert buttons(world.parent) == [
        "Acknowledge",
        "Capture again",
        "Open in the EC2 console",
        "Open SEC-1 in Jira",
    ]
    link = world.parent.body["blocks"][-2]["elements"][-1]
    assert link["url"] == f"{world.origin}/browse/SEC-1"
    ((user, text),) = world.ephemerals()
    assert (user, text) == ("U0BOB00001", f"“{TITLE}” has an issue already, or it is on its way.")
    assert len(world.thread()) == 1

    assert world.send(world.slack.click(world.parent, "acknowledge")) == 200
    world.stage.run_all()
    assert "Taken by ada" in json.dumps(world.jira.issues["SEC-1"].comments)


def test_a_late_click_is_answered_with_the_existing_issue(make_world):
    world = make_world()
    world.alarm()
    late = world.slack.click(world.parent, "create-issue", user="U0BOB00001", name="bob")
    world.click("create-issue")
    assert world.send(late) == 200
    world.stage.run_all()
    assert world.ephemerals() == [
        ("U0BOB00001", f"“{TITLE}” has an issue already: {world.origin}/browse/SEC-1")
    ]
    assert list(world.jira.issues) == ["SEC-1"]


def test_if_jira_is_down_the_button_disappears_and_the_issue_is_created_later(make_world):
    world = make_world()
    world.alarm()
    world.jira.fail(503, times=4)
    world.click("create-issue", run=False)
    world.stage.run()
    assert world.jira.issues == {}
    assert buttons(world.parent) == ["Acknowledge", "Capture again", "Open in the EC2 console"]
    world.stage.run_all()
    assert list(world.jira.issues) == ["SEC-1"]
    assert buttons(world.parent)[-1] == "Open SEC-1 in Jira"
