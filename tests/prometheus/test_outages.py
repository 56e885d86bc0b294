"""For each outage that the tests can cause, a test of the rules shows that its alert rings in time. Another
shows that none rings in a healthy week.

promtool runs these tests (test_rules.py). This module checks that none is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.chaos import faults, plan
from tests.prometheus.rules import PROMETHEUS, alerts, rules

# Which alert rings for a fault of the chaos test, if it goes on for a while.
ALERT_OF_FAULT = {
    "429 seconds": "HuntbridgeDestinationRateLimited",
    "429 one second": "HuntbridgeDestinationRateLimited",
    "429 date": "HuntbridgeDestinationRateLimited",
    "500": "HuntbridgeDestinationServerErrors",
    "502 HTML": "HuntbridgeDestinationServerErrors",
    "503": "HuntbridgeDestinationServerErrors",
    "hang": "HuntbridgeDestinationHangs",
    "reset": "HuntbridgeDestinationConnectionsFail",
    "lost answer": "HuntbridgeDestinationConnectionsFail",
    "slow": "HuntbridgePlatformSlow",
}
ALERT_OF_PHASE = {
    "kills alone": "HuntbridgeRestarting",
    "429, seconds": "HuntbridgeDestinationRateLimited",
    "429, a date": "HuntbridgeDestinationRateLimited",
    "500": "HuntbridgeDestinationServerErrors",
    "502 with HTML": "HuntbridgeDestinationServerErrors",
    "hung sockets": "HuntbridgeDestinationHangs",
    "reset after the body was read": "HuntbridgeDestinationConnectionsFail",
    "taken, the answer lost": "HuntbridgeDestinationConnectionsFail",
    "Slack down": "HuntbridgeDestinationDown",
    "Teams down": "HuntbridgeDestinationDown",
    "Jira down": "HuntbridgeDestinationDown",
    "rate limits": "HuntbridgeMessagesSlow",
    "slow platform": "HuntbridgePlatformSlow",
    "platform down": "HuntbridgePlatformDown",
    "webhooks that never arrive": "HuntbridgeWebhooksLost",
    "a storm": "HuntbridgeMessagesSlow",
}
NO_OUTAGE = {"doubled and reordered webhooks"}  # the platform may do that, and nobody needs to act
# What the chaos test, the storm and other tests find or cause beside the phases.
ALERT_OF_FAILURE = {
    "serve is killed and does not come back": "HuntbridgeDown",
    "serve can write nothing, since the disk is full": "HuntbridgeStoreDown",
    "more webhooks come than the queue may hold": "HuntbridgeWebhooksNotStored",
    "messages die, since a channel was deleted": "HuntbridgeMessagesGivenUp",
    "a thread of serve ends": "HuntbridgeThreadsFailing",
    "the platform's key is revoked": "HuntbridgePlatformRefusesKey",
    "the platform sends an old token": "HuntbridgeWebhooksRefused",
    "the platform's webhook is disabled": "HuntbridgeWebhookBroken",
    "a hunt does not start when it is due": "HuntbridgeHuntMissed",
    "EC2 refuses every question": "HuntbridgeEnrichmentFailing",
}
# `make fleet` has an account that may not be asked. Its alert takes hours, so days.test.yml has its test.
OF_THE_FLEET = "HuntbridgeSystemsNotListed"
BEGINS = 60  # the minute in which each outage begins
IN_TIME = {"critical": 15, "warning": 30}  # minutes
RINGING = 'ALERTS{alertstate="firing"}'


def timelines(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((PROMETHEUS / "tests" / name).read_text())["tests"]
    return found


OUTAGES = {test["name"]: test for test in timelines("outages.test.yml")}
[WEEK] = timelines("healthy_week.test.yml")


def test_each_outage_has_a_test_and_an_alert() -> None:
    assert set(ALERT_OF_FAULT) == set(faults._ACTIONS)
    assert set(ALERT_OF_PHASE) | NO_OUTAGE == {phase.name for phase in plan.PHASES}
    assert set(OUTAGES) == {*ALERT_OF_PHASE, *ALERT_OF_FAILURE}
    assert {*ALERT_OF_FAULT.values(), *ALERT_OF_PHASE.values(), OF_THE_FLEET} <= set(alerts())


@pytest.mark.parametrize("outage", sorted(ALERT_OF_PHASE | ALERT_OF_FAILURE))
def test_the_alert_of_an_outage_rings_in_time_and_not_before(outage: str) -> None:
    expected = (ALERT_OF_PHASE | ALERT_OF_FAILURE)[outage]
    before, after = OUTAGES[outage]["promql_expr_test"]
    assert before["expr"] == after["expr"] == f"count by (alertname, severity) ({RINGING})"

    assert (before["eval_time"], before["exp_samples"]) == (f"{BEGINS}m", [])
    assert (
        int(after["eval_time"].removesuffix("m"))
        <= BEGINS + IN_TIME[alerts()[expected]["labels"]["severity"]]
    )
    assert expected in {re.findall(r'alertname="(\w+)"', one["labels"])[0] for one in after["exp_samples"]}


def test_no_alert_rings_in_the_healthy_week() -> None:
    quiet = WEEK["promql_expr_test"][0]
    assert quiet["expr"] == f"count by (alertname) (count_over_time({RINGING}[1w]))"
    assert (quiet["eval_time"], quiet["exp_samples"]) == ("1w", [])


def selectors() -> Iterator[str]:
    for rule in rules():
        yield from re.findall(r"(?<![\w:])(?:huntbridge_\w+|up)(?:\{[^}]*\})?", rule["expr"])


@pytest.mark.parametrize("selector", sorted(set(selectors())))
def test_the_healthy_week_has_what_the_rules_read(selector: str) -> None:
    """Otherwise an alert would be quiet only because there is nothing to read."""
    name, _, matchers = selector.partition("{")
    series = [one["series"] for one in WEEK["input_series"] if one["series"].partition("{")[0] == name]
    assert series
    for label, operator, wanted in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
        for value in wanted.split("|"):
            has_it = [f'{label}="{value}"' in one for one in series]
            assert not all(has_it) if operator == "!=" else any(has_it), value
