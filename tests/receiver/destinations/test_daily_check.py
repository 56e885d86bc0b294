"""The daily check of the destinations: what is broken is told at another one, and nothing is posted."""

from __future__ import annotations

import pytest

from demo.jira.simulation import Jira
from shared.http.deadlines import DeadlineExceeded
from shared.models.event_kinds import CHECK_FAILED, DESTINATION_BROKEN, DESTINATION_MENDED
from shared.queues import items
from shared.queues.check_results import CONFIRM_AFTER
from tests.receiver.world import SECOND, World, header


@pytest.fixture
def world(make_world):
    return make_world(["ir", "tickets", "siem"])


def forbid(jira: Jira, permission: str) -> None:
    jira.permissions -= {permission}


class Days:
    def __init__(self, world: World) -> None:
        self.world, self.day = world, 0

    def check(self, *names: str) -> list[tuple[str, str]]:
        """One day's check of these destinations; returns what the webhook was told."""
        stage, self.day = self.world.stage, self.day + 1
        before = len(self.world.siem.sent)
        for name in names:
            item = items.DailyCheck(name, f"2026-11-{self.day:02}")
            stage.runtime.events.put(items.encode(item), id=f"check:{name}:{self.day}")
        stage.run_all()
        stage.forward(CONFIRM_AFTER + 1)
        stage.run_all()
        stage.forward(86_400)
        return [(message.kind, message.title) for message in self.world.siem.sent[before:]]


def test_a_channel_that_was_archived_is_told_elsewhere_and_so_is_its_mending(world):
    days, channel = Days(world), world.slack.channels[0]
    assert days.check("ir", "tickets", "siem") == []
    channel.is_archived = True
    broken = (DESTINATION_BROKEN, "The destination ir does not accept alarms")
    assert days.check("ir", "tickets", "siem") == [broken]
    message = world.siem.sent[-1]
    assert "archived" in message.quote
    assert "huntbridge send-test ir" in message.summary
    assert world.slack.posts == []  # neither was the broken one told, nor was anything posted to find out
    (issue,) = world.jira.issues.values()
    assert issue.fields["summary"] == broken[1]
    assert days.check("ir", "tickets", "siem") == []
    channel.is_archived = False
    mended = (DESTINATION_MENDED, "The destination ir accepts alarms again")
    assert days.check("ir", "tickets", "siem") == [mended]


@pytest.mark.parametrize(
    ("name", "wreck", "said"),
    [
        ("ir", lambda world: world.slack.scopes.discard("chat:write"), "lacks the scope chat:write"),
        ("ir", lambda world: setattr(world.slack, "revoked", "token_revoked"), "revoked"),
        ("ir", lambda world: world.slack.channels.clear(), "channel"),
        ("tickets", lambda world: forbid(world.jira, "CREATE_ISSUES"), "CREATE_ISSUES"),
    ],
)
def test_what_is_wrong_is_said(world, name, wreck, said):
    wreck(world)
    ((kind, _),) = Days(world).check(name)
    assert kind == DESTINATION_BROKEN
    assert said in world.siem.sent[-1].quote


def test_an_old_secret_does_not_make_the_destination_broken(world):
    days = Days(world)
    checks = world.stage.work.event.__self__.checks
    checks.why_old = lambda ref: f"{ref} was last changed on 2024-01-01" if ref == "env:T" else ""
    assert days.check("ir") == [(CHECK_FAILED, "The daily check found a problem: ir")]
    assert "token: env:T was last changed on 2024-01-01" in world.siem.sent[-1].quote


def test_without_another_destination_it_is_only_logged(make_world, caplog):
    world = make_world(["siem"])
    stage = world.stage
    config = stage.runtime.config
    only = {"ir": config.destinations["ir"]}
    stage.runtime.config = config.model_copy(update={"destinations": only, "default": ("ir",), "routes": ()})
    stage.work = stage.worker()
    world.slack.revoked = "token_revoked"
    Days(world).check("ir")
    assert "a destination is broken, and there is no other to tell of it" in caplog.text
    assert (stage.living(), stage.runtime.events.depth().dead) == (0, 0)
    assert world.siem.sent == []


def test_a_destination_that_was_removed_meanwhile_is_not_checked(world):
    assert Days(world).check("gone") == []


def test_where_only_the_broken_one_would_be_told_the_next_one_is(make_world):
    world = make_world(["ir"])
    world.slack.channels[0].is_archived = True
    Days(world).check("ir")
    (post,) = world.slack.posts
    assert post.channel == SECOND
    assert header(post) == "◇ The destination ir does not accept alarms"


def test_a_destination_that_hangs_is_told_like_one_that_refuses(world, monkeypatch):
    def hangs(self: object) -> None:
        raise DeadlineExceeded

    monkeypatch.setattr(type(world.stage.tools["tickets"]), "check", hangs)
    ((kind, _),) = Days(world).check("tickets")
    assert kind == DESTINATION_BROKEN
    assert "there was no answer within 12 s" in world.siem.sent[-1].quote
