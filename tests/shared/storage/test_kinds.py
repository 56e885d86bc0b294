"""Every kind of document is kept for longer than what it prevents could still come."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from shared.storage.kinds import KINDS, seconds_kept
from tests.emulated import template

ROOT = Path(__file__).resolve().parents[3]
DAY = 86_400
# What must never be news again, however old it is.
OLD_NEWS = ("alarm-run", "alarm", "note", "project", "checked-project", "open-hunt", "notice")


def kinds_in_the_code() -> set[str]:
    found = set()
    for room in ("shared", "scheduler", "receiver", "cli"):
        for path in (ROOT / room).rglob("*.py"):
            found |= set(kinds_in(ast.parse(path.read_text())))
    return found


def kinds_in(module: ast.Module) -> Iterator[str]:
    """The first argument of each call of a store, as it is written or by a constant of the module."""
    constants = {
        target.id: node.value.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(module):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        if "store" not in ast.unparse(node.func.value) and node.func.attr != "_change":
            continue
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value
        elif isinstance(first, ast.Name) and first.id in constants:
            yield constants[first.id]


def test_the_table_names_every_kind_that_the_code_writes():
    found = kinds_in_the_code()
    assert {"hunt", "case", "digest", "audit"} <= found
    assert found <= set(KINDS), found - set(KINDS)


def test_what_prevents_old_alarms_from_being_news_is_never_taken_away():
    assert {kind: seconds_kept(kind) for kind in OLD_NEWS} == dict.fromkeys(OLD_NEWS)


def test_what_prevents_a_repeat_outlives_every_item():
    """An item waits in its queue, then among the dead, is tried again and dies once more."""
    queues = [one for one in template()["Resources"].values() if one["Type"] == "AWS::SQS::Queue"]
    longest = max(one["Properties"]["MessageRetentionPeriod"] for one in queues)
    for kind in ("event", "delivery", "digest", "digest-entry", "digest-now", "case", "case-file", "body"):
        assert seconds_kept(kind) > 4 * longest


def test_a_year_of_hunts_can_be_looked_back_upon():
    for kind in ("hunt", "capture", "past-hunts", "system-alarms", "hunted", "captured", "quiet"):
        assert seconds_kept(kind) >= 366 * DAY


def test_a_kind_that_is_not_listed_is_kept():
    assert seconds_kept("of a later version") is None
