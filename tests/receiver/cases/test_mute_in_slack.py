"""People mute the findings of a case from the menu of its message in Slack: what is covered and until when,
who may, who is told, and how it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from demo.slack.records import Post
from receiver.assemble import handlers
from receiver.destinations.slack.mute_menu import mute_menu
from shared.config.config import Config
from shared.models.alarms import Alarm
from shared.models.event_kinds import MUTED
from shared.models.events import Event
from shared.models.evidence import Finding
from shared.models.hunts import Hunt
from shared.models.mutes import Mute
from shared.storage import audit
from tests.receiver.cases.test_close_in_slack import key_of
from tests.receiver.cases.test_deciding import FIRST_CASE, MINER, SYSTEM, Enricher, found
from tests.receiver.conftest import START
from tests.receiver.world import SOC, World, menus

NETCAT, SUDO = found(), found("8 failed logins of *", "")
NEXT = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)  # the Sunday after START
TARGETS = [{"instance": SYSTEM, "region": "us-east-1"}]
WEEKLY = {"schedule": "cron(0 2 ? * SUN *)", "targets": TARGETS}


@dataclass
class InHunt(Enricher):
    """Each alarm is of the hunt that the test set."""

    hunt: Hunt | None = None

    def enrich(self, event: Event) -> Alarm:
        return replace(super().enrich(event), hunt=self.hunt)


def in_hunt(
    world: World, *findings: Finding, scheduled: dict[str, Any] | None = None, url: str = ""
) -> World:
    """The world, in which one hunt has found this. `url`: of the console."""
    changes = Config.model_validate(
        {
            "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
            "destinations": {"soc": {"type": "slack", "webhook_url": "env:A"}},
            "default": "soc",
            "hunts": {"weekly": WEEKLY if scheduled is None else scheduled},
            "console": {"url": url} if url else {},
        }
    )
    stage = world.stage
    config = stage.runtime.config.model_copy(update={"hunts": changes.hunts, "console": changes.console})
    stage.runtime.config = config
    hunt = Hunt("weekly", START - timedelta(days=2), began_at=START - timedelta(days=2))
    stage.enricher = InHunt(findings=findings or (NETCAT, SUDO, MINER), hunt=hunt)  # type: ignore[assignment]
    stage.work = handlers(stage.runtime, stage.enricher, stage.tools)
    world.alarm()
    return world


@pytest.fixture
def world(make_world) -> World:
    return in_hunt(make_world(["ir", "siem"]))


def find(world: World, *findings: Finding, later: bool = True) -> bool:
    """Whether people were told of what the next hunt found, or of what was found later in the same one."""
    enricher: Any = world.stage.enricher
    enricher.findings = findings
    if later:
        began = world.stage.moment
        enricher.hunt = Hunt("weekly", began, began_at=began)
    before = len(world.slack.posts)
    world.stage.receive(
        b'{"event": "processing_with_alarms", "title": "ALARMS", "message": '
        b'"1 alarms in project id 9 evidence id %d"}' % before
    )
    world.stage.run_all()
    return len(world.slack.posts) > before


def choose(world: World, length: str, **who: str) -> None:
    """Choose from the menu of the case's message."""
    (case,) = [post for post in world.parents if "Mute…" in menus(post)]
    assert world.send(world.slack.click(case, "mute", length, **who)) == 200
    world.stage.run_all()


