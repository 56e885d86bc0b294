"""Parses whole bodies, and compares the whole events."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.events.parse.numbers import MAX_NUMBER
from receiver.events.parse.webhook import MAX_TEXT
from shared.models.codec import dump
from shared.models.event_kinds import PLATFORM_KINDS
from shared.models.event_notes import (
    NO_EVENT_NOTE,
    NOT_JSON_NOTE,
    NOT_UNDERSTOOD_NOTE,
    SENT_AS_TEST_NOTE,
    TEST_NOTE,
)
from shared.models.events import Detection, Event
from shared.models.severity import Severity
from shared.models.systems import System
from tests.receiver.events.parse.parsing import event, parsed

ROOT = Path(__file__).resolve().parents[4]
SAMPLES = ROOT.parent / "shared" / "samples"
TOKEN = "REPLACE-WITH-SHARED-SECRET"


HIGH = event(
    "high_severity_alarm",
    title="HIGH SEVERITY ALARM DETECTED",
    text="5 high severity alarms detected in project id 3 evidence id 4.",
    project_id=3,
    evidence_id=4,
    malicious=5,
)
TEST = event("unknown", text='{"title": "$Title", "message": "$Event"}', note=TEST_NOTE)
BACKDOOR = Detection(
    "Backdoor:EC2/C&CActivity.B!DNS", Severity.MALICIOUS, "high", "i-0431da0e46c5b9882", "41"
)
DETECTION_TEXT = """id: 41
name: Backdoor:EC2/C&CActivity.B!DNS
severity: high
source: GuardDuty
investigation_id: 17
investigation: GuardDuty_i-0431da0e46c5b9882_20241223
resource_id: i-0431da0e46c5b9882"""
FAILED_TEXT = (
    "Processing failed in project id 1 evidence id 1. Error: Unrecoverable error: Internal error, see "
    "messages tab or application logs for more details. Raw error was: Command "
    "'['./binaries/linux/plaso_compiled_linux_custom/fast_timeline', '/mnt/nvme/x.vmdk']' "
    "returned non-zero exit status 1."
)

FROM_SAMPLES = {
    "00_template__unrendered_default.json": TEST,
    "01_high_severity_alarm__default_template.json": HIGH,
    "02_high_severity_alarm__slack_template.json": HIGH,
    "03_high_severity_alarm__teams_template.json": HIGH,
    "06_high_severity_alarm__slack_formatting_event_left_literal.json": event(
        "high_severity_alarm", title="HIGH SEVERITY ALARM DETECTED", note=NO_EVENT_NOTE
    ),
    "10_suspicious_severity_event.json": event(
        "suspicious_severity_event",
        title="SUSPICIOUS SEVERITY EVENT DETECTED",
        text="34 suspicious severity events detected in project id 12 evidence id 31.",
        project_id=12,
        evidence_id=31,
        suspicious=34,
    ),
    "11_processing_with_alarms__a_same_sentence.json": event(
        "processing_with_alarms",
        title="PROCESSING WITH ALARMS",
        text="Processing finished with 5 alarms in project id 12 evidence id 31.",
        project_id=12,
        evidence_id=31,
        alarms=5,
    ),
    "14_processing_with_alarms__d_event_is_json_string.json": event(
        "processing_with_alarms",
        title="PROCESSING WITH ALARMS",
        text="project_id: 12\nevidence_id: 31\nmalicious: 7\nsuspicious: 8",
        project_id=12,
        evidence_id=31,
        malicious=7,
        suspicious=8,
    ),
    "16_processing_with_alarms__f_project_only.json": event(
        "processing_with_alarms",
        title="PROCESSING WITH ALARMS",
        text="Processing finished with alarms in project id 12.",
        project_id=12,
    ),
    "18_processing_with_alarms__bridge_template.json": replace(
        HIGH,
        kind="processing_with_alarms",
        title="PROCESSING WITH ALARMS",
        text="5 high severity alarms detected in project id 12 evidence id 31.",
        project_id=12,
        evidence_id=31,
    ),
    "20_processing_finished.json": event(
        "processing_finished",
        title="PROCESSING FINISHED",
        text="Processing finished in project id 12 evidence id 31.",
        project_id=12,
        evidence_id=31,
    ),
    "22_processing_failed__with_reason.json": event(
        "processing_failed", title="PROCESSING FAILED", text=FAILED_TEXT, project_id=1, evidence_id=1
    ),
    "30_detection_created__default_template.json": event(
        "detection_created",
        title="DETECTION CREATED: Backdoor:EC2/C&CActivity.B!DNS",
        text=DETECTION_TEXT,
        project_id=17,
        instance="i-0431da0e46c5b9882",
        detection=BACKDOOR,
    ),
    "31_detection_updated__jira_template.json": event(
        "detection_updated",
        title="DETECTION UPDATED: Backdoor:EC2/C&CActivity.B!DNS",
        text="*Backdoor:EC2/C&CActivity.B!DNS*\n* Severity: High\n* Source: GuardDuty\n"
        "* Resource: i-0431da0e46c5b9882\n* Investigation: GuardDuty_i-0431da0e46c5b9882_20241223",
        instance="i-0431da0e46c5b9882",
        detection=BACKDOOR,
    ),
    "51_webhook_test__unrendered.json": TEST,
    "60_hostile__markup_and_links.json": replace(
        HIGH,
        title="HIGH SEVERITY ALARM DETECTED <!channel> *click* https://evil.example/",
        text=HIGH.text + "\n@everyone [open](https://evil.example/?x=1) {{webhookData}} ${jndi:ldap://x}",
    ),
    "malformed/70_unescaped_quote_in_event.txt": event(
        "processing_failed",
        title="PROCESSING FAILED",
        text='Command "./fast_timeline" failed in project id 1 evidence id 1.',
        project_id=1,
        evidence_id=1,
        note=NOT_JSON_NOTE,
    ),
}


def sample(name: str) -> bytes:
    path = SAMPLES / name
    if not path.is_file():
        pytest.skip(f"{path} is not there: the samples are kept beside the project")
    return path.read_bytes()


@pytest.mark.parametrize("name", FROM_SAMPLES)
def test_every_sample_becomes_this_event(name):
    assert parsed(sample(name)) == FROM_SAMPLES[name]


def test_no_sample_is_left_out():
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES} is not there: the samples are kept beside the project")
    bodies = [*SAMPLES.glob("*.json"), *SAMPLES.glob("malformed/*")]
    assert {str(path.relative_to(SAMPLES)) for path in bodies} == set(FROM_SAMPLES)


FAILED = event("processing_failed", title="PROCESSING FAILED")

BODIES = {
    "a Slack block template": (
        {
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": HIGH.title}},
                {"type": "section", "text": {"type": "mrkdwn", "text": HIGH.text}},
            ]
        },
        HIGH,
    ),
    "keys that only their owner knows": ({"a": {"b": [HIGH.title]}, "c": HIGH.text}, HIGH),
    "a form": ("title=HIGH+SEVERITY+ALARM+DETECTED&message=5%20alarms%20in%20project+3&token=" + TOKEN,
        replace(HIGH, text="5 alarms in project 3", evidence_id=None, malicious=None, alarms=5)),
    "a form around JSON": (
        "payload=%7B%22title%22%3A%22PROCESSING+FAILED%22%2C%22token%22%3A%22" + TOKEN + "%22%7D",
        FAILED,
    ),
    "plain text": (f"{HIGH.title}\n{HIGH.text}", HIGH),
    "a sentence alone": (HIGH.text, replace(HIGH, title="")),
    "UTF-16 with a byte order mark": (
        json.dumps({"title": "PROCESSING FAILED", "message": "é"}, ensure_ascii=False).encode("utf-16"),
        replace(FAILED, text="é"),
    ),
    "UTF-32": (json.dumps({"title": "PROCESSING FAILED"}).encode("utf-32"), FAILED),
    "Latin-1": (
        '{"title": "PROCESSING FAILED", "message": "é in project id 3"}'.encode("latin-1"),
        replace(FAILED, text="\ufffd in project id 3", project_id=3),
    ),
    "half a surrogate pair": (
        r'{"title": "PROCESSING FAILED", "message": "\ud83d project id 3"}',
        replace(FAILED, text="? project id 3", project_id=3),
    ),
    "JSON in JSON in JSON": (
        {"title": "PROCESSING FAILED", "message": json.dumps(json.dumps({"project": {"id": 3}}))},
        replace(FAILED, text='project: {"id": 3}', project_id=3),
    ),
    "JSON substituted into a JSON string, unescaped": (
        '{"title": "PROCESSING FAILED", "message": "{"project_id": 12, "evidence_id": 31, "malicious": 7}"}',
        replace(
            FAILED,
            text='{"project_id": 12, "evidence_id": 31, "malicious": 7}',
            project_id=12,
            evidence_id=31,
            malicious=7,
            note=NOT_JSON_NOTE,
        ),
    ),
    "a Python value with None, tuples and escapes": (
        {
            "title": "PROCESSING FAILED",
            "message": r"{'project_id': 3, 'who': None, 'at': ('it\'s', '\x41\u00e9')}",
        },
        replace(FAILED, text='project_id: 3\nwho: null\nat: ["it\'s", "Aé"]', project_id=3),
    ),
    "ids in objects of their own": (
        {"title": "PROCESSING FAILED", "data": {"investigation": {"id": "3"}, "evidence": {"id": 4}}},
        replace(FAILED, project_id=3, evidence_id=4),
    ),
    "the static kind wins over the title": (
        {"event": "processing_failed", "title": "HIGH SEVERITY ALARM DETECTED", "message": "project id 3"},
        event("processing_failed", title=HIGH.title, text="project id 3", project_id=3),
    ),
    "the title wins over a kind that $Event brought": (
        {"title": "PROCESSING FAILED", "message": '{"event": "admin_login"}'},
        replace(FAILED, text="event: admin_login"),
    ),
    "the template's key event may hold $Event": (
        {"title": "PROCESSING FAILED", "event": "It failed in project id 3."},
        replace(FAILED, text="It failed in project id 3.", project_id=3),
    ),
    "a test by the platform, with huntbridge's own template": (
        {"token": TOKEN, "event": "processing_failed", "title": "TEST WEBHOOK", "message": "This is a test."},
        event("test", title="TEST WEBHOOK", text="This is a test.", note=SENT_AS_TEST_NOTE),
    ),
    "a test by the platform, as a sentence": (
        {"text": "This is a test message from the Cado platform"},
        event("test", text="This is a test message from the Cado platform", note=SENT_AS_TEST_NOTE),
    ),
    "a test by the platform, in the template for Teams": (
        {"text": "**TEST WEBHOOK**  \nDetails: This is a test message."},
        event("test", text="**TEST WEBHOOK**  \nDetails: This is a test message.", note=SENT_AS_TEST_NOTE),
    ),
    "an alarm on a machine that is called test is none": (
        {"title": "TEST WEBHOOK", "message": "5 alarms in project id 3"},
        event("unknown", title="TEST WEBHOOK", text="5 alarms in project id 3", project_id=3, alarms=5),
    ),
    "a title that holds more than the word is none": (
        {"event": "processing_with_alarms", "title": "ALARMS ON TEST SERVER", "message": "see there"},
        event("processing_with_alarms", title="ALARMS ON TEST SERVER", text="see there"),
    ),
    "huntbridge's own kinds cannot be sent": (
        {"event": "hunt_finished", "title": "X"},
        event(
            "unknown", title="X", text='{"event": "hunt_finished", "title": "X"}', note=NOT_UNDERSTOOD_NOTE
        ),
    ),
    "a test of a template with a static kind and a token": (
        {"token": TOKEN, "event": "processing_failed", "title": "$Title", "message": "$Event"},
        event(
            "unknown",
            text='{"event": "processing_failed", "title": "$Title", "message": "$Event"}',
            note=TEST_NOTE,
        ),
    ),
    "a test of the Slack template": (
        {"text": "*$Title*\nDetails: $Event"},
        event("unknown", text='{"text": "*$Title*\\nDetails: $Event"}', note=TEST_NOTE),
    ),
    "a file that is called like a placeholder": (
        {"title": "PROCESSING FAILED", "message": "Cannot read the file $Event in project id 3"},
        replace(FAILED, text="Cannot read the file $Event in project id 3", project_id=3),
    ),
    "a region beside the instance": (
        {"title": "NEW DETECTION", "message": "on i-0431da0e46c5b9882", "region": "eu-west-1"},
        event(
            "detection_created",
            title="NEW DETECTION",
            text="on i-0431da0e46c5b9882",
            system=System("i-0431da0e46c5b9882", "eu-west-1"),
            instance="i-0431da0e46c5b9882",
        ),
    ),
    "two instances are none": (
        {"title": "PROCESSING FAILED", "message": "i-0431da0e46c5b9882 or i-0431da0e46c5b9883"},
        replace(FAILED, text="i-0431da0e46c5b9882 or i-0431da0e46c5b9883"),
    ),
    "two projects: the first, and a word about it": (
        {"title": "PROCESSING FAILED", "message": "in project id 3, moved from project id 9"},
        replace(
            FAILED,
            text="in project id 3, moved from project id 9",
            project_id=3,
            note="the body names more than one project: 3 was taken, not 9",
            ambiguous=True,
        ),
    ),
    "a token in broken JSON": (
        f'{{"token": "{TOKEN}", "title": "PROCESSING FAILED", "message": "a "quoted" name"}}',
        replace(FAILED, text='a "quoted" name', note=NOT_JSON_NOTE),
    ),
    "a cut token": (
        f'{{"title": "PROCESSING FAILED", "message": "project id 3", "token": "{TOKEN}',
        replace(FAILED, text="project id 3", project_id=3, note=NOT_JSON_NOTE),
    ),
    "a token that the template repeats": (
        {"token": TOKEN, "title": "PROCESSING FAILED", "message": f"see {TOKEN}"},
        replace(FAILED, text="see <secret>"),
    ),
    "a file name cannot hide the project as if it were a token": (
        '{"title": "PROCESSING FAILED", "message": "file "token": "a failed in project id 3."}',
        replace(FAILED, text='file', project_id=3, note=NOT_JSON_NOTE),
    ),
    "nothing": ("", event("unknown", note=NOT_UNDERSTOOD_NOTE)),
    "null": ("null", event("unknown", text="null", note=NOT_UNDERSTOOD_NOTE)),
    "a number": ("17", event("unknown", text="17", note=NOT_UNDERSTOOD_NOTE)),
    "a string": ('"hello"', event("unknown", text="hello", note=NOT_UNDERSTOOD_NOTE)),
    "a greeting": ("hello", event("unknown", text="hello", note=NOT_UNDERSTOOD_NOTE)),
    "a kind that is not known, with its project": (
        {"title": "SOMETHING NEW", "message": "It happened in project id 3."},
        event("unknown", title="SOMETHING NEW", text="It happened in project id 3.", project_id=3),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), BODIES.values(), ids=BODIES)
def test_every_body_becomes_this_event(body, expected):
    assert parsed(body) == expected


def test_a_long_text_is_cut_and_its_ids_are_found_all_the_same():
    event = parsed({"title": "PROCESSING FAILED", "message": "x" * 10_000 + " project id 3"})
    assert (len(event.text), event.text[-2:], event.project_id) == (MAX_TEXT, "x…", 3)


# The properties that hold for any body

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["title", "message"]), inner),
    max_leaves=20,
)


def holds(event: Event) -> None:
    assert TOKEN not in json.dumps(dump(event))
    assert event.kind in (*PLATFORM_KINDS, "unknown", "test")
    assert len(event.text) <= MAX_TEXT
    for number in (event.project_id, event.evidence_id):
        assert number is None or 0 < number <= MAX_NUMBER
    dump(event)["text"].encode()


@settings(deadline=None, derandomize=True)
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes(body):
    holds(parsed(body))


@settings(deadline=None, derandomize=True)
@given(TREES, st.sampled_from([json.dumps, repr]), st.booleans())
def test_any_tree_with_a_token(tree, notation, wrapped):
    tree = {"token": TOKEN, "inner": tree, "more": [{"Token": TOKEN}]}
    holds(parsed(json.dumps({"title": "X", "message": notation(tree)} if wrapped else tree)))


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_any_sample_with_a_few_bytes_changed(data):
    head = f'{{"token": "{TOKEN}", '.encode()
    rest = json.dumps({"title": HIGH.title, "message": DETECTION_TEXT, "event": "processing_failed"})[1:]
    body = bytearray(rest.encode())
    for at in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=5)):
        body[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    holds(parsed(head + bytes(body)))
