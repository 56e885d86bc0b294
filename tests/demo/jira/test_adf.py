"""The check of Atlassian Documents agrees with Atlassian's own schema."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from demo.jira.adf import adf_error
from demo.jira.simulation import Jira
from tests.demo.asking import PARAGRAPH, SHARED, adf_document, node, text_node
from tests.demo.jira.test_simulation import _create

GOOD_DOCS = {
    "everything": adf_document(
        node("heading", text_node("h"), level=2),
        node("paragraph"),
        node(
            "paragraph",
            text_node("a", "strong", "em"),
            node("hardBreak"),
            text_node("b", "code"),
            {
                "type": "text",
                "text": "c",
                "marks": [{"type": "link", "attrs": {"href": "https://c.example"}}],
            },
        ),
        node("bulletList", node("listItem", PARAGRAPH, node("orderedList", node("listItem", PARAGRAPH)))),
        node("panel", PARAGRAPH, panelType="error"),
        node(
            "table",
            node("tableRow", node("tableHeader", PARAGRAPH)),
            node("tableRow", node("tableCell", node("panel", PARAGRAPH, panelType="info"))),
        ),
        node("codeBlock", text_node("x\ny"), language="text"),
        node("rule"),
        node("blockquote", PARAGRAPH),
        node("expand", PARAGRAPH, title="more"),
    ),
    "nothing": adf_document(),
}
BAD_DOCS = {
    "another root": node("paragraph"),
    "no version": {"type": "doc", "content": []},
    "text at the root": adf_document(text_node("t")),
    "empty text": adf_document(node("paragraph", text_node(""))),
    "code and strong": adf_document(node("paragraph", text_node("t", "code", "strong"))),
    "a mark in code": adf_document(node("codeBlock", text_node("t", "strong"))),
    "no level": adf_document(node("heading", text_node("h"))),
    "level 7": adf_document(node("heading", text_node("h"), level=7)),
    "a panel of no type": adf_document(node("panel", PARAGRAPH, panelType="danger")),
    "a table in a panel": adf_document(
        node("panel", node("table", node("tableRow", node("tableCell", PARAGRAPH))), panelType="info")
    ),
    "an empty list": adf_document(node("bulletList")),
    "an empty item": adf_document(node("bulletList", node("listItem"))),
    "text in an item": adf_document(node("bulletList", node("listItem", text_node("t")))),
    "an empty cell": adf_document(node("table", node("tableRow", node("tableCell")))),
    "an unknown node": adf_document(node("marquee")),
    "an unknown property": adf_document(PARAGRAPH | {"style": "x"}),
    "an expand in an expand": adf_document(node("expand", node("expand", PARAGRAPH))),
    "a link to nowhere": adf_document(node("paragraph", text_node("t", "link"))),
}


@pytest.fixture(scope="module")
def adf_schema() -> Any:
    path = SHARED / "contracts/jira-adf.json"
    if not path.exists():
        pytest.skip("the schemas beside the project are absent")
    return jsonschema.Draft4Validator(json.loads(path.read_text()))


@pytest.mark.parametrize("document", GOOD_DOCS.values(), ids=GOOD_DOCS)
def test_jira_takes_documents(document: Any) -> None:
    assert adf_error(document) == ""


@pytest.mark.parametrize("document", BAD_DOCS.values(), ids=BAD_DOCS)
def test_jira_refuses_documents(document: Any) -> None:
    assert adf_error(document)
    status, _ = _create(Jira(), description=document)
    assert status == 400


@pytest.mark.parametrize("name", [*GOOD_DOCS, *BAD_DOCS])
def test_the_document_check_agrees_with_atlassians_schema(name: str, adf_schema: Any) -> None:
    document = (GOOD_DOCS | BAD_DOCS)[name]
    assert adf_schema.is_valid(document) == (adf_error(document) == "")
