"""What is sent: as people see it (golden files), valid by the vendors' own schemas, inside every limit, and
free of anything that a hostile text could form, for a dozen chosen alarms and hundreds of fuzzed ones; for
thousands of them with `make fuzz`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from receiver.destinations.jira import adf, wiki
from receiver.destinations.slack import blocks as slack
from receiver.destinations.teams import card as teams
from receiver.messages.compose import compose
from receiver.messages.message import CaseStatus, Message
from shared.config.config import Config
from shared.models.alarms import Alarm, Gap
from shared.models.captures import CaptureState
from shared.models.decisions import Closure
from shared.models.event_kinds import ACKNOWLEDGED, CLOSED, DECISION_KINDS, OWN_KINDS, TEST, UNACKNOWLEDGED
from shared.models.events import Event
from shared.models.evidence import Finding
from shared.models.hunts import CaptureResult, HuntReport
from shared.models.severity import Severity
from shared.models.systems import System
from tests.receiver.destinations.fuzz import Fuzz, texts
from tests.receiver.destinations.jira import checks as jira_checks
from tests.receiver.destinations.jsm import checks as jsm_checks
from tests.receiver.destinations.message_checks import (
    OFFERS,
    SHOP,
    contract,
)
from tests.receiver.destinations.pagerduty import checks as pagerduty_checks
from tests.receiver.destinations.slack import checks as slack_checks
from tests.receiver.destinations.teams import checks as teams_checks
from tests.receiver.destinations.webhook import checks as webhook_checks

CHECKS = {
    "slack": slack_checks.check_slack,
    "slack-plain": slack_checks.check_slack_plain,
    "jira-plain": jira_checks.check_jira_plain,
    "slack-bot": slack_checks.check_slack_bot,
    "teams": teams_checks.check_teams,
    "cloud": jira_checks.check_cloud,
    "datacenter": jira_checks.check_datacenter,
    "webhook": webhook_checks.check_webhook,
    "pagerduty": pagerduty_checks.check_pagerduty,
    "jsm": jsm_checks.check_jsm,
}


def in_its_case(alarm: Alarm, worst: Alarm) -> Message:
    """The message with what is known of its case, for a destination that edits."""
    kind = alarm.event.kind
    if kind in (ACKNOWLEDGED, UNACKNOWLEDGED):
        offers = OFFERS if alarm.acknowledgement is None else OFFERS[1:]
        return compose(alarm, case=CaseStatus(alarm.acknowledgement, offers=offers, worst=worst))
    if kind == CLOSED:
        made = alarm.decision
        assert made
        assert made.verdict
        closure = Closure(made.id, made.verdict, made.by, made.at, made.why)
        return compose(alarm, case=CaseStatus(closure=closure, worst=worst))
    if kind in DECISION_KINDS:
        return compose(alarm, case=CaseStatus(offers=OFFERS, worst=worst))
    return compose(alarm, case=CaseStatus(offers=() if kind in (*OWN_KINDS, TEST) else OFFERS))


def shown(name: str, alarm: Alarm, worst: Alarm, config: Config | None = None) -> dict[str, Any]:
    """What each destination would send for the alarm, by the path of the golden file."""
    message = compose(alarm, config)
    folders = {
        "slack": slack_checks.golden(message, in_its_case(alarm, worst)),
        "teams": teams_checks.golden(message),
        "jira": jira_checks.golden(message),
        "webhook": webhook_checks.golden(message),
        "pagerduty": pagerduty_checks.golden(message),
        "jsm": jsm_checks.golden(message),
    }
    return {
        f"{folder}/golden/{name}.{ending}": body
        for folder, bodies in folders.items()
        for ending, body in bodies.items()
    }


def test_golden(
    named_alarm: tuple[str, Alarm], alarms: dict[str, Alarm], golden: Callable[[str, Any], None]
) -> None:
    for name, body in shown(*named_alarm, worst=alarms["rich"]).items():
        golden(name, body)


def test_golden_with_configured_wording(alarms: dict[str, Alarm], golden: Callable[[str, Any], None]) -> None:
    for name, body in shown("worded", alarms["rich"], alarms["rich"], SHOP).items():
        golden(name, body)


@pytest.mark.parametrize("kind", CHECKS)
def test_valid_and_harmless(kind: str, named_alarm: tuple[str, Alarm]) -> None:
    CHECKS[kind](named_alarm[1])


def test_cards_are_valid_by_microsofts_schema(alarms: dict[str, Alarm]) -> None:
    validator = teams_checks.adaptive_card(contract("teams/adaptive-card-1.4.0.json"))
    for alarm in alarms.values():
        card = json.loads(teams.payload(compose(alarm)))["attachments"][0]["content"]
        assert list(validator.iter_errors(card)) == []


def test_issues_are_valid_by_jiras_api_description(alarms: dict[str, Alarm]) -> None:
    components = contract("jira-cloud-v3.json")["components"]
    validator = Draft202012Validator(
        {"$ref": "#/components/schemas/IssueUpdateDetails", "components": components}
    )
    for alarm in alarms.values():
        assert list(validator.iter_errors(jira_checks.jira_issue(compose(alarm), cloud=True))) == []


@pytest.mark.slow
def test_the_largest_message_says_what_was_left_out(alarms: dict[str, Alarm]) -> None:
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


EXAMPLES = int(os.environ.get("HUNTBRIDGE_FUZZ", "150"))


@pytest.mark.slow
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
        teams_checks.check_teams(alarm, by_schema=seed % 8 == 0)  # the schema takes a tenth of a second
    else:
        CHECKS[kind](alarm)


def own_links(length: int) -> Config:
    url = "https://wiki.acme.example/runbooks?q="
    links = [{"text": f"Runbook {n}", "url": url + "a" * (length - len(url))} for n in range(3)]
    return Config.model_validate(
        {"platform": {"url": "https://cado.example", "api_key": "env:KEY"}, "message": {"links": links}}
    )


def test_a_configured_link_is_shown_up_to_the_longest_that_a_destination_takes(
    alarms: dict[str, Alarm],
) -> None:
    longest, long = (compose(alarms["minimal"], own_links(length)) for length in (3_000, 2_000))
    assert longest.gaps == long.gaps == ()
    assert list(slack_checks.slack_problems(slack.payload(longest))) == []
    shown = {
        "slack": json.dumps(slack.payload(longest)),
        "teams": teams.payload(long).decode(),
        "cloud": json.dumps(adf.document(long)),
        "data center": wiki.text(long),
    }
    for name, text in shown.items():
        assert text.count("https://wiki.acme.example/runbooks?q=") == 3, name


def test_a_configured_link_that_is_too_long_is_named_in_the_message(
    alarms: dict[str, Alarm],
) -> None:
    message = compose(alarms["minimal"], own_links(3_001))
    assert message.gaps == tuple(
        f"The link “Runbook {n}” of message.links is left out: it has 3,001 characters, and no destination "
        "takes more than 3,000"
        for n in range(3)
    )
    assert "wiki.acme.example" not in json.dumps(slack.payload(message))


def test_a_link_that_is_no_safe_url_is_left_out(alarms: dict[str, Alarm]) -> None:
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
