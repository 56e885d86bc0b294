"""The document that a receiver gets, its signature, and the published schema."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from receiver.destinations.contract import NEW_CASE, Delivered
from receiver.destinations.webhook import document, schema
from receiver.destinations.webhook.destination import WebhookDestination
from receiver.messages.compose import compose
from shared.http.client import Http
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.evidence import Finding
from shared.models.severity import Severity
from shared.secrets import Secret

DOCS = Path(__file__).resolve().parents[4] / "docs"
NEW, OLD = "a-new-secret-of-the-siem", "an-old-secret-of-the-siem"
AT = 1_795_348_800
MAKE_IT_AGAIN = (
    "docs/alarm.schema.json is stale; make it again with: .venv/bin/python -c "
    "'import json; from receiver.destinations.webhook.schema import schema; "
    "print(json.dumps(schema(), indent=2, ensure_ascii=False))' > docs/alarm.schema.json"
)


def sent(peer: Any, alarm: Alarm, *secrets: str) -> Any:
    url = Secret(f"{peer.origin}/in?x=1")
    siem = WebhookDestination("siem", url, [Secret(s) for s in secrets], Http(), clock=lambda: AT + 0.9)
    assert siem.deliver(compose(alarm), NEW_CASE) == Delivered()
    return peer.requests[-1]


def mac(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % AT + body, "sha256").hexdigest()


def test_a_receiver_gets_one_signed_event(peer: Any, alarms: dict[str, Alarm]) -> None:
    request = sent(peer, alarms["rich"], NEW)
    assert (request.method, request.path, request.body) == (
        "POST",
        "/in?x=1",
        document.payload(compose(alarms["rich"])),
    )
    assert request.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert request.headers["Huntbridge-Signature"] == f"t={AT},v1={mac(NEW, request.body)}"


def test_a_rotation_signs_with_both_secrets(peer: Any, alarms: dict[str, Alarm]) -> None:
    request = sent(peer, alarms["minimal"], NEW, OLD)
    signatures = f"v1={mac(NEW, request.body)},v1={mac(OLD, request.body)}"
    assert request.headers["Huntbridge-Signature"] == f"t={AT},{signatures}"


@pytest.fixture(scope="module")
def verify() -> Callable[..., bool]:
    """The published example."""
    page = (DOCS / "destinations" / "webhook.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10
    names: dict[str, Any] = {}
    exec(example, names)
    function: Callable[..., bool] = names["verify"]
    return function


def test_the_published_example_verifies(peer: Any, alarms: dict[str, Alarm], verify: Any) -> None:
    request = sent(peer, alarms["unicode"], NEW, OLD)
    header, body = request.headers["Huntbridge-Signature"], request.body
    for secret in (NEW, OLD):
        assert verify(header, body, secret, now=AT + 299)
    assert not verify(header, body, "another-secret-of-16", now=AT)
    assert not verify(header, body + b" ", NEW, now=AT)
    assert not verify(header, body, NEW, now=AT + 301)
    assert not verify(header.replace(f"t={AT}", f"t={AT + 1}"), body, NEW, now=AT)
    for forged in ("", "v1=", f"t={AT}", "t=x,v1=00", f"t={AT},v1=é", f"v1={mac(NEW, body)}"):
        assert not verify(forged, body, NEW, now=AT)


def test_a_repeated_message_has_the_same_id_and_source(alarms: dict[str, Alarm]) -> None:
    first, second = (
        json.loads(document.payload(compose(alarms["rich"], maybe_repeat=again))) for again in (False, True)
    )
    assert (first["source"], first["id"]) == (second["source"], second["id"])
    assert (first["data"]["maybe_repeat"], second["data"]["maybe_repeat"]) == (False, True)


def test_the_schema_is_the_published_one() -> None:
    published = (DOCS / "alarm.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == schema.schema(), MAKE_IT_AGAIN


def test_every_key_of_the_schema_is_described() -> None:
    whole = schema.schema()
    for part in (whole, *whole["$defs"].values()):
        for key, value in part.get("properties", {}).items():
            assert value["description"], key


def test_every_field_of_a_report_is_published(alarms: dict[str, Alarm]) -> None:
    report = alarms["hunt_finished"].event.report
    assert report is not None
    published = json.loads(document.payload(compose(alarms["hunt_finished"])))["data"]["alarm"]["event"][
        "report"
    ]
    for line in (*published["captures"], published["slowest"]):
        assert [line["system"].pop(key) for key in ("kind", "place")] == ["ec2", line["system"]["region"]]
        assert line["system"].pop("name") == line["system"]["instance"]
    assert published == dump(report)  # every field of the model is published
    assert (published["since"], published["covered"]) == ("2026-11-15T02:00:00Z", 12)
    assert published["slowest"]["name"] == "web-07"


def test_a_long_document_is_shortened_and_says_so(alarms: dict[str, Alarm]) -> None:
    finding = Finding("𝔪" * 500, 1, Severity.SUSPICIOUS, path="/" + "𝔭" * 900)
    worst = replace(finding, severity=Severity.MALICIOUS, description="the worst")
    alarm = replace(alarms["rich"], findings=(finding,) * 400 + (worst,))
    raw = document.payload(compose(alarm))
    data = json.loads(raw)["data"]
    kept = data["alarm"]["findings"]
    assert 58_000 < len(raw) <= 65_536
    assert data["left_out"] == [{"what": "alarm.findings", "kept": len(kept), "of": 401}]
    assert kept[0]["description"] == "the worst"
    assert kept[1]["path"] == finding.path
    instance = alarms["rich"].instance
    assert instance
    assert data["alarm"]["instance"]["tags"] == instance.tags


def test_the_first_facts_of_the_heaviest_alarm_stay(alarms: dict[str, Alarm]) -> None:
    heavy = "𝔥\\" * 3_000
    rich = alarms["rich"]
    assert rich.instance
    assert rich.evidence
    words: dict[str, Any] = dict.fromkeys(
        ("name", "type", "state", "zone", "vpc", "subnet", "image", "platform"), heavy
    )
    alarm = replace(
        rich,
        event=replace(rich.event, text=heavy, title=heavy, note=heavy),
        instance=replace(rich.instance, **words, tags={heavy + str(n): heavy for n in range(50)}),
        evidence=replace(rich.evidence, name=heavy, hostname=heavy, os=heavy, resource=heavy),
        findings=(Finding(heavy, 1, Severity.MALICIOUS, (heavy,), heavy),) * 50,
    )
    raw = document.payload(compose(alarm))
    assert len(raw) <= 65_536
    assert len(json.loads(raw)["data"]["message"]["facts"]) >= 3


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://siem.example/", "must be https"),
        ("https://u:p@siem.example/", "user name"),
        ("https://169.254.169.254/latest", "metadata"),
        ("https://169.254.0.9/", "link-local"),
        ("https://[fe80::1]/", "link-local"),
        ("https://[::ffff:169.254.169.254]/", "special address"),
        ("https://[64:ff9b::a9fe:a9fe]/", "special address"),
        ("https://[2002:a9fe:a9fe::]/", "special address"),
        ("https://[fd00:ec2::254]/", "metadata"),
        ("https://metadata.google.internal./", "metadata"),
        ("https://168.63.129.16/", "metadata"),
        ("https://0.0.0.0/", "special address"),
        ("https://0xa9fea9fe/", "odd form"),
        ("https://2852039166/", "odd form"),
        ("https://0251.0376.0251.0376/", "odd form"),
        ("https://hooks.slack.com/services/T/B/X", "type: slack"),
    ],
)
def test_forbidden_urls(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        WebhookDestination("siem", Secret(url), [Secret(NEW)], Http())


@pytest.mark.parametrize(
    "host", ["siem.example:8088", "10.0.0.7", "[fd12:3456::7]", "127.0.0.1:1", "1.2.example"]
)
def test_permitted_urls(host: str) -> None:
    WebhookDestination("siem", Secret(f"https://{host}/in?key=1"), [Secret(NEW)], Http())


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 16") as caught:
        WebhookDestination("siem", Secret("https://siem.example/"), [Secret(NEW), Secret("hunter2")], Http())
    assert "hunter2" not in str(caught.value)
