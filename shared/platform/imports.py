"""The request for one capture of a system of another kind than EC2.

No request is idempotent, so each is sent once. The roles Administrator, Lead Analyst and Analyst may capture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.models.kinds_of_system import ABILITIES, CONTAINERS
from shared.models.systems import PARTS, Instance, Kind, System
from shared.platform.errors import NotFound, Refused
from shared.platform.kind_calls import CALLS, since_error
from shared.platform.pipelines import pipeline_ids
from shared.platform.transport import Transport
from shared.platform.wire import unwrap, version_numbers

_SUBNET_SINCE = (2, 317)


@dataclass(frozen=True)
class Export:
    """Where the platform exports the disks of Google machines to."""

    project: str
    bucket: str
    subnet: str = ""
    acquisition_service_account: bool = False


@dataclass(frozen=True)
class CaptureOptions:
    """What a capture may have beside its mode. A kind takes what it has; the rest has no effect on it."""

    skip_processing: bool = False  # EC2
    host_options: Mapping[str, Any] | None = None  # of a triage, in the platform's own words
    acquisition_resource_group: str = ""  # Azure machines
    export: Export | None = None  # Google machines
    file_name: str = ""  # of the archive; ECS


class Imports:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(self, transport: Transport, version: Callable[[], str]) -> None:
        self._transport, self._version = transport, version

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
        """Ask for one capture and return the ids of its pipelines. `account` is the account's name on the
        platform; empty means "Default". Raises Unavailable with `ambiguous` if the capture may have been
        started nevertheless."""
        kind, options = system.kind, options or CaptureOptions()
        body = self._body(project_id, system, account, mode, facts)
        body |= self._options(kind, mode, options)
        path = f"/api/v3/import/{CALLS[kind].path}"
        try:
            answer = self._transport.call("POST", path, body=body, what=system.title)
        except (NotFound, Refused) as error:
            raise since_error(error, kind, "capturing", self._version) from None
        return pipeline_ids(unwrap(answer, ambiguous=True))

    @staticmethod
    def _body(
        project_id: int, system: System, account: str, mode: str, facts: Instance | None
    ) -> dict[str, Any]:
        kind, parts = system.kind, dict(system.parts)
        if kind not in CALLS or tuple(parts) != PARTS[kind]:
            raise Refused(f"{system.instance} names no system that the platform can capture.")
        ability, calls = ABILITIES[kind], CALLS[kind]
        if mode not in ability.modes:
            raise Refused(f"The platform has no capture: {mode} of a {ability.noun}.")
        parts |= {"region": system.region}
        # Azure ignores case, and the id is in lower case. The platform gets the name as it wrote it.
        if facts and kind is Kind.AZURE_VM and facts.name.lower() == parts["vm"]:
            parts["vm"] = facts.name
        return {
            calls.account: account or "Default",
            calls.project: project_id,
            **{parameter: parts[part] for part, parameter in calls.parameters.items()},
        }

    def _options(self, kind: Kind, mode: str, options: CaptureOptions) -> dict[str, Any]:
        host_options = dict(options.host_options or {})
        if kind in CONTAINERS:
            archive = {"file_name": options.file_name} if kind is Kind.ECS and options.file_name else {}
            return {"host_options": host_options, **archive}  # required, even if it is empty
        if kind is Kind.AZURE_VM:
            body: dict[str, Any] = {"acquire_with_host": mode == "triage"}
            body |= {"host_options": host_options} if host_options and mode == "triage" else {}
            body |= {"scan": True} if mode == "scan" else {}
            group = options.acquisition_resource_group
            return body | ({"acquisition_resource_group": group} if group else {})
        return self._google(mode, options.export) if kind is Kind.GCE else {}

    def _google(self, mode: str, export: Export | None) -> dict[str, Any]:
        if export is None:
            raise Refused(
                "A Google machine is exported through a bucket: write export: {project: …, bucket: …} "
                "for its account."
            )
        body: dict[str, Any] = {"gcs_project": export.project, "gcs_bucket": export.bucket}
        body |= {"fast_scan": True} if mode == "scan" else {}
        body |= {"use_acquisition_service_account": True} if export.acquisition_service_account else {}
        if export.subnet:
            told = self._version()
            numbers = version_numbers(told)
            if numbers is not None and numbers < _SUBNET_SINCE:
                raise Refused(f"The platform is {told}; export.subnet needs 2.317 or newer.")
            body["subnet"] = export.subnet
        return body
