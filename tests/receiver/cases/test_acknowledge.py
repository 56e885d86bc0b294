"""A case is taken, told as stories: who clicks in Slack, who hears of it, and who is reminded where nobody
does. Real queues and a real ledger; Slack and Jira are simulated over sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from demo.base import app_of
from demo.jira.simulation import Jira
from demo.serving import serving
from demo.slack.records import DEMO_TOKEN, Channel, Post, Request
from demo.slack.simulation import Slack
from receiver.destinations.jira.destination import JiraDestination
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.web import create_app
from scheduler.reminders import remind
from shared.config.destinations.jira import JiraConfig
from shared.http.client import Http
from shared.models.acknowledgements import Acknowledgement
from shared.models.codec import dump
from shared.models.event_kinds import ACKNOWLEDGED, CAPTURE_FAILED, UNACKNOWLEDGED
from shared.models.events import Event
from shared.models.systems import System
from shared.queues import items
from shared.queues.worker import work
from shared.secrets import Secret, SecretRef
from shared.storage import audit
from tests.receiver.conftest import Tool

SOC, SECOND = "C0123456789", "C0000000002"
CASE = "project/3/evidence/4"
SIGNING = SecretRef.parse("env:SIGNING")
IR = {"type": "slack", "token": "env:T", "channel": SOC, "signing_secret": SIGNING}
HIDDEN = "\u202e"
TITLE = "5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"


class World:
    """A stage with a Slack app that has buttons in two channels (`ir`, `second`), a Jira (`tickets`), a Teams
    channel and a webhook. `listed`: who may acknowledge at `ir`."""

    def __init__(self, make_stage, stack: ExitStack, default, pace=1_000, listed=None, **settings) -> None:
        self.slack, self.jira = Slack(rate=None), Jira()
        self.slack.channels.append(Channel(SECOND, "second"))
        self.origin = stack.enter_context(serving(app_of(self.slack, self.jira)))
        jira = {
            "type": "jira",
            "url": self.origin,
            "email": "hunt@acme.example",
            "api_token": "env:T",
            "project": "SEC",
            "issue_type": "Incident",
            "api": "cloud",
        }
        self.stage = make_stage(
            destinations={
                "ir": IR | {"pace": pace} | ({"may_acknowledge": listed} if listed else {}),
                "second": IR | {"channel": SECOND, "pace": pace},
                "tickets": jira,
                "office": {"type": "teams", "webhook_url": "env:B"},
                "siem": {"type": "webhook", "url": "https://siem.example", "secrets": "env:S"},
            },
            default=default,
            **settings,
        )
        self.slack._now = self.jira._now = self.seconds
        self.siem = Tool("siem")
        self.stage.tools |= {
            "ir": self.bot("ir", SOC),
            "second": self.bot("second", SECOND),
            "tickets": JiraDestination("tickets", JiraConfig(**jira), Http(), Secret("demo-token")),
            "siem": self.siem,
        }
        self.stage.work = self.stage.worker()
        self.secrets = {SIGNING: Secret(self.slack.signing_secret)}
        self.client = create_app(
            self.stage.runtime.events, list, lambda: self.stage.moment, dict, lambda: self.secrets
        ).test_client()

    def bot(self, name: str, channel: str) -> SlackBotDestination:
        return SlackBotDestination(
            name,
            Secret(DEMO_TOKEN),
            channel,
            interactive=True,
            base_url=f"{self.origin}/api/",
            clock=self.seconds,
        )

    def seconds(self) -> float:
        return self.stage.moment.timestamp()

    def alarm(self, malicious: int = 5) -> str:
        text = b"%d high severity alarms in project id 3 evidence id 4" % malicious
        id = self.stage.receive(b'{"event": "high_severity_alarm", "message": "%s"}' % text)
        self.stage.run_all()
        self.stage.forward(60)
        return id

    def send(self, request: Request) -> int:
        return self.client.post(
            "/slack/actions", data=request.body, headers=dict(request.headers)
        ).status_code

    def click(self, action: str = "acknowledge", *, run: bool = True, **who) -> None:
        assert self.send(self.slack.click(self.parent, action, **who)) == 200
        if run:
            self.stage.run_all()

    @property
    def parents(self) -> list[Post]:
        return [post for post in self.slack.posts if not post.thread_ts]

    @property
    def parent(self) -> Post:
        return self.parents[-1]

    def thread(self) -> list[str]:
        """The headers of the replies; one that was sent to the channel as well with a mark."""
        return [header(reply) + " !" * reply.broadcast for reply in self.slack.replies(self.parent)]

    def whispers(self) -> list[tuple[str, str]]:
        return [(whisper.user, whisper.body["text"]) for whisper in self.slack.ephemerals]


def header(post: Post) -> str:
    text: str = post.body["blocks"][0]["text"]["text"]
    return text


def buttons(post: Post) -> list[str]:
    return [
        element["text"]["text"]
        for block in post.body["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def facts(post: Post) -> dict[str, str]:
    found = [field["text"] for block in post.body["blocks"] for field in block.get("fields", [])]
    return {text.partition("\n")[0].strip("*"): text.partition("\n")[2] for text in found}


@pytest.fixture
def make(make_stage) -> Iterator[Callable[..., World]]:
    with ExitStack() as stack:
        yield lambda default=("ir",), **settings: World(make_stage, stack, list(default), **settings)


# Taken


def test_a_click_takes_the_case_and_all_who_were_told_of_it_hear_of_it_once(make):
    world = make(["ir", "tickets", "office", "siem"])
    world.alarm()
    assert buttons(world.parent) == ["Acknowledge", "Open in the EC2 console", "Open SEC-1 in Jira"]
    assert world.slack.mentions == []

    world.click()

    assert buttons(world.parent) == ["Open in the EC2 console", "Open SEC-1 in Jira"]
    assert facts(world.parent)["Taken by"] == "ada, 2026-11-24 03:01 UTC"
    title = "5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert header(world.parent) == "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert world.thread() == [header(world.parent), f"▲ Taken by ada: {title}"]
    assert world.slack.mentions == ["<@U012AB3CD>"]
    assert world.whispers() == []
    (comment,) = world.jira.issues["SEC-1"].comments
    assert f"Taken by ada: {title}" in json.dumps(comment["body"])
    assert [message.kind for message in world.siem.sent] == ["high_severity_alarm", ACKNOWLEDGED]
    assert world.siem.sent[1].alarm.acknowledgement.by == "ada"
    assert [message.title for message in world.stage.office.sent][1:] == [f"Taken by ada: {title}"]
    assert world.slack.refused == []


def test_who_comes_second_is_told_who_has_it_and_nobody_else_hears_of_that(make):
    world = make()
    world.alarm()
    stale = world.slack.click(world.parent, "acknowledge", user="U0BOB00001", name="bob")
    again = world.slack.click(world.parent, "acknowledge")
    world.click()
    before = [post.body for post in world.slack.posts]

    assert [world.send(stale), world.send(again)] == [200, 200]
    world.stage.run_all()

    assert sorted(world.whispers()) == [
        ("U012AB3CD", f"You have taken “{TITLE}” already, at 2026-11-24 03:01 UTC."),
        ("U0BOB00001", f"ada has taken “{TITLE}” already, at 2026-11-24 03:01 UTC."),
    ]
    assert [post.body for post in world.slack.posts] == before


def test_of_eight_who_click_at_once_one_has_the_case(make):
    world = make()
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
    assert len(world.whispers()) == 7
    assert {text for _, text in world.whispers()} == {
        f"{taken.by} has taken “{TITLE}” already, at 2026-11-24 03:01 UTC."
    }


def test_a_request_that_is_replayed_within_its_five_minutes_does_nothing_more(make):
    world = make()
    world.alarm()
    request = world.slack.click(world.parent, "acknowledge")
    shown = replace(world.parent)  # as it still stands on a screen that was not brought up to date
    for _ in range(3):
        assert world.send(request) == 200
        world.stage.run_all()
    assert len(world.thread()) == 2
    assert world.whispers() == []
    late = world.slack.click(shown, "acknowledge", user="U0BOB00001", name="bob")
    for _ in range(3):
        assert world.send(late) == 200
        world.stage.run_all()
    assert len(world.whispers()) == 1
    world.stage.forward(301)
    assert world.send(request) == 401


def test_a_worker_that_dies_after_it_has_taken_the_case_leaves_the_rest_to_the_next(make, monkeypatch):
    world = make(["ir", "siem"])
    world.alarm()
    world.click(run=False)
    put, died = world.stage.runtime.deliveries.put, []

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
    assert world.whispers() == []


def test_while_slack_is_down_the_case_is_taken_all_the_same_and_told_when_it_is_back(make):
    world = make(["ir", "siem"])
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


def test_where_the_message_was_deleted_a_new_one_says_who_has_the_case(make):
    world = make()
    world.alarm()
    request = world.slack.click(world.parent, "acknowledge")
    world.slack.posts.clear()
    assert world.send(request) == 200
    world.stage.run_all()
    (parent,) = world.parents
    assert header(parent) == "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert facts(parent)["Taken by"] == "ada, 2026-11-24 03:01 UTC"
    assert buttons(parent) == ["Create Jira issue", "Open in the EC2 console"]
    assert world.thread() == ["▲ Taken by ada: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"]


def test_a_case_that_has_been_taken_stays_so_when_it_gets_worse(make):
    world = make()
    world.alarm()
    world.click()
    world.alarm(9)
    assert header(world.parent) == "▲ 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert "Acknowledge" not in buttons(world.parent)
    assert facts(world.parent)["Taken by"] == "ada, 2026-11-24 03:01 UTC"
    assert world.thread()[-1] == "▲ Update: 9 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1) !"
    assert "2 alarms so far" in json.dumps(world.parent.body)


def test_the_button_of_a_case_that_is_gone_does_nothing_and_says_so(make):
    world = make()
    world.alarm()
    world.stage.runtime.store.delete("case-file", CASE, "-")
    before = [post.body for post in world.slack.posts]
    world.click()
    world.click("create-issue")
    said = ("U012AB3CD", "huntbridge knows nothing of this case any more, so nothing was done.")
    assert world.whispers() == [said, said]
    assert [post.body for post in world.slack.posts] == before
    assert world.jira.issues == {}


def test_who_can_sign_for_one_app_has_no_say_in_the_cases_of_another(make):
    world = make(["siem"])
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
    assert [text for _, text in world.whispers()] == [
        "huntbridge knows nothing of this case any more, so nothing was done."
    ]


def test_where_the_configuration_names_who_may_acknowledge_nobody_else_can(make):
    world = make(["ir"], listed=["U012AB3CD", "U0BBBBBBBB"])
    world.alarm()
    before = dict(world.parent.body)
    world.click(user="U0AAAAAAAA", name="*mallory* <!here>")
    ((user, text),) = world.whispers()
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
    assert len(world.whispers()) == 1


def test_an_operator_at_the_command_line_is_not_bound_by_the_list(make):
    world = make(["ir"], listed=["U0BBBBBBBB"])
    world.alarm()
    taken = Acknowledgement("ack:1", world.stage.moment, "carol", origin="cli")
    world.stage.runtime.events.put(items.acknowledgement(CASE, dump(taken)), id="ack:1")
    world.stage.run_all()
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "carol"


def test_a_list_of_one_channel_does_not_bind_another(make):
    """One app is in two channels, and the list stands at one of them."""
    world = make(["ir", "second"], listed=["U0BBBBBBBB"])
    world.alarm()
    second, first = sorted(world.parents, key=lambda post: post.channel)
    assert world.send(world.slack.click(first, "acknowledge", user="U0AAAAAAAA")) == 200
    world.stage.run_all()
    assert not world.stage.runtime.ledger.cases.get(CASE).acknowledgement
    world.stage.forward(1)
    assert world.send(world.slack.click(second, "acknowledge", user="U0AAAAAAAA", name="ann")) == 200
    world.stage.run_all()
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement.by == "ann"


def test_a_click_whose_secret_no_destination_has_any_more_is_kept_and_told(make):
    world = make(["ir", "siem"])
    world.alarm()
    gone = SecretRef.parse("env:GONE")
    world.secrets = {gone: Secret(world.slack.signing_secret)}
    world.click()
    (dead,) = world.stage.runtime.events.dead_items()
    assert dead.reason == "a click was signed with env:GONE, and no destination has that signing_secret"
    assert world.stage.runtime.ledger.cases.get(CASE).acknowledgement is None


def test_a_rotated_signing_secret_works_beside_the_one_before(make):
    world = make()
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
def test_a_hostile_name_is_shown_as_text_and_mentions_nobody(make, name):
    world = make(["ir", "tickets"])
    world.alarm()
    world.click(name=name)
    assert world.slack.mentions == ["<@U012AB3CD>"]
    assert world.slack.refused == []
    assert HIDDEN not in json.dumps([post.body for post in world.slack.posts], ensure_ascii=False)
    (comment,) = world.jira.issues["SEC-1"].comments
    assert "Taken by" in json.dumps(comment["body"])
    assert world.jira.refused == []


def test_an_id_that_is_none_of_slacks_is_never_mentioned(make):
    world = make()
    world.alarm()
    request = world.slack.click(world.parent, "acknowledge", user="S0123456789")
    assert world.send(request) == 400
    assert world.slack.mentions == []


def test_only_a_destination_with_a_signing_secret_has_buttons(make):
    world = make()
    world.stage.tools["ir"] = SlackBotDestination(
        "ir", Secret(DEMO_TOKEN), SOC, base_url=f"{world.origin}/api/", clock=world.seconds
    )
    world.stage.work = world.stage.worker()
    world.alarm()
    assert buttons(world.parent) == ["Open in the EC2 console"]


def test_what_is_no_finding_has_no_button(make):
    world = make()
    system = System("i-0aaaaaaaaaaaaaaa1", "us-east-1")
    world.stage.raise_event(
        Event("capture_failed:1", CAPTURE_FAILED, world.stage.moment, text="no snapshot", system=system)
    )
    world.stage.receive(b'{"event": "processing_finished", "message": "done, project id 3 evidence id 9"}')
    world.stage.run_all()
    assert len(world.parents) == 2
    assert {name for parent in world.parents for name in buttons(parent)} == {"Open in the EC2 console"}


# An issue


def test_the_button_makes_one_issue_however_often_it_is_clicked_and_becomes_a_link(make):
    world = make()
    world.alarm()
    assert buttons(world.parent) == ["Acknowledge", "Create Jira issue", "Open in the EC2 console"]
    twice = world.slack.click(world.parent, "create-issue", user="U0BOB00001", name="bob")
    world.click("create-issue", run=False)
    assert world.send(twice) == 200
    world.stage.run_all()

    assert list(world.jira.issues) == ["SEC-1"]
    assert world.jira.issues["SEC-1"].fields["summary"].startswith("5 high severity alarms on web-01")
    assert buttons(world.parent) == ["Acknowledge", "Open in the EC2 console", "Open SEC-1 in Jira"]
    link = world.parent.body["blocks"][-2]["elements"][-1]
    assert link["url"] == f"{world.origin}/browse/SEC-1"
    ((user, text),) = world.whispers()
    assert (user, text) == ("U0BOB00001", f"“{TITLE}” has an issue already, or it is on its way.")
    assert len(world.thread()) == 1

    assert world.send(world.slack.click(world.parent, "acknowledge")) == 200
    world.stage.run_all()
    assert "Taken by ada" in json.dumps(world.jira.issues["SEC-1"].comments)


def test_an_issue_that_is_there_is_named_to_who_clicks_late(make):
    world = make()
    world.alarm()
    late = world.slack.click(world.parent, "create-issue", user="U0BOB00001", name="bob")
    world.click("create-issue")
    assert world.send(late) == 200
    world.stage.run_all()
    assert world.whispers() == [
        ("U0BOB00001", f"“{TITLE}” has an issue already: {world.origin}/browse/SEC-1")
    ]
    assert list(world.jira.issues) == ["SEC-1"]


def test_while_jira_is_down_the_button_is_gone_and_the_issue_is_made_when_it_is_back(make):
    world = make()
    world.alarm()
    world.jira.fail(503, times=4)
    world.click("create-issue", run=False)
    world.stage.run()
    assert world.jira.issues == {}
    assert buttons(world.parent) == ["Acknowledge", "Open in the EC2 console"]
    world.stage.run_all()
    assert list(world.jira.issues) == ["SEC-1"]
    assert buttons(world.parent)[-1] == "Open SEC-1 in Jira"


def test_what_comes_after_an_issue_was_asked_for_is_a_comment_on_it(make):
    world = make()
    world.alarm()
    world.click("create-issue")
    world.alarm(9)
    assert len(world.jira.issues["SEC-1"].comments) == 1
    assert list(world.jira.issues) == ["SEC-1"]


def test_where_jira_is_on_the_route_the_link_appears_when_the_issue_is_there(make):
    world = make(["ir", "tickets"])
    world.jira.fail(503, times=3)
    world.stage.receive(b'{"event": "high_severity_alarm", "message": "5 in project id 3 evidence id 4"}')
    world.stage.run()
    assert buttons(world.parent) == ["Acknowledge", "Open in the EC2 console"]
    world.stage.run_all()
    assert buttons(world.parent) == ["Acknowledge", "Open in the EC2 console", "Open SEC-1 in Jira"]
    assert len(world.thread()) == 1


def test_an_edit_waits_until_slack_has_no_alarm_to_take_and_not_for_ever(make):
    world = make(["ir", "tickets"], pace=0.1)  # one message in ten seconds
    world.alarm()
    assert buttons(world.parent)[-1] == "Open SEC-1 in Jira"

    refreshed = [post.edits for post in world.slack.posts]
    world.stage.runtime.deliveries.put(items.refresh("ir", CASE), id="refresh")
    for _ in range(100):
        world.stage.work._pace.turn("ir", ((1, 10.0),), urgent=True, waited=False)
        world.stage.run()
        world.stage.forward(10)
    assert world.stage.living() == 0  # a quarter of an hour is over
    assert [post.edits for post in world.slack.posts] == refreshed


def test_an_issue_that_could_not_be_made_before_the_case_was_taken_begins_with_the_alarm(make):
    world = make(["ir", "tickets"])
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


# Nobody takes it


def reminded(world: World) -> None:
    remind(world.stage.runtime)
    world.stage.run_all()


REMINDERS = {"after": 1_800, "to": ["ir", "office"], "times": 2}


def test_a_malicious_case_that_nobody_takes_is_told_again_and_so_many_times_at_most(make):
    world = make(reminders=REMINDERS)
    world.alarm()
    title = "Nobody has taken this yet: 5 malicious on web-01 (i-0aaaaaaaaaaaaaaa1)"
    world.stage.forward(1_700)
    reminded(world)
    assert len(world.thread()) == 1

    world.stage.forward(60)
    reminded(world)
    reminded(world)
    assert world.thread()[1:] == [f"▲ {title} !"]
    assert header(world.parent) == "▲ 5 high severity alarms on web-01 (i-0aaaaaaaaaaaaaaa1)"
    assert "Acknowledge" in buttons(world.parent)
    (card,) = world.stage.office.sent
    assert (card.kind, card.title) == (UNACKNOWLEDGED, title)
    assert card.summary == "First told at 2026-11-24 03:00 UTC. Reminder 1 of 2."

    for _ in range(5):
        world.stage.forward(1_800)
        reminded(world)
    assert world.thread()[1:] == [f"▲ {title} !"] * 2
    assert [card.summary[-16:] for card in world.stage.office.sent] == [
        "Reminder 1 of 2.",
        "Reminder 2 of 2.",
    ]

    world.click()
    assert world.stage.office.sent[-1].title.startswith("Taken by ada")  # who was reminded hears of it too


def test_who_takes_the_case_ends_the_reminders_even_one_that_is_on_its_way(make):
    world = make(reminders=REMINDERS)
    world.alarm()
    world.stage.forward(1_800)
    world.slack.fail(503, times=3, on="POST /api/")
    remind(world.stage.runtime)
    world.stage.run()
    world.click(run=False)
    world.stage.run_all()
    for _ in range(3):
        world.stage.forward(1_800)
        reminded(world)
    assert [text for text in world.thread() if "Nobody" in text] == []
    assert [message.kind for message in world.stage.office.sent] == [UNACKNOWLEDGED, ACKNOWLEDGED]


def test_eight_timers_at_once_tell_each_step_once(make):
    world = make(["siem"], reminders={"after": 60, "to": "siem", "times": 3})
    world.alarm()
    for _ in range(4):
        threads = [threading.Thread(target=remind, args=(world.stage.runtime,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        world.stage.run_all()
        world.stage.forward(60)
    assert [message.summary[-16:] for message in world.siem.sent[1:]] == [
        "Reminder 1 of 3.",
        "Reminder 2 of 3.",
        "Reminder 3 of 3.",
    ]


def test_a_later_alarm_of_the_case_does_not_begin_its_reminders_anew(make):
    world = make(["siem"], reminders={"after": 60, "to": "siem", "times": 2})
    world.alarm()
    for _ in range(4):
        world.stage.forward(60)
        reminded(world)
    world.alarm(9)
    for _ in range(4):
        world.stage.forward(60)
        reminded(world)
    assert [message.kind for message in world.siem.sent] == [
        "high_severity_alarm",
        UNACKNOWLEDGED,
        UNACKNOWLEDGED,
        "high_severity_alarm",
    ]


def test_after_a_long_stop_one_reminder_makes_up_for_all_that_were_due(make):
    world = make(["siem"], reminders={"after": 60, "to": "siem", "times": 5})
    world.alarm()
    world.stage.forward(3_600)
    for _ in range(3):
        reminded(world)
    assert [message.kind for message in world.siem.sent[1:]] == [UNACKNOWLEDGED]


def test_only_malicious_cases_are_told_again_and_only_where_it_is_configured(make):
    world = make(["siem"], reminders={"after": 60, "to": "siem"})
    world.stage.receive(
        b'{"event": "suspicious_severity_event", "message": "3 events in project id 3 evidence id 4"}'
    )
    world.stage.run_all()
    world.stage.forward(3_600)
    reminded(world)
    assert len(world.siem.sent) == 1


def test_without_the_section_nobody_is_reminded(make):
    world = make(["siem"])
    world.alarm()
    world.stage.forward(36_000)
    reminded(world)
    assert len(world.siem.sent) == 1


def test_a_clock_that_was_set_back_delays_a_reminder_by_no_more_than_its_time(make):
    world = make(["siem"], reminders={"after": 60, "to": "siem"})
    world.alarm()
    world.stage.forward(-86_400)
    reminded(world)
    assert [message.kind for message in world.siem.sent[1:]] == [UNACKNOWLEDGED]


def test_an_acknowledgement_and_a_reminder_tell_recovery_of_nothing(make):
    """Else an alarm of a later processing run, whose webhook is lost, would pass for told."""
    world = make(["siem"], reminders={"after": 60, "to": "siem"})
    world.alarm()
    world.stage.forward(60)
    reminded(world)
    records = world.stage.runtime.ledger.events.of_project(3)
    assert {record["kind"]: record["evidence_id"] for record in records} == {
        "high_severity_alarm": 4,
        UNACKNOWLEDGED: None,
    }
