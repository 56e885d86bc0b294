"""The disks of one machine at destinations where an earlier message can be added to: the first alarm is told
at once, and the case's message then shows all of them."""

from __future__ import annotations

import json

from tests.receiver.world import CASE, header


def receive(world, evidence, malicious=0, suspicious=0, after=2):
    kind, what = (
        ("high_severity_alarm", f"{malicious} high severity alarms")
        if malicious
        else ("suspicious_severity_event", f"{suspicious} suspicious severity events")
    )
    text = f"{what} detected in project id 3 evidence id {evidence}."
    id = world.stage.receive(json.dumps({"event": kind, "message": text}).encode())
    world.stage.run()
    world.stage.forward(after)
    return id


def disks(post):
    texts = [block["text"]["text"] for block in post.body["blocks"] if block["type"] == "section"]
    return [
        line.removeprefix("*Evidence* ").split(" (event")[0]
        for text in texts
        for line in text.splitlines()
        if line.startswith("*Evidence* ")
    ]


def test_the_first_alarm_is_told_at_once_and_its_message_then_shows_all(make_world):
    world = make_world(["ir"])
    first = receive(world, 4, malicious=5)
    assert header(world.parent) == "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    second = receive(world, 5, malicious=9)
    world.stage.run_all()
    assert len(world.parents) == 1
    assert header(world.parent) == "▲ 14 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert disks(world.parent) == ["id 4: 5 malicious", "id 5: 9 malicious"]
    # The thread has what is new, and the channel is not called a second time.
    assert world.thread() == [
        "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)",
        "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)",
    ]
    case = world.stage.runtime.ledger.cases.get(CASE)
    assert case.group == (first, second)
    assert case.title == "14 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"


def test_what_people_decide_keeps_all_disks_in_the_message(make_world):
    world = make_world(["ir"])
    receive(world, 4, malicious=5)
    receive(world, 5, malicious=9)
    world.stage.run_all()
    world.click()
    assert header(world.parent) == "▲ 14 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert disks(world.parent) == ["id 4: 5 malicious", "id 5: 9 malicious"]


def test_a_malicious_alarm_after_a_suspicious_one_calls_the_channel(make_world):
    world = make_world(["ir"])
    receive(world, 4, suspicious=2)
    receive(world, 5, malicious=9)
    world.stage.run_all()
    assert header(world.parent) == "▲ 9 malicious, 2 suspicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert disks(world.parent) == ["id 4: 2 suspicious", "id 5: 9 malicious"]
    assert world.thread()[1:] == ["▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1) !"]


def test_a_later_alarm_is_news_of_its_own(make_world):
    world = make_world(["ir"])
    receive(world, 4, malicious=5, after=6)
    receive(world, 5, malicious=9)
    world.stage.run_all()
    assert header(world.parent) == "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert world.thread()[1:] == ["▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1) !"]


def test_without_a_time_for_groups_nothing_is_added(make_world):
    world = make_world(["ir"], delivery={"group_wait": 0})
    receive(world, 4, malicious=5)
    receive(world, 5, malicious=9)
    world.stage.run_all()
    assert header(world.parent) == "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert world.thread()[1:] == ["▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1) !"]


def test_an_event_that_is_handled_twice_is_added_once(make_world, monkeypatch):
    """The worker dies after the alarm was added to its case, and before that was recorded."""
    world = make_world(["ir"])
    receive(world, 4, malicious=5)
    with monkeypatch.context() as dying:

        def die(*args, **kwargs):
            raise KeyboardInterrupt

        dying.setattr(world.stage.runtime.ledger.events, "record_routed", die)
        try:
            receive(world, 5, malicious=9)
        except KeyboardInterrupt:
            world.stage.work = world.stage.worker()
    world.stage.forward(61)
    world.stage.run_all()
    assert header(world.parent) == "▲ 14 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert len(world.thread()) == 2


def test_jira_keeps_one_issue_and_is_told_at_once(make_world):
    world = make_world(["tickets"])
    receive(world, 4, malicious=5)
    assert list(world.jira.issues) == ["SEC-1"]
    receive(world, 5, malicious=9)
    world.stage.run_all()
    assert list(world.jira.issues) == ["SEC-1"]
    (comment,) = world.jira.issues["SEC-1"].comments
    assert "9 high severity alarms" in json.dumps(comment["body"])
