"""A change that `Store.update` may call several times has no effect besides its result."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
READS = ("get", "scan")  # of a store


def changes(module: ast.Module) -> list[ast.FunctionDef]:
    """The functions within functions whose name is passed to `update` of a store."""
    calls = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    passed = {ast.unparse(call.args[-1]) for call in calls if ast.unparse(call.func).endswith("store.update")}
    outer = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    inner = {node for function in outer for node in ast.walk(function) if node is not function}
    return [node for node in outer if node in inner and node.name in passed]


def effects(change: ast.FunctionDef) -> list[str]:
    """Its calls of stores and queues that do more than read."""
    called = [node.func for node in ast.walk(change) if isinstance(node, ast.Call)]
    return [
        ast.unparse(function)
        for function in called
        if isinstance(function, ast.Attribute)
        and (
            function.attr == "put" or ("store" in ast.unparse(function.value) and function.attr not in READS)
        )
    ]


def test_no_change_queues_or_stores_anything():
    checked = []
    for room in ("shared", "scheduler", "receiver", "cli"):
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "store.update(" in text:
                checked += changes(ast.parse(text))
    assert len(checked) > 12
    assert {change: effects(change) for change in checked if effects(change)} == {}


def test_the_rule_bites():
    source = """
def look(store, queue):
    def change(body):
        queue.put(b"x")
        return body, None
    store.update("kind", "", "name", change)
"""
    (change,) = changes(ast.parse(source))
    assert effects(change) == ["queue.put"]
