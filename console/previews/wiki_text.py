"""Draws wiki text, the rich text of Jira Data Center, as far as huntbridge writes it.

Markup that huntbridge does not write is shown as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

from console.previews.elements import Pen, el, joined

_PANELS = {"#FFEBE6": "error", "#FFFAE6": "warning", "#DEEBFF": "info"}  # by the colours that wiki.py gives
_NOFORMAT = re.compile(r"\{noformat\}\n?(.*?)\n?\{noformat\}", re.DOTALL)
_PANEL = re.compile(r"\{panel(?::bgColor=(#[0-9A-F]{6}))?\}\n?(.*?)\n?\{panel\}", re.DOTALL)
_HEADING = re.compile(r"h([1-6])\. ")
_INLINE = re.compile(
    r"\\(?P<escaped>[-#*_+?^~|%{}\[\]()!@\\])"
    r"|\{\{(?P<code>(?:\\.|[^{}\\])*)\}\}"
    r"|\[(?P<label>(?:\\.|[^\[\]|\\])*)\|(?P<url>[^\[\]|\s]+)\]"
    r"|(?<![\w*\\])\*(?P<strong>[^*\s](?:(?:\\.|[^*\n\\])*(?:\\.|[^*\s\\]))?)\*(?![\w*])"
    r"|(?<![\w_\\])_(?P<em>[^_\s](?:(?:\\.|[^_\n\\])*(?:\\.|[^_\s\\]))?)_(?![\w_])"
)


def document(wiki: str, pen: Pen) -> Markup:
    return el("div", "rich", *_parts(wiki, pen))


def _parts(wiki: str, pen: Pen) -> Iterator[Markup]:
    """What stands in `{noformat}` is drawn as it is; the rest is markup."""
    end = 0
    for found in _NOFORMAT.finditer(wiki):
        yield from _panels(wiki[end : found.start()], pen)
        yield el("pre", "", found[1])
        end = found.end()
    yield from _panels(wiki[end:], pen)


def _panels(wiki: str, pen: Pen) -> Iterator[Markup]:
    end = 0
    for found in _PANEL.finditer(wiki):
        yield from _blocks(wiki[end : found.start()], pen)
        yield el("div", f"top panel-{_PANELS.get(found[1] or '', 'note')}", *_blocks(found[2], pen))
        end = found.end()
    yield from _blocks(wiki[end:], pen)


def _blocks(wiki: str, pen: Pen) -> Iterator[Markup]:
    """Each line is a block; rows of a table and entries of a list that follow each other are one."""
    rows: list[Markup] = []
    entries: list[Markup] = []
    for line in [*wiki.split("\n"), ""]:
        if rows and not line.startswith("|"):
            yield el("table", "", el("tbody", "", *rows))
            rows = []
        if entries and not line.startswith("* "):
            yield el("ul", "", *entries)
            entries = []
        if line.startswith("|"):
            rows.append(_row(line, pen))
        elif line.startswith("* "):
            entries.append(el("li", "", *_inline(line[2:], pen)))
        elif heading := _HEADING.match(line):
            yield el("h4" if int(heading[1]) <= 3 else "h5", "", *_inline(line[heading.end() :], pen))
        elif line.strip():
            yield el("p", "", *_inline(line, pen))


def _row(line: str, pen: Pen) -> Markup:
    """`||head||head||` and `|cell|cell|`, in any order. A link has a bar of its own."""
    cells: list[Markup] = []
    tag, cell, rest = "", "", line
    while rest:
        if rest.startswith("|"):
            if tag:
                cells.append(el(tag, "", *_inline(cell, pen)))
            tag, cell = ("th", "") if rest.startswith("||") else ("td", "")
            rest = rest.lstrip("|")
            continue
        found = re.match(r"\\.|\[(?:\\.|[^\[\]|\\])*\|[^\[\]|\s]+\]|[^|]", rest)
        part = found[0] if found else rest[0]
        cell, rest = cell + part, rest[len(part) :]
    if tag and cell.strip():
        cells.append(el(tag, "", *_inline(cell, pen)))
    return el("tr", "", *cells)


def _inline(wiki: str, pen: Pen) -> Iterator[Markup]:
    end = 0
    for found in _INLINE.finditer(wiki):
        yield escape(wiki[end : found.start()])
        end = found.end()
        if found["escaped"] is not None:
            yield escape(found["escaped"])
        elif found["code"] is not None:
            yield el("code", "", _unescaped(found["code"]))
        elif found["url"] is not None:
            yield pen.link(found["url"], joined(_inline(found["label"], pen)))
        elif found["strong"] is not None:
            yield el("strong", "", *_inline(found["strong"], pen))
        else:
            yield el("em", "", *_inline(found["em"], pen))
    yield escape(wiki[end:])


def _unescaped(wiki: str) -> str:
    return re.sub(r"\\([-#*_+?^~|%{}\[\]()!@\\])", r"\1", wiki)
