"""Puts the receiver together from a runtime. Nothing is called yet, and no secret is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from receiver.cases.actions import CaseActions
from receiver.cases.capturing_again import CapturingAgain
from receiver.cases.closed_issues import ClosedIssues
from receiver.cases.closing_terms import ClosingTerms
from receiver.cases.deciding import Deciding
from receiver.cases.decisions import CaseDecisions
from receiver.cases.judge import Judge
from receiver.cases.lifecycle import CaseDestinations, CaseLifecycle
from receiver.cases.muting import Muting
from receiver.cases.muting_in_slack import MutingInSlack
from receiver.cases.send_reminders import CaseReminders
from receiver.deliveries.alarm import AlarmDelivery
from receiver.deliveries.claim import CaseClaims
from receiver.deliveries.digest import Collector, DigestDelivery
from receiver.deliveries.digest_store import Digests
from receiver.deliveries.edit import CaseEdits
from receiver.deliveries.ephemeral import EphemeralDelivery
from receiver.deliveries.groups import Groups
from receiver.deliveries.rate_limit import RateLimiter
from receiver.deliveries.record import Recorder
from receiver.deliveries.resend import Resending
from receiver.deliveries.send import Sender
from receiver.deliveries.turn import Turns
from receiver.deliveries.worker import DeliveryWorker
from receiver.destinations.contract import Destination
from receiver.destinations.daily_check import DestinationChecks
from receiver.destinations.registry import issue_url, traits_of
from receiver.destinations.reloading import ReloadingDestination
from receiver.destinations.slack.case_thread import CaseThread
from receiver.events.dedupe import Dedupe
from receiver.events.enrich import Enricher
from receiver.events.history import History
from receiver.events.mute_preview import preview_of_system
from receiver.events.on_duty import DutyRoster, PagerDutyRoster
from receiver.events.route import route_decision
from receiver.events.worker import EventWorker
from shared.aws.ec2 import Ec2
from shared.config.destinations.registry import DestinationConfig
from shared.hosting.runtime import Runtime
from shared.http.client import Http
from shared.models.evidence import Evidence, Finding, Project
from shared.models.inventory import Fleet
from shared.platform.answers import DetectedIndicator, Pipeline
from shared.platform.client import Cado
from shared.platform.errors import CadoError
from shared.queues.ports import Handler
from shared.queues.waiting import InThisThread, Waiting
from shared.secrets import SecretError, SecretRef
from shared.storage.last_delivered import LastDelivered
from shared.storage.ledger.refusals import RefusalCounts
from shared.storage.queries.cases import CaseQueries
from shared.storage.queries.events import EventQueries


@dataclass(eq=False, repr=False)
class Handlers:
    """The handlers of the two queues."""

    event: Handler  # of the items of [events]
    delivery: Handler  # of the items of [deliveries]


def work(runtime: Runtime, waiting: Waiting | None = None) -> Handlers:
    """`waiting`: how the handlers wait for peers; None if each has a thread for itself."""
    waiting = waiting or InThisThread()
    return handlers(runtime, enricher(runtime, waiting), destinations(runtime, waiting), waiting)


def handlers(
    runtime: Runtime,
    enricher: Enricher,
    destinations: Mapping[str, Destination],
    waiting: Waiting | None = None,
) -> Handlers:
    outside = (waiting or InThisThread()).outside

    def why_old(ref: SecretRef) -> str:
        return outside(lambda: runtime.why_old(ref))

    cases = case_lifecycle(runtime)
    events = EventWorker(
        config=runtime.config,
        ledger=runtime.ledger,
        deliveries=runtime.deliveries,
        enricher=enricher,
        dedupe=Dedupe(runtime.store, runtime.config.platform.url),
        history=History(runtime.store, runtime.ledger),
        judge=judge(runtime),
        cases=cases,
        actions=case_actions(runtime, cases, destinations, waiting),
        reminders=CaseReminders(cases, runtime.ledger, runtime.config.reminders, runtime.now),
        notices=runtime.dead_letter_notices,
        heartbeats=runtime.heartbeats,
        checks=DestinationChecks(destinations, runtime.config, runtime.check_results, why_old),
        closed_issues=ClosedIssues(runtime.ledger, runtime.store, runtime.events, destinations, runtime.now),
        now=runtime.now,
        refusals=RefusalCounts(runtime.store, runtime.now),
    )
    return Handlers(events.handle, delivery_worker(runtime, cases, destinations).handle)


def delivery_worker(
    runtime: Runtime, cases: CaseLifecycle, destinations: Mapping[str, Destination]
) -> DeliveryWorker:
    config, now, deliveries = runtime.config, runtime.now, runtime.ledger.deliveries
    limiter = RateLimiter(runtime.store, lambda: now().timestamp())
    references = runtime.ledger.case_references
    restored = runtime.restored
    may_hide_cases = restored is not None and restored.may_hide_cases(now())
    claims = CaseClaims(references, cases, destinations, may_hide_cases)
    turns = Turns(config.destinations, limiter, claims)
    last_delivered = LastDelivered(runtime.store, now)
    recorder = Recorder(
        deliveries, limiter, runtime.heartbeats, last_delivered, config.delivery.retry_for, now
    )
    sender = Sender(deliveries, destinations, recorder)
    digests = Digests(runtime.store, runtime.deliveries)
    collector = Collector(deliveries, digests, runtime.ledger.waiting_digests, config, restored)
    return DeliveryWorker(
        destinations,
        deliveries,
        alarms=AlarmDelivery(
            runtime.ledger.events,
            deliveries,
            cases,
            Groups(runtime.ledger, runtime.store, destinations, config.delivery, now),
            turns,
            sender,
            collector,
            now,
            restored,
        ),
        digests=DigestDelivery(deliveries, digests, cases, turns, sender, now),
        edits=CaseEdits(references, cases, destinations, turns, claims, limiter, now),
        ephemerals=EphemeralDelivery(deliveries, destinations, now),
        notices=runtime.dead_letter_notices,
    )


def case_lifecycle(runtime: Runtime) -> CaseLifecycle:
    return CaseLifecycle(
        runtime.ledger,
        runtime.store,
        runtime.deliveries,
        runtime.config,
        case_destinations(runtime.config.destinations),
        runtime.now,
        lambda alarm: route_decision(alarm, runtime.config),
    )


def judge(runtime: Runtime) -> Judge:
    across_hunts = runtime.config.cases.across_hunts
    return Judge(runtime.ledger, CaseQueries(runtime.store, runtime.now), runtime.now, across_hunts)


def deciding(runtime: Runtime) -> Deciding:
    return Deciding(runtime.ledger, runtime.config.cases.known_good_days, runtime.now)


def muting(runtime: Runtime) -> Muting:
    return Muting(runtime.ledger.mutes, runtime.store, runtime.events, runtime.now)


def case_decisions(runtime: Runtime) -> CaseDecisions:
    return CaseDecisions(deciding(runtime), runtime.store, runtime.events, runtime.now)


def resending(runtime: Runtime) -> Resending:
    return Resending(
        EventQueries(runtime.store, runtime.now),
        runtime.ledger,
        runtime.store,
        runtime.deliveries,
        runtime.config,
        runtime.now,
    )


def case_actions(
    runtime: Runtime,
    cases: CaseLifecycle,
    destinations: Mapping[str, Destination] | None = None,
    waiting: Waiting | None = None,
) -> CaseActions:
    """`destinations`: those that may open a dialog; None if none is opened."""
    decides = deciding(runtime)
    return CaseActions(
        cases,
        decides,
        runtime.ledger,
        runtime.store,
        runtime.deliveries,
        runtime.config,
        case_destinations(runtime.config.destinations),
        ClosingTerms(decides, cases, runtime.ledger, runtime.store, destinations or {}, runtime.now),
        MutingInSlack(
            muting(runtime),
            cases,
            runtime.ledger,
            runtime.config,
            partial(
                preview_of_system,
                EventQueries(runtime.store, runtime.now),
                runtime.ledger,
                runtime.config,
            ),
        ),
        capturing_again(runtime, waiting),
    )


def capturing_again(runtime: Runtime, waiting: Waiting | None = None) -> CapturingAgain:
    def make_fleet() -> Fleet:
        return runtime.make_fleet(retries=1)

    return CapturingAgain(
        runtime.ledger,
        runtime.store,
        runtime.captures,
        runtime.config,
        make_fleet,
        runtime.now,
        waiting or InThisThread(),
    )


def case_destinations(configured: Mapping[str, DestinationConfig]) -> CaseDestinations:
    def channel_of(ref: str) -> str:
        thread = CaseThread.parse(ref)
        return thread.channel if thread else ""

    traits = {name: traits_of(config) for name, config in configured.items()}
    return CaseDestinations(
        trackers=tuple(name for name in traits if traits[name].tracks_issues),
        editable=frozenset(name for name in traits if traits[name].edit),
        issue_url=lambda name, ref: issue_url(configured[name], ref),
        channel_of=channel_of,
    )


def enricher(runtime: Runtime, waiting: Waiting | None = None) -> Enricher:
    config = runtime.config
    # Only one try, because the alarm waits for the answer. Its message names the facts that are missing.
    platform = _Platform(lambda: runtime.make_cado(tries=1))
    ec2 = Ec2(config.account, runtime.secrets)
    return Enricher(runtime.ledger, platform, ec2, config, roster=duty_roster(runtime), waiting=waiting)


def duty_roster(runtime: Runtime) -> DutyRoster | None:
    """The service that names the people on duty; None if none is configured."""
    if runtime.config.on_duty is None:
        return None
    config = runtime.config.on_duty.pagerduty

    def http() -> Http:
        return runtime.http(ca_bundle=config.ca_bundle, section="on_duty.pagerduty")

    return PagerDutyRoster(config, http, runtime.secret, runtime.now)


def destinations(runtime: Runtime, waiting: Waiting | None = None) -> dict[str, ReloadingDestination]:
    return {name: destination(runtime, name, waiting) for name in runtime.config.destinations}


def destination(runtime: Runtime, name: str, waiting: Waiting | None = None) -> ReloadingDestination:
    config = runtime.config.destinations[name]
    secrets = runtime.secrets
    return ReloadingDestination(name, config, runtime.secret, secrets.refresh, runtime.http, waiting)


class _Platform:
    """The platform client, made at its first use. An unreadable API key counts as an error of the platform,
    so that alarms are delivered without the platform's facts."""

    def __init__(self, make: Callable[[], Cado]) -> None:
        self._make = make
        self._made: Cado | None = None

    def project(self, project_id: int) -> Project:
        return self._cado().project(project_id)

    def evidence(self, evidence_id: int) -> Evidence:
        return self._cado().evidence(evidence_id)

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]:
        return self._cado().findings(project_id, evidence_id)

    def detected(self, project_id: int, evidence_id: int | None = None) -> tuple[DetectedIndicator, ...]:
        return self._cado().detected(project_id, evidence_id)

    def pipelines_of_evidence(self, evidence_id: int) -> tuple[Pipeline, ...]:
        return self._cado().pipelines_of_evidence(evidence_id)

    def _cado(self) -> Cado:
        if self._made is None:
            try:
                self._made = self._make()
            except SecretError as error:
                raise CadoError(str(error)) from error
        return self._made
