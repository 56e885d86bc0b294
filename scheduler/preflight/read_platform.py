"""Asks the platform what it says about itself. A question that fails is a notice of its own, and stops no
other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from scheduler.parallel_calls import ParallelCalls
from scheduler.preflight.facts import Facts, NotRead, PlatformSays
from shared.config.config import Config
from shared.hosting.runtime import Runtime
from shared.platform.answers import Identity, PipelinesStatus
from shared.secrets import SecretError

_PERMISSIONS = ("projects_create", "import_data_full", "import_data_triage")
_KEY, _PIPELINES = "the rights of the platform's API key", "how busy the platform is"


def read_platform(facts: Facts, runtime: Runtime, calls: ParallelCalls) -> Facts:
    """Adds what the platform says, and the role that it has in each account."""
    config = runtime.config
    accounts = dict.fromkeys(target.system.account for target in facts.targets)
    names = {account: _name(config, account) for account in accounts}
    roles = {account: role for account in accounts if (role := _role(config, account))}
    facts = replace(facts, names=names, roles=roles)
    try:
        cado = runtime.make_cado(tries=1)
    except SecretError as error:
        return replace(facts, not_read=(NotRead("the platform", None, (), str(error), ""),))
    questions: dict[str, Callable[[], Any]] = {_KEY: cado.whoami, _PIPELINES: cado.pipelines_status}
    answers, failures = calls.each(lambda what: questions[what](), questions)
    not_read = tuple(NotRead(what, None, (), why, "") for what, why in failures.items())
    return replace(facts, platform=_says(answers), not_read=not_read)


def _name(config: Config, account: str) -> str:
    section = config.account(account)
    return section.cado_account if section else "Default"


def _role(config: Config, account: str) -> str:
    section = config.account(account)
    return (section.platform_role or "") if section else ""


def _says(answers: dict[str, Any]) -> PlatformSays:
    says = PlatformSays()
    identity: Identity | None = answers.get(_KEY)
    if identity and identity.told:
        lacks = tuple(name for name in _PERMISSIONS if name not in identity.permissions)
        says = replace(says, role=identity.role, lacks=lacks)
    status: PipelinesStatus | None = answers.get(_PIPELINES)
    if status:
        says = replace(says, queued=status.queued, limit=status.limit)
    return says
