"""ATT&CK ids get the names that MITRE gave them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from shared.models import attack

DATA = json.loads((Path(attack.__file__).parent / "attack.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("id", "titled", "url"),
    [
        ("T1496", "T1496 Resource Hijacking", "https://attack.mitre.org/techniques/T1496/"),
        ("T1505.003", "T1505.003 Web Shell", "https://attack.mitre.org/techniques/T1505/003/"),
        ("TA0004", "TA0004 Privilege Escalation", "https://attack.mitre.org/tactics/TA0004/"),
        ("T1086", "T1086 PowerShell", "https://attack.mitre.org/techniques/T1086/"),  # revoked since
        ("T9999", "T9999", "https://attack.mitre.org/techniques/T9999/"),
        ("T1496/../x", "T1496/../x", ""),
        ("", "", ""),
    ],
)
def test_names(id: str, titled: str, url: str) -> None:
    assert (attack.titled(id), attack.url(id)) == (titled, url)


def test_the_data_is_what_mitre_published_and_carries_its_notice() -> None:
    names = DATA["names"]
    assert len(names) == 849
    assert all(attack.is_id(id) and re.fullmatch(r"[\w &./()-]+", name) for id, name in names.items())
    assert sum(id.startswith("TA") for id in names) == 14
    assert "reproduced and distributed with the permission of The MITRE Corporation" in DATA["notice"]
    assert "18.1" in DATA["source"]


@pytest.mark.parametrize(
    ("id", "tactics"),
    [
        ("T1496", ("Impact",)),
        ("T1505.003", ("Persistence",)),
        ("T1078", ("Initial Access", "Persistence", "Privilege Escalation", "Defense Evasion")),
        ("T9999", ()),
        ("", ()),
    ],
)
def test_tactics(id: str, tactics: tuple[str, ...]) -> None:
    assert attack.tactics(id) == tactics


def test_every_technique_has_tactics_of_the_matrix() -> None:
    techniques = {id for id in DATA["names"] if not id.startswith("TA")}
    assert DATA["tactics"].keys() == techniques
    assert {id for ids in DATA["tactics"].values() for id in ids} == set(DATA["tactic_order"])
    assert attack.all_tactics()[0] == "Reconnaissance"
    assert attack.all_tactics()[-1] == "Impact"
