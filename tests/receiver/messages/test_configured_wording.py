"""What the configuration may say in huntbridge's place, and that no wording ever holds an alarm back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from receiver.messages.compose import compose
from shared.config.config import Config
from shared.config.message import FACTS
from shared.config.templates import NAMES
from shared.models.alarms import Alarm, Change, Earlier
from shared.models.captures import Capture, CaptureState
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import Hunt
from shared.models.owners import Duty
from shared.models.severity import Severity
from shared.models.systems import Instance, System

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
WEB = System("i-0123456789abcdef0", "us-east-1", "prod")
INSTANCE = Instance(
    WEB.instance,
    WEB.region,
    "web-01",
    "m5.large",
    "running",
    "us-east-1a",
    "111122223333",
    "10.0.1.5",
    "203.0.113.7",
    "vpc-1",
    "subnet-1",
    ("web (sg-1)",),
    "arn:aws:iam::111122223333:instance-profile/web",
    "ami-1",
    "Linux/UNIX",
    NOON,
    {"Env": "prod", "Team": "shop", "Evil": "https://evil.example <!here>"},
)
ALARM = Alarm(
    Event("e1", "processing_with_alarms", NOON, project_id=12, evidence_id=31),
    Severity.MALICIOUS,
    7,
    8,
    hunt=Hunt("weekly", NOON),
    capture=Capture("weekly", WEB, CaptureState.RUNNING, requested_at=NOON),
    project=Project(12, "weekly 2026"),
    evidence=Evidence(31, 12, "vol-1", hostname="WEB", processed_at=NOON),
    instance=INSTANCE,
    system=WEB,
    findings=(Finding("xmrig", 3, Severity.MALICIOUS, ("T1496",)),),
    link="https://cado.example/projects/12",
    change=Change(None, None),
)


def config(owner_tag: str = "Owner", **message: Any) -> Config:
    platform = {"url": "https://cado.example", "api_key": "env:KEY"}
    return Config.model_validate({"platform": platform, "owner_tag": owner_tag, "message": message})


def facts(alarm: Alarm, given: Config) -> list[tuple[str, str]]:
    return [(fact.label, fact.value) for fact in compose(alarm, given).facts]


def test_the_title_of_an_alarm_and_of_its_update() -> None:
    given = config(title="[{{ tags.Env | upper }}] {{ malicious }} on {{ host }}{{ tags.Absent }}")
    assert compose(ALARM, given).title == "[PROD] 7 on web-01"
    update = replace(ALARM, earlier=Earlier("e0", Severity.SUSPICIOUS))
    assert compose(update, given).title == "Update: [PROD] 7 on web-01"


@pytest.mark.parametrize("kind", ["capture_failed", "hunt_finished", "test", "undelivered", "unknown"])
def test_other_messages_keep_their_title(kind: str) -> None:
    alarm = replace(ALARM, event=replace(ALARM.event, kind=kind))
    assert compose(alarm, config(title="7 on {{ host }}")).title == compose(alarm).title


def test_a_title_that_comes_out_empty_is_the_usual_one() -> None:
    assert compose(ALARM, config(title="{{ tags.Absent }}")).title == compose(ALARM).title


def test_the_facts_that_are_chosen_in_their_order() -> None:
    given = config(
        facts=[
            "owner",
            {"label": "Team", "value": "{{ tags.Team | default('nobody') }} of {{ account }}"},
            {"tag": "Env"},
            {"tag": "Env", "label": "Stage"},
            {"tag": "Absent"},
            {"label": "Empty", "value": "{{ tags.Absent }}"},
            "host",
        ],
        owner_tag="Team",
    )
    assert facts(ALARM, given) == [
        ("Owner", "shop"),
        ("Team", "shop of prod"),
        ("Env", "prod"),
        ("Stage", "prod"),
        ("Host", "web-01 (WEB)"),
    ]


def test_others_are_all_that_the_list_does_not_name() -> None:
    usual = facts(ALARM, config())
    host = ("Host", "web-01 (WEB)")
    assert host in usual
    assert facts(ALARM, config(facts=["others", "host"])) == [name for name in usual if name != host] + [host]


def test_what_is_no_fact_of_the_system_is_always_shown() -> None:
    update = replace(ALARM, earlier=Earlier("e0", Severity.SUSPICIOUS, 0, 3))
    assert facts(update, config(facts=["region"])) == [
        ("Told before", "3 suspicious (event e0)"),
        ("Region", "us-east-1 (us-east-1a)"),
    ]


def test_every_fact_can_be_chosen_by_its_name() -> None:
    alarm = replace(
        ALARM,
        instance=replace(INSTANCE, tags={"Owner": "Zoë", "Env": "prod"}, disks_gib=(8,)),
        on_duty=Duty(("Jane Doe",)),
    )
    shown = {fact.name: fact.label for fact in compose(alarm).facts}
    assert shown == FACTS


def test_every_name_of_a_template_has_a_value_of_the_kind_that_it_was_tried_with() -> None:
    alarm = replace(ALARM, instance=replace(INSTANCE, tags={"Owner": "Zoë"}))
    values = compose(alarm).values()
    assert values.keys() == NAMES.keys()
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in NAMES.items()
    }
    assert [name for name, value in values.items() if not value] == []


def test_a_template_that_fails_is_named_and_the_usual_wording_is_sent() -> None:
    fails = "{% if host == 'db-01' %}{{ malicious + host }}{% endif %}"
    given = config(title=fails, footer=fails, facts=[{"label": "X", "value": fails}, "host"])
    alarm = replace(ALARM, instance=replace(INSTANCE, name="db-01"))
    message = compose(alarm, given)
    why = "cannot be filled in: it compares a text with a number, or adds one to the other"
    assert message.title == compose(alarm).title
    assert [fact.label for fact in message.facts] == ["Host"]
    assert message.footer == ""
    assert message.gaps == tuple(
        f"{key} of the configuration {why}" for key in ("message.title", "message.facts[0]", "message.footer")
    )


def test_what_two_harmless_values_form_together_is_made_harmless_again() -> None:
    tags = {"A": "htt", "B": "ps:", "C": "//evil.example", "D": "{{ host }}"}
    alarm = replace(ALARM, instance=replace(INSTANCE, tags=tags))
    text = "{{ tags.A }}{{ tags.B }}{{ tags.C }} {{ tags.D }}\n\u202e{{ tags.A ~ tags.B ~ tags.C }}"
    message = compose(alarm, config(title=text, footer=text, facts=[{"label": "X", "value": text}]))
    harmless = "hxxps://evil[.]example {{ host }} hxxps://evil[.]example"
    assert (message.title, message.footer, message.facts[0].value) == (harmless,) * 3


def test_links_of_its_own_come_last() -> None:
    runbook = {"text": "Runbook", "url": "https://wiki.acme.example/a?id=12#top"}
    names = [(link.name, link.url) for link in compose(ALARM, config(links=[runbook])).links]
    assert names[0] == ("platform", ALARM.link)
    assert names[-1] == ("own_1", runbook["url"])


@pytest.mark.parametrize(
    "url",
    [
        "http://wiki.acme.example/",
        "javascript:alert(1)",
        "https://u:p@wiki.acme.example/",
        "https://wiki.acme.example/?a=<b>",
        "https://wiki.acme.example/?a b",
        "https://wiki.acme.example/#a|b]",
        "wiki.acme.example",
    ],
)
def test_a_link_that_is_not_one_is_a_mistake(url: str) -> None:
    with pytest.raises(ValidationError):
        config(links=[{"text": "Runbook", "url": url}])


def test_what_comes_out_is_bounded() -> None:
    text = "{{ host }}" * 100
    message = compose(ALARM, config(title=text, footer=text, facts=[{"label": "X", "value": text}]))
    assert (len(message.title), len(message.facts[0].value), len(message.footer)) == (200, 300, 500)


def test_the_way_through_the_queues_sends_these_words(stage) -> None:
    given = config(title="{{ severity | upper }}: {{ title }}", footer="Runbook 12")
    wording = {"message": given.message}
    stage.runtime = replace(stage.runtime, config=stage.runtime.config.model_copy(update=wording))
    stage.work = stage.worker()
    stage.receive(b'{"event": "high_severity_alarm", "message": "5 high severity alarms in project id 3"}')
    stage.run()
    message = stage.soc.sent[0]
    assert message.title.startswith("MALICIOUS: 5 high severity alarms")
    assert message.footer == "Runbook 12"
