"""The section `triggers`: which events of EventBridge start a capture or a hunt."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from shared.config.durations import Duration
from shared.config.errors import KeysError
from shared.config.targets import CaptureMode
from shared.config.types import Section, Text, Texts
from shared.models.event_paths import EventPath


def _check_path(text: str) -> str:
    EventPath.parse(text)
    return text


def _check_source(text: str) -> str:
    if text == "aws.guardduty":
        raise ValueError("findings of GuardDuty start hunts by a section of their own: guardduty")
    return text


def _check_some(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values:
        raise ValueError("is empty, so no event fits")
    return values


_Path = Annotated[str, AfterValidator(_check_path)]
_Some = Annotated[Texts, AfterValidator(_check_some)]


class EventSystemConfig(Section):
    """Where an event names the EC2 instance."""

    instance: _Path = Field(description="path of the instance's id or ARN")
    region: _Path | None = Field(
        None, description="path of its region; by default the region of the ARN, else of the event"
    )
    account: _Path | None = Field(
        None,
        description="path of its account's twelve digits; by default those of the ARN, else of the event",
    )


class TriggerConfig(Section):
    """Events that start a capture of the machines that they name, or a hunt."""

    source: Annotated[Text, AfterValidator(_check_source)] = Field(
        description="source of the events, such as aws.securityhub"
    )
    detail_type: _Some = Field(description="detail-types of the events, such as Case Created")
    when: dict[_Path, _Some] = Field(
        {}, description="what must hold too: paths into the event, and their values with * and ?"
    )
    system: EventSystemConfig | None = Field(None, description="capture the EC2 instance that is named here")
    capture: CaptureMode | None = Field(
        None, description="only with system: how much of the instance is captured; by default full"
    )
    hunt: str = Field("", description="instead of system: the hunt that starts")
    quiet_period: Annotated[int, Duration()] = Field(
        86_400,
        ge=0,
        strict=True,
        description="seconds, or 1d, in which events about one instance, or for the hunt, start only one",
    )

    @model_validator(mode="after")
    def _check_what(self) -> Self:
        if bool(self.hunt) == bool(self.system):
            raise KeysError([("", "needs either system, what to capture, or hunt, the hunt that starts")])
        if self.hunt and self.capture:
            raise KeysError([("capture", "counts only with system: a hunt has a capture of its own")])
        return self
