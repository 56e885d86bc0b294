"""The simulated platform finds the same things in every hunt, and what is planted from its hunt on."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from demo.platform.records import SimAlarm, SimInstance, SimVolume
from demo.platform.simulation import Platform
from demo.serving import serving
from shared.http.client import Http
from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import fingerprint
from shared.platform.client import Cado
from shared.platform.transport import Transport
from shared.secrets import Secret

BACKUP = SimAlarm("Suspicious File Detected: php_eval", 3, 2, path="/home/ada/backup.php", content="<?php")
SUDO = SimAlarm("User accessing sudo", 3, 4_000, path="/var/log/auth.log", of_log=True)
EARLY = SimAlarm("Malicious File Detected: old", 1, path="/opt/old", last=1)
LATE = SimAlarm("Malicious File Detected: new", 1, path="/opt/new", first=3)
MINER = SimAlarm("Malicious File Detected: miner", 1, path="/home/bob/backup.php", content="miner")
WEB = SimInstance(
    "i-0aaaaaaaaaaaaaaa1",
    "web-1",
    "us-east-1",
    volumes=(SimVolume("vol-1", alarms=(BACKUP, SUDO, EARLY, LATE)),),
)
OTHER = SimInstance("i-0bbbbbbbbbbbbbbb2", "web-2", "us-east-1", volumes=(SimVolume("vol-2"),))


@pytest.fixture
def platform() -> Platform:
    return Platform([WEB, OTHER], {"k": "Lead Analyst"}, rng=random.Random(7), clock=lambda: 1_783_296_012.0)


@pytest.fixture
def cado(platform: Platform) -> Iterator[Cado]:
    http = Http()
    with serving(platform.app) as url:
        yield Cado(Transport(url, Secret("k"), http))
    http.close()


def hunt(platform: Platform, cado: Cado, number: int) -> dict[str, Finding]:
    """The findings of one hunt of web-1, by the last word of their descriptions."""
    project = cado.open_project(f"hunt {number}", "")
    cado.capture_ec2(project, WEB.instance_id, WEB.region)
    platform.settle()
    (evidence,) = cado.evidences(project)
    return {finding.description.split()[-1]: finding for finding in cado.findings(project, evidence.id)}


def test_every_hunt_finds_the_same_files(platform: Platform, cado: Cado) -> None:
    first, second = hunt(platform, cado, 1), hunt(platform, cado, 2)
    assert first["php_eval"] == second["php_eval"]
    assert first["sudo"].artefacts == second["sudo"].artefacts == (Artefact("", 4_000),)
    (artefact,) = second["php_eval"].artefacts
    assert (artefact.path, artefact.count, len(artefact.contents)) == ("/home/ada/backup.php", 2, 1)
    assert all(finding.complete for finding in (*first.values(), *second.values()))


def test_an_alarm_is_found_in_its_hunts_alone(platform: Platform, cado: Cado) -> None:
    found = [set(hunt(platform, cado, number)) for number in (1, 2, 3)]
    assert found == [{"php_eval", "sudo", "old"}, {"php_eval", "sudo"}, {"php_eval", "sudo", "new"}]


def test_a_second_capture_in_a_hunt_is_no_second_hunt(platform: Platform, cado: Cado) -> None:
    assert "old" in hunt(platform, cado, 1)
    project = cado.find_project("hunt 1")
    assert project
    cado.capture_ec2(project, WEB.instance_id, WEB.region)
    platform.settle()
    assert {
        finding.count for finding in cado.findings(project) if finding.description == EARLY.description
    } == {2}


def test_what_is_planted_is_found_from_the_next_capture_on(platform: Platform, cado: Cado) -> None:
    before = hunt(platform, cado, 1)
    platform.plant(WEB.instance_id, MINER)
    after = hunt(platform, cado, 2)
    assert set(after) - set(before) == {"miner"}
    (known,), (planted,) = before["php_eval"].artefacts, after["miner"].artefacts
    places = [fingerprint("", artefact.path).place for artefact in (known, planted)]
    assert places == ["/home/<user>/backup.php"] * 2, "named like what people know"
    assert known.contents != planted.contents, "but with another content"
    with pytest.raises(LookupError):
        platform.plant("i-0cccccccccccccccc3", MINER)
