"""What the platform's client returns, besides `Project`, `Evidence` and `Finding` in `shared.models`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Identity:
    """The user that the API key belongs to."""

    role: str
    permissions: frozenset[str]  # the permissions that are granted
    told: bool = True  # False for v2, which returns neither the role nor the permissions


@dataclass(frozen=True)
class Pipeline:
    """One piece of work on the platform: an acquisition, or the processing of an evidence."""

    id: int
    type: str  # acquisition | processing | scanning | …
    name: str  # "Acquiring i-…" for an acquisition
    state: str  # queued | in_progress | complete | failed | cancelled
    project_id: int | None
    evidence_id: int | None
    triggered_by: int | None  # the acquisition that started this processing
    created_ms: int | None
    reason: str  # of a failure: what its failed steps say
    steps_ended: int = 0
    started_ms: int | None = None  # None: not known

    @property
    def ended(self) -> bool:
        return self.state in ("complete", "failed", "cancelled")


@dataclass(frozen=True)
class PipelinesStatus:
    """How busy the platform is."""

    queued: int
    in_progress: int
    limit: int | None  # how many pipelines run at once; since 2.272, and not from every platform


@dataclass(frozen=True)
class Webhook:
    """A webhook that is registered on the platform."""

    id: int
    name: str
    event_type: str
    url: str = field(repr=False)  # may be another product's webhook: then the URL is a secret
    # Holds the token. None if the platform does not show it.
    payload: Mapping[str, Any] | None = field(repr=False)
    payload_type: str
    enabled: bool
    times_sent: int | None = None  # since 2.304
    last_sent: datetime | None = None  # since 2.286


@dataclass(frozen=True)
class DetectedIndicator:
    """What an indicator or a rule hit. Which types there are is not public; `Yara` is one of them."""

    type: str
    indicator: str  # the value, or the name of the rule
    description: str
