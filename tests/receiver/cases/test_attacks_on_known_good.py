"""What an attacker can hide who knows what people judged harmless, and what not. docs/noise.md lists it.

A real hunt on the simulated platform finds what the test put on a machine; what is counted is what reaches
Slack.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from demo.platform.records import MALICIOUS, SUSPICIOUS, SimAlarm, SimInstance, SimVolume
from shared.models.cases import Verdict
from shared.models.fingerprints import fingerprint
from shared.models.known_good_terms import Scope, Terms
from shared.queues import items
from tests.quarter.plan import REGION
from tests.quarter.world import World

pytestmark = pytest.mark.slow

WEB, OTHER = "i-0aaaaaaaaaaaaaaa1", "i-0bbbbbbbbbbbbbbb2"
RULE, PATH = "Suspicious File Detected: php_eval", "/home/ada/backup.php"
KNOWN = SimAlarm(RULE, SUSPICIOUS, 2, path=PATH, content="<?php")
LOG = SimAlarm("User accessing sudo", SUSPICIOUS, 4, path="/var/log/auth.log", of_log=True)
MINER = SimAlarm("Malicious File Detected: xmrig", MALICIOUS, path="/tmp/kd", content="miner")
MANY = SimAlarm("Suspicious File Detected: macro", SUSPICIOUS, 400, path="/srv/mail/a.doc", content="a macro")
FOUND = (KNOWN, LOG, MANY)


class Attack:
    """Two machines, on one of which people judged harmless what the first hunt found."""

    def __init__(self, world: World) -> None:
        self.world, self.week, self.hunt_id = world, 0, ""

    def hunt(self) -> list[str]:
        """The systems that people were told of."""
        self.week += 1
        before = len(self.world.posts())
        self.hunt_id = self.world.hunt(self.week)
        posts = self.world.posts()[before:]
        return [system for system in (WEB, OTHER) if any(system in post for post in posts)]

    def plant(self, *alarms: SimAlarm, on: str = WEB) -> list[str]:
        self.world.platform.plant(on, *alarms)
        return self.hunt()

    def reasons(self) -> set[str]:
        """Why entries that name a finding of the last hunt do not cover it."""
        return {
            found.not_covered
            for detail in self.world.alarms_of(self.hunt_id)
            if detail.alarm and detail.alarm.judgement
            for found in detail.alarm.judgement.findings
            if found.not_covered
        }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    fleet = [
        SimInstance(WEB, "web", REGION, volumes=(SimVolume("vol-0000000a", alarms=FOUND),)),
        SimInstance(OTHER, "other", REGION, volumes=(SimVolume("vol-0000000b"),)),
    ]
    with ExitStack() as stack:
        yield World(stack, tmp_path, fleet)


@pytest.fixture
def attack(world: World) -> Attack:
    """What the first hunt found on one of the machines is known good there."""
    attack = Attack(world)
    assert attack.hunt() == [WEB]
    world.close(WEB, Verdict.BENIGN, "the nightly backup")
    assert attack.hunt() == []
    return attack


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(replace(MINER, path="/home/eve/backup.php"), id="a miner named like a known file"),
        pytest.param(replace(MINER, path=PATH), id="a miner in place of a known file"),
        pytest.param(
            replace(MINER, path=PATH, content="<?php"), id="a malicious rule that matches the known file"
        ),
        pytest.param(replace(KNOWN, description="Suspicious File Detected: php_exec"), id="another rule"),
        pytest.param(replace(KNOWN, count=18), id="ten times as many in the known file"),
        pytest.param(replace(LOG, count=36), id="ten times as many in the log"),
        pytest.param(replace(KNOWN, content="<?php system()"), id="another content beside the known one"),
        pytest.param(
            replace(KNOWN, path="/home/eve/backup.php", content="<?php system()"),
            id="another content in the directory of another user",
        ),
        pytest.param(replace(KNOWN, severity=MALICIOUS), id="the known rule, malicious now"),
        pytest.param(replace(LOG, severity=MALICIOUS), id="the known rule of a log, malicious now"),
        pytest.param(replace(KNOWN, path="/home/ada/../backup.php"), id="a path with .."),
        pytest.param(replace(KNOWN, path="/home/../backup.php"), id="a path with .. for a user"),
        pytest.param(replace(KNOWN, path="/home/ada/x/../backup.php"), id="a path that leads to the known"),
        pytest.param(replace(KNOWN, path="/home/ada/backup.php "), id="a path with a space at its end"),
        pytest.param(replace(KNOWN, path="/home/ada/\u202ebackup.php"), id="a path with a hidden character"),
        pytest.param(replace(KNOWN, path="/home/ada/b\u0430ckup.php"), id="a path with a Cyrillic letter"),
        pytest.param(replace(KNOWN, path="/home/ada/.backup.php"), id="a hidden file"),
        pytest.param(replace(KNOWN, path="/home/ada/backup.php/x"), id="a file below the known path"),
        pytest.param(replace(KNOWN, path=""), id="the known rule without a path"),
        pytest.param(replace(LOG, of_log=False), id="a file where a log was known"),
    ],
)
def test_what_differs_from_what_was_judged_is_told(attack: Attack, planted: SimAlarm) -> None:
    assert attack.plant(planted) == [WEB]


def test_what_is_known_good_on_one_machine_is_told_on_another(attack: Attack) -> None:
    assert attack.plant(*FOUND, on=OTHER) == [OTHER]


def test_of_files_that_are_judged_on_every_machine_another_file_is_told(world: World) -> None:
    attack = Attack(world)
    attack.hunt()
    world.close(WEB, Verdict.BENIGN, "part of the image", Terms(Scope.EVERYWHERE))
    assert attack.plant(*FOUND, on=OTHER) == []
    assert attack.plant(replace(KNOWN, content="<?php system()"), on=OTHER) == [OTHER]


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param([replace(MANY, count=200, path="/srv/mail/b.doc")], id="more alarms than are listed"),
        pytest.param([replace(MANY, count=200)], id="more alarms than are listed, of the known file"),
        pytest.param(
            [replace(KNOWN, count=1, path=f"/srv/{number:04x}x.php") for number in range(201)],
            id="more places than are kept",
        ),
        pytest.param(
            [replace(KNOWN, count=1, content=f"{number}") for number in range(6)],
            id="more contents of a place than are kept",
        ),
    ],
)
def test_what_cannot_be_listed_is_told_in_every_hunt(attack: Attack, planted: list[SimAlarm]) -> None:
    assert attack.plant(*planted) == [WEB]
    assert attack.hunt() == [WEB]


@pytest.mark.parametrize(
    "path", ["/api/v3/alarms$", "/api/v3/alarms/summary"], ids=["the list of alarms", "the counts of alarms"]
)
def test_what_the_platform_does_not_explain_is_told(attack: Attack, path: str) -> None:
    attack.world.platform.fault("GET", path, 503, times=None)
    assert attack.hunt() == [WEB]


@pytest.mark.parametrize("down", ["/evidences/", "/"])
def test_what_the_platform_does_not_confirm_is_told(attack: Attack, down: str) -> None:
    """A webhook whose sender knows the token."""
    world = attack.world
    (evidence,) = [
        each for each in world.platform.world.evidences.values() if each.malicious + each.suspicious
    ][-1:]
    text = f"3 high severity alarms in project id {evidence.project_id} evidence id {evidence.id} {WEB}"
    body = json.dumps({"event": "high_severity_alarm", "message": text}).encode()
    world.platform.fault("GET", down, 503, times=None)
    before = len(world.posts())
    world.runtime.events.put(items.encode(items.Webhook(body, world.moment)))
    world.work()
    assert len(world.posts()) > before


def test_a_malicious_finding_stays_told_until_somebody_names_it(attack: Attack) -> None:
    assert attack.plant(MINER) == [WEB]
    attack.world.close(WEB, Verdict.BENIGN, "the red team")
    assert attack.hunt() == [WEB]
    named = Terms(malicious=(fingerprint(MINER.description, MINER.path).id,))
    attack.world.close(WEB, Verdict.BENIGN, "the red team", named)
    assert attack.hunt() == []
    assert attack.plant(replace(MINER, content="another miner")) == [WEB]
    assert attack.reasons() == {"the content of the file is not the one that was judged"}


# --- what an attacker can hide


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param(replace(KNOWN, path="/home/eve/backup.php", count=1), id="a copy at another user"),
        pytest.param(replace(KNOWN, count=1), id="the known file once more"),
        pytest.param(replace(LOG, count=4), id="twice as many events of a known kind in a log"),
        pytest.param(replace(LOG, path="/var/log/other.log", count=4), id="the same kind in another log"),
    ],
)
def test_what_is_the_same_in_everything_that_is_compared_is_withheld(
    attack: Attack, planted: SimAlarm
) -> None:
    assert attack.plant(planted) == []


def test_another_file_at_a_place_that_always_had_another_file_is_withheld(attack: Attack) -> None:
    def daily(week: int) -> SimAlarm:
        return replace(KNOWN, path="/srv/daily.php", content=f"of week {week}", first=week, last=min(week, 6))

    assert attack.plant(daily(3)) == [WEB]
    assert attack.plant(daily(4)) == []
    attack.world.close(WEB, Verdict.BENIGN, "made anew every day")
    assert attack.plant(daily(5)) == []
    assert attack.plant(replace(daily(6), content="a shell")) == []


def test_another_file_at_the_place_of_an_open_case_is_no_news(world: World) -> None:
    attack = Attack(world)
    assert attack.hunt() == [WEB]
    assert attack.plant(replace(KNOWN, content="<?php system()")) == []
    assert world.slack.posts[0].edits, "the message of the case says that it is still there"
