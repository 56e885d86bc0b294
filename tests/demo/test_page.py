"""The demo's page: what it may load, what it tells, and that hostile text stays text in a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from demo.page import HEADERS, PAGES, create_app
from demo.serving import serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
AT = "2026-11-22T02:00:00+00:00"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)><a href='https://evil.example/'>x</a> &lt;b&gt; "
    "[t](javascript:alert(1)) ]]> \u202e {{DATE(2026-01-01)}}"
)
SLACK_TEXT = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
EVIL = "javascript:alert(1)"
OUTSIDE = "https://us-east-1.console.aws.amazon.com/ec2/home"
GOOD = "http://127.0.0.1:1/projects/12"


def _mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _button(url: str) -> dict[str, Any]:
    return {"type": "button", "text": {"type": "plain_text", "text": HOSTILE}, "url": url}


SLACK = {
    "text": "fallback",
    "attachments": [
        {
            "color": "#b00020; background: url(https://evil.example/)",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": f"Slack says {HOSTILE}"}},
                {"type": "section", "text": _mrkdwn(f"{SLACK_TEXT} *strong* `{SLACK_TEXT}` <{EVIL}|click>")},
                {"type": "section", "fields": [_mrkdwn(f"*Host*\n{SLACK_TEXT}")]},
                {"type": "actions", "elements": [_button(EVIL), _button(GOOD), _button(OUTSIDE)]},
                {"type": HOSTILE},
            ],
        }
    ],
}
TEAMS = {
    "type": "message",
    "attachments": [
        {
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": [
                    {"type": "TextBlock", "text": f"Teams says {HOSTILE} **strong**", "color": HOSTILE[:8]},
                    {
                        "type": "RichTextBlock",
                        "inlines": [
                            {
                                "type": "TextRun",
                                "text": HOSTILE,
                                "selectAction": {"type": "Action.OpenUrl", "url": EVIL},
                            }
                        ],
                    },
                    {"type": "FactSet", "facts": [{"title": HOSTILE, "value": HOSTILE}]},
                    {"type": "TextBlock", "text": "Owner: <at>Jane Doe</at>"},
                    {"type": "Image", "url": "https://evil.example/x.png", "altText": HOSTILE},
                ],
                "actions": [
                    {"type": "Action.OpenUrl", "title": HOSTILE, "url": EVIL},
                    {"type": "Action.OpenUrl", "title": HOSTILE, "url": GOOD},
                ],
            },
        }
    ],
}


def _text(text: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": text, "marks": list(marks)}


def _link(url: str) -> dict[str, Any]:
    return {"type": "link", "attrs": {"href": url}}


JIRA = {
    "project": {"key": "SEC"},
    "issuetype": {"name": HOSTILE},
    "priority": {"name": "High"},
    "labels": ["huntbridge", HOSTILE],
    "summary": f"Jira says {HOSTILE}",
    "description": {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "paragraph", "content": [_text(HOSTILE, {"type": "strong"}), _text("x", _link(EVIL))]},
            {"type": "paragraph", "content": [_text("Open", {"type": "code"}, _link(GOOD))]},
            {"type": "codeBlock", "content": [{"type": "text", "text": HOSTILE}]},
            {"type": "inlineCard", "attrs": {"url": EVIL}},
            {"type": "constructor"},
        ],
    },
}
STATE: dict[str, Any] = {
    "hunt": {"name": f"weekly {HOSTILE}", "project_id": 12, "scheduled_at": AT, "state": "running"},
    "captures": [
        {
            "instance": "i-0123456789abcdef0",
            "name": HOSTILE,
            "region": "us-east-1",
            "state": "failed",
            "malicious": 0,
            "suspicious": 0,
            "reason": HOSTILE,
        },
        {
            "instance": "i-1",
            "name": "web-01",
            "region": "us-east-1",
            "state": "processed",
            "malicious": 7,
            "suspicious": 8,
            "reason": "",
        },
    ],
    "slack": [{"at": AT, "body": {"text": "an earlier one"}}, {"at": AT, "body": SLACK}],
    "teams": [{"at": AT, "body": TEAMS}],
    "jira": [{"at": AT, "key": "SEC-1", "fields": JIRA, "comments": [{"id": "1", "body": HOSTILE}]}],
    "summary": {"events": 2, "deliveries": {"slack": 2, "teams": 1}, "lost": 0},
}


@pytest.mark.parametrize("path", ["/", "/state", "/page.js", "/page.css", "/nothing"])
def test_every_answer_guards_the_page(path: str) -> None:
    answer = create_app(lambda: STATE).test_client().get(path)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy


def test_the_state_is_told_as_it_is_now() -> None:
    states = iter([{"hunt": None}, STATE])
    client = create_app(lambda: next(states)).test_client()
    assert client.get("/state").get_json() == {"hunt": None}
    answer = client.get("/state")
    assert (answer.mimetype, json.loads(answer.data)) == ("application/json", STATE)


def test_a_click_reaches_the_one_who_handles_it() -> None:
    clicks: list[tuple[str, str]] = []
    client = create_app(lambda: STATE, lambda ts, action: clicks.append((ts, action))).test_client()
    assert client.post("/click", json={"ts": "1.2", "action": "acknowledge"}).status_code == 204
    assert clicks == [("1.2", "acknowledge")]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("text/plain", '{"ts": "1.2", "action": "acknowledge"}'), ("application/json", "[]")],
)
def test_a_form_of_another_site_clicks_nothing(content_type: str, body: str) -> None:
    def clicked(ts: str, action: str) -> None:
        raise AssertionError

    client = create_app(lambda: STATE, clicked).test_client()
    assert client.post("/click", data=body, content_type=content_type).status_code == 400


def test_a_click_on_what_is_not_there_is_said() -> None:
    def clicked(ts: str, action: str) -> None:
        raise LookupError

    client = create_app(lambda: STATE, clicked).test_client()
    assert client.post("/click", json={"ts": "1.2", "action": "nothing"}).status_code == 404


@pytest.mark.parametrize(
    "path", ["/../page.py", "/%2e%2e/page.py", "/..%2fpage.py", "/pages/page.js", "/page.py"]
)
def test_only_the_pages_own_files_are_served(path: str) -> None:
    assert create_app(lambda: STATE).test_client().get(path).status_code == 404


@pytest.mark.parametrize("path", sorted(PAGES.iterdir()), ids=lambda path: path.name)
def test_a_page_file_reaches_for_nothing_outside_and_makes_no_markup(path: Path) -> None:
    text = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?://\w|[\"'(]//|@import|data:", text)
    assert not re.search(r"(inner|outer)HTML|insertAdjacent|document\.write|DOMParser", text)
    assert not re.search(r"\beval\b|new Function|setAttribute\(.style", text)
    if path.suffix == ".html":
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", text)


class _Seen(HTMLParser):
    """The elements and the text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> _Seen:
    if not CHROMIUM:
        pytest.skip("there is no chromium on this machine")
    with serving(create_app(lambda: STATE)) as base:
        command = [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-component-update"),
            f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
            *("--virtual-time-budget=3000", "--dump-dom", f"{base}/"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return _Seen(done.stdout)


def test_a_hostile_message_forms_no_element(seen: _Seen) -> None:
    tags = [tag for tag, _ in seen.tags]
    assert not {"img", "iframe", "object", "embed", "form", "base", "b"} & set(tags)
    assert [attributes for tag, attributes in seen.tags if tag == "script"] == [
        {"type": "module", "src": "page.js"}
    ]
    assert {attributes.get("href") for tag, attributes in seen.tags if tag == "a"} == {"#messages", GOOD}
    assert not [name for _, attributes in seen.tags for name in attributes if name.startswith("on")]
    assert not [a for _, a in seen.tags if "evil" in str(a.get("style", "")) + str(a.get("src", ""))]


def test_the_messages_read_as_they_were_written(seen: _Seen) -> None:
    for text in (f"Slack says {HOSTILE}", f"Jira says {HOSTILE}", "an earlier one", "SEC-1", "click"):
        assert text in seen.text
    # In a TextBlock a link is Markdown and so becomes its label; this one leads nowhere.
    assert "Teams says " + HOSTILE.replace(f"[t]({EVIL})", "t") in seen.text
    assert seen.text.count(HOSTILE) >= 12
    assert "Owner: Jane Doe" in seen.text
    assert "▲ 7" in seen.text
    assert "Unknown node: constructor" in seen.text
    assert seen.text.index(f"Slack says {HOSTILE}") < seen.text.index("an earlier one")  # newest first
