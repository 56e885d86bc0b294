"""An alarm whose destination refuses the secret is kept, is reported to another destination, and arrives once
after the secret is mended. The destinations are real; the simulated services refuse what the real ones do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Blueprint, request

from demo.base import app_of
from demo.jira.simulation import Jira
from demo.jsm.simulation import DEMO_KEY as GENIE_KEY
from demo.jsm.simulation import Jsm
from demo.pagerduty.simulation import DEMO_KEY as ROUTING_KEY
from demo.pagerduty.simulation import PagerDuty
from demo.serving import serving
from demo.slack.records import DEMO_TOKEN
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from receiver import assemble
from receiver.destinations.contract import Rejected
from receiver.destinations.reloading import ReloadingDestination
from receiver.destinations.slack import destination as slack_destination
from receiver.destinations.slack.bot import SlackBotDestination
from shared.secrets import Secret, SecretError, SecretRef, Secrets
from tests.receiver.conftest import Stage

SIGNING = "a-secret-of-the-siem"
Make = Callable[[dict[str, Any], str], tuple[Stage, dict[str, str]]]


class Siem:
    """A receiver that accepts one key, which is part of its URL."""

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self.blueprint = Blueprint("siem", __name__)
        self.blueprint.add_url_rule("/in/<key>", view_func=self._take, methods=["POST"])

    def _take(self, key: str) -> tuple[str, int]:
        if key != "right":
            return "no such key", 401
        self.messages.append(request.get_json(force=True))
        return "", 202


@dataclass
class World:
    origin: str
    slack: Slack
    teams: Teams
    jira: Jira
    siem: Siem
    pagerduty: PagerDuty
    jsm: Jsm


@pytest.fixture
def world() -> Iterator[World]:
    slack, teams, jira, siem = Slack(rate=None), Teams(rate=None), Jira(), Siem()
    pagerduty, jsm = PagerDuty(rate=None), Jsm(rate=None)
    app = app_of(slack, teams, jira, pagerduty, jsm)
    app.register_blueprint(siem.blueprint)
    with serving(app) as origin:
        yield World(origin, slack, teams, jira, siem, pagerduty, jsm)


@dataclass(frozen=True)
class Kind:
    config: dict[str, Any]
    good: Callable[[World], str]  # the secret that is right
    stale: Callable[[World], str]  # the secret that was right before
    said: str  # what an analyst reads
    told: Callable[[World], list[Any]]  # what arrived


def shown(posts: list[Any]) -> list[Any]:
    return [post.body for post in posts]


KINDS = {
    "slack, by a hook that is gone": Kind(
        {"type": "slack", "webhook_url": "env:IT"},
        lambda w: w.origin + w.slack.path,
        lambda w: f"{w.origin}/services/T00000000/B00000000/gone",
        "make a new webhook",
        lambda w: shown(w.slack.messages),
    ),
    "slack, by a token that was revoked": Kind(
        {"type": "slack", "token": "env:IT", "channel": "C0123456789", "pace": 1_000},
        lambda w: DEMO_TOKEN,
        lambda w: "xoxb-0-0-old",
        "token",
        lambda w: [post.body for post in w.slack.posts if not post.thread_ts],
    ),
    "teams, by a workflow that was deleted": Kind(
        {"type": "teams", "webhook_url": "env:IT"},
        lambda w: w.origin + w.teams.path,
        lambda w: w.origin + w.teams.path.replace("/workflows/0", "/workflows/f"),
        "the workflow is deleted, switched off or its URL changed",
        lambda w: shown(w.teams.messages),
    ),
    "teams, by a URL of the old form": Kind(
        {"type": "teams", "webhook_url": "env:IT"},
        lambda w: w.origin + w.teams.path,
        lambda w: w.origin + w.teams.path.replace("api-version=1&", ""),
        "the workflow is deleted, switched off or its URL changed",
        lambda w: shown(w.teams.messages),
    ),
    "teams, by a URL whose signature was renewed": Kind(
        {"type": "teams", "webhook_url": "env:IT"},
        lambda w: w.origin + w.teams.path,
        lambda w: w.origin + w.teams.path.replace("sig=demo", "sig=old0"),
        "copy the URL again",
        lambda w: shown(w.teams.messages),
    ),
    "jira, by a token that has expired": Kind(
        {"type": "jira", "email": "hunt@acme.example", "api_token": "env:IT", "project": "SEC"},
        lambda w: "demo-token",
        lambda w: "an-old-token",
        "has it expired?",
        lambda w: shown(w.jira.messages),
    ),
    "a receiver, by a key that was changed": Kind(
        {"type": "webhook", "url": "env:IT", "secrets": "env:SIGNING", "pace": 1_000},
        lambda w: f"{w.origin}/in/right",
        lambda w: f"{w.origin}/in/wrong",
        "the receiver does not take the signature or the URL",
        lambda w: w.siem.messages,
    ),
    "pagerduty, by a key that was replaced": Kind(
        {"type": "pagerduty", "routing_key": "env:IT"},
        lambda w: ROUTING_KEY,
        lambda w: ROUTING_KEY.replace("d", "D"),
        "PagerDuty does not take the routing key",
        lambda w: shown(w.pagerduty.messages),
    ),
    "jsm, by a key of an integration that was deleted": Kind(
        {"type": "jsm", "api_key": "env:IT"},
        lambda w: GENIE_KEY,
        lambda w: GENIE_KEY.upper(),
        "does not take the key",
        lambda w: shown(w.jsm.messages),
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def make(make_stage: Callable[..., Stage], world: World, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a stage that sends to the real `it` and reports refused alarms to `soc`; and its environment."""

    def bot(*given: Any, **more: Any) -> SlackBotDestination:
        return SlackBotDestination(*given, **{**more, "base_url": f"{world.origin}/api/"})

    monkeypatch.setattr(slack_destination, "SlackBotDestination", bot)

    def make(config: dict[str, Any], secret: str) -> tuple[Stage, dict[str, str]]:
        if config["type"] == "jira":
            config = {**config, "url": world.origin, "api": "cloud"}
        if config["type"] in ("pagerduty", "jsm"):
            config = {**config, "url": world.origin}
        stage = make_stage(
            destinations={"it": config, "soc": {"type": "slack", "webhook_url": "env:SOC"}},
            default=["it"],
            delivery={"fallback": "soc"},
        )
        environ = {"IT": secret, "SIGNING": SIGNING}
        stage.runtime.secrets = Secrets(environ)
        stage.tools["it"] = assemble.destination(stage.runtime, "it")
        stage.work = stage.worker()
        return stage, environ

    return make


