"""Checks an Atlassian Document by the nodes of Atlassian's schema that show text.

Nodes for media, tasks, extensions and layouts are refused as unknown, although the schema has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# For each node: the nodes that it may contain, its attributes, and the required ones.
_INLINE = frozenset({"text", "hardBreak", "status", "emoji", "date", "mention", "inlineCard"})
_LISTS = frozenset({"bulletList", "orderedList"})
_PLAIN = frozenset({"paragraph", "codeBlock"}) | _LISTS
_BLOCKS = _PLAIN | {"heading", "rule", "panel", "blockquote"}
_PANELS = frozenset({"info", "note", "tip", "warning", "error", "success", "custom"})
_NONE = frozenset[str]()
_CELL = (_BLOCKS | {"nestedExpand"}, {"colspan", "rowspan", "colwidth", "background", "valign"}, set[str]())

NODES: dict[str, tuple[frozenset[str], set[str], set[str]]] = {
    "doc": (_BLOCKS | {"table", "expand"}, set(), set()),
    "paragraph": (_INLINE, set(), set()),
    "heading": (_INLINE, {"level"}, {"level"}),
    "bulletList": (frozenset({"listItem"}), set(), set()),
    "orderedList": (frozenset({"listItem"}), {"order"}, set()),
    "listItem": (_PLAIN, set(), set()),
    "panel": (
        _PLAIN | {"heading", "rule"},
        {"panelType", "panelIcon", "panelIconId", "panelIconText", "panelColor"},
        {"panelType"},
    ),
    "blockquote": (_PLAIN, set(), set()),
    "codeBlock": (frozenset({"text"}), {"language", "uniqueId", "wrap", "hideLineNumbers"}, set()),
    "rule": (_NONE, set(), set()),
    "table": (
        frozenset({"tableRow"}),
        {"displayMode", "isNumberColumnEnabled", "layout", "width"},
        set(),
    ),
    "tableRow": (frozenset({"tableHeader", "tableCell"}), set(), set()),
    "tableHeader": _CELL,
    "tableCell": _CELL,
    "expand": (_BLOCKS | {"table", "nestedExpand"}, {"title"}, set()),
    "nestedExpand": (_PLAIN | {"heading", "rule", "panel", "blockquote"}, {"title"}, set()),
    "hardBreak": (_NONE, {"text"}, set()),
    "status": (_NONE, {"text", "color", "style"}, {"text", "color"}),
    "emoji": (_NONE, {"shortName", "id", "text"}, {"shortName"}),
    "date": (_NONE, {"timestamp"}, {"timestamp"}),
    "mention": (_NONE, {"id", "text", "accessLevel", "userType"}, {"id"}),
    "inlineCard": (_NONE, {"url"}, {"url"}),
}
_MARKS = frozenset({"strong", "em", "code", "link", "strike", "underline", "subsup", "textColor"})
# Nodes that must not be empty, and nodes that must have `content` even if it is empty.
_FILLED = frozenset({"bulletList", "orderedList", "listItem", "panel", "blockquote", "table", "expand"})
_FILLED |= {"tableHeader", "tableCell", "nestedExpand"}
_CONTENT = _FILLED | {"doc", "tableRow"}


def adf_error(document: Any) -> str:
    """Validates the document. Returns its first mistake with the place, or an empty text if it is valid."""
    if not isinstance(document, dict) or document.get("type") != "doc" or document.get("version") != 1:
        return "the root is not a doc of version 1"
    if document.keys() - {"type", "version", "content"}:
        return "the root has more than type, version and content"
    return _children_error("doc", document)


def _node_error(node: Any, allowed: frozenset[str], parent: str) -> str:
    kind = node.get("type") if isinstance(node, dict) else None
    if not isinstance(kind, str) or kind not in allowed:
        return f"{parent} may not contain {kind!r}"
    if kind == "text":
        return _text_node_error(node, parent)
    _, known, required = NODES[kind]
    attributes = node.get("attrs", {})
    if node.keys() - {"type", "attrs", "content", "marks"} or node.get("marks"):
        return f"{kind} has a property that it may not have"
    if not isinstance(attributes, dict) or attributes.keys() - known - {"localId"}:
        return f"{kind} has an attribute that it may not have"
    if not required <= attributes.keys():
        return f"{kind} lacks an attribute of {sorted(required)}"
    return _attribute_error(kind, attributes) or _children_error(kind, node)


def _attribute_error(kind: str, attributes: Mapping[str, Any]) -> str:
    if kind == "heading" and attributes["level"] not in range(1, 7):
        return "a heading's level is not 1 to 6"
    if kind == "panel" and attributes["panelType"] not in _PANELS:
        return f"no panel is of type {attributes['panelType']!r}"
    if kind == "status" and not attributes["text"]:
        return "a status has no text"
    return ""


def _children_error(kind: str, node: Mapping[str, Any]) -> str:
    allowed = NODES[kind][0]
    content = node.get("content", [])
    if not isinstance(content, list) or ("content" not in node and kind in _CONTENT):
        return f"{kind} has no content"
    if not content and kind in _FILLED:
        return f"{kind} is empty"
    if "content" in node and not allowed:
        return f"{kind} may not have content"
    return next((why for child in content if (why := _node_error(child, allowed, kind))), "")


def _text_node_error(node: Mapping[str, Any], parent: str) -> str:
    if node.keys() - {"type", "text", "marks"} or not isinstance(node.get("text"), str) or not node["text"]:
        return "a text node has no text"
    marks = node.get("marks", [])
    if not isinstance(marks, list) or not all(isinstance(mark, dict) for mark in marks):
        return "marks is not a list of objects"
    names = {mark.get("type") for mark in marks}
    if names - _MARKS:
        return f"unknown mark in {sorted(map(str, names - _MARKS))}"
    if parent == "codeBlock" and names:
        return "text in a codeBlock has marks"
    if "code" in names and names - {"code", "link"}:
        return "code goes with no mark but link"
    for mark in marks:
        attributes = mark.get("attrs", {})
        if mark["type"] == "link" and not (
            isinstance(attributes, dict) and isinstance(attributes.get("href"), str)
        ):
            return "a link has no href"
    return ""
