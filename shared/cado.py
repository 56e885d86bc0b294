"""The platform's API: v3, and v2 for old platforms. Facts: the OpenAPI file of 2.324.0.

Reads are repeated a bounded number of times; what is not safe to repeat is sent once, and an answer that
leaves open whether it was carried out says so (`Unavailable.ambiguous`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.http import Http
from shared.models import Evidence, Finding, Project
from shared.secrets import Secret


class CadoError(Exception):
    """The platform did not do what was asked; the text is one plain sentence for a person."""


class Unauthorized(CadoError):
    """The API key is wrong, revoked, or its role may not do this (401, 403)."""


class NotFound(CadoError): ...


class Conflict(CadoError):
    """There is one already (409)."""


class Refused(CadoError):
    """The request itself is wrong (any other 4xx); to repeat it would not help."""


class Unavailable(CadoError):
    """No answer, a 5xx or a 429. `ambiguous`: it may have been carried out. `after`: seconds to wait."""

    def __init__(self, text: str, *, ambiguous: bool = False, after: float | None = None) -> None:
        super().__init__(text)
        self.ambiguous, self.after = ambiguous, after


@dataclass(frozen=True)
class Identity:
    role: str
    permissions: frozenset[str]  # the ones that are granted


@dataclass(frozen=True)
class Pipeline:
    id: int
    type: str  # acquisition | processing | scanning | …
    name: str  # "Acquiring i-…" for an acquisition
    state: str  # queued | in_progress | complete | failed | cancelled
    project_id: int | None
    evidence_id: int | None
    triggered_by: int | None  # the acquisition that started this processing
    created_ms: int | None
    reason: str  # of a failure: what its failed steps say

    @property
    def ended(self) -> bool:
        return self.state in ("complete", "failed", "cancelled")


class Cado:
    def __init__(
        self, url: str, api_key: Secret, http: Http, *, api_version: str = "v3", bucket: str = ""
    ) -> None:
        raise NotImplementedError

    def whoami(self) -> Identity: ...

    def version(self) -> str:
        """Such as 2.324.0; empty where the platform does not say (v2)."""
        raise NotImplementedError

    def find_project(self, name: str) -> int | None:
        """The project of exactly this name."""
        raise NotImplementedError

    def open_project(self, name: str, description: str) -> int:
        """The project of this name, made if there is none: names are unique, so this may be repeated."""
        raise NotImplementedError

    def project(self, project_id: int) -> Project: ...

    def capture_ec2(
        self, project_id: int, instance: str, region: str, *, cloud_id: str = "", mode: str = "full"
    ) -> tuple[int, ...]:
        """Ask for one capture and return its pipeline ids. Not idempotent, never repeated in here."""
        raise NotImplementedError

    def pipelines(self, project_id: int) -> Iterator[Pipeline]:
        """All pipelines of a project, page by page."""
        raise NotImplementedError

    def evidence(self, evidence_id: int) -> Evidence: ...

    def evidences(self, project_id: int) -> Iterator[Evidence]: ...

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]:
        """The summary of alarms, worst first, then most frequent."""
        raise NotImplementedError