def alarm(stage: Any, number: int) -> None:
    stage.receive(b'{"message": "%d alarms in project id %d evidence id 4"}' % (number, number))
    stage.run_all()


def test_what_is_refused_is_kept_and_told_elsewhere_and_arrives_when_it_is_mended(
    kind: Kind, make: Make, world: World
) -> None:
    stage, environ = make(kind.config, kind.stale(world))
    alarm(stage, 5)
    assert kind.told(world) == []
    (notice,) = stage.soc.sent
    assert notice.title == "1 message could not be delivered to it"
    assert "`huntbridge dead retry --destination it`" in notice.summary
    assert kind.said in notice.quote
    assert environ["IT"] not in repr(notice)
    (dead,) = stage.runtime.deliveries.dead_items()
    environ["IT"] = kind.good(world)
    assert stage.runtime.deliveries.revive([dead.id]) == [dead.id]
    stage.run_all()
    (told,) = kind.told(world)
    assert "5 alarms" in json.dumps(told)
    assert stage.runtime.deliveries.depth().dead == 0


def test_a_secret_that_was_renewed_in_time_costs_nobody_anything(
    kind: Kind, make: Make, world: World
) -> None:
    """huntbridge uses the old secret while the secret store has a new one."""
    stage, environ = make(kind.config, kind.stale(world))
    destination = stage.tools["it"]
    assert isinstance(destination, ReloadingDestination)
    destination.prepare()
    environ["IT"] = kind.good(world)
    alarm(stage, 5)
    assert len(kind.told(world)) == 1
    assert stage.soc.sent == []


