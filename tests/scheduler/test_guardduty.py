"""Findings of GuardDuty: which of them start a hunt, of what, and how often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.guardduty import on_finding
from shared.config.config import Config
from shared.models.captures import CaptureState
from shared.models.hunts import HuntState
from tests.scheduler.staging import QUIET

ACCOUNT = "111122223333"
VICTIM = replace(QUIET, account="prod-credentials", region="eu-west-1")


def finding(*, time: str = "2026-11-29T02:00:00Z", info: Any = None, **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "c8c4daa7-a20c-2f03-0070-b7393dd542ad",
        "source": "aws.guardduty",
        "detail-type": "GuardDuty Finding",
        "account": "999988887777",  # the administrator's: not where the instance is
        "region": "us-east-1",
        "time": time,
        "detail": {
            "id": "afba21f3c56545d0b8d13cfa2a4c7c5b",
            "accountId": ACCOUNT,
            "region": VICTIM.region,
            "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS",
            "severity": 8,
            "title": "Bitcoin-related domain name queried",
            "resource": {
                "resourceType": "Instance",
                "instanceDetails": {"instanceId": VICTIM.instance_id},
            },
            "service": {"additionalInfo": info or {}},
            **detail,
        },
    }


@pytest.fixture
def make(make_stage):
    def stage(**section):
        made = make_stage((VICTIM,))
        given = made.runtime.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
        given["accounts"] = {"prod": {"id": ACCOUNT, "cado_account": "prod-credentials"}}
        given["guardduty"] = {"types": ["*:EC2/*"], **section}
        made.runtime.config = Config.model_validate(given)
        return made

    return stage


def test_a_finding_starts_a_hunt_of_its_instance_in_its_own_account_and_region(make):
    stage = make()
    said = on_finding(stage.runtime, finding())
    name = f"guardduty-{VICTIM.instance_id}"
    assert said == {"hunt": f"{name}@2026-11-29T02:00:00Z", "state": "planned"}
    stage.work()
    stage.run_platform()
    stage.follow()
    (hunt,) = stage.runtime.ledger.hunts.of_name(name)
    (capture,) = stage.runtime.ledger.captures.of_hunt(hunt.id)
    assert (hunt.state, capture.state) == (HuntState.FINISHED, CaptureState.PROCESSED)
    assert (capture.system.account, capture.system.region) == ("prod", "eu-west-1")
    assert hunt.trigger == (
        "GuardDuty finding afba21f3c56545d0b8d13cfa2a4c7c5b: CryptoCurrency:EC2/BitcoinTool.B!DNS, severity 8"
    )
    assert stage.platform.asked == {VICTIM.instance_id: 1}


def test_an_instance_is_hunted_once_in_the_quiet_period(make):
    stage = make(quiet_period=3600)
    on_finding(stage.runtime, finding())
    on_finding(stage.runtime, finding())  # the same event again
    other = finding(time="2026-11-29T02:15:00Z", id="other", type="Backdoor:EC2/C&CActivity.B")
    assert on_finding(stage.runtime, other)["reason"].endswith("is not longer ago than quiet_period")
    stage.work()
    assert stage.platform.asked == {VICTIM.instance_id: 1}
    stage.forward(3600)
    assert on_finding(stage.runtime, finding(time="2026-11-29T03:00:00Z"))["state"] == "planned"
    stage.work()
    assert stage.platform.asked == {VICTIM.instance_id: 2}


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (finding(severity=6.9), "its severity 6.9 is below 7"),
        (finding(type="UnauthorizedAccess:IAMUser/X"), "its type is none of guardduty.types"),
        (finding(resource={"resourceType": "AccessKey"}), "it is about no EC2 instance"),
        (finding(info={"sample": True}), "it is a sample"),
        (finding(info={"type": "default", "value": '{"sample":true}'}), "it is a sample"),
        (finding(title="[SAMPLE] Bitcoin"), "it is a sample"),
        (finding(resource={"instanceDetails": {"instanceId": "i-99999999"}}), "it is a sample"),
    ],
)
def test_what_is_not_hunted(make, event, why):
    stage = make()
    assert on_finding(stage.runtime, event) == {"state": "ignored", "reason": why}
    assert stage.runtime.captures.depth().living == 0
    assert stage.events() == []


def test_without_a_section_nothing_is_hunted(make_stage):
    stage = make_stage((VICTIM,))
    said = on_finding(stage.runtime, finding())
    assert said == {"state": "ignored", "reason": "the configuration has no guardduty section"}


def test_an_account_that_is_not_known_is_told_once(make):
    stage = make()
    for minute in (0, 15):
        said = on_finding(
            stage.runtime, finding(accountId="444455556666", time=f"2026-11-29T02:{minute:02}:00Z")
        )
        assert said["state"] == "ignored"
    (event,) = stage.events()
    assert event.kind == "hunt_missed"
    assert "no entry of accounts has the id 444455556666" in event.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"accountId": "1"},
        {"region": "../x"},
        {"severity": "high"},
        {"resource": {"instanceDetails": {"instanceId": "i-1; x"}}},
    ],
)
def test_what_is_no_finding_is_refused(make, wrong):
    with pytest.raises(ValueError, match="not a finding of GuardDuty: detail"):
        on_finding(make().runtime, finding(**wrong))
