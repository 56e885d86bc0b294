"""The rules of a preflight as pure functions of facts: what the planted fleet cannot have."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.listed_fleet import Answers
from scheduler.preflight import codes
from scheduler.preflight.facts import DECRYPT, Asked, Facts, PlatformAccount, PlatformSays, Target
from scheduler.preflight.preflight import found
from scheduler.preflight.words import line
from shared.models.inspection import Decision, Grant, KeyState, Simulated
from shared.models.inventory import Volume
from shared.models.kinds_of_system import Provider
from shared.models.preflight import Notice
from shared.models.systems import Instance, Kind, System

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
ID = "111122223333"
ROLE, KEY = f"arn:aws:iam::{ID}:role/myCadoResponseRole", f"arn:aws:kms:us-east-1:{ID}:key/1"
SYSTEM = System("i-0aaaaaaaaaaaaaaa1", "us-east-1", "prod")
PLACE = ("prod", "us-east-1")
FULL = Target(SYSTEM, "full", Instance(SYSTEM.instance, "us-east-1", state="running", account_id=ID))
TRIAGE = replace(FULL, mode="triage")
AZURE = Target(
    System.of(Kind.AZURE_VM, account="az", subscription="s", group="g", vm="web-1"), "full",
    Instance("web-1", "westeurope", disks=("os", "data"), disks_gib=(30, 900)),
)  # fmt: skip
HELD = Facts(
    (FULL,), NOW, roles={"prod": ROLE},
    volumes=Answers({PLACE: [Volume("vol-1", SYSTEM.instance, "us-east-1", encrypted=True, key=KEY)]}),
    key_states=Answers({KEY: KeyState("Enabled", by_aws=False)}),
    key_grants=Answers({(KEY, ROLE): []}),
)  # fmt: skip


def notices(facts: Facts) -> list[Notice]:
    return codes.notices(found(facts))


def of(facts: Facts, code: str) -> list[str]:
    return [f"{notice.degree}: {notice.what}" for notice in notices(facts) if notice.code == code]


def platform(target: Target = FULL, run_at: datetime | None = None, **says: Any) -> Facts:
    return Facts((target,), NOW, run_at, platform=PlatformSays(**says), roles={"prod": ROLE})


@pytest.mark.parametrize(
    ("facts", "code", "expected"),
    [
        (platform(licence="RESTRICTED"), "licence",
         "fails: the platform's licence does not allow it: it is restricted"),
        (platform(licence="TRIAGE_ONLY"), "licence",
         "fails: the platform's licence does not allow it: it is for triage only"),
        (platform(TRIAGE, licence="TRIAGE_ONLY"), "licence", None),
        (platform(licence="FULL", licence_ends=NOW + timedelta(days=1)), "licence", None),
        (platform(run_at=NOW + timedelta(days=2), licence_ends=NOW + timedelta(days=1)), "licence",
         "fails: the platform's licence does not allow it: its last day is 2026-11-27"),
        (platform(role="Read Only Analyst", lacks=("import_data_full", "import_data_triage")), "key-right",
         "fails: the role Read Only Analyst of the platform's API key lacks import_data_full"),
        (platform(TRIAGE, role="x", lacks=("import_data_full",)), "key-right", None),
        (platform(TRIAGE, role="x", lacks=("projects_create",)), "key-right",
         "fails: the role x of the platform's API key lacks projects_create"),
        (platform(local_workers=True), "local-workers",
         "fails: the platform has local workers only, which cannot capture disks of EC2 instances"),
        (platform(TRIAGE, local_workers=True), "local-workers", None),
        (platform(AZURE, local_workers=True), "local-workers", None),
        (platform(AZURE, clouds_off=(Provider.AZURE,)), "cloud-off",
         "fails: the platform says that it does not capture from Azure"),
        (platform(clouds_off=(Provider.AZURE,)), "cloud-off", None),
        (platform(queued=6, limit=5), "busy",
         "takes long: the platform has 6 pipelines waiting, more than the 5 that it runs at once"),
        (platform(queued=5, limit=5), "busy", None),
        (platform(queued=5), "busy", None),
        (replace(platform(accounts=frozenset({"Default"})), names={"prod": "Prod"}), "account-unknown",
         "fails: the platform has no account named Prod"),
        (replace(platform(accounts=frozenset()), names={"prod": "Default"}), "account-unknown", None),
        (replace(platform(), names={"prod": "Prod"}), "account-unknown", None),
        (platform(AZURE), "large",
         "takes long: a disk has more than 500 GiB: that takes hours, and the platform keeps no image of it"),
    ],
)  # fmt: skip
def test_what_the_platform_says(facts: Facts, code: str, expected: str | None) -> None:
    assert of(facts, code) == ([expected] if expected else [])


def test_an_issue_of_an_account_is_told_in_the_platforms_words_without_their_control_characters() -> None:
    facts = replace(
        platform(),
        names={"prod": "Prod"},
        platform_accounts=Answers({"Prod": PlatformAccount(("no ec2:CreateSnapshot\n\x1b[31m",))}),
    )
    (notice,) = [one for one in notices(facts) if one.code == "account-issue"]
    assert notice.systems == (SYSTEM,)
    assert "\x1b" not in notice.what
    assert "Prod found: no ec2:CreateSnapshot" in notice.what


def test_of_other_clouds_one_line_says_what_is_not_known() -> None:
    (notice,) = [one for one in notices(platform(AZURE)) if one.code == "other-cloud"]
    assert notice.degree == "not known"
    assert notice.what.endswith("in Azure: huntbridge has no credentials there")


def test_of_snapshots_that_were_read_in_part_no_volume_counts_as_one_without() -> None:
    facts = replace(HELD, volumes=Answers({PLACE: [Volume("vol-1", SYSTEM.instance, "us-east-1")]}))
    assert len(of(replace(facts, newest=Answers({PLACE: {}})), "first-snapshot")) == 1
    assert of(replace(facts, newest=Answers({PLACE: {}}, {PLACE: "throttled"})), "first-snapshot") == []
    assert of(facts, "first-snapshot") == []


# Keys about which not everything could be read


def key(
    policy: Any = None,
    *,
    grants: tuple[Grant, ...] | None = (),
    decision: Simulated | None = None,
) -> list[str]:
    """The notices about the key. What is None could not be read."""
    facts = HELD
    if policy is not None:
        document = {"Statement": {"Effect": "Allow", "Principal": {"AWS": policy}, "Action": "kms:*"}}
        facts = replace(facts, key_policies=Answers({KEY: json.dumps(document)}))
    else:
        facts = replace(facts, key_policies=Answers({}, {KEY: "the role needs kms:GetKeyPolicy"}))
    if grants is None:
        facts = replace(facts, key_grants=Answers({}, {(KEY, ROLE): "the role needs kms:ListGrants"}))
    else:
        facts = replace(facts, key_grants=Answers({(KEY, ROLE): grants}))
    asked = Asked("prod", "us-east-1", (DECRYPT,), (KEY,))
    if decision:
        facts = replace(facts, simulated=Answers({asked: {(DECRYPT, KEY): decision}}))
    else:
        facts = replace(facts, simulated=Answers({}, {asked: "the role needs iam:SimulatePrincipalPolicy"}))
    return [f"{n.degree}: {n.right or n.what.split(': ')[-1]}" for n in notices(facts) if "key" in n.code]


NOT_ALLOWED, DENIED = Simulated(Decision.NOT_ALLOWED), Simulated(Decision.DENIED)
ALLOWED, DEPENDS = Simulated(Decision.ALLOWED), Simulated(Decision.NOT_ALLOWED, ("aws:PrincipalTag/x",))
DECRYPTS, CONSTRAINED = Grant(frozenset({"Decrypt"}), constrained=False), Grant(frozenset({"Decrypt"}), True)
ROOT, OTHER = f"arn:aws:iam::{ID}:root", f"arn:aws:iam::{ID}:role/x"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (key(ROLE), []),
        (key(ROLE, decision=NOT_ALLOWED), []),
        (key(ROLE, decision=DENIED), ["fails: a policy of the role denies it"]),
        (key(ROLE, grants=None, decision=None), []),
        (key(ROOT, decision=ALLOWED), []),
        (key(ROOT, decision=NOT_ALLOWED),
         ["fails: its policy leaves it to the policies of the role, which do not allow kms:Decrypt"]),
        (key(ROOT, decision=NOT_ALLOWED, grants=(DECRYPTS,)), []),
        (key(ROOT, decision=NOT_ALLOWED, grants=(CONSTRAINED,)),
         ["not known: a grant lets the role use it under conditions"]),
        (key(ROOT, decision=NOT_ALLOWED, grants=None), ["not known: kms:ListGrants"]),
        (key(ROOT, decision=DEPENDS),
         ["not known: the policies of the role depend on conditions that are not known here"]),
        (key(ROOT), ["not known: iam:SimulatePrincipalPolicy"]),
        (key(OTHER), ["fails: its policy names neither the role nor its account"]),
        (key(OTHER, grants=(DECRYPTS,)), []),
        (key(OTHER, grants=(Grant(frozenset({"Encrypt"}), constrained=False),)),
         ["fails: its policy names neither the role nor its account"]),
        (key(None), ["not known: kms:GetKeyPolicy"]),
        (key(None, grants=(DECRYPTS,)), []),
        (key(None, decision=DENIED), ["fails: a policy of the role denies it"]),
    ],
)  # fmt: skip
def test_a_key_fails_only_if_that_is_certain(said: list[str], expected: list[str]) -> None:
    assert said == expected


def test_the_same_words_are_one_line_with_all_their_systems_and_volumes() -> None:
    other = replace(FULL, system=replace(SYSTEM, instance="i-0aaaaaaaaaaaaaaa2"))
    volumes = [
        Volume(f"vol-{n}", t.system.instance, "us-east-1", gib=600) for n, t in enumerate((FULL, other))
    ]
    facts = Facts((FULL, other), NOW, roles={"prod": ROLE}, volumes=Answers({PLACE: volumes}))
    (notice,) = notices(facts)
    assert line(notice) == (
        "takes long: a disk has more than 500 GiB: that takes hours, and the platform keeps no image of it, "
        "on 2 systems: i-0aaaaaaaaaaaaaaa1, i-0aaaaaaaaaaaaaaa2 (vol-0, vol-1); use a hunt of its own, or "
        "capture: triage"
    )
