"""Previews: every golden message is drawn whole, hostile text stays text, and nothing is dropped silently."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from console.previews import atlassian_document, slack, teams
from console.previews.elements import Pen, web_address
from console.previews.previews import MAX_TABS, Preview, draw, tabs
from tests.console.previews.payloads import TYPES, golden, walk
from tests.console.previews.seen import Seen
from tests.receiver.destinations.sample_alarms import HOSTILE

GOLDEN = golden()
TAGS = {
    *("article", "div", "p", "span", "b", "a", "code", "pre", "h3", "h4", "h5", "h6", "dl", "dt", "dd"),
    *("ul", "ol", "li", "table", "tbody", "tr", "th", "td", "strong", "em", "s", "u", "br", "hr", "time"),
    *("blockquote", "details", "summary", "svg", "rect"),
}
ATTRIBUTES = {
    *("class", "href", "rel", "title", "datetime", "start", "colspan", "rowspan"),
    *("width", "height", "fill", "aria-hidden"),
}
MARKUP = "</p></div></article><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick='x' <style>a{}"
ATTACKS = (MARKUP, HOSTILE, "javascript:alert(1)", 'https://evil.example/" onclick="x', "\x00\u202e\ud800")


def harmless(html: str) -> Seen:
    """The HTML, after it was checked for everything that a preview may not contain."""
    seen = Seen(html)
    assert seen.open == []
    assert seen.names <= TAGS
    for tag, attributes in seen.tags:
        assert attributes.keys() <= ATTRIBUTES, (tag, attributes)
        if tag == "a":
            assert re.match(r"https?://[^/]", attributes["href"] or "")
            assert attributes["rel"] == "noreferrer"
        assert re.fullmatch(r"[a-z0-9 -]*", attributes.get("class") or "")
        assert re.fullmatch(r"(#[0-9A-Fa-f]{6})?", attributes.get("fill") or "")
    return seen


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_message_is_drawn_whole(name: str) -> None:
    type, payload = GOLDEN[name]
    seen = harmless(draw(type, payload))
    assert "Not drawn" not in seen.text
    for said in texts(type, payload):
        assert squeezed(said) in squeezed(seen.text)


def texts(type: str, payload: Any) -> list[str]:
    """Texts of the payload that are shown as they are, without markup of the tool."""
    match type:
        case "slack":
            return [part["text"] for part in walk(payload["blocks"]) if part.get("type") == "plain_text"]
        case "teams":
            return [
                part[key]
                for part in walk(payload)
                for key in ("text", "title")
                if part.get("type") in ("TextRun", "Action.OpenUrl") and key in part
            ]
        case "jira":
            plain = [part["text"] for part in walk(payload) if part.get("type") == "text"]
            return [payload["fields"]["summary"], *payload["fields"]["labels"], *plain]
        case "pagerduty" | "jsm":
            return [said for said in strings(payload) if said not in PLAIN and "://" not in said.split()[0]]
    return [payload["id"], payload["type"]]


# What a preview need not show: it is the same for each message.
PLAIN = frozenset({"trigger", "acknowledge", "resolve", "huntbridge"})


def strings(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for child in children for text in strings(child)]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_every_element_that_a_destination_sends_is_known() -> None:
    """What the destinations send is enumerated from their golden payloads."""
    sent: dict[str, set[str]] = {type: set() for type in TYPES}
    for type, payload in GOLDEN.values():
        sent[type] |= {str(part["type"]) for part in walk(payload) if isinstance(part.get("type"), str)}
    assert sent["slack"] <= slack.BLOCKS.keys() | {"button", "static_select", "mrkdwn", "plain_text"}
    actions, parts = (
        {"Action.OpenUrl", "Action.ShowCard"},
        {"message", "AdaptiveCard", "Column", "TextRun", "mention"},
    )
    assert sent["teams"] <= teams.ELEMENTS.keys() | actions | parts
    assert sent["jira"] <= atlassian_document.NODES.keys() | atlassian_document.MARKS | {"doc"}
    assert all(len(kinds) > 1 for type, kinds in sent.items() if type in ("slack", "teams", "jira"))


# What decides how a part is drawn. With an attack in it, the rest of the part would not be drawn.
KEPT = frozenset({"type", "contentType"})


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("name", [name for name in GOLDEN if "rich" in name or "unknown" in name])
def test_hostile_text_in_every_field_forms_no_markup(name: str, attack: str) -> None:
    type, payload = GOLDEN[name]
    for kept in (KEPT, frozenset[str]()):
        harmless(draw(type, replaced(payload, lambda text: attack, kept)))
        harmless(draw(type, replaced(payload, lambda text: text + attack, kept)))


def replaced(node: Any, change: Callable[[str], str], kept: frozenset[str]) -> Any:
    if isinstance(node, str):
        return change(node)
    if isinstance(node, dict):
        return {key: value if key in kept else replaced(value, change, kept) for key, value in node.items()}
    return [replaced(value, change, kept) for value in node] if isinstance(node, list) else node


@pytest.mark.parametrize("type", TYPES)
def test_a_payload_of_any_shape_is_drawn(type: str) -> None:
    """Values are replaced by values of other types at random."""
    chance = random.Random(7)
    odd: list[Any] = [
        None,
        True,
        0,
        -1,
        1.5,
        10**30,
        "",
        "x",
        [],
        {},
        [None],
        [[]],
        {"type": "text"},
        {"type": None},
    ]

    def broken(node: Any) -> Any:
        if chance.random() < 0.04:
            return chance.choice(odd)
        if isinstance(node, dict):
            return {key: broken(value) for key, value in node.items()}
        return [broken(value) for value in node] if isinstance(node, list) else node

    payloads = [payload for kind, payload in GOLDEN.values() if kind == type]
    for payload in payloads:
        for _ in range(3):
            harmless(draw(type, broken(payload)))
    for value in odd:
        harmless(draw(type, value))


@pytest.mark.parametrize(
    ("type", "payload", "said"),
    [
        ("slack", {"blocks": [{"type": "video"}]}, "Not drawn: a block of type “video”"),
        ("slack", {"blocks": [{"type": "actions", "elements": [{"type": "datepicker"}]}]}, "“datepicker”"),
        (
            "teams",
            {"attachments": [{"contentType": "text/html"}]},
            "Not drawn: an attachment of type “text/html”",
        ),
        ("jira", {"fields": {"description": {"content": [{"type": "constructor"}]}}}, "“constructor”"),
        ("fax", {}, "Not drawn: a message of type “fax”"),
    ],
)
def test_what_is_not_known_is_shown_as_such(type: str, payload: Any, said: str) -> None:
    assert said in harmless(draw(type, payload)).text


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "data:text/html,x", "//evil.example", "/path", "https:", "https://[", "x"),
        *("https://a b", "\nhttps://a", "ftp://a", 7, None, ["https://a"]),
    ],
)
def test_only_web_addresses_become_links(url: Any) -> None:
    assert web_address(url) == ""
    assert Pen().link(url, "label") == "<span>label</span>"


def test_slack_text_is_read_as_slack_reads_it() -> None:
    text = (
        "*bold* _it_ ~gone~ `a*b*` <https://cado.example/1|open> <@U024BE7LH> <!subteam^S12345678> "
        "<!here> &lt;b&gt; 2*3*4\n&gt; quoted\n```\n<x> &amp;\n```"
    )
    html = draw("slack", {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]})
    for part in (
        *("<strong>bold</strong>", "<em>it</em>", "<s>gone</s>", "<code>a*b*</code>"),
        '<a href="https://cado.example/1" rel="noreferrer">open</a>',
        *('<span class="mention">@U024BE7LH</span>', '<span class="mention">@S12345678</span>'),
        *('<span class="mention">@here</span>', "&lt;b&gt; 2*3*4", "<blockquote>quoted</blockquote>"),
        "<pre>&lt;x&gt; &amp;</pre>",
    ):
        assert part in html


def test_wiki_text_of_data_center_is_read() -> None:
    _, payload = GOLDEN["jira/rich.datacenter.txt"]
    html = draw("jira", payload)
    for part in (
        '<div class="top panel-error"><p>▲ <strong>Malicious.</strong> Worst: Malicious File Detected: '
        "cryptomining_malware_wannamine (5 times) at C:∖Windows∖Temp∖wm_01.exe</p></div>",
        "<tr><th>Instance</th><td><code>i-0123456789abcdef0</code></td></tr>",
        "<tr><th>Count</th><th>Alarm</th><th>ATT&amp;CK</th></tr>",
        '<a href="https://attack.mitre.org/techniques/T1496/" rel="noreferrer">T1496 Resource Hijacking</a>',
        "<ul><li>Who is on duty: PagerDuty did not answer within 4 s</li></ul>",
        "<p>Event <code>7f3c9a52</code></p>",
    ):
        assert part in html


def test_each_destination_has_a_tab_and_none_is_lost() -> None:
    shown = [Preview(f"d{n}", "slack", draw("slack", {"text": f"message {n}"})) for n in range(MAX_TABS + 2)]
    seen = Seen(tabs(shown))
    radios = [attributes for tag, attributes in seen.tags if tag == "input"]
    assert [radio["id"] for radio in radios] == [f"view-{n}" for n in range(1, MAX_TABS + 1)]
    assert [("checked" in radio) for radio in radios] == [True] + [False] * (MAX_TABS - 1)
    assert all(f"message {n}" in seen.text for n in range(MAX_TABS + 2))
    assert tabs([]) == ""
