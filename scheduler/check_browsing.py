"""Checks that the platform lists the systems of other kinds than EC2 that hunts select."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from scheduler.cloud_selectors import wanted
from scheduler.parallel_calls import ParallelCalls
from scheduler.platform_levels import LEVELS, Spot
from scheduler.wording import account_in_words
from shared.config.config import Config
from shared.config.targets import ALL_REGIONS
from shared.hosting.runtime import Runtime
from shared.models.checks import CheckResult, failed, passed
from shared.models.systems import Kind
from shared.platform.errors import CadoError
from shared.platform.kind_calls import plural
from shared.secrets import SecretError

BUDGET = 30.0  # seconds for all calls
# The region that is asked about if a target names all regions: it is enabled in every AWS account.
_A_REGION = "us-east-1"
Question = tuple[Kind, str, str]  # kind, account, region


def findings(runtime: Runtime, budget: float = BUDGET) -> Iterator[CheckResult]:
    """One result for each kind and account. The platform is asked for the first page of each list only.
    `budget`: seconds for all calls."""
    config = runtime.config
    questions = _questions(config)
    if not questions:
        return
    try:
        browse = runtime.cado.browse
    except (CadoError, SecretError) as error:
        yield failed("systems", str(error))
        return

    def ask(question: Question) -> None:
        kind, name, region = question
        account = config.account(name)
        cloud = account.cado_account if account else "Default"
        level = LEVELS[kind][0]
        list(islice(level.ask(browse, cloud, Spot(name, region), ""), 1))

    with ParallelCalls(runtime.now, budget) as calls:
        _, failures = calls.each(ask, questions)
    for question in questions:
        kind, name, _ = question
        what, where = plural(kind), account_in_words(name) if name else "the platform's own account"
        if why := failures.get(question):
            yield failed(what, f"{where}: {why}")
        else:
            yield passed(what, f"the platform lists what is in {where}")


def _questions(config: Config) -> list[Question]:
    """What hunts name in full needs no list."""
    asked: dict[tuple[Kind, str], Question] = {}
    for hunt in config.hunts.values():
        for number, target in enumerate(hunt.targets):
            want = wanted(number, target)
            if want is None or want.system is not None:
                continue
            region = next((each for each in want.regions if each != ALL_REGIONS), _A_REGION)
            for account in want.target.in_accounts:
                asked.setdefault((want.kind, account), (want.kind, account, region))
    return list(asked.values())
