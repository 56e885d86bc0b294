"""The daily check: whether everything that the configuration names would work, without sending anything.

The timer's job only puts an item into a queue for each part, so that each part has its own time. The
destinations are checked by the receiver, from [events]; the parts below are checked here, from [captures].
The hunts that ask for it get their preflight at the same time, each as an item of its own.
The platform's webhooks are looked at more often, by webhook_check.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from scheduler import check_aws, check_browsing, check_platform
from scheduler.intelligence import check as check_intelligence
from scheduler.look_for_leftovers import asks_aws
from shared.config.configured_values import secret_references
from shared.hosting.runtime import Runtime
from shared.http.deadlines import DeadlineExceeded, within
from shared.models.checks import CheckResult, failed
from shared.platform.errors import CadoError
from shared.queues import items
from shared.queues.ports import Dead, Verdict
from shared.secrets import SecretError, SecretRef
from shared.storage import kinds

log = logging.getLogger(__name__)

PLATFORM, SECRETS, AWS = "the platform", "the secrets", "AWS"
# Seconds for one part. The rest of the lease of a capture is for recording what was found.
_BUDGET = 95.0
_AWS_BUDGET = 90.0  # seconds for all calls to AWS
_NOTE = "day"


def begin_daily_check(runtime: Runtime) -> None:
    """Once a day, queue the check of every part. A new installation begins when the next check is due."""
    config, now, notes = runtime.config, runtime.now(), runtime.ledger.notes
    if not config.daily_check.enabled:
        return
    day = f"{config.daily_check.last_due(now, config.platform.url):%Y-%m-%d}"
    last = notes.get(kinds.DAILY_CHECK_DAY_NOTES, _NOTE).get("day")
    if last == day:
        return
    if last:
        for part in PARTS:
            runtime.captures.put(items.encode(items.DailyCheck(part, day)), id=f"check:{part}:{day}")
        if asks_aws(config):
            runtime.captures.put(items.encode(items.Leftovers(day)), id=f"leftovers:{day}")
        for name in config.destinations:
            runtime.events.put(items.encode(items.DailyCheck(name, day)), id=f"check:{name}:{day}")
        for name in (name for name, hunt in config.hunts.items() if hunt.preflight):
            runtime.captures.put(items.encode(items.PreflightHunt(name, day)), id=f"preflight:{name}:{day}")
        log.info("daily check queued", extra={"day": day})
    notes.save(kinds.DAILY_CHECK_DAY_NOTES, _NOTE, {"day": day})


def check_part(runtime: Runtime, item: items.DailyCheck, *, claims: int) -> Verdict:
    """Handle an item that `begin_daily_check` put into [captures]."""
    if item.part not in PARTS:
        return Dead(f"the daily check has no part {item.part!r}")
    try:
        with within(_BUDGET):
            found = list(PARTS[item.part](runtime))
    except DeadlineExceeded:
        found = [failed(item.part, f"there was no answer within {_BUDGET:.0f} s")]
    return runtime.check_results.record(item, found, claims=claims, destination=False)


def _platform(runtime: Runtime) -> Iterator[CheckResult]:
    try:
        yield check_platform.key_rights(runtime, "platform")
    except (CadoError, SecretError) as error:
        yield failed("platform", str(error))
    yield from check_platform.certificate(runtime)
    yield from check_browsing.findings(runtime)
    yield from check_intelligence.files(runtime)
    yield from check_intelligence.platform(runtime)


def _secrets(runtime: Runtime) -> Iterator[CheckResult]:
    """Of the secrets that this function may read. Those of a destination are checked with it."""
    config = runtime.config
    places = secret_references(config.platform, "platform")
    if runtime.reads_every_secret:
        places |= secret_references(config.webhook, "webhook")
        places |= {ref: f"signing secret {ref}" for ref in config.slack_signing_secrets}
    for ref, where in places.items():
        if text := _unreadable(runtime, ref) or runtime.why_old(ref):
            yield failed(where, text)


def _unreadable(runtime: Runtime, ref: SecretRef) -> str:
    try:
        runtime.secrets.refresh(ref)
        runtime.secret(ref)
    except SecretError as error:
        return str(error)
    return ""


def _aws(runtime: Runtime) -> Iterator[CheckResult]:
    yield from check_aws.findings(runtime, _AWS_BUDGET)


PARTS: dict[str, Callable[[Runtime], Iterator[CheckResult]]] = {
    PLATFORM: _platform,
    SECRETS: _secrets,
    AWS: _aws,
}
