"""What the platform says itself will keep captures from working. No right in any cloud is needed for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from scheduler.preflight import codes
from scheduler.preflight.codes import Found
from scheduler.preflight.facts import TRIAGE, Facts, Target
from shared.models.kinds_of_system import ABILITIES, Provider
from shared.models.systems import System
from shared.text import one_line

_NAMES = {Provider.AWS: "AWS", Provider.AZURE: "Azure", Provider.GCP: "Google Cloud"}

_OWN = "Default"  # the platform's name of its own account


def platform_rules(facts: Facts) -> Iterator[Found]:
    yield from _licence(facts)
    yield from _key(facts)
    says = facts.platform
    disks = [target for target in facts.ec2() if target.takes_disks]
    if says.local_workers and disks:
        yield Found(codes.LOCAL_WORKERS, _systems(disks))
    for cloud in says.clouds_off:
        there = [target for target in facts.targets if ABILITIES[target.system.kind].provider is cloud]
        if there:
            yield Found(codes.CLOUD_OFF, _systems(there), words=(("cloud", _NAMES[cloud]),))
    yield from _accounts(facts)
    if says.limit and says.queued > says.limit:
        yield Found(codes.BUSY, words=(("queued", f"{says.queued:,}"), ("limit", f"{says.limit:,}")))
    for provider in (Provider.AZURE, Provider.GCP):
        elsewhere = [target for target in facts.targets if ABILITIES[target.system.kind].provider is provider]
        if elsewhere:
            words = (("cloud", _NAMES[provider]),)
            yield Found(codes.OTHER_CLOUD, _systems(elsewhere), words=words)


def _licence(facts: Facts) -> Iterator[Found]:
    says = facts.platform
    disks = [target for target in facts.targets if target.takes_disks]
    if says.licence == "RESTRICTED":
        yield Found(codes.LICENCE, words=(("why", "it is restricted"),))
    elif says.licence == "TRIAGE_ONLY" and disks:
        yield Found(codes.LICENCE, _systems(disks), words=(("why", "it is for triage only"),))
    if says.licence_ends and says.licence_ends <= max(facts.now, facts.run_at or facts.now):
        yield Found(
            codes.LICENCE,
            words=(("why", f"its last day is {says.licence_ends - timedelta(days=1):%Y-%m-%d}"),),
        )


def _key(facts: Facts) -> Iterator[Found]:
    triage = [target for target in facts.targets if target.mode == TRIAGE]
    others = [target for target in facts.targets if target.mode != TRIAGE]
    needed_for: dict[str, list[Target]] = {
        "projects_create": [],
        "import_data_full": others,
        "import_data_triage": triage,
    }
    for permission in facts.platform.lacks:
        concerned = needed_for.get(permission)
        if concerned or permission == "projects_create":
            words = (("role", one_line(facts.platform.role, 60) or "(unknown)"), ("permission", permission))
            yield Found(codes.KEY_RIGHT, _systems(concerned or []), words=words)


def _accounts(facts: Facts) -> Iterator[Found]:
    known = facts.platform.accounts
    for name in dict.fromkeys(facts.names.values()):
        # That the platform lists its own account too is not documented.
        if known is not None and name not in known and name != _OWN:
            there = [target for target in facts.targets if facts.names.get(target.system.account) == name]
            yield Found(codes.ACCOUNT_UNKNOWN, _systems(there), words=(("account", one_line(name, 60)),))
    for name, account in facts.platform_accounts.given.items():
        there = [target for target in facts.targets if facts.names.get(target.system.account) == name]
        for issue in account.issues:
            words = (("account", one_line(name, 60)), ("issue", one_line(issue, 300)))
            yield Found(codes.ACCOUNT_ISSUE, _systems(there), words=words)


def _systems(targets: list[Target]) -> tuple[System, ...]:
    return tuple(target.system for target in targets)
