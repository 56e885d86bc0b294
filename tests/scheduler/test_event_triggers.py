"""Events of EventBridge: which of them start a capture or a hunt, of what, and how often."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.triggers import is_trigger, on_event
from shared.config.config import Config
from shared.models.captures import CaptureState
from shared.models.hunts import HuntState
from tests.scheduler.staging import BAD, QUIET

ACCOUNT = "111122223333"
VICTIM = replace(QUIET, account="prod-credentials", region="eu-west-1")
OTHER = replace(BAD, account="prod-credentials", region="eu-west-1")
ARN = f"arn:aws:ec2:{VICTIM.region}:{ACCOUNT}:instance/{VICTIM.instance_id}"
SECURITY_HUB = {
    "source": "aws.securityhub",
    "detail_type": "Security Hub Findings - Imported",
    "when": {"detail.findings.*.Severity.Label": ["HIGH", "CRITICAL"]},
    "system": {
        "instance": "detail.findings.*.Resources.*.Id",
        "region": "detail.findings.*.Resources.*.Region",
        "account": "detail.findings.*.AwsAccountId",
    },
}
RESPONSE = {"source": "aws.security-ir", "detail_type": "Case Created", "hunt": "weekly"}


def resource(arn: str = ARN, type: str = "AwsEc2Instance") -> dict[str, Any]:
    return {"Type": type, "Id": arn, "Partition": "aws", "Region": VICTIM.region}


def finding(label: str = "HIGH", *resources: dict[str, Any], account: str = ACCOUNT) -> dict[str, Any]:
    """A finding in the AWS Security Finding Format."""
    return {
        "SchemaVersion": "2018-10-08",
        "Id": "arn:aws:securityhub:eu-west-1:111122223333:security-control/EC2.9/finding/8f1a",
        "AwsAccountId": account,
        "Types": ["TTPs/Command and Control"],
        "Severity": {"Label": label, "Normalized": 70},
        "Title": "The instance talks to a command-and-control server",
        "Resources": list(resources) or [resource()],
    }


def event(*findings: dict[str, Any], time: str = "2026-11-29T02:00:00Z", **envelope: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "8e5622f9-d81c-4d81-612a-9319e7ee2506",
        "detail-type": "Security Hub Findings - Imported",
        "source": "aws.securityhub",
        "account": "999988887777",  # the administrator's: not where the instance is
        "time": time,
        "region": "us-east-1",
        "resources": ["arn:aws:securityhub:eu-west-1::product/aws/securityhub/…"],
        "detail": {"findings": list(findings) or [finding()]},
        **envelope,
    }


@pytest.fixture
def make(make_stage):
    def stage(trigger: dict[str, Any] | None = None, **triggers: Any):
        made = make_stage((VICTIM, OTHER))
        given = made.runtime.config.model_dump(mode="json", exclude_unset=True, by_alias=True)
        given["accounts"] = {"prod": {"id": ACCOUNT, "cado_account": "prod-credentials"}}
        for target in given["hunts"]["weekly"]["targets"]:
            target["account"] = "prod"
        given["triggers"] = triggers or {"sec-hub": trigger or SECURITY_HUB}
        made.runtime.config = Config.model_validate(given)
        return made

    return stage


def hunts(stage):
    return [hunt.id for hunt in stage.runtime.ledger.hunts.unfinished()]


def test_a_finding_of_security_hub_captures_its_instance_in_its_own_account_and_region(make):
    stage = make()
    assert is_trigger(event())
    name = f"sec-hub-{VICTIM.instance_id}"
    assert on_event(stage.runtime, event()) == {"state": f"{name}@2026-11-29T02:00:00Z planned"}
    stage.work()
    stage.run_platform()
    stage.follow()
    (hunt,) = stage.runtime.ledger.hunts.of_name(name)
    (capture,) = stage.runtime.ledger.captures.of_hunt(hunt.id)
    assert (hunt.state, capture.state) == (HuntState.FINISHED, CaptureState.PROCESSED)
    assert (capture.system.account, capture.system.region, capture.mode) == ("prod", "eu-west-1", "full")
    assert hunt.trigger == ("an event “Security Hub Findings - Imported” of aws.securityhub, trigger sec-hub")
    assert stage.platform.asked == {VICTIM.instance_id: 1}


@pytest.mark.parametrize(
    "plain",
    [
        {"instance": "detail.findings.*.Resources.*.Id"},  # the ARN says region and account
        {"instance": "detail.instance", "region": "detail.where", "account": "account"},
    ],
)
def test_where_the_place_comes_from(make, plain):
    stage = make({**SECURITY_HUB, "system": plain})
    given = event(account=ACCOUNT)
    given["detail"] |= {"instance": VICTIM.instance_id, "where": VICTIM.region}
    on_event(stage.runtime, given)
    assert hunts(stage) == [f"sec-hub-{VICTIM.instance_id}@2026-11-29T02:00:00Z"]


def test_one_instance_is_captured_once_in_the_quiet_period(make):
    stage = make({**SECURITY_HUB, "quiet_period": "1h"})
    for minute in (0, 0, 15):
        said = on_event(stage.runtime, event(time=f"2026-11-29T02:{minute:02}:00Z"))
    assert said["state"].endswith("is not longer ago than quiet_period")
    stage.work()
    assert stage.platform.asked == {VICTIM.instance_id: 1}
    stage.forward(3_600)
    assert on_event(stage.runtime, event(time="2026-11-29T03:00:00Z"))["state"].endswith(" planned")


def test_every_instance_of_a_finding_is_captured(make):
    stage = make()
    both = finding(
        "CRITICAL",
        resource(),
        resource(OTHER.instance_id),
        resource("sg-0123456789abcdef0", "AwsEc2SecurityGroup"),
    )
    on_event(stage.runtime, event(both))
    stage.work()
    assert stage.platform.asked == {VICTIM.instance_id: 1, OTHER.instance_id: 1}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (event(finding("LOW")), "no trigger of the configuration takes it"),
        # The severity of one finding does not count for the machine of another.
        (
            event(finding("LOW"), finding("HIGH", resource("i-99999999"))),
            "it is a sample",
        ),
        (event(source="aws.inspector2"), "no trigger of the configuration takes it"),
        (
            event(**{"detail-type": "Security Hub Insight Results"}),
            "no trigger of the configuration takes it",
        ),
        (event(detail={}), "no trigger of the configuration takes it"),
    ],
)
def test_what_starts_nothing(make, given, why):
    stage = make()
    assert on_event(stage.runtime, given) == {"state": "ignored", "reason": why}
    assert stage.runtime.captures.depth().living == 0
    assert stage.events() == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (finding("HIGH", resource("arn:aws:s3:::bucket", "AwsS3Bucket")), "names no EC2 instance at detail."),
        (finding(account="444455556666"), "no entry of accounts has the id 444455556666"),
        (finding(account="x; rm"), "does not say the account of i-0aaaaaaaaaaaaaaa1"),
        (finding("HIGH", resource() | {"Region": "../x"}), "does not say the region of i-0aaaaaaaaaaaaaaa1"),
        (
            finding("HIGH", *(resource(f"i-{number:017x}") for number in range(6))),
            "it names 6 instances, and at most 5 are captured",
        ),
    ],
)
def test_what_is_wanted_and_cannot_be_is_told_once_a_day(make, given, why):
    stage = make()
    for minute in (0, 15):
        said = on_event(stage.runtime, event(given, time=f"2026-11-29T02:{minute:02}:00Z"))
        assert said["state"] == "ignored"
    (told,) = stage.events()
    assert told.kind == "hunt_missed"
    assert why in told.text
    assert hunts(stage) == []


def test_a_case_of_security_incident_response_starts_a_hunt(make):
    stage = make(ir=RESPONSE)
    case = event(
        source="aws.security-ir",
        detail={"caseId": "8403556009", "createdBy": "Aws", "updatedBy": "AWS Responder"},
        **{"detail-type": "Case Created"},
    )
    assert on_event(stage.runtime, case) == {"hunt": "weekly@2026-11-29T02:00:00Z", "state": "planned"}
    (hunt,) = stage.runtime.ledger.hunts.of_name("weekly")
    assert hunt.trigger == "an event “Case Created” of aws.security-ir, trigger ir"
    again = on_event(stage.runtime, {**case, "time": "2026-11-29T05:00:00Z"})
    assert again["reason"] == "weekly@2026-11-29T02:00:00Z is not longer ago than quiet_period"
    stage.work()
    assert stage.platform.asked == {VICTIM.instance_id: 1, OTHER.instance_id: 1}


def test_the_first_trigger_that_fits_counts(make):
    low = {**RESPONSE, "source": "aws.securityhub", "detail_type": SECURITY_HUB["detail_type"]}
    stage = make(**{"sec-hub": SECURITY_HUB, "rest": low})
    on_event(stage.runtime, event(finding("LOW")))
    on_event(stage.runtime, event())
    assert sorted(hunts(stage)) == [
        f"sec-hub-{VICTIM.instance_id}@2026-11-29T02:00:00Z",
        "weekly@2026-11-29T02:00:00Z",
    ]


def test_an_instance_without_a_place_of_its_own_is_where_the_event_came_from(make):
    stage = make(
        {
            "source": "acme.ids",
            "detail_type": "Alert",
            "system": {"instance": "detail.host"},
            "capture": "triage",
        }
    )
    given = event(
        source="acme.ids", account=ACCOUNT, region=VICTIM.region, detail={"host": VICTIM.instance_id}
    )
    on_event(stage.runtime, {**given, "detail-type": "Alert"})
    (hunt,) = stage.runtime.ledger.hunts.unfinished()
    (capture,) = stage.runtime.ledger.captures.of_hunt(hunt.id)
    assert (capture.system.region, capture.mode, hunt.mode) == (VICTIM.region, "triage", "triage")


@pytest.mark.parametrize("missing", ["source", "time"])
def test_what_is_no_event_is_refused(make, missing):
    given = {key: value for key, value in event().items() if key != missing}
    with pytest.raises(ValueError, match=f"not an event of EventBridge: {missing}"):
        on_event(make().runtime, given)
