"""The fingerprint of a finding, which recognises it in later hunts, and how it came about.

It is made of the rule, which is the platform's description, and of the place, which is the artefact's path.
What changes from hunt to hunt is folded in both by the rules of shared/models/folding.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from shared.models.folding import DESCRIPTION_RULES, PATH_RULES, Rule

# A longer text is not folded: it is known by its digest.
MAX_LENGTH = 1_000
# How often all rules are applied at most. Most texts need one round, and one more to see that nothing
# changes. A text that still changes then is compared as it was written.
_ROUNDS = 4
_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|\\")
_DIGIT = re.compile("[0-9]")
_SMALL = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})


@dataclass(frozen=True)
class Fingerprint:
    id: str  # 16 hex digits
    rule: str
    place: str  # empty if the finding has no path


@dataclass(frozen=True)
class Step:
    """One rule that changed the description or the path."""

    text: str  # description or path
    rule: str
    before: str
    after: str


@dataclass(frozen=True)
class Explanation:
    fingerprint: Fingerprint
    steps: tuple[Step, ...]


@lru_cache(maxsize=1024)  # several steps ask for the fingerprints of one alarm
def fingerprint(description: str, path: str) -> Fingerprint:
    return _fingerprint(rule_of(description), place_of(path))


def explain(description: str, path: str) -> Explanation:
    """The fingerprint with every step of folding."""
    steps: list[Step] = []
    rule, place = _rule(description, steps), _place(path, steps)
    return Explanation(_fingerprint(rule, place), tuple(steps))


def rule_of(description: str) -> str:
    return _rule(description, [])


def place_of(path: str) -> str:
    return _place(path, [])


def _fingerprint(rule: str, place: str) -> Fingerprint:
    digest = hashlib.sha256(f"{rule}\0{place}".encode("utf-8", "surrogatepass")).hexdigest()
    return Fingerprint(digest[:16], rule, place)


def _rule(description: str, steps: list[Step]) -> str:
    one_line = " ".join(description.replace("\0", " ").split())
    return _folded("description", one_line, DESCRIPTION_RULES, steps)


def _place(path: str, steps: list[Step]) -> str:
    if not _WINDOWS.match(path):
        return _folded("path", path, PATH_RULES, steps)
    written = path.translate(_SMALL).replace("\\", "/")
    taken: list[Step] = []
    place = _with_backslashes(_folded("path", written, PATH_RULES, taken))
    shown = (Step("path", s.rule, _with_backslashes(s.before), _with_backslashes(s.after)) for s in taken)
    windows = Step("path", "Windows", path, _with_backslashes(written))
    steps += (step for step in (windows, *shown) if step.before != step.after)
    return place


def _with_backslashes(path: str) -> str:
    return path.replace("/", "\\")


def _folded(text: str, written: str, rules: Iterable[Rule], steps: list[Step]) -> str:
    """The text after the rules. Adds each step to `steps`."""
    if len(written) > MAX_LENGTH:
        digest = hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()
        steps.append(Step(text, "too long", written, after := f"<long>#{digest}"))
        return after
    taken: list[Step] = []
    folded = written
    for _ in range(_ROUNDS):
        before_round = folded
        has_digits = _DIGIT.search(folded)
        for rule in rules:
            if rule.digits and not has_digits:
                continue
            if (after := rule.fold(folded)) != folded:
                taken.append(Step(text, rule.name, folded, after))
                folded = after
        if folded == before_round:
            steps += taken
            return folded
    return written
