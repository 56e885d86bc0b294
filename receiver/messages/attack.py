"""MITRE ATT&CK: the name of a technique or tactic by its id, and where MITRE explains it.

The names lie in attack.json, with the version that they are of: from MITRE's STIX bundle the external id and
the name of each tactic and technique, revoked ones included, since an older platform may still say them.
ATT&CK is a trademark of The MITRE Corporation, whose notice stands there.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

_ID = re.compile(r"TA\d{4}|T\d{4}(\.\d{3})?", re.ASCII)  # a tactic, a technique, a sub-technique


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def name(id: str) -> str:
    """Such as "Resource Hijacking"; empty where the id is not known."""
    return _names().get(id, "")


def titled(id: str) -> str:
    """Such as "T1496 Resource Hijacking"; the id alone where its name is not known."""
    return f"{id} {name(id)}".rstrip()


def url(id: str) -> str:
    """Empty where `id` is none."""
    if not is_id(id):
        return ""
    folder = "tactics" if id.startswith("TA") else "techniques"
    return f"https://attack.mitre.org/{folder}/{id.replace('.', '/')}/"


@cache
def _names() -> dict[str, str]:
    """Read when the first id is shown: the web room starts without it."""
    path = Path(__file__).with_name("attack.json")
    names: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))["names"]
    return names
