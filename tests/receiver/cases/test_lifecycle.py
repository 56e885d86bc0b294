"""A message shows who acknowledged its case, the issue of the case, and the buttons that are still needed."""

from __future__ import annotations

import json

from demo.slack.records import DEMO_TOKEN
from receiver.destinations.slack.bot import SlackBotDestination
from shared.models.event_kinds import CAPTURE_FAILED
from shared.models.events import Event
from shared.models.systems import System
from shared.secrets import Secret
from tests.receiver.world import SOC, buttons, facts, header


def test_after_a_deletion_the_new_message_says_who_acknowledged_the_case(make_world):
    world = make_world()
    world.alarm()
    request = world.slack.click(world.parent, "acknowledge")
    world.slack.posts.clear()
    assert world.send(request) == 200
    world.stage.run_all()
    (parent,) = world.parents
    assert header(parent) == "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert facts(parent)["Taken by"] == "ada, 2026-11-24 03:01 UTC"
    assert buttons(parent) == ["Create Jira issue", "Capture again", "Open in the EC2 console"]
    assert world.thread() == ["▲ Taken by ada: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"]


def test_an_acknowledged_case_stays_acknowledged_when_it_gets_worse(make_world):
    world = make_world()
    world.alarm()
    world.click()
    world.alarm(9)
    assert header(world.parent) == "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert "Acknowledge" not in buttons(world.parent)
    assert facts(world.parent)["Taken by"] == "ada, 2026-11-24 03:01 UTC"
    assert world.thread()[-1] == "▲ Update: 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1) !"
    assert "2 alarms so far" in json.dumps(world.parent.body)


def test_only_a_destination_with_a_signing_secret_has_buttons(make_world):
    world = make_world()
    world.stage.tools["ir"] = SlackBotDestination(
        "ir", Secret(DEMO_TOKEN), SOC, base_url=f"{world.origin}/api/", clock=world.seconds
    )
    world.stage.work = world.stage.worker()
    world.alarm()
    assert buttons(world.parent) == ["Open in the EC2 console"]


def test_only_findings_have_buttons(make_world):
    world = make_world()
    system = System("i-0aaaaaaaaaaaaaaa1", "us-east-1")
    world.stage.raise_event(
        Event("capture_failed:1", CAPTURE_FAILED, world.stage.moment, text="no snapshot", system=system)
    )
    world.stage.receive(b'{"event": "processing_finished", "message": "done, project id 3 evidence id 9"}')
    world.stage.run_all()
    assert len(world.parents) == 2
    assert {name for parent in world.parents for name in buttons(parent)} == {"Open in the EC2 console"}


def test_the_link_to_the_issue_appears_once_the_issue_exists(make_world):
    world = make_world(["ir", "tickets"])
    world.jira.fail(503, times=3)
    world.stage.receive(b'{"event": "high_severity_alarm", "message": "5 in project id 3 evidence id 4"}')
    world.stage.run()
    assert buttons(world.parent) == ["Acknowledge", "Capture again", "Open in the EC2 console"]
    world.stage.run_all()
    assert buttons(world.parent) == [
        "Acknowledge",
        "Capture again",
        "Open in the EC2 console",
        "Open SEC-1 in Jira",
    ]
    assert len(world.thread()) == 1


def test_an_issue_created_after_the_acknowledgement_describes_the_alarm(make_world):
    world = make_world(["ir", "tickets"])
    world.jira.fail(503, times=1)
    world.stage.receive(b'{"event": "high_severity_alarm", "message": "5 in project id 3 evidence id 4"}')
    world.stage.run()
    world.click(run=False)
    world.stage.run()  # the alarm waits for its next attempt
    (issue,) = world.jira.issues.values()
    assert issue.fields["summary"].startswith("High severity alarm on web-01")
    assert "ada, 2026-11-24" in json.dumps(issue.fields["description"])
    world.stage.run_all()
    assert len(world.jira.issues) == 1
    assert len(issue.comments) == 1


def test_alarms_after_a_requested_issue_become_comments_on_it(make_world):
    world = make_world()
    world.alarm()
    world.click("create-issue")
    world.alarm(9)
    assert len(world.jira.issues["SEC-1"].comments) == 1
    assert list(world.jira.issues) == ["SEC-1"]
