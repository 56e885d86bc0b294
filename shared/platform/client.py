"""The platform's API: v3, and v2 for old platforms. Facts: the OpenAPI file of 2.324.0.

Reads are repeated a bounded number of times; what is not safe to repeat is sent once, and an answer that
leaves open whether it was carried out says so (`Unavailable.ambiguous`). No error holds the API key.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.http.client import Http
from shared.http.deadlines import lasts
from shared.models.evidence import Evidence, Finding, Project
from shared.models.severity import Severity
from shared.platform.answers import Identity, Pipeline, PipelinesStatus, Webhook
from shared.platform.errors import CadoError, Conflict, NotFound, Refused, Unauthorized, Unavailable
from shared.platform.transport import Transport
from shared.platform.wire import (
    AlarmJson,
    EvidenceJson,
    ImportableJson,
    MadeJson,
    MadeWebhookJson,
    PagedJson,
    PipelineJson,
    PipelinesStatusJson,
    ProblemJson,
    ProjectJson,
    StartedJson,
    SummaryJson,
    UpdateJson,
    UserJson,
    WebhookJson,
    as_list,
    evidence_from,
    finding_from,
    instance_in,
    parse,
    pipeline_from,
    project_from,
    unwrap,
    version_numbers,
    webhook_from,
    worst_first,
)
from shared.secrets import Secret
from shared.text import one_line

TRIES = 3
_LONGEST_PAUSE = 30.0  # seconds; what asks for more is the caller's to wait for
_PER_PAGE = 100
_MOST_PAGES = 2_000  # of one list
_MOST_ALARM_PAGES = 20
_MOST_DETAILS = 20  # failed pipelines that are looked at one by one in one list

_CASE_NAME_SINCE = (2, 247)  # the spec's history: v3 said caseName from 2.225 to 2.246
_V3_PROJECTS_SINCE = (2, 225)
_SUMMARY_SINCE = (2, 273)
_WEBHOOKS = "webhooks, which its API has since 2.244.0"

# No text of a v3 refusal is public, and that of v2 is "Project name already exists".
_EXISTS = re.compile(r"\bexists\b|\bunique\b|already (?:in use|taken)", re.IGNORECASE)


class Cado:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(
        self,
        url: str,
        api_key: Secret | Callable[[], Secret],
        http: Http,
        *,
        renew: Callable[[], None] | None = None,
        api_version: str = "v3",
        bucket: str = "",
        sleep: Callable[[float], None] = time.sleep,
        rng: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
        tries: int = TRIES,
        admin: bool = False,
    ) -> None:
        """`url` is the platform's, without a path. `api_key`, where it is a function, is asked with every
        request and may raise SecretError; `renew` is called where the platform refuses the key, and makes
        that function look for a newer one. `bucket` is sent by v2 alone. `tries` is how often a read
        that fails in passing is sent in all. `admin`: the key is the one for webhooks, and a refusal names
        its role and its place in the configuration."""
        if api_version not in ("v3", "v2"):
            raise ValueError(f"api_version {api_version}: there is v3 and v2")
        self._v2, self._bucket, self._sleep, self._rng = api_version == "v2", bucket, sleep, rng
        self._tries = tries
        key = (lambda: api_key) if isinstance(api_key, Secret) else api_key
        self._transport = Transport(url, key, renew, http, now, admin)
        self._api = f"/api/{api_version}"
        self._version: str | None = None
        self._reasons: dict[int, str] = {}  # of failed pipelines that were looked at; bounded

    def whoami(self) -> Identity:
        """v2 cannot be asked for it: there, any answer but a refusal says only that the key is good."""
        if self._v2:
            self._read("/projects")
            return Identity("not told by API v2", frozenset(), told=False)
        user = parse(UserJson, unwrap(self._read("/auth/whoami")))
        return Identity(user.rbac_role or "", frozenset(name for name, on in user.permissions.items() if on))

    def version(self) -> str:
        """Such as 2.324.0; empty where the platform does not say (v2, or the key's role may not ask)."""
        if self._version is None:
            self._version = "" if self._v2 else self._ask_version()
        return self._version

    def find_project(self, name: str) -> int | None:
        """The project of exactly this name, among those that the key's user can see."""
        if self._v2:
            listed: Iterator[Any] = iter(as_list(self._read("/projects")))
        else:
            listed = self._pages("/projects", {"name": name})
        found = (parse(ProjectJson, item) for item in listed)
        return next((one.id for one in found if one.id is not None and one.title == name), None)

    def open_project(
        self, name: str, description: str, *, users: Sequence[str] = (), groups: Sequence[str] = ()
    ) -> int:
        """The project of this name, made if there is none: names are unique, so this may be repeated. `users`
        and `groups`, by their names, see it beside the user of the key; v2 has no such thing."""
        for pause in self._pauses():
            found = self.find_project(name)
            if found is not None:
                return found
            try:
                return self._create_project(name, description, _seen_by(users, groups))
            except (Conflict, Refused) as error:
                return self._existing(name, error)
            except Unavailable as error:
                pause(error)
        raise AssertionError("the last pause raises")

    def project(self, project_id: int) -> Project:
        what = f"project {project_id}"
        answer = self._read(f"/projects/{project_id}", what=what)
        return project_from(parse(ProjectJson, answer if self._v2 else unwrap(answer)), project_id)

    def projects(self) -> Iterator[Project]:
        """All projects that the key's user can see, with their counts of alarms. v2 tells no counts."""
        if self._v2:
            listed: Iterator[Any] = iter(as_list(self._read("/projects")))
        else:
            listed = self._pages("/projects", {"get_alarm_summary": "true"})
        seen = set()
        for item in listed:
            found = parse(ProjectJson, item)
            if found.id is not None and found.id not in seen:
                seen.add(found.id)
                yield project_from(found, found.id)

    def importable(
        self, cloud_id: str, region: str, instances: Collection[str] = ()
    ) -> Iterator[tuple[str, bool]]:
        """Instance ids as the platform sees them, and whether it captures them: not itself and its workers.
        `instances`: only these."""
        if self._v2:
            raise NotFound("The platform's API v2 cannot be asked which instances it can capture.")
        params: dict[str, Any] = {"cloud_id": cloud_id, "region": region}
        params |= {"instance_id": list(instances)} if instances else {}
        cursor: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = self._read("/import/aws/ec2", params | cursor, what=f"EC2 in {region}")
            for item in as_list(unwrap(answer)):
                found = parse(ImportableJson, item)
                if found.instance_id and found.importable is not None:
                    yield found.instance_id, found.importable
            following = parse(PagedJson, answer).next_token
            if not following or following == cursor.get("cursor"):
                return
            cursor = {"cursor": following}

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
        """Ask for one capture and return its pipeline ids. Not idempotent, never repeated in here.

        `host_options`, in the platform's own words, are for a triage alone. Raises Unavailable with
        `ambiguous` where it may have been started all the same.
        """
        if self._v2 and (skip_processing or host_options):
            raise Refused("API v2 knows neither skip_processing nor host_options; API v3 does.")
        if self._v2:
            path = f"/projects/{project_id}/imports/ec2"
            body = self._v2_capture(instance, region, cloud_id, mode)
        else:
            path = "/import/aws/ec2"
            body = {"instance_id": instance, "region": region, "project_id": project_id, **_MODES[mode]}
            body |= {"cloud_id": cloud_id} if cloud_id else {}
            body |= {"skip_processing": True} if skip_processing else {}
            body |= {"host_options": dict(host_options)} if host_options and mode == "triage" else {}
        answer = self._transport.call("POST", self._api + path, body=body, what=f"instance {instance}")
        found = parse(StartedJson, answer if self._v2 else unwrap(answer, ambiguous=True))
        if not found.ids:
            raise Unavailable(
                "The platform took the capture and did not say which pipeline it started.", ambiguous=True
            )
        return found.ids

    def pipelines(self, project_id: int) -> Iterator[Pipeline]:
        """All pipelines of a project, page by page."""
        if self._v2:
            answer = self._read("/tasks/pipelines", {"project_id": project_id})
            listed: Iterator[Any] = iter(as_list(answer, "pipelines"))
        else:
            listed = self._pages("/pipelines", {"project_id": project_id})
        seen, details = set(), 0
        for item in listed:
            pipeline = pipeline_from(parse(PipelineJson, item))
            if pipeline is None or pipeline.id in seen:
                continue
            seen.add(pipeline.id)
            if pipeline.state == "failed" and not self._v2:
                details += pipeline.id not in self._reasons
                if details <= _MOST_DETAILS:
                    pipeline = self._with_reason(pipeline)
            yield pipeline

    def pipeline(self, pipeline_id: int) -> Pipeline:
        """One pipeline; of one that failed the list names the failed steps, this also what they said."""
        what = f"pipeline {pipeline_id}"
        if self._v2:
            answer = self._read("/tasks/pipelines", {"pipeline_id": pipeline_id}, what=what)
            found = map(pipeline_from, (parse(PipelineJson, item) for item in as_list(answer, "pipelines")))
            one = next((one for one in found if one and one.id == pipeline_id), None)
        else:
            one = pipeline_from(
                parse(PipelineJson, unwrap(self._read(f"/pipelines/{pipeline_id}", what=what)))
            )
        if one is None:
            raise NotFound(f"The platform's answer about {what} names no pipeline.")
        return one

    def cancel_pipeline(self, pipeline_id: int) -> None:
        """To end one that goes on; one that has ended stays as it is. Safe to repeat."""
        if self._v2:
            raise Refused("API v2 cannot cancel a pipeline: cancel it in the platform's own pages.")
        what = f"pipeline {pipeline_id}"
        for pause in self._pauses():
            try:
                self._transport.call(
                    "PATCH", f"{self._api}/pipelines/{pipeline_id}", body={"aborted": True}, what=what
                )
                return
            except Refused:
                if not self.pipeline(pipeline_id).ended:
                    raise
                return
            except Unavailable as error:
                pause(error)

    def pipelines_status(self) -> PipelinesStatus:
        """How busy the platform is. Raises NotFound where it cannot say (v2, and v3 before 2.269)."""
        if self._v2:
            raise NotFound("The platform's API v2 does not say how busy it is.")
        found = parse(PipelinesStatusJson, unwrap(self._read("/pipelines/status")))
        return PipelinesStatus(found.queued or 0, found.in_progress or 0, found.limit or None)

    def evidence(self, evidence_id: int) -> Evidence:
        if self._v2:
            raise NotFound("The platform's API v2 cannot be asked about one evidence.")
        answer = self._read(f"/evidences/{evidence_id}", what=f"evidence {evidence_id}")
        return evidence_from(parse(EvidenceJson, unwrap(answer)), evidence_id)

    def evidences(self, project_id: int) -> Iterator[Evidence]:
        """All evidence of a project. v2 tells only the ids and names that its pipelines have."""
        if self._v2:
            answer = self._read("/tasks/pipelines", {"project_id": project_id})
            parsed = [parse(PipelineJson, item) for item in as_list(answer, "pipelines")]
            named = {one.evidence_id: one.evidence_name or "" for one in parsed if one.evidence_id}
            for number, name in named.items():
                yield Evidence(number, project_id, one_line(name), instance=instance_in(name))
            return
        seen = set()
        for item in self._pages("/evidences", {"project_id": project_id}):
            found = parse(EvidenceJson, item)
            if found.id is not None and found.id not in seen:
                seen.add(found.id)
                yield evidence_from(found, found.id)

    def findings(self, project_id: int, evidence_id: int | None = None) -> tuple[Finding, ...]:
        """The summary of alarms, worst first, then most frequent."""
        if self._v2:
            raise NotFound("The platform's API v2 cannot be asked for alarms.")
        params = {"investigation_id": project_id, "evidence_id": evidence_id}
        try:
            answer = self._read("/alarms/summary", params, what=f"project {project_id}")
        except (NotFound, Refused):
            version = version_numbers(self.version())
            if version is None or version >= _SUMMARY_SINCE:
                raise
            return worst_first(self._counted(project_id, evidence_id))
        found = worst_first(map(finding_from, parse(SummaryJson, unwrap(answer)).breakdown))
        if evidence_id is None or not any(one.severity == Severity.MALICIOUS for one in found):
            return found
        paths = self._paths(params)
        return tuple(replace(one, path=paths.get(one.description, "")) for one in found)

    def webhooks(self) -> tuple[Webhook, ...]:
        """All webhooks of the platform, in the order of their ids."""
        self._refuse_webhooks_in_v2()
        parsed = (parse(WebhookJson, item) for item in self._pages("/webhooks", {}, what=_WEBHOOKS))
        found = {one.id: webhook_from(one, one.id) for one in parsed if one.id is not None}
        return tuple(found[number] for number in sorted(found))

    def create_webhook(
        self, name: str, event_type: str, url: str, payload: Mapping[str, Any], payload_type: str = "custom"
    ) -> Webhook:
        """A value of `payload` may be a `Secret`, and no error holds it. Not idempotent: where an answer
        leaves open whether it was made, this looks for one of that name before it sends anything again."""
        self._refuse_webhooks_in_v2()
        body = {"name": name, "event_type": event_type, "url": url, "payload_type": payload_type}
        in_doubt = False
        for pause in self._pauses():
            if in_doubt and (found := self._same_webhook(name, event_type, url)):
                return found
            try:
                answer = self._change_webhook("POST", "/webhooks", {**body, "payload": payload})
                return self._made_webhook(answer)
            except Unavailable as error:
                in_doubt = in_doubt or error.ambiguous
                pause(error)
        raise AssertionError("the last pause raises")

    def update_webhook(self, webhook_id: int, **changes: Any) -> None:
        """`changes` are any of name, url, payload (as in `create_webhook`), payload_type, event_type and
        enabled; the rest stays."""
        self._refuse_webhooks_in_v2()
        for pause in self._pauses():
            try:
                self._change_webhook("PATCH", f"/webhooks/{webhook_id}", changes, f"webhook {webhook_id}")
                return
            except Unavailable as error:
                pause(error)

    def delete_webhook(self, webhook_id: int) -> None:
        """One that is gone already is no error."""
        self._refuse_webhooks_in_v2()
        for pause in self._pauses():
            try:
                self._transport.call("DELETE", f"{self._api}/webhooks/{webhook_id}")
                return
            except NotFound:
                return
            except Unavailable as error:
                pause(error)

    def test_webhook(self, webhook_id: int) -> str:
        """Have the platform send its test message, once. Returns what it says about it."""
        self._refuse_webhooks_in_v2()
        what = f"webhook {webhook_id}"
        answer = self._transport.call(
            "POST", f"{self._api}/webhooks/test", body={"id": webhook_id}, what=what
        )
        return one_line(parse(ProblemJson, unwrap(answer)).message or "")

    # --- parts of the above

    def _refuse_webhooks_in_v2(self) -> None:
        if self._v2:
            raise Refused(
                "The platform's API v2 has no webhooks: make them there by hand, "
                "under Settings, Integrations, Webhooks."
            )

    def _change_webhook(self, method: str, path: str, body: Mapping[str, Any], what: str = _WEBHOOKS) -> Any:
        payload = body.get("payload") or {}
        hidden = tuple(value for value in payload.values() if isinstance(value, Secret))
        if payload:
            body = {**body, "payload": revealed(payload)}
        return self._transport.call(method, self._api + path, body=body, what=what, hidden=hidden)

    def _made_webhook(self, answer: Any) -> Webhook:
        made = parse(MadeWebhookJson, unwrap(answer, ambiguous=True))
        if made.id is None:
            raise Unavailable("The platform made a webhook and did not say which.", ambiguous=True)
        return webhook_from(made.webhook, made.id)

    def _same_webhook(self, name: str, event_type: str, url: str) -> Webhook | None:
        wanted = (name, event_type, url)
        return next((one for one in self.webhooks() if (one.name, one.event_type, one.url) == wanted), None)

    def _ask_version(self) -> str:
        try:
            return parse(UpdateJson, unwrap(self._read("/platform/update"))).version or ""
        except (Unauthorized, NotFound, Refused) as error:
            if error.status == 401:
                raise
            return ""

    def _create_project(self, name: str, description: str, seen_by: Mapping[str, Any]) -> int:
        version = None if self._v2 else version_numbers(self.version())
        if self._v2 or (version and version < _V3_PROJECTS_SINCE):
            return self._post_project("/api/v2", "caseName", name, description)
        if version:
            field = "case_name" if version >= _CASE_NAME_SINCE else "caseName"
            return self._post_project("/api/v3", field, name, description, seen_by)
        try:
            return self._post_project("/api/v3", "case_name", name, description, seen_by)
        except (NotFound, Refused) as error:
            if error.status in (404, 405):
                return self._post_project("/api/v2", "caseName", name, description)
            if _EXISTS.search(str(error)) or not re.search("case_?name", str(error), re.IGNORECASE):
                raise
            return self._post_project("/api/v3", "caseName", name, description, seen_by)

    def _post_project(
        self, api: str, field: str, name: str, description: str, seen_by: Mapping[str, Any] | None = None
    ) -> int:
        body = {field: name, "description": description, **(seen_by or {})}
        answer = self._transport.call("POST", f"{api}/projects", body=body)
        made = parse(MadeJson, answer if api == "/api/v2" else unwrap(answer, ambiguous=True))
        if made.id is None:
            raise Unavailable("The platform made a project and did not say which.", ambiguous=True)
        return made.id

    def _existing(self, name: str, error: Conflict | Refused) -> int:
        """The project that stands in the way, if it can be seen. Raises `error` where it is about anything
        else."""
        if isinstance(error, Refused) and not _EXISTS.search(str(error)):
            raise error
        found = self.find_project(name)
        if found is None:
            raise Conflict(
                f"A project named {name} exists on the platform, but the user of the API key cannot see it: "
                "add that user to the project there, or give the key of a user who can see it.",
                status=error.status,
            ) from None
        return found

    def _v2_capture(self, instance: str, region: str, cloud_id: str, mode: str) -> dict[str, Any]:
        if mode != "full":
            raise Refused(f"API v2 makes full captures only, not {mode}; the platform's API v3 can.")
        if cloud_id not in ("", "Default"):
            raise Refused(f"API v2 captures in the platform's own account only, not in {cloud_id}.")
        return {
            "bucket": self._bucket,
            "instance_id": instance,
            "region": region,
            "include_disks": True,
            "include_hash": True,
            "include_logs": True,
            "include_screenshot": True,
            "compress": True,
        }

    def _with_reason(self, pipeline: Pipeline) -> Pipeline:
        reason = self._reasons.get(pipeline.id)
        if reason is None:
            try:
                reason = self.pipeline(pipeline.id).reason or pipeline.reason
            except CadoError:
                return pipeline  # the names of the failed steps will have to do
            if len(self._reasons) > 1_000:
                self._reasons.clear()
            self._reasons[pipeline.id] = reason
        return replace(pipeline, reason=reason)

    def _counted(self, project_id: int, evidence_id: int | None) -> Iterator[Finding]:
        """Platforms before 2.273 have no summary: their alarms, counted here."""
        params = {"project_id": project_id, "evidence_id": evidence_id}
        counted: dict[tuple[str, Severity], Finding] = {}
        for item in self._pages("/alarms", params, most=_MOST_ALARM_PAGES):
            one = finding_from(parse(AlarmJson, item))
            known = counted.get((one.description, one.severity), replace(one, count=0))
            counted[one.description, one.severity] = replace(known, count=known.count + 1)
        yield from counted.values()

    def _paths(self, params: Mapping[str, Any]) -> dict[str, str]:
        """Where the newest of each malicious alarm was found; nothing where that cannot be had."""
        try:
            answer = self._transport.call(
                "GET", f"{self._api}/alarms", params={**params, "alarm_severity": [1]}
            )
            alarms = [finding_from(parse(AlarmJson, item)) for item in as_list(unwrap(answer))]
        except CadoError:
            return {}
        return {alarm.description: alarm.path for alarm in reversed(alarms) if alarm.path}

    def _pages(
        self, path: str, params: Mapping[str, Any], most: int = _MOST_PAGES, what: str = ""
    ) -> Iterator[Any]:
        """Every item of a list. The spec names no largest page: what is refused is asked for by default."""
        size: dict[str, Any] = {"per_page": _PER_PAGE}
        for page in range(1, most + 1):
            try:
                answer = self._read(path, {**params, **size, "page": page}, what=what)
            except Refused:
                if page > 1 or not size:
                    raise
                size = {}
                answer = self._read(path, {**params, "page": page}, what=what)
            yield from as_list(unwrap(answer))
            if page >= (parse(PagedJson, answer).total_pages or 1):
                return
        if most == _MOST_PAGES:
            raise Refused(f"The platform's list has more than {most} pages, which is more than can be read.")

    def _read(self, path: str, params: Mapping[str, Any] | None = None, *, what: str = "") -> Any:
        for pause in self._pauses():
            try:
                return self._transport.call("GET", self._api + path, params=params, what=what)
            except Unavailable as error:
                error.ambiguous = False  # a read changes nothing
                pause(error)
        raise AssertionError("the last pause raises")

    def _pauses(self) -> Iterator[Callable[[Unavailable], None]]:
        """One for each try: waits for the next, or raises where there is none or none would help."""
        for tried in range(1, self._tries + 1):

            def pause(error: Unavailable, tried: int = tried) -> None:
                wait = max(error.after or 0, 2.0**tried * (0.25 + 0.25 * self._rng()))
                if tried == self._tries or not error.passing or wait > _LONGEST_PAUSE or not lasts(wait):
                    raise error
                self._sleep(wait)

            yield pause


def _seen_by(users: Sequence[str], groups: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if users:
        found["users"] = [{"username": name} for name in users]
    if groups:
        found["groups"] = [{"name": name} for name in groups]
    return found


_MODES: dict[str, dict[str, Any]] = {
    "full": {},
    "triage": {"acquire_with_host": True},
    "scan": {"fast_scan": True},
}


def revealed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A webhook's payload as it is sent, its secrets in clear."""
    return {key: value.reveal() if isinstance(value, Secret) else value for key, value in payload.items()}
