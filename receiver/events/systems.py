"""Finds the system that an alarm is about, and its capture, in the ledger and the configuration."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.models.captures import Capture
from shared.models.captures_again import AGAIN
from shared.models.events import Event
from shared.models.evidence import Evidence
from shared.models.hunts import Hunt
from shared.models.systems import Kind, System
from shared.platform.answers import Pipeline
from shared.storage.ledger.ledger import Ledger


def instance_id_of(event: Event, evidence: Evidence | None) -> str:
    """The platform's answer has priority over the event's text."""
    named = event.system.instance if event.system else event.instance
    return (evidence.instance if evidence else "") or named


def why_no_system(event: Event, evidence: Evidence | None) -> str:
    """Why no system is known, for people; empty if the event is about no system."""
    if instance := instance_id_of(event, evidence):
        return f"the region of {instance} is not known: it is not in any hunt"
    if evidence:
        return "the platform does not say which instance the evidence is from"
    if event.evidence_id is not None:
        return "without the evidence it is not known which instance this is about"
    return "the event names no evidence, and so no instance" if event.project_id is not None else ""


def what_is_not_said(system: System) -> str:
    """What the platform does not say of a system that is no EC2 instance, for people."""
    said = {
        Kind.AZURE_VM: "whether it runs, its size and its addresses",
        Kind.GCE: "its addresses and its network",
        Kind.LAMBDA: "its runtime and its tags",
    }
    return f"the platform does not say {said.get(system.kind, 'its labels and the digest of its image')}"


class Systems:
    def __init__(self, config: Config) -> None:
        self._config = config

    def capture(self, ledger: Ledger, event: Event, hunt: Hunt, evidence: Evidence | None) -> Capture | None:
        """The capture in this hunt that the event is about. Reads the ledger. Raises StoreError."""
        if event.hunt_id and event.system:
            return ledger.captures.get(hunt.id, event.system)
        instance, evidence_id = instance_id_of(event, evidence), event.evidence_id

        def has_other_evidence(capture: Capture) -> bool:
            """The platform's data about the evidence has priority over the ledger's."""
            known = capture.evidence_ids
            return not (evidence and evidence.instance) and bool(known) and evidence_id not in (None, *known)

        # Try the configured systems first, with one read each, because reading all captures of a hunt is
        # expensive.
        for system in self._configured(instance):
            if (capture := ledger.captures.get(hunt.id, system)) and not has_other_evidence(capture):
                return capture
        captures = ledger.captures.of_hunt(hunt.id)
        of_instance = (
            capture
            for capture in captures
            if capture.system.instance == instance and not has_other_evidence(capture)
        )
        of_evidence = (capture for capture in captures if evidence_id in capture.evidence_ids)
        return next(of_instance, None) or next(of_evidence, None)

    def may_be_of_another_kind(self, hunt: Hunt, evidence: Evidence | None) -> bool:
        """Whether the evidence may be from a system that is no EC2 instance. Its data does not name one then,
        and only the pipelines that made it lead to the capture."""
        definition = self._config.hunts.get(hunt.name)
        captures_others = hunt.name.startswith(AGAIN) or bool(definition and definition.cloud_targets)
        return captures_others and evidence is not None and not evidence.instance

    @staticmethod
    def capture_of(ledger: Ledger, hunt: Hunt, pipelines: Collection[Pipeline]) -> Capture | None:
        """The capture of the hunt to which one of these pipelines, or what started it, belongs. Reads the
        ledger. Raises StoreError."""
        ids = {id for pipeline in pipelines for id in (pipeline.id, pipeline.triggered_by)}
        captures = ledger.captures.of_hunt(hunt.id) if ids else []
        return next((capture for capture in captures if ids & set(capture.pipeline_ids)), None)

    def system(self, event: Event, evidence: Evidence | None, capture: Capture | None) -> System | None:
        """The system from the ledger, else from the configuration, else from the webhook."""
        if event.hunt_id and event.system:
            return event.system
        if capture:
            return capture.system
        configured = self._configured(instance_id_of(event, evidence))
        if len(configured) == 1:
            return configured[0]
        if event.system is None or event.system.region not in {*known_regions(), *self._config.extra_regions}:
            return None
        account = self._alias(evidence.account_id) if evidence else ""
        return replace(event.system, account=account)

    def _configured(self, instance: str) -> list[System]:
        """The targets of all hunts that name this instance, each once."""
        targets = (system for hunt in self._config.hunts.values() for system in hunt.systems)
        return list(dict.fromkeys(system for system in targets if system.instance == instance))

    def _alias(self, account_id: str) -> str:
        aliases = (alias for alias, account in self._config.accounts.items() if account.id == account_id)
        return next(aliases, "") if account_id else ""
