"""The names of MITRE ATT&CK techniques and tactics by their ids, and their pages at MITRE.

attack.json has the id and name of each tactic and technique from MITRE's STIX bundle, the tactics of each
technique, and the version of ATT&CK. Revoked techniques are included, since an older platform may still use
them. ATT&CK is a trademark of The MITRE Corporation; its notice is in attack.json.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

_ID = re.compile(r"TA\d{4}|T\d{4}(\.\d{3})?", re.ASCII)  # a tactic, a technique, a sub-technique


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def name(id: str) -> str:
    """Such as "Resource Hijacking"; empty if the id is not known."""
    return _names().get(id, "")


def titled(id: str) -> str:
    """Such as "T1496 Resource Hijacking"; only the id if its name is not known."""
    return f"{id} {name(id)}".rstrip()


def url(id: str) -> str:
    """MITRE's page about the technique or tactic; empty if `id` is not an ATT&CK id."""
    if not is_id(id):
        return ""
    folder = "tactics" if id.startswith("TA") else "techniques"
    return f"https://attack.mitre.org/{folder}/{id.replace('.', '/')}/"


def tactics(id: str) -> tuple[str, ...]:
    """The names of the tactics of a technique, in the order of MITRE's matrix; empty if it is not known."""
    known = _data()["tactics"]
    ids = known.get(id) or known.get(id.partition(".")[0]) or ()
    return tuple(map(name, ids))


def all_tactics() -> tuple[str, ...]:
    """The names of all tactics, in the order of MITRE's matrix."""
    return tuple(map(name, _data()["tactic_order"]))


def _names() -> dict[str, str]:
    names: dict[str, str] = _data()["names"]
    return names


@cache
def _data() -> dict[str, Any]:
    """Read when the first id is shown, so that the web function starts without reading the file."""
    path = Path(__file__).with_name("attack.json")
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data