def test_a_workflow_that_is_off_and_is_switched_on_again(make: Make, world: World) -> None:
    config = {"type": "teams", "webhook_url": "env:IT"}
    stage, _ = make(config, world.origin + world.teams.path)
    alarm(stage, 5)
    world.teams.off = True
    for number in (6, 7):
        alarm(stage, number)
    for notice in stage.soc.sent:
        assert "the workflow is deleted, switched off or its URL changed" in notice.quote
        assert "trigger is not enabled" in notice.quote
    world.teams.off = False
    dead = [item.id for item in stage.runtime.deliveries.dead_items()]
    stage.runtime.deliveries.revive(dead)
    stage.run_all()
    assert len(stage.soc.sent) >= 1
    assert len(world.teams.messages) == len(dead) + 1 == 3
    assert world.teams.failed_runs == []


def test_a_case_whose_message_was_deleted_in_slack_is_told_in_a_new_one(make: Make, world: World) -> None:
    config = {"type": "slack", "token": "env:IT", "channel": "C0123456789", "pace": 1_000}
    stage, _ = make(config, DEMO_TOKEN)

    def more(number: int) -> None:
        stage.receive(b'{"message": "%d alarms in project id 3 evidence id 4"}' % number)
        stage.run_all()

    more(5)
    world.slack.posts.clear()  # by the retention of the channel, or by a person
    more(6)
    parents = [post for post in world.slack.posts if not post.thread_ts]
    assert len(parents) == 1
    assert "2 alarms so far" in json.dumps(parents[0].body)
    more(7)
    assert [post for post in world.slack.posts if not post.thread_ts] == parents
    assert "3 alarms so far" in json.dumps(parents[0].body)
    assert stage.soc.sent == []


@pytest.mark.parametrize("reads", [1, 2, 3])
@pytest.mark.parametrize("type", ["jira", "slack"])
def test_a_secret_that_cannot_be_read_for_a_moment_opens_no_case_twice(
    type: str, reads: int, make: Make, world: World
) -> None:
    """A new process has read no secret yet. It knows from the configuration what a destination can do."""
    kind = next(kind for kind in KINDS.values() if kind.config.get("token" if type == "slack" else "email"))
    stage, _ = make(kind.config, kind.good(world))
    stage.receive(b'{"message": "5 alarms in project id 3 evidence id 4"}')
    stage.run_all()
    failing = [SecretError("env:IT: the secret store does not answer")] * reads

    def secret(ref: SecretRef) -> Secret:
        if failing:
            raise failing.pop()
        return stage.runtime.secret(ref)

    stage.tools["it"] = ReloadingDestination(
        *("it", stage.runtime.config.destinations["it"], secret),
        *(lambda ref: None, stage.runtime.http),
    )
    assert stage.tools["it"].traits.thread
    assert failing
    stage.work = stage.worker()
    stage.receive(b'{"message": "6 alarms in project id 3 evidence id 4"}')
    stage.run_all()
    assert failing == []
    if type == "jira":
        (issue,) = world.jira.issues.values()
        assert len(issue.comments) == 1
    else:
        assert len([post for post in world.slack.posts if not post.thread_ts]) == 1
    assert stage.soc.sent == []


@pytest.mark.parametrize("name", ["slack, by a token that was revoked", "jira, by a token that has expired"])
def test_a_check_reads_the_secret_anew(name: str, make: Make, world: World) -> None:
    """A delivery does too, so a secret that was rotated does not make the destination broken."""
    kind = KINDS[name]
    stage, environ = make(kind.config, kind.stale(world))
    destination = stage.tools["it"]
    assert not destination.check().ok
    environ["IT"] = kind.good(world)
    assert destination.check().ok
    environ["IT"] = kind.stale(world)
    assert not destination.check().ok


def test_a_token_that_was_renewed_also_reads_issues(make: Make, world: World) -> None:
    kind = KINDS["jira, by a token that has expired"]
    stage, environ = make(kind.config, kind.good(world))
    alarm(stage, 5)
    world.jira.close("SEC-1")
    environ["IT"] = kind.stale(world)
    stage.tools["it"] = destination = assemble.destination(stage.runtime, "it")
    destination.prepare()
    refused = destination.closed_issues({"a case": "SEC-1"})
    assert isinstance(refused, Rejected)
    assert kind.said in refused.reason
    environ["IT"] = kind.good(world)
    assert set(destination.closed_issues({"a case": "SEC-1"})) == {"a case"}  # type: ignore[arg-type]
    assert destination.who_closed(["SEC-1"]) == {"SEC-1": "Grace"}
