"""The platform's threat intelligence: its text of YARA rules, indicators, and what they hit.

The API has `/intelligence` since 2.234, `/indicators` since 2.267, and indicators of one project since 2.284.
Only the roles Administrator and Lead Analyst may read and write the texts.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasPath, Field, WrapValidator

from shared.platform.answers import DetectedIndicator
from shared.platform.errors import NotFound, Unavailable
from shared.platform.transport import Transport
from shared.platform.wire import Id, JsonObject, Part, Text, or_none, parse, unwrap
from shared.text import one_line

PROJECT_INDICATORS_SINCE = (2, 284)
MOST_HITS = 2_000  # that are read of one answer; the platform does not page this list

_PATH = "/api/v3/intelligence"
_WHAT = "custom intelligence, which its API has since 2.234"
_HITS = "the hits of indicators, which its API has since 2.267"


class _YaraJson(JsonObject):
    text: Text = Field(None, validation_alias=AliasPath("yara", "custom_data"))


class _IndicatorsJson(JsonObject):
    custom: Annotated[dict[str, Any] | None, WrapValidator(or_none)] = Field(
        None, validation_alias=AliasPath("ioc", "custom_data")
    )


class _ProjectJson(JsonObject):
    text: Text = Field(None, validation_alias=AliasPath("details", "ioc", "custom_data", "user_input"))


class _HitJson(JsonObject):
    type: Text = None
    indicator: Text = None
    description: Text = None


class _HitsJson(JsonObject):
    detected_iocs: Annotated[list[_HitJson], Part] = Field([])


class _StartedJson(JsonObject):
    pipeline_id: Id = None


class Intelligence:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def yara(self) -> str:
        """The whole text of custom rules: those of people and those of huntbridge. Raises Unavailable if the
        answer does not hold it, since it must not be taken for an empty text."""
        text = parse(_YaraJson, unwrap(self._transport.read(_PATH, {"yara": "true"}, what=_WHAT))).text
        if text is None:
            raise Unavailable("The platform's answer does not hold its YARA text.", retryable=False)
        return text

    def write_yara(self, text: str) -> None:
        """Replace the whole text. Sent once: what it did is seen by reading the text again."""
        self._transport.call("PATCH", _PATH, body={"yara": text}, what=_WHAT)

    def indicators(self) -> str:
        """The global list of indicators. Raises Unavailable if the answer does not hold it."""
        custom = parse(
            _IndicatorsJson, unwrap(self._transport.read(_PATH, {"ioc": "true"}, what=_WHAT))
        ).custom
        text = None if custom is None else custom.get("user_input", "")
        if not isinstance(text, str):
            raise Unavailable("The platform's answer does not hold its indicators.", retryable=False)
        return text

    def write_indicators(self, text: str) -> None:
        self._transport.call("PATCH", _PATH, body={"ioc": text}, what=_WHAT)

    def project_indicators(self, project_id: int) -> str:
        """The indicators of one project; empty if it has none, or if the platform is older than 2.284."""
        path = f"/api/v3/projects/{project_id}"
        answer = unwrap(self._transport.read(path, what=f"project {project_id}"))
        return parse(_ProjectJson, answer).text or ""

    def write_project_indicators(self, project_id: int, text: str) -> None:
        """Replace the indicators of one project. Safe to repeat. An old platform may ignore the field, so
        read them again."""
        path, what = f"/api/v3/projects/{project_id}", f"project {project_id}"
        for pause in self._transport.attempts():
            try:
                self._transport.call("PATCH", path, body={"ioc": text}, what=what)
                return
            except Unavailable as error:
                pause(error)

    def detected(self, project_id: int, evidence_id: int | None = None) -> tuple[DetectedIndicator, ...]:
        """What indicators and rules hit in a project, or in one evidence of it."""
        params: dict[str, Any] = {"investigation_id": project_id, "filter": "matched"}
        params |= {"evidence_id": evidence_id} if evidence_id is not None else {}
        try:
            answer = self._transport.read("/api/v3/indicators", params, what=_HITS)
        except NotFound:
            return ()
        rows = parse(_HitsJson, unwrap(answer)).detected_iocs
        return tuple(map(_detected, rows[:MOST_HITS]))

    def process_again(self, evidence_id: int) -> int:
        """Have the platform process an evidence once more, with the rules of today. Returns the pipeline. Not
        idempotent, so it is sent once."""
        what = f"evidence {evidence_id}"
        answer = self._transport.call(
            "POST", "/api/v3/evidences/process", body={"evidence_id": evidence_id}, what=what
        )
        started = parse(_StartedJson, unwrap(answer, ambiguous=True)).pipeline_id
        if started is None:
            raise Unavailable("The platform does not say which pipeline it started.", ambiguous=True)
        return started


def _detected(hit: _HitJson) -> DetectedIndicator:
    return DetectedIndicator(
        type=one_line(hit.type or "", 40),
        indicator=one_line(hit.indicator or "", 500),
        description=one_line(hit.description or "", 300),
    )
