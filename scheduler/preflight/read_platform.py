"""Asks the platform what it says about itself. A question that fails is a notice of its own, and stops no
other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

from scheduler.listed_fleet import Answers
from scheduler.parallel_calls import ParallelCalls
from scheduler.preflight.facts import Facts, NotRead, PlatformAccount, PlatformSays
from scheduler.preflight.key_policy import ROLE
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.models.kinds_of_system import Provider
from shared.platform.answers import Identity, PipelinesStatus
from shared.platform.readiness_answers import AccountChecked, License, PlatformFacts, PlatformSettings
from shared.secrets import SecretError

_PERMISSIONS = ("projects_create", "import_data_full", "import_data_triage")
_KEY, _LICENCE = "the rights of the platform's API key", "the platform's licence"
_SETTINGS, _FACTS = "the platform's settings", "what the platform says about itself"
_PIPELINES, _ACCOUNTS = "how busy the platform is", "the names of the platform's accounts"


def read_platform(facts: Facts, runtime: Runtime, calls: ParallelCalls) -> Facts:
    """Adds what the platform says, and the role that it has in each account."""
    config = runtime.config
    names = {target.system.account: "" for target in facts.targets}
    names = {account: _name(config, account) for account in names}
    facts = replace(facts, names=names, roles=_configured_roles(config, names))
    if config.platform.api_version == "v2":  # it says nothing of this
        return facts
    try:
        cado = runtime.make_cado(tries=1)
    except SecretError as error:
        return replace(facts, not_read=(NotRead("the platform", None, (), str(error), ""),))
    asks: dict[str, Callable[[], Any]] = {
        _KEY: cado.whoami,
        _LICENCE: cado.readiness.license,
        _SETTINGS: cado.readiness.settings,
        _FACTS: cado.readiness.facts,
        _PIPELINES: cado.pipelines_status,
        _ACCOUNTS: lambda: frozenset(account.name for account in cado.readiness.accounts()),
    }
    wanted = sorted(set(names.values()))
    asks |= {_account(name): partial(cado.readiness.account, name) for name in wanted}
    answers, failures = calls.each(lambda what: asks[what](), asks)
    says = _says(answers)
    if says.accounts is not None:  # of an account that is not there the rules speak
        unknown = {_account(name) for name in wanted if name not in says.accounts}
        failures = {what: why for what, why in failures.items() if what not in unknown}
    accounts = {name: answers[_account(name)] for name in wanted if answers.get(_account(name))}
    return replace(
        facts,
        platform=says,
        platform_accounts=Answers({name: _checked(account) for name, account in accounts.items()}),
        roles={**_roles_of(accounts, names), **facts.roles},
        not_read=tuple(NotRead(what, None, (), why, "") for what, why in failures.items()),
    )


def _account(name: str) -> str:
    return f"the platform's account {name}"


def _name(config: Config, account: str) -> str:
    section = config.account(account)
    return section.cado_account if section else "Default"


def _configured_roles(config: Config, accounts: Mapping[str, str]) -> dict[str, str]:
    sections = {account: config.account(account) for account in accounts}
    return {
        account: section.platform_role
        for account, section in sections.items()
        if section and section.platform_role
    }


def _roles_of(accounts: Mapping[str, AccountChecked], names: Mapping[str, str]) -> dict[str, str]:
    """What the platform calls the public identifier of an account is very likely the ARN of its role; no
    example is public. Anything else is not used."""
    identifiers = {
        account: accounts[name].public_identifier for account, name in names.items() if name in accounts
    }
    return {account: text for account, text in identifiers.items() if ROLE.fullmatch(text)}


def _checked(account: AccountChecked) -> PlatformAccount:
    return PlatformAccount(tuple(f"{one.service}: {one.issue}" for one in account.issues))


def _says(answers: Mapping[str, Any]) -> PlatformSays:
    says = PlatformSays()
    identity: Identity | None = answers.get(_KEY)
    if identity and identity.told:
        lacks = tuple(name for name in _PERMISSIONS if name not in identity.permissions)
        says = replace(says, role=identity.role, lacks=lacks)
    licence: License | None = answers.get(_LICENCE)
    if licence:
        says = replace(says, licence=licence.level, licence_ends=_end_of(licence))
    settings: PlatformSettings | None = answers.get(_SETTINGS)
    about: PlatformFacts | None = answers.get(_FACTS)
    is_local = (settings and settings.local_workers) or (about and about.local_workers)
    off = {
        Provider.AWS: about is not None and about.supports_aws is False,
        Provider.AZURE: about is not None and about.supports_azure is False,
    }
    status: PipelinesStatus | None = answers.get(_PIPELINES)
    return replace(
        says,
        local_workers=bool(is_local),
        clouds_off=tuple(cloud for cloud, is_off in off.items() if is_off),
        queued=status.queued if status else 0,
        limit=status.limit if status else None,
        accounts=answers.get(_ACCOUNTS),
    )


def _end_of(licence: License) -> datetime | None:
    """The end of the licence's last day."""
    if licence.expires is None:
        return None
    return datetime.combine(licence.expires + timedelta(days=1), time(), UTC)
