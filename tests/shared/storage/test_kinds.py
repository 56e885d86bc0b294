"""One table names every kind of document, and keeps each for longer than what it prevents can happen."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from shared.storage import kinds
from shared.storage.kinds import DEFAULT_DAYS, KINDS, LEAST_DAYS, NOTES, days_kept
from tests.emulated import template

ROOT = Path(__file__).resolve().parents[3]
DAY = 86_400  # seconds
SHORTEST = dict.fromkeys(DEFAULT_DAYS, LEAST_DAYS)
# What must never be news again, however old it is.
OLD_NEWS = ("alarm-run", "alarm", "note", "project", "checked-project", "open-hunt", "notice")


STORE_CALLS = ("get", "put", "delete", "scan", "groups", "update")
NOTE_CALLS = ("get", "about", "save", "delete")
CONSTANTS = {
    name: value
    for name, value in vars(kinds).items()
    if isinstance(value, str) and value in KINDS.keys() | NOTES
}
# The kind and group in a constant or a variable of the module, made of the constants of `kinds`.
ELSEWHERE = ("*_NOTE", "about")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls_of_stores(room: str) -> Iterator[tuple[str, str]]:
    """The file and the kind of each call of a store, and the file and the group of each call about notes."""
    for path in sorted((ROOT / room).rglob("*.py")):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                called = ast.unparse(node.func.value)
                to_store = called.endswith("store") and node.func.attr in STORE_CALLS
                to_notes = called.endswith(("ledger.notes", "self._notes")) and node.func.attr in NOTE_CALLS
                if to_store or to_notes:
                    yield path.relative_to(ROOT).as_posix(), ast.unparse(node.args[0])


def constants_in(path: Path) -> set[str]:
    """The kinds that a module names."""
    return {
        CONSTANTS[node.attr]
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "kinds" and node.attr in CONSTANTS
    }


def test_code_outside_the_storage_names_kinds_by_their_constants():
    calls = [call for room in ("shared", "scheduler", "receiver", "cli") for call in calls_of_stores(room)]
    assert len(calls) > 60
    spelled = {
        f"{path}: {argument}"
        for path, argument in calls
        if not path.startswith("shared/storage/")
        and argument.removeprefix("kinds.") not in CONSTANTS
        and argument not in ELSEWHERE
    }
    assert spelled == set()


def test_each_kind_is_named_by_its_owner():
    for text, kind in (KINDS | NOTES).items():
        path = ROOT / f"{kind.owner.replace('.', '/')}.py"
        assert text in constants_in(path), f"{kind.owner} does not name {text}"


def test_what_prevents_old_alarms_from_being_news_is_never_taken_away():
    assert {kind: days_kept(kind, SHORTEST) for kind in OLD_NEWS} == dict.fromkeys(OLD_NEWS)


def test_what_prevents_a_repeat_outlives_every_item():
    """An item waits in its queue, then among the dead, is tried again and dies once more."""
    queues = [
        resource for resource in template()["Resources"].values() if resource["Type"] == "AWS::SQS::Queue"
    ]
    longest = max(queue["Properties"]["MessageRetentionPeriod"] for queue in queues)
    for kind in ("event", "delivery", "digest", "digest-entry", "digest-now", "case", "case-file", "body"):
        kept = days_kept(kind, SHORTEST)
        assert kept is not None
        assert kept * DAY > 4 * longest


def test_a_year_of_hunts_can_be_looked_back_upon():
    for kind in ("hunt", "capture", "past-hunts", "system-alarms", "hunted", "captured", "quiet"):
        kept = days_kept(kind)
        assert kept is not None
        assert kept >= 366


def test_a_kind_that_is_not_listed_is_kept():
    assert days_kept("of a later version") is None
