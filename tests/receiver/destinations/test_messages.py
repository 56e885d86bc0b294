"""What is sent: as people see it (golden files), valid by the vendors' own schemas, inside every limit, and
free of anything that a hostile text could form, for a dozen chosen alarms and hundreds of fuzzed ones; for
thousands of them with `make fuzz`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from adf_bridge import validate_adf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft6Validator, Draft202012Validator
from jsonschema.protocols import Validator
from slack_sdk.models.blocks import Block

from receiver.destinations.jira import adf, wiki
from receiver.destinations.jira import plain_text as jira_plain
from receiver.destinations.jira.issue_body import issue_body
from receiver.destinations.slack import blocks as slack
from receiver.destinations.slack import plain_text as slack_plain
from receiver.destinations.slack.case_thread import CaseThread
from receiver.destinations.slack.parent import parent
from receiver.destinations.teams import card as teams
from receiver.destinations.webhook import document, schema
from receiver.intake.slack_request import ACKNOWLEDGE, CREATE_ISSUE
from receiver.messages.compose import compose
from receiver.messages.message import CaseStatus, Message
from shared.config.config import Config
from shared.config.destinations.jira import JiraConfig
from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm, Change, Earlier, Gap
from shared.models.captures import CaptureState
from shared.models.event_kinds import ACKNOWLEDGED, OWN_KINDS, TEST, UNACKNOWLEDGED
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import CaptureResult, Hunt, HuntReport
from shared.models.owners import Owner, TeamsUser
from shared.models.severity import Severity
from shared.models.systems import Instance, System

CONTRACTS = Path(__file__).resolve().parents[4] / "shared" / "contracts"
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUE = ("SEC-7", "https://jira.example/browse/SEC-7")
LINK_HOSTS = {"cado.example", "attack.mitre.org", "us-east-1.console.aws.amazon.com", "jira.example"}


LIVE = re.compile(
    r"(?<=\w)(?<!hxxp)(?<!hxxps)://", re.IGNORECASE | re.ASCII
)  # a link that was not made inert
JANE = TeamsUser("jane@acme.example", "Jane Doe")
CALL = "<at>Jane Doe</at>"


# Puts texts side by side in every way that a configuration can.
WORDED = Config.model_validate(
    {
        "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
        "owner_tag": "B",
        "message": {
            "title": "{{ tags.A }}{{ tags.B }}{{ title | lower }}",
            "facts": [
                {"label": "Team", "value": "{{ tags.A }}:{{ tags.B }}//{{ host }}{{ owner | upper }}"},
                {"tag": "A"},
                {"tag": "B_*"},
                "others",
                {"label": "All", "value": "{{ tags }}{{ worst | replace('[.]', '.') }}"},
            ],
            "footer": "{{ tags.B }}{{ tags.A }} {{ project }}{{ summary | replace('hxxp', 'http') }}",
        },
    }
)


SHOP = Config.model_validate(
    {
        "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
        "message": {
            "title": "[{{ tags.Env | default('no env') | upper }}] {{ title }}",
            "facts": [
                "history",
                "host",
                {"tag": "Env", "label": "Environment"},
                {"tag": "Cost_Center"},
                {"label": "Team", "value": "{{ tags.Team | default(owner) }} in {{ account }}"},
                "instance",
                "private_address",
                "evidence",
            ],
            "links": [{"text": "Runbook", "url": "https://wiki.acme.example/runbooks?id=12&a=b#top"}],
            "footer": "Runbook SEC-12.{% if tags.Env == 'prod' %} Call the officer on duty before you "
            "isolate it.{% endif %}",
        },
    }
)


def told(alarm: Alarm) -> Message:
    """Every other alarm is worded by the configuration."""
    return compose(alarm, WORDED if len(alarm.event.id) % 2 else None)


# The vendors' schemas


def packaged(package: str, path: str) -> Any:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return json.loads((Path(spec.submodule_search_locations[0]) / path).read_text(encoding="utf-8"))


def adaptive_card(schema: Any) -> Validator:
    schema["definitions"]["AdaptiveCard"]["properties"]["msteams"] = {"type": "object"}  # Teams' own addition
    return Draft6Validator(schema)


CARD = adaptive_card(packaged("adaptive_cards", "schemas/schema-1.4.json"))


def contract(name: str) -> Any:
    path = CONTRACTS / name
    if not path.exists():
        pytest.skip(f"{name} does not lie beside the project in shared/contracts")
    return json.loads(path.read_text(encoding="utf-8"))


# What Slack wants: docs.slack.dev/reference/block-kit, counted after escaping


def slack_problems(body: dict[str, Any]) -> Iterator[str]:
    blocks = body["blocks"]
    if not 1 <= len(blocks) <= 50:
        yield f"{len(blocks)} blocks"
    if len(body["text"]) > 4_000 or not body["text"]:
        yield f"text of {len(body['text'])}"
    if (total := len(body["text"]) + sum(len(text) for text, _ in slack_texts(body))) > 10_000:
        yield f"{total} characters in all"
    if len(body.get("attachments", [])) > 20:
        yield "attachments"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    if len(ids) != len(set(ids)) or any(len(id) > 255 for id in ids):
        yield "block_id"
    for block in blocks:
        yield from SLACK_BLOCKS[block["type"]](block)


def text_problems(
    text: dict[str, Any], limit: int, types: tuple[str, ...] = ("mrkdwn", "plain_text")
) -> Iterator[str]:
    if text["type"] not in types:
        yield f"a text of type {text['type']}"
    if not 1 <= len(text["text"]) <= limit:
        yield f"{len(text['text'])} of {limit} characters: {text['text'][:50]}"
    if text["type"] == "mrkdwn" and text.get("verbatim") is not True:
        yield "mrkdwn that is not verbatim"
    if text["type"] == "plain_text" and text.get("emoji") is not False:
        yield "plain text with emoji"


def header_problems(block: dict[str, Any]) -> Iterator[str]:
    yield from text_problems(block["text"], 150, ("plain_text",))


def section_problems(block: dict[str, Any]) -> Iterator[str]:
    if "text" in block:
        yield from text_problems(block["text"], 3_000)
    fields = block.get("fields", [])
    if ("text" not in block and not fields) or len(fields) > 10:
        yield f"{len(fields)} fields"
    for field in fields:
        yield from text_problems(field, 2_000)


def context_problems(block: dict[str, Any]) -> Iterator[str]:
    if not 1 <= len(block["elements"]) <= 10:
        yield f"{len(block['elements'])} elements"
    for element in block["elements"]:
        yield from text_problems(element, 3_000)


def actions_problems(block: dict[str, Any]) -> Iterator[str]:
    buttons = block["elements"]
    if not 1 <= len(buttons) <= 25:
        yield f"{len(buttons)} buttons"
    actions = [button["action_id"] for button in buttons]
    if len(actions) != len(set(actions)) or any(len(action) > 255 for action in actions):
        yield "action_id"
    for button in buttons:
        yield from text_problems(button["text"], 75, ("plain_text",))
        if not ("value" in button or "url" in button):
            yield "a button that does nothing"
        if len(button.get("value", "")) > 2_000 or len(button.get("url", "")) > 3_000:
            yield "a value or a url that is too long"


SLACK_BLOCKS: dict[str, Callable[[dict[str, Any]], Iterator[str]]] = {
    "header": header_problems,
    "section": section_problems,
    "context": context_problems,
    "actions": actions_problems,
}


def slack_texts(node: Any) -> Iterator[tuple[str, str]]:
    """Every text object, with its type."""
    if isinstance(node, list):
        for item in node:
            yield from slack_texts(item)
    elif isinstance(node, dict):
        if node.get("type") in ("mrkdwn", "plain_text"):
            yield node["text"], node["type"]
        else:
            for item in node.values():
                yield from slack_texts(item)


OWN_MARKUP = re.compile(
    r"^\*[A-Z][A-Za-z /,\u02cd\u2217-]*\*$"  # a label, a heading
    r"|\*[0-9,]+ ×\*"  # how often
    r"|<https://attack\.mitre\.org/(?:techniques|tactics)/[TA0-9/]+\|[TA0-9.]+[A-Za-z0-9 .()/&;-]*>"
    r"|^\*(?:Owner|Taken by)\* <@U0123456789>$"  # who is called, as `Fuzz` has it
    r"|^_[0-9a-z ,]+: open in the platform_$",
    re.MULTILINE | re.ASCII,
)
CODE = re.compile(r"```\n[^`]*\n```|`[^`\n]+`")


OFFERS = (ACKNOWLEDGE, CREATE_ISSUE)


def check_slack(alarm: Alarm) -> None:
    check_blocks(slack.payload(told(alarm)))


def check_slack_bot(alarm: Alarm) -> None:
    """The message of a case that was as bad before, and of one that was worse, with all its buttons."""
    message = compose(
        alarm, case=CaseStatus(acknowledgement=alarm.acknowledgement, issue=ISSUE, offers=OFFERS)
    )
    for severity, title in (
        (Severity.INFO, "x"),
        (Severity.MALICIOUS, f"Worse: {message.title}"),
    ):
        case = CaseThread("#soc", "C0123456789", "1.1", severity, 10**9, 0, 1_233, title).after(message)
        assert CaseThread.parse(case.format()) == case
        check_blocks(slack.payload(parent(message, case), buttons=True))


def check_blocks(body: dict[str, Any]) -> None:
    assert list(slack_problems(body)) == []
    for block in Block.parse_all(body["blocks"]):
        block.to_dict()  # raises where the SDK's own models find a limit broken
    texts = [*slack_texts(body), (body["text"], "mrkdwn")]
    for text, kind in texts:
        if kind == "mrkdwn":
            rest = OWN_MARKUP.sub("", CODE.sub("", text))
            assert not set("<>*_~`") & set(rest), text
            assert not re.search(r"[<>]", "".join(CODE.findall(text)))
        assert not re.search("<[!@#]|<http", OWN_MARKUP.sub("", text))
        assert not LIVE.search(OWN_MARKUP.sub("", text)), text
    buttons = [e for b in body["blocks"] if b["type"] == "actions" for e in b["elements"]]
    assert {urlsplit(button["url"]).hostname for button in buttons if "url" in button} <= LINK_HOSTS


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from walk(item)


def check_teams(alarm: Alarm, *, by_schema: bool = True) -> None:
    raw = teams.payload(told(alarm))
    assert len(raw) <= 20_000
    body = json.loads(raw)
    card = body["attachments"][0].pop("content")
    text = json.dumps(card, ensure_ascii=False, separators=(",", ":"))
    assert len(json.dumps(text, ensure_ascii=False).encode()) <= 28_672
    assert body == {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None}],
    }
    if by_schema:
        assert list(CARD.iter_errors(card)) == []
    assert card["version"] == "1.4"
    entity = {"type": "mention", "text": CALL, "mentioned": {"id": JANE.id, "name": JANE.name}}
    called = card.pop("msteams").pop("entities", [])
    assert called == [entity][: len(called)]
    # Elements of 1.2, and one that reads Markdown only for who is called.
    markdown = [node for node in walk(card) if node.get("type") == "TextBlock"]
    assert markdown == [{"type": "TextBlock", "text": f"Owner: {CALL}", "wrap": True}][: len(called)]
    assert {node["type"] for node in walk(card) if "type" in node} <= {
        *("AdaptiveCard", "Container", "ColumnSet", "Column", "RichTextBlock", "TextRun", "Action.OpenUrl"),
        "TextBlock",
    }
    assert {urlsplit(node["url"])[:2] for node in walk(card) if "url" in node} <= {
        ("https", host) for host in LINK_HOSTS
    }
    card["body"] = [node for node in card["body"] if node not in markdown]
    for node in walk(card):
        text = node.get("fallbackText") or node.get("text", "")
        assert not re.search(r"<\s*/?\s*at\b|\{\{\s*(DATE|TIME)\b", text, re.IGNORECASE), text
        # A line of a wrapped text may begin within `hxxp`.
        assert not LIVE.search(re.sub("^h?x{0,2}p?s?://", "", text)), text


def check_slack_plain(alarm: Alarm) -> None:
    text = slack_plain.plain_payload(told(alarm), "invalid_blocks")["text"]
    assert 0 < len(text) <= 4_000
    assert not LIVE.search(re.sub(r"<https?://[^<>|]*\|", "", text)), text
    assert not re.search(r"<(?!https?://|@U0123456789>|!subteam\^S0123456789>)", text), text
    outside = "".join(text.split("`")[::2])
    assert not re.search(r":[\w+'-]+:", re.sub(r"https?://[^<>|]*", "", outside)), text


def check_jira_plain(alarm: Alarm) -> None:
    document, text = (jira_plain.plain_text(told(alarm), cloud=cloud) for cloud in (True, False))
    assert len(json.dumps(document, ensure_ascii=False)) < 12_000
    assert len(text) < 6_000
    if id := told(alarm).id:
        assert adf.tells_of(document, id)
        assert wiki.tells_of(text, id)
    assert not LIVE.search(text), text
    assert not set("[]{}!@^~") & set(re.sub(r"\\.", " ", OWN_WIKI.sub("", text))), text


def check_cloud(alarm: Alarm) -> None:
    check_issue(alarm, cloud=True)
    for titled in (False, True):
        document = adf.document(told(alarm), titled=titled)
        validate_adf(document)  # against Atlassian's own schema
        assert len(json.dumps(document, ensure_ascii=False)) <= 30_000
        assert {node["type"] for node in walk(document) if "type" in node} <= ADF_TYPES
        assert not any(LIVE.search(node["text"]) for node in walk(document) if "text" in node)
        links = [node["attrs"]["href"] for node in walk(document) if node.get("type") == "link"]
        assert {urlsplit(link)[:2] for link in links} <= {("https", host) for host in LINK_HOSTS}


# None that calls anybody, shows an image, or runs a macro.
ADF_TYPES = {
    *("doc", "panel", "heading", "paragraph", "text", "hardBreak", "codeBlock", "bulletList", "listItem"),
    *("table", "tableRow", "tableHeader", "tableCell", "strong", "em", "code", "link", "textColor"),
}
JIRA = JiraConfig(
    type="jira", url="https://a.atlassian.net", project="SEC", email="a@b.example", api_token="env:T"
)


def jira_issue(message: Message, *, cloud: bool) -> dict[str, Any]:
    body, unfit = issue_body(message, JIRA, cloud=cloud)
    assert unfit == []
    return body


def check_issue(alarm: Alarm, *, cloud: bool) -> None:
    """What stands beside the description."""
    fields = jira_issue(told(alarm), cloud=cloud)["fields"]
    assert 0 < len(fields["summary"]) <= 255
    assert "\n" not in fields["summary"]
    assert not LIVE.search(fields["summary"])
    assert all(label and " " not in label and len(label) <= 255 for label in fields["labels"])


NOFORMAT = re.compile(r"\{noformat\}\n((?:(?!\{noformat\}).|\n)*)\n\{noformat\}", re.IGNORECASE)
OWN_WIKI = re.compile(
    r"\[(?:Open in the platform|Open in the EC2 console|T[A0-9][0-9.]+[A-Za-z0-9 ./&-]*)"
    r"\|https://(?:cado\.example|attack\.mitre\.org|us-east-1\.console\.aws\.amazon\.com)[^\s|\]{}]*\]"
    r"|\{panel(?::bgColor=#[0-9A-F]{6})?\}|\{\{|\}\}",
    re.ASCII,
)


def check_datacenter(alarm: Alarm) -> None:
    check_issue(alarm, cloud=False)
    for titled in (False, True):
        text = wiki.text(told(alarm), titled=titled)
        assert len(text) <= 30_000
        rest = NOFORMAT.sub("", text)
        rest = OWN_WIKI.sub("", re.sub(r"\\.", " ", rest))
        assert not set("[]{}!@^~") & set(rest), text
        for shown in (rest, *NOFORMAT.findall(text)):
            assert not LIVE.search(shown), shown
        assert not re.search(r"mailto:\S+@", rest)


DATE_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+$"
# The CloudEvents specification 1.0.2 and its JSON format, in this test's own words.
CLOUD_EVENT = Draft202012Validator(
    {
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "pattern": PRINTABLE},
            "source": {"type": "string", "pattern": r"^[!#$&-;=?-Z\[\]_a-z~%]+$"},
            "type": {"type": "string", "pattern": r"^huntbridge\.alarm\.[a-z0-9_]+$"},
            "subject": {"type": "string", "pattern": PRINTABLE},
            "time": {"type": "string", "pattern": DATE_TIME},
            "datacontenttype": {"const": "application/json"},
            "dataschema": {"const": "urn:huntbridge:alarm:1"},
            "data": {"type": "object"},
        },
        "additionalProperties": False,  # extension attributes would be allowed; there are none
    }
)


def closed(schema: Any) -> Any:
    """The schema with no key allowed that it does not name: what is sent must be what is published."""
    for node in walk(schema):
        if "properties" in node:
            node["additionalProperties"] = False
    return schema


ALARM_DATA = Draft202012Validator(closed(schema.schema()))


def check_webhook(alarm: Alarm) -> None:
    raw = document.payload(told(alarm))
    assert len(raw) <= 65_536
    event = json.loads(raw)
    assert list(CLOUD_EVENT.iter_errors(event)) == []
    data = event["data"]
    assert list(ALARM_DATA.iter_errors(data)) == []
    texts = [text for node in walk(event) for text in (*node, *node.values()) if isinstance(text, str)]
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", "".join(texts)
    )
    said = json.dumps(data["message"], ensure_ascii=False)
    assert not LIVE.search(said), said
    if data["link"]:
        assert urlsplit(data["link"])[:2] == ("https", "cado.example")
    for dropped in data["left_out"]:
        assert dropped["kept"] < dropped["of"]


CHECKS = {
    "slack": check_slack,
    "slack-plain": check_slack_plain,
    "jira-plain": check_jira_plain,
    "slack-bot": check_slack_bot,
    "teams": check_teams,
    "cloud": check_cloud,
    "datacenter": check_datacenter,
    "webhook": check_webhook,
}


# A dozen alarms


# What a case's message becomes when one more alarm comes: this is what it was at worst.
WORSE = CaseThread(
    "#soc",
    "C0123456789",
    "1763812800.000100",
    Severity.SUSPICIOUS,
    0,
    12,
    1,
    "12 suspicious on web-01 (prod, i-0123456789abcdef0)",
)


def in_its_case(alarm: Alarm, worst: Alarm) -> Message:
    """With what a destination that edits is told of the case."""
    kind = alarm.event.kind
    if kind in (ACKNOWLEDGED, UNACKNOWLEDGED):
        offers = OFFERS if alarm.acknowledgement is None else OFFERS[1:]
        return compose(alarm, case=CaseStatus(alarm.acknowledgement, offers=offers, worst=worst))
    return compose(alarm, case=CaseStatus(offers=() if kind in (*OWN_KINDS, TEST) else OFFERS))


def shown(name: str, alarm: Alarm, worst: Alarm, config: Config | None = None) -> dict[str, str]:
    message = compose(alarm, config)
    case = in_its_case(alarm, worst)
    as_json = {
        "slack": slack.payload(message),
        "slack-bot": slack.payload(parent(case, WORSE.after(case)), buttons=True),
        "teams": json.loads(teams.payload(message)),
        "jira-cloud": jira_issue(message, cloud=True),
        "webhook": json.loads(document.payload(message)),
    }
    files = {
        f"{name}.{kind}.json": json.dumps(body, indent=1, ensure_ascii=False)
        for kind, body in as_json.items()
    }
    fields = jira_issue(message, cloud=False)["fields"]
    description = fields.pop("description")
    beside = json.dumps(fields, indent=1, ensure_ascii=False)
    return {**files, f"{name}.jira-datacenter.txt": f"{beside}\n\n{description}"}


def test_golden(
    named_alarm: tuple[str, Alarm], alarms: dict[str, Alarm], golden: Callable[[str, str], None]
) -> None:
    for name, text in shown(*named_alarm, worst=alarms["rich"]).items():
        golden(name, text + "\n")


def test_golden_in_the_words_of_a_configuration(
    alarms: dict[str, Alarm], golden: Callable[[str, str], None]
) -> None:
    for name, text in shown("worded", alarms["rich"], alarms["rich"], SHOP).items():
        golden(name, text + "\n")


@pytest.mark.parametrize("kind", CHECKS)
def test_valid_and_harmless(kind: str, named_alarm: tuple[str, Alarm]) -> None:
    CHECKS[kind](named_alarm[1])


def test_cards_are_valid_by_microsofts_own_file(alarms: dict[str, Alarm]) -> None:
    validator = adaptive_card(contract("teams/adaptive-card-1.4.0.json"))
    for alarm in alarms.values():
        card = json.loads(teams.payload(compose(alarm)))["attachments"][0]["content"]
        assert list(validator.iter_errors(card)) == []


def test_issues_are_valid_by_jiras_own_description(alarms: dict[str, Alarm]) -> None:
    components = contract("jira-cloud-v3.json")["components"]
    validator = Draft202012Validator(
        {"$ref": "#/components/schemas/IssueUpdateDetails", "components": components}
    )
    for alarm in alarms.values():
        assert list(validator.iter_errors(jira_issue(compose(alarm), cloud=True))) == []


def test_the_largest_message_still_says_where_it_was_cut(alarms: dict[str, Alarm]) -> None:
    heavy = "&" * 5_000
    finding = Finding(heavy, 1, Severity.MALICIOUS, ("T1496",) * 9, heavy)
    lines = tuple(
        CaptureResult(System(heavy, heavy, heavy), CaptureState.FAILED, reason=heavy) for _ in range(200)
    )
    report = HuntReport(heavy, alarms["rich"].event.received_at, 1, 10_000, captures=lines, reason=heavy)
    event = Event("e", "hunt_finished", alarms["rich"].event.received_at, report=report)
    gaps = tuple(Gap(heavy, heavy) for _ in range(50))
    alarm = Alarm(event, Severity.MALICIOUS, findings=(finding,) * 40, gaps=gaps)
    for check in CHECKS.values():
        check(alarm)
    assert "more systems" in json.dumps(slack.payload(compose(alarm)))
    assert "more systems" in teams.payload(compose(alarm)).decode()


# Hundreds and thousands more

EXAMPLES = int(os.environ.get("HUNTBRIDGE_FUZZ", "150"))
FRAGMENTS = (
    *(
        "<!channel>",
        "<@U024BE7LH>",
        "<https://evil.example|Cado>",
        "https://evil.example/",
        "<at>All</at>",
        "</at>",
    ),
    *(
        "javascript:alert(1)",
        "[x](http://e.example)",
        "[x|http://e.example]",
        "{noformat}",
        "{panel}",
        "{code}",
    ),
    *(
        "||",
        "|",
        "\\",
        "\\\\",
        "`",
        "```",
        "*",
        "_",
        "~",
        "&lt;!here&gt;",
        "h1. ",
        "\nbq. ",
        "[~admin]",
        "!a.png!",
    ),
    *(
        ":skull:",
        "{{DATE(2026-01-01T00:00:00Z)}}",
        "{{time(",
        "\u202e",
        "\u200b",
        "\x00",
        "\n",
        " ",
        "👩‍👩‍👧",
        "é",
        "www.evil.example",
        "a@b.example",
        "\\" * 12,
        '"' * 12,
    ),
    *(
        "mailto:a@b.example",
        "ftp://e.example",
        "ht\u200btp://e.example",
        "<",
        ">",
        "&",
        "@here",
        "#general",
        "http:/",
    ),
)
KINDS = (
    *(
        "high_severity_alarm",
        "processing_with_alarms",
        "processing_finished",
        "processing_failed",
        "recovered",
    ),
    *("detection_created", "capture_failed", "hunt_finished", "admin_login", "audit_event_login", "unknown"),
    *("acknowledged", "unacknowledged", "capture_stalled", "hunt_missed", "undelivered", "webhook_broken"),
    "webhooks_refused",
    "job_failing",
)
LINKS = ("", "https://cado.example/projects/3", "https://cado.example/a|b]c{d}?x=<y>")
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=12)), max_size=12).map("".join)


class Fuzz:
    """Alarms of every shape, filled with the given texts. Hypothesis would need 50 ms to draw each field."""

    def __init__(self, seed: int, texts: list[str]) -> None:
        self.random, self.texts = Random(seed), texts
        self.scale = self.random.choice((1, 1, 1, 1, 1, 1, 1, 15))  # some are larger than any budget

    def text(self) -> str:
        return "".join(self.random.choices(self.texts, k=self.random.choice((1, 1, 1, 2, 40))))

    def number(self) -> int | None:
        return self.random.choice((None, 0, 1, 5_000, 10**9))

    def maybe(self, thing: Any) -> Any:
        return self.random.choice((None, thing))

    def some(self, make: Callable[[], Any], most: int) -> tuple[Any, ...]:
        return tuple(make() for _ in range(self.random.randint(0, most * self.scale)))

    def system(self) -> System:
        instance, region = self.random.choice(("i-0123456789abcdef0", self.text())), self.region()
        return System(instance, region, self.text())

    def region(self) -> str:
        return self.random.choice(("us-east-1", self.text()))

    def finding(self) -> Finding:
        severity = self.random.choice(list(Severity))
        ids = ("T1496", "T1059.001", "TA0004", self.text())
        attack = tuple(self.random.choices(ids, k=self.random.randint(0, 6)))
        return Finding(self.text(), self.random.randint(0, 10**6), severity, attack, self.text())

    def result(self) -> CaptureResult:
        state = self.random.choice(list(CaptureState))
        malicious, new = self.random.randint(0, 9), self.random.randint(0, 9)
        return CaptureResult(self.system(), state, malicious, 0, self.text(), self.text(), new)

    def report(self) -> HuntReport:
        return HuntReport(
            hunt=self.text(),
            scheduled_at=NOON,
            project_id=self.number(),
            systems=99,
            captured=9,
            failed=1,
            with_alarms=2,
            captures=self.some(self.result, 30),
            problems=self.some(self.text, 5),
            reason=self.text(),
            left_out=self.some(self.text, 5),
            since=self.maybe(NOON),
            new_alarms=self.random.randint(0, 9),
            new_with=3,
            slowest=self.maybe(self.result()),
            slowest_seconds=12_345.6,
            covered=self.number(),
        )

    def event(self) -> Event:
        return Event(
            id=self.text(),
            kind=self.random.choice((*KINDS, self.text())),
            received_at=NOON,
            title=self.text(),
            text=self.text(),
            project_id=self.number(),
            evidence_id=self.number(),
            malicious=self.number(),
            suspicious=self.number(),
            alarms=self.number(),
            system=self.maybe(self.system()),
            report=self.maybe(self.report()),
            note=self.text(),
        )

    def instance(self) -> Instance:
        words = [self.text() for _ in range(14)]
        words[0], words[1] = self.random.choice(("i-0123456789abcdef0", words[0])), self.region()
        tags = {self.text(): self.text() for _ in range(self.random.randint(0, 12))}
        tags |= {name: self.text() for name in self.some(lambda: self.random.choice(("A", "B", "B_*")), 3)}
        return Instance(*words[:11], self.some(self.text, 9), *words[11:], self.maybe(NOON), tags)

    def evidence(self) -> Evidence:
        words = [self.text() for _ in range(7)]
        return Evidence(31, 12, *words[:3], self.number(), *words[3:])

    def earlier(self) -> Earlier:
        severity = self.random.choice(list(Severity))
        return Earlier(self.text(), severity, *self.random.choices((0, 7, 10**9), k=3))

    def change(self) -> Change:
        first, last = self.maybe(NOON), self.maybe(NOON)
        return Change(first, last, 10**6, self.some(self.text, 20), self.random.randint(0, 9), 3, 2)

    def taken(self) -> Acknowledgement:
        return Acknowledgement(self.text(), NOON, self.text(), self.random.choice(("", "U0123456789")))

    def alarm(self) -> Alarm:
        return Alarm(
            self.event(),
            self.random.choice(list(Severity)),
            self.number(),
            self.number(),
            hunt=self.maybe(Hunt(self.text(), NOON)),
            project=self.maybe(Project(12, self.text())),
            evidence=self.maybe(self.evidence()),
            instance=self.maybe(self.instance()),
            system=self.maybe(self.system()),
            findings=self.some(self.finding, 14),
            gaps=self.some(lambda: Gap(self.text(), self.text()), 5),
            link=self.random.choice(LINKS),
            earlier=self.maybe(self.earlier()),
            acknowledgement=self.random.choice((None, None, None, self.taken())),
            owner=self.maybe(Owner(slack="U0123456789", teams=JANE, jira=self.text())),
            change=self.maybe(self.change()),
        )


@pytest.mark.parametrize("kind", CHECKS)
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.integers(0, 2**32), texts=st.lists(texts, min_size=2, max_size=6))
def test_fuzzed(kind: str, seed: int, texts: list[str]) -> None:
    alarm = Fuzz(seed, texts).alarm()
    if kind == "teams":
        check_teams(alarm, by_schema=seed % 8 == 0)  # a tenth of a second each
    else:
        CHECKS[kind](alarm)


def own_links(length: int) -> Config:
    url = "https://wiki.acme.example/runbooks?q="
    links = [{"text": f"Runbook {n}", "url": url + "a" * (length - len(url))} for n in range(3)]
    return Config.model_validate(
        {"platform": {"url": "https://cado.example", "api_key": "env:KEY"}, "message": {"links": links}}
    )


def test_a_link_of_the_configuration_is_shown_up_to_what_a_destination_takes(
    alarms: dict[str, Alarm],
) -> None:
    longest, long = (compose(alarms["minimal"], own_links(length)) for length in (3_000, 2_000))
    assert longest.gaps == long.gaps == ()
    assert list(slack_problems(slack.payload(longest))) == []
    shown = {
        "slack": json.dumps(slack.payload(longest)),
        "teams": teams.payload(long).decode(),
        "cloud": json.dumps(adf.document(long)),
        "data center": wiki.text(long),
    }
    for name, text in shown.items():
        assert text.count("https://wiki.acme.example/runbooks?q=") == 3, name


def test_a_link_that_is_too_long_for_every_destination_is_named_in_the_message(
    alarms: dict[str, Alarm],
) -> None:
    message = compose(alarms["minimal"], own_links(3_001))
    assert message.gaps == tuple(
        f"The link “Runbook {n}” of message.links is left out: it has 3,001 characters, and no destination "
        "takes more than 3,000"
        for n in range(3)
    )
    assert "wiki.acme.example" not in json.dumps(slack.payload(message))


def test_a_link_that_is_not_a_web_address_is_left_out(alarms: dict[str, Alarm]) -> None:
    for link in (
        "javascript:alert(1)",
        "http://evil.example/",
        "https://u:p@cado.example/",
        "//x",
        "https://[",
        "x",
    ):
        message = compose(replace(alarms["minimal"], link=link))
        assert all(block["type"] != "actions" for block in slack.payload(message)["blocks"])
        assert b"Action.OpenUrl" not in teams.payload(message)
        assert "href" not in json.dumps(adf.document(message))
        assert "Open in the platform" not in wiki.text(message)
    local = compose(replace(alarms["minimal"], link="http://127.0.0.1:8080/x"))
    assert "[Open in the platform|http://127.0.0.1:8080/x]" in wiki.text(local)