def options(world: World) -> list[str]:
    (menu,) = [
        element
        for block in world.parent.body["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if element.get("action_id") == "mute"
    ]
    return [option["text"]["text"] for option in menu["options"]]


def mutes(world: World) -> list[Mute]:
    return world.stage.runtime.ledger.mutes.stored()


def told_kinds(world: World) -> list[str]:
    return [message.kind for message in world.siem.sent]


def test_a_choice_mutes_the_findings_of_the_case_on_this_system_and_is_told(world):
    assert menus(world.parent) == ["Close as…", "Mute…"]
    assert options(world) == ["1 day", "7 days", "Until the next hunt"]
    at = world.stage.moment
    choose(world, "7d")
    (mute,) = mutes(world)
    assert (mute.match.instance, mute.match.finding) == (
        (SYSTEM,),
        (NETCAT.description, "* failed logins of ?"),
    )
    assert len(mute.match.fingerprint) == 2
    assert (mute.at, mute.until, mute.by, mute.origin) == (
        at,
        at + timedelta(days=7),
        "ada",
        "Slack, user U012AB3CD",
    )
    assert mute.why.startswith("muted in Slack from the message of “")
    assert (mute.malicious, mute.until_next_hunt) == (False, False)
    ((user, text),) = world.ephemerals()
    assert user == "U012AB3CD"
    assert text.startswith("You muted 2 findings of “")
    assert "until 2026-12-01 03:01 UTC: “PUA.NetTool”, “8 failed logins of" in text
    assert "It would have covered 0 of 1 event of the last 30 days there, and a part of 1 more." in text
    assert text.endswith(f"huntbridge mute end {mute.id} --by NAME")
    assert told_kinds(world)[-1] == MUTED
    assert "limited to 2 fingerprints" in world.siem.sent[-1].title
    added, *_ = audit.newest(world.stage.runtime.store, world.stage.moment)
    assert (added.action, added.about) == (audit.MUTE_ADD, f"mute {mute.id}")
    assert (added.by, added.origin) == ("ada", "Slack, user U012AB3CD")
    assert added.after["why"] == mute.why
    assert world.slack.refused == []


def test_what_is_muted_is_withheld_and_everything_else_is_told(world):
    world.click("close", "true_positive")
    world.stage.forward(60)
    world.alarm()  # the case is reopened
    choose(world, "7d")
    assert not find(world, NETCAT, found("9 failed logins of *", ""))
    assert find(world, NETCAT, found(path="/opt/other/nc"))
    assert find(world, found("8 failed logins of x", ""))
    assert find(world, found("Another detection"))
    assert find(world, replace(MINER, path="/tmp/x", artefacts=(replace(MINER.artefacts[0], path="/tmp/x"),)))
    assert not find(world, found(count=50))
    world.stage.forward(7 * 86_400)
    assert find(world, found(count=50))


def test_another_system_is_told_of(world):
    choose(world, "7d")
    world.stage.enricher.instances = ["i-0bbbbbbbbbbbbbbb2"]
    assert find(world, NETCAT)


def test_until_the_next_hunt_ends_at_its_scheduled_time_or_when_it_begins_earlier(world):
    choose(world, "until-next-hunt")
    (mute,) = mutes(world)
    assert (mute.until, mute.until_next_hunt) == (NEXT, True)
    assert "until 2026-11-29 02:00 UTC, or the next hunt if that begins earlier" in world.ephemerals()[0][1]
    worse = found(count=50)  # told although the case is open
    assert not find(world, worse, later=False)
    assert find(world, worse)


@pytest.mark.parametrize(
    "scheduled",
    [{"targets": TARGETS}, WEEKLY | {"schedule": "at(2026-11-01T02:00:00)"}],
    ids=["none", "past"],
)
def test_where_no_hunt_is_scheduled_the_menu_does_not_offer_it(make_world, scheduled):
    world = in_hunt(make_world(), scheduled=scheduled)
    assert options(world) == ["1 day", "7 days"]


def test_a_hunt_that_is_not_scheduled_any_more_mutes_nothing(world):
    config = world.stage.runtime.config
    request = world.slack.click(world.parent, "mute", "until-next-hunt")
    world.stage.runtime.config = config.model_copy(update={"hunts": {}})
    world.stage.work = handlers(world.stage.runtime, world.stage.enricher, world.stage.tools)
    assert world.send(request) == 200
    world.stage.run_all()
    assert mutes(world) == []
    assert world.ephemerals()[0][1].startswith("Nothing was muted: the hunt of “")


def test_no_mute_is_longer_than_the_most(make_world):
    world = in_hunt(make_world(), scheduled=WEEKLY | {"schedule": "at(2027-11-01T02:00:00)"})
    choose(world, "until-next-hunt")
    assert (mutes(world)[0].until - mutes(world)[0].at).days == 90


def test_a_repeated_click_adds_no_second_mute(world):
    request = world.slack.click(world.parent, "mute", "7d")
    for _ in range(2):
        assert world.send(request) == 200
        world.stage.run_all()
    world.stage.forward(60)
    choose(world, "7d", user="U0BOB00001", name="bob")
    choose(world, "1d")
    (mute,) = mutes(world)
    assert told_kinds(world).count(MUTED) == 1
    first, second, third = (text for _, text in world.ephemerals())
    assert first.startswith("You muted")
    assert second == third
    assert "is muted already, until 2026-12-01 03:01 UTC, by ada. To end it: huntbridge mute end" in second
    assert mute.id in second


def test_a_longer_mute_is_added_to_a_shorter_one(world):
    choose(world, "1d")
    choose(world, "7d")
    assert [(mute.until - mute.at).days for mute in mutes(world)] == [1, 7]


def test_a_worker_that_dies_before_it_tells_does_so_when_it_repeats(world, monkeypatch):
    put = world.stage.runtime.events.put
    died: list[int] = []

    def dies(body, **more):
        if not died and b"muted:" in body:
            died.append(1)
            raise KeyboardInterrupt
        return put(body, **more)

    assert world.send(world.slack.click(world.parent, "mute", "1d")) == 200
    monkeypatch.setattr(world.stage.runtime.events, "put", dies)
    with pytest.raises(KeyboardInterrupt):
        world.stage.run()
    world.stage.forward(61)
    world.stage.run_all()
    assert len(mutes(world)) == 1
    assert told_kinds(world).count(MUTED) == 1
    assert world.ephemerals()[0][1].startswith("You muted")


def test_a_case_with_malicious_findings_alone_mutes_nothing_and_says_how(make_world):
    world = in_hunt(make_world(), MINER)
    choose(world, "7d")
    assert mutes(world) == []
    assert f"“huntbridge mute add --instance {SYSTEM} --malicious”" in world.ephemerals()[0][1]


def test_a_case_that_was_closed_meanwhile_mutes_nothing(world):
    request = world.slack.click(world.parent, "mute", "7d")
    world.click("close", "true_positive")
    assert world.send(request) == 200
    world.stage.run_all()
    assert mutes(world) == []
    assert world.ephemerals()[-1][1].startswith("Nothing was muted: ada has closed “")


def test_only_users_in_may_acknowledge_can_mute(make_world):
    world = in_hunt(make_world(listed=["U012AB3CD"]))
    choose(world, "7d", user="U0AAAAAAAA", name="mallory")
    assert mutes(world) == []
    assert world.ephemerals()[0][1].startswith("You may not mute “")
    (refused,) = audit.newest(world.stage.runtime.store, world.stage.moment)
    assert (refused.action, refused.about, refused.by) == (
        audit.MUTE_ADD,
        key_of(world),
        "mallory (Slack user U0AAAAAAAA)",
    )
    assert refused.after == {"refused": "not in may_acknowledge of ir"}


def test_an_app_may_not_mute_a_case_that_it_did_not_post(make_world):
    world = in_hunt(make_world(["siem"]))
    forged = {"type": "actions", "block_id": FIRST_CASE, "elements": [mute_menu(next_hunt=True)]}
    world.slack.posts.append(Post(SOC, "1764000000.000001", world.stage.moment, {"blocks": [forged]}))
    choose(world, "7d")
    assert mutes(world) == []


def test_if_there_are_too_many_mutes_the_answer_says_so(world, monkeypatch):
    monkeypatch.setattr("shared.storage.ledger.mutes.MOST", 0)
    choose(world, "7d")
    assert world.ephemerals()[0][1].startswith("Nothing was muted: there are 0 mutes, which is the most")


@pytest.mark.parametrize("action", [("mute", "7d"), ("close", "benign")])
def test_the_answer_leads_to_the_pages_of_the_console(make_world, action):
    world = in_hunt(make_world(), url="https://console.acme.example")
    world.click(*action, run=False)
    world.stage.forward(3)  # too late for a dialog
    world.stage.run_all()
    (answer,) = world.slack.ephemerals
    (links,) = [block["elements"] for block in answer.body["blocks"] if block["type"] == "actions"]
    pages = {link["text"]["text"]: link["url"] for link in links}
    assert pages["Open the case"] == f"https://console.acme.example/cases/{FIRST_CASE}"
    mutes = pages.get("Open the mutes")
    assert mutes == ("https://console.acme.example/rules#mutes" if action[0] == "mute" else None)


def test_cases_of_single_hunts_are_muted_as_well(make_world):
    world = make_world()
    cases = world.stage.runtime.config.cases.model_copy(update={"across_hunts": False})
    world.stage.runtime.config = world.stage.runtime.config.model_copy(update={"cases": cases})
    in_hunt(world, NETCAT)
    choose(world, "7d")
    assert mutes(world)[0].match.finding == (NETCAT.description,)
    assert not find(world, NETCAT)
