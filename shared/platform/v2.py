"""The platform's API v2, for platforms that have no v3. What v2 cannot do is refused in plain words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from shared.models.evidence import Evidence, Finding, Project
from shared.platform.answers import Identity, Pipeline, PipelinesStatus
from shared.platform.client import Cado
from shared.platform.errors import NotFound, Refused
from shared.platform.pipelines import PipelineJson, pipeline_ids, pipelines_from
from shared.platform.transport import Transport
from shared.platform.wire import (
    ProjectJson,
    as_list,
    instance_in,
    parse,
    project_from,
)
from shared.text import one_line

if TYPE_CHECKING:
    from shared.platform.browse import Browse
    from shared.platform.imports import Imports
    from shared.platform.intelligence import Intelligence
    from shared.platform.readiness import Readiness
    from shared.platform.webhooks import Webhooks

_ONLY_EC2 = "The platform's API v2 captures EC2 instances only."


class CadoV2(Cado):
    """The calls of `Cado` by API v2. Every call of `Cado` that names a path of v3 is replaced here."""

    def __init__(self, transport: Transport, *, bucket: str = "") -> None:
        """`bucket` is where the platform puts the disk images of a capture."""
        super().__init__(transport)
        self._bucket = bucket

    @property
    def webhooks(self) -> Webhooks:
        raise Refused(
            "The platform's API v2 has no webhooks: make them there by hand, "
            "under Settings, Integrations, Webhooks."
        )

    @property
    def browse(self) -> Browse:
        raise Refused(_ONLY_EC2)

    @property
    def imports(self) -> Imports:
        raise Refused(_ONLY_EC2)

    @property
    def readiness(self) -> Readiness:
        raise NotFound("The platform's API v2 says nothing about its license and settings.")

    @property
    def intelligence(self) -> Intelligence:
        raise Refused("The platform's API v2 has no custom intelligence; its API v3 has.")

    def whoami(self) -> Identity:
        """v2 does not say whose key it is. Any answer but a refusal means that the key is valid."""
        self._transport.read("/api/v2/projects")
        return Identity("not told by API v2", frozenset(), told=False)

    def project(self, project_id: int) -> Project:
        answer = self._transport.read(f"/api/v2/projects/{project_id}", what=f"project {project_id}")
        return project_from(parse(ProjectJson, answer), project_id)

    def importable(
        self, cloud_id: str, region: str, instances: Collection[str] = ()
    ) -> Iterator[tuple[str, bool]]:
        raise NotFound("The platform's API v2 cannot be asked which instances it can capture.")

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
        if skip_processing or host_options:
            raise Refused("API v2 knows neither skip_processing nor host_options; API v3 does.")
        if mode != "full":
            raise Refused(f"API v2 makes full captures only, not {mode}; the platform's API v3 can.")
        if cloud_id not in ("", "Default"):
            raise Refused(f"API v2 captures in the platform's own account only, not in {cloud_id}.")
        body = {
            "bucket": self._bucket,
            "instance_id": instance,
            "region": region,
            "include_disks": True,
            "include_hash": True,
            "include_logs": True,
            "include_screenshot": True,
            "compress": True,
        }
        path = f"/api/v2/projects/{project_id}/imports/ec2"
        return pipeline_ids(self._transport.call("POST", path, body=body, what=f"instance {instance}"))

    def pipelines(self, project_id: int) -> Iterator[Pipeline]:
        yield from pipelines_from(self._list_pipelines({"project_id": project_id}))

    def pipelines_of_evidence(self, evidence_id: int) -> tuple[Pipeline, ...]:
        raise NotFound("The platform's API v2 cannot be asked about one evidence.")

    def pipeline(self, pipeline_id: int) -> Pipeline:
        what = f"pipeline {pipeline_id}"
        for pipeline in pipelines_from(self._list_pipelines({"pipeline_id": pipeline_id}, what)):
            if pipeline.id == pipeline_id:
                return pipeline
        raise NotFound(f"The platform's answer about {what} names no pipeline.")

    def cancel_pipeline(self, pipeline_id: int) -> None:
        raise Refused("API v2 cannot cancel a pipeline: cancel it in the platform's own pages.")

    def pipelines_status(self) -> PipelinesStatus:
        raise NotFound("The platform's API v2 does not say how busy it is.")

    def evidence(self, evidence_id: int) -> Evidence:
        raise NotFound("The platform's API v2 cannot be asked about one evidence.")

    def evidences(self, project_id: int) -> Iterator[Evidence]:
        parsed = [parse(PipelineJson, item) for item in self._list_pipelines({"project_id": project_id})]
        names = {json.evidence_id: json.evidence_name or "" for json in parsed if json.evidence_id}
        for number, name in names.items():
            yield Evidence(number, project_id, one_line(name), instance=instance_in(name))

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]:
        raise NotFound("The platform's API v2 cannot be asked for alarms.")

    def _ask_version(self) -> str:
        return ""

    def _list_projects(self, params: Mapping[str, Any]) -> Iterable[Any]:
        return as_list(self._transport.read("/api/v2/projects"))

    def _list_pipelines(self, params: Mapping[str, Any], what: str = "") -> list[Any]:
        return as_list(self._transport.read("/api/v2/tasks/pipelines", params, what=what), "pipelines")

    def _create_project(self, name: str, description: str, visible_to: Mapping[str, Any]) -> int:
        return self._post_project("/api/v2", "caseName", name, description)
