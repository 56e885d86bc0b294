"""The platform's API v3: projects, captures, pipelines, evidence and alarms.

Facts come from the OpenAPI file of version 2.324.0. `shared/platform/v2.py` has the same calls for platforms
that have no v3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from shared.models.evidence import Evidence, Finding, Project
from shared.models.systems import Instance, Kind, System
from shared.platform.alarm_lists import AlarmLists
from shared.platform.answers import DetectedIndicator, Identity, Pipeline, PipelinesStatus
from shared.platform.errors import CadoError, Conflict, NotFound, Refused, Unauthorized, Unavailable
from shared.platform.imports import CaptureOptions, Imports
from shared.platform.intelligence import Intelligence
from shared.platform.pipelines import PipelineJson, pipeline_from, pipeline_ids, pipelines_from
from shared.platform.transport import Transport
from shared.platform.wire import (
    EvidenceJson,
    ImportableJson,
    MadeJson,
    PagedJson,
    PipelinesStatusJson,
    ProjectJson,
    SummaryJson,
    UpdateJson,
    UserJson,
    as_list,
    evidence_from,
    finding_from,
    parse,
    project_from,
    unwrap,
    version_numbers,
    worst_first,
)

if TYPE_CHECKING:
    from shared.platform.browse import Browse
    from shared.platform.readiness import Readiness
    from shared.platform.vulnerabilities import Vulnerabilities
    from shared.platform.webhooks import Webhooks

_MOST_PAGES = 2_000  # of the instances of one region
_MOST_DETAILS = 20  # failed pipelines of one list that are looked up one by one

_V3_PROJECTS_SINCE = (2, 225)
_CASE_NAME_SINCE = (2, 247)  # from 2.225 to 2.246, v3 named the field caseName (the specification's history)
_SUMMARY_SINCE = (2, 273)

# The text of v2 is "Project name already exists"; the texts of v3 are not public.
_EXISTS = re.compile(r"\bexists\b|\bunique\b|already (?:in use|taken)", re.IGNORECASE)

_MODES: dict[str, dict[str, Any]] = {
    "full": {},
    "triage": {"acquire_with_host": True},
    "scan": {"fast_scan": True},
}


class Cado:
    """Safe to use from several threads. Every method raises CadoError.

    A part whose code is large, and that the function which delivers messages does not use, imports its code
    when it is first used.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._version: str | None = None
        self._asking_version = Lock()
        self._alarm_lists = AlarmLists(transport)
        self._reasons: dict[int, str] = {}  # of failed pipelines that were looked up; bounded

    @cached_property
    def webhooks(self) -> Webhooks:
        from shared.platform.webhooks import Webhooks

        return Webhooks(self._transport)

    @cached_property
    def browse(self) -> Browse:
        from shared.platform.browse import Browse

        return Browse(self._transport, self.version)

    @cached_property
    def imports(self) -> Imports:
        return Imports(self._transport, self.version)

    @cached_property
    def readiness(self) -> Readiness:
        from shared.platform.readiness import Readiness

        return Readiness(self._transport)

    @cached_property
    def vulnerabilities(self) -> Vulnerabilities:
        from shared.platform.vulnerabilities import Vulnerabilities

        return Vulnerabilities(self._transport)

    @cached_property
    def intelligence(self) -> Intelligence:
        return Intelligence(self._transport)

    def whoami(self) -> Identity:
        user = parse(UserJson, unwrap(self._transport.read("/api/v3/auth/whoami")))
        granted = frozenset(name for name, is_granted in user.permissions.items() if is_granted)
        return Identity(user.rbac_role or "", granted)

    def version(self) -> str:
        """Such as 2.324.0; empty if the platform does not show it, or not to the role of this key."""
        with self._asking_version:  # a second thread waits for the answer to the first
            if self._version is None:
                self._version = self._ask_version()
            return self._version

    # --- projects

    def find_project(self, name: str) -> int | None:
        """The project of exactly this name, among those that the key's user can see."""
        for item in self._list_projects({"name": name}):
            project = parse(ProjectJson, item)
            if project.id is not None and project.title == name:
                return project.id
        return None

    def open_project(
        self, name: str, description: str, *, users: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> int:
        """The project of this name, created if there is none. Names are unique, so the call may be repeated.
        `users` and `groups`, by their names, can see the project beside the user of the key; v2 ignores
        them."""
        for pause in self._transport.attempts():
            project_id = self.find_project(name)
            if project_id is not None:
                return project_id
            try:
                return self._create_project(name, description, _visible_to(users, groups))
            except (Conflict, Refused) as error:
                return self._existing(name, error)
            except Unavailable as error:
                pause(error)
        raise AssertionError("the last pause raises")

    def project(self, project_id: int) -> Project:
        answer = self._transport.read(f"/api/v3/projects/{project_id}", what=f"project {project_id}")
        return project_from(parse(ProjectJson, unwrap(answer)), project_id)

    def projects(self) -> Iterator[Project]:
        """All projects that the key's user can see, with their counts of alarms. v2 has no counts."""
        seen = set()
        for item in self._list_projects({"get_alarm_summary": "true"}):
            project = parse(ProjectJson, item)
            if project.id is not None and project.id not in seen:
                seen.add(project.id)
                yield project_from(project, project.id)

    # --- captures

    def importable(
        self, cloud_id: str, region: str, instances: Collection[str] = ()
    ) -> Iterator[tuple[str, bool]]:
        """The ids of the instances that the platform sees, each with whether it can capture the instance. It
        captures neither itself nor its workers. `instances`: only these."""
        params: dict[str, Any] = {"cloud_id": cloud_id, "region": region}
        params |= {"instance_id": list(instances)} if instances else {}
        cursor: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = self._transport.read("/api/v3/import/aws/ec2", params | cursor, what=f"EC2 in {region}")
            for item in as_list(unwrap(answer)):
                instance = parse(ImportableJson, item)
                if instance.instance_id and instance.importable is not None:
                    yield instance.instance_id, instance.importable
            following = parse(PagedJson, answer).next_token
            if not following or following == cursor.get("cursor"):
                return
            cursor = {"cursor": following}

    def capture(
        self,
        project_id: int,
        system: System,
        account: str,
        mode: str,
        *,
        facts: Instance | None = None,
        options: CaptureOptions | None = None,
    ) -> tuple[int, ...]:
        """As `capture_ec2`, for a system of any kind. `account` is the account's name on the platform,
        `facts` is what browsing said about the system."""
        if system.kind is not Kind.EC2:
            return self.imports.capture(project_id, system, account, mode, facts=facts, options=options)
        options = options or CaptureOptions()
        return self.capture_ec2(
            project_id,
            system.instance,
            system.region,
            cloud_id=account,
            mode=mode,
            skip_processing=options.skip_processing,
            host_options=options.host_options,
        )

    def capture_ec2(
        self,
        project_id: int,
        instance: str,
        region: str,
        *,
        cloud_id: str = "",
        mode: str = "full",
        skip_processing: bool = False,
        host_options: Mapping[str, Any] | None = None,
    ) -> tuple[int, ...]:
        """Ask for one capture and return the ids of its pipelines. Not idempotent, so it is sent once.

        `host_options`, in the platform's own words, only count for a triage. Raises Unavailable with
        `ambiguous` if the capture may have been started nevertheless.
        """
        body = {"instance_id": instance, "region": region, "project_id": project_id, **_MODES[mode]}
        body |= {"cloud_id": cloud_id} if cloud_id else {}
        body |= {"skip_processing": True} if skip_processing else {}
        body |= {"host_options": dict(host_options)} if host_options and mode == "triage" else {}
        path = "/api/v3/import/aws/ec2"
        answer = self._transport.call("POST", path, body=body, what=f"instance {instance}")
        return pipeline_ids(unwrap(answer, ambiguous=True))

    # --- pipelines

    def pipelines(self, project_id: int) -> Iterator[Pipeline]:
        """All pipelines of a project, page by page."""
        looked_up = 0
        for pipeline in pipelines_from(
            self._transport.pages("/api/v3/pipelines", {"project_id": project_id})
        ):
            if pipeline.state == "failed":
                looked_up += pipeline.id not in self._reasons
                if looked_up <= _MOST_DETAILS:
                    yield self._with_reason(pipeline)
                    continue
            yield pipeline

    def pipelines_of_evidence(self, evidence_id: int) -> tuple[Pipeline, ...]:
        """The pipelines that work on this evidence. v2 cannot be asked."""
        what = f"evidence {evidence_id}"
        listed = self._transport.pages("/api/v3/pipelines", {"evidence_id": evidence_id}, what=what)
        return tuple(pipelines_from(listed))

    def pipeline(self, pipeline_id: int) -> Pipeline:
        """One pipeline. If it failed, `reason` is what its failed steps said; in a list it may be only their
        names."""
        what = f"pipeline {pipeline_id}"
        answer = self._transport.read(f"/api/v3/pipelines/{pipeline_id}", what=what)
        pipeline = pipeline_from(parse(PipelineJson, unwrap(answer)))
        if pipeline is None:
            raise NotFound(f"The platform's answer about {what} names no pipeline.")
        return pipeline

    def cancel_pipeline(self, pipeline_id: int) -> None:
        """End a pipeline that is running. One that has ended stays as it is. Safe to repeat."""
        path, what = f"/api/v3/pipelines/{pipeline_id}", f"pipeline {pipeline_id}"
        for pause in self._transport.attempts():
            try:
                self._transport.call("PATCH", path, body={"aborted": True}, what=what)
                return
            except Refused:
                if not self.pipeline(pipeline_id).ended:
                    raise
                return
            except Unavailable as error:
                pause(error)

    def pipelines_status(self) -> PipelinesStatus:
        """How busy the platform is. Raises NotFound if the platform does not say (v2, and v3 before
        2.269)."""
        status = parse(PipelinesStatusJson, unwrap(self._transport.read("/api/v3/pipelines/status")))
        return PipelinesStatus(status.queued or 0, status.in_progress or 0, status.limit or None)

    # --- evidence and alarms

    def evidence(self, evidence_id: int) -> Evidence:
        answer = self._transport.read(f"/api/v3/evidences/{evidence_id}", what=f"evidence {evidence_id}")
        return evidence_from(parse(EvidenceJson, unwrap(answer)), evidence_id)

    def evidences(self, project_id: int) -> Iterator[Evidence]:
        """All evidence of a project. v2 has only the ids and names that its pipelines name."""
        seen = set()
        for item in self._transport.pages("/api/v3/evidences", {"project_id": project_id}):
            evidence = parse(EvidenceJson, item)
            if evidence.id is not None and evidence.id not in seen:
                seen.add(evidence.id)
                yield evidence_from(evidence, evidence.id)

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]:
        """The summary of alarms, the most severe first, then the most frequent. Those of one evidence have
        artefacts, unless the platform does not list its alarms in time."""
        params = {"investigation_id": project_id, "evidence_id": evidence_id}
        try:
            answer = self._transport.read("/api/v3/alarms/summary", params, what=f"project {project_id}")
        except (NotFound, Refused):
            version = version_numbers(self.version())
            if version is None or version >= _SUMMARY_SINCE:
                raise
            return self._alarm_lists.counted(project_id, evidence_id)
        rows = parse(SummaryJson, unwrap(answer)).breakdown
        findings = worst_first(map(finding_from, rows))
        if evidence_id is None:
            return findings
        events = {finding_from(row): row.event_alarm_count or 0 for row in rows}
        summary = tuple((finding, events[finding]) for finding in findings)
        return self._alarm_lists.complete(project_id, evidence_id, summary)

    def detected(self, project_id: int, evidence_id: int | None = None) -> tuple[DetectedIndicator, ...]:
        """As `Intelligence.detected`."""
        return self.intelligence.detected(project_id, evidence_id)

    # --- parts of the above

    def _ask_version(self) -> str:
        try:
            return parse(UpdateJson, unwrap(self._transport.read("/api/v3/platform/update"))).version or ""
        except (Unauthorized, NotFound, Refused) as error:
            if error.status == 401:
                raise
            return ""

    def _list_projects(self, params: Mapping[str, Any]) -> Iterable[Any]:
        return self._transport.pages("/api/v3/projects", params)

    def _create_project(self, name: str, description: str, visible_to: Mapping[str, Any]) -> int:
        version = version_numbers(self.version())
        if version and version < _V3_PROJECTS_SINCE:
            return self._post_project("/api/v2", "caseName", name, description)
        if version:
            field = "case_name" if version >= _CASE_NAME_SINCE else "caseName"
            return self._post_project("/api/v3", field, name, description, visible_to)
        try:
            return self._post_project("/api/v3", "case_name", name, description, visible_to)
        except (NotFound, Refused) as error:
            if error.status in (404, 405):
                return self._post_project("/api/v2", "caseName", name, description)
            if _EXISTS.search(str(error)) or not re.search("case_?name", str(error), re.IGNORECASE):
                raise
            return self._post_project("/api/v3", "caseName", name, description, visible_to)

    def _post_project(
        self, api: str, field: str, name: str, description: str, visible_to: Mapping[str, Any] | None = None
    ) -> int:
        body = {field: name, "description": description, **(visible_to or {})}
        answer = self._transport.call("POST", f"{api}/projects", body=body)
        made = parse(MadeJson, answer if api == "/api/v2" else unwrap(answer, ambiguous=True))
        if made.id is None:
            raise Unavailable("The platform made a project and did not say which.", ambiguous=True)
        return made.id

    def _existing(self, name: str, error: Conflict | Refused) -> int:
        """The project that has this name already, if the key's user can see it. Raises `error` if the error
        is not about the name."""
        if isinstance(error, Refused) and not _EXISTS.search(str(error)):
            raise error
        project_id = self.find_project(name)
        if project_id is None:
            raise Conflict(
                f"A project named {name} exists on the platform, but the user of the API key cannot see it. "
                "Add that user to the project there, or give the key of a user who can see it.",
                status=error.status,
            ) from None
        return project_id

    def _with_reason(self, pipeline: Pipeline) -> Pipeline:
        reason = self._reasons.get(pipeline.id)
        if reason is None:
            try:
                reason = self.pipeline(pipeline.id).reason or pipeline.reason
            except CadoError:
                return pipeline  # then `reason` is only the names of the failed steps
            if len(self._reasons) > 1_000:
                self._reasons.clear()
            self._reasons[pipeline.id] = reason
        return replace(pipeline, reason=reason)


def _visible_to(users: Sequence[str], groups: Sequence[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if users:
        fields["users"] = [{"username": name} for name in users]
    if groups:
        fields["groups"] = [{"name": name} for name in groups]
    return fields
