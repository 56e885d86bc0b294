"""The section `triggers`: events of EventBridge, beside GuardDuty's, that start a capture or a hunt."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.config.durations import Duration
from shared.config.targets import CaptureMode
from shared.config.types import Name, Section, Text, Texts


class TriggerSystemConfig(Section):
    """Where the event names the instance. A path is a list of keys with dots; * stands for every item."""

    instance: Text = Field(description="path of the instance's id or ARN")
    region: Text | None = Field(None, description="path of the region; by default that of the event")
    account: Text | None = Field(None, description="path of the account's id; by default that of the event")


class TriggerConfig(Section):
    """One kind of event and what it starts."""

    source: Text = Field(description="the event's source, such as aws.securityhub")
    detail_type: Text = Field(description="the event's detail-type")
    when: dict[Text, Texts] = Field({}, description="paths in the event, and the values that they must have")
    system: TriggerSystemConfig | None = Field(
        None, description="where the event names the instance to capture; without it, hunt is started"
    )
    hunt: Name | None = Field(None, description="name of the hunt that is started")
    capture: CaptureMode = Field("full", description="how much of the instance is captured")
    quiet_period: Annotated[int, Duration()] = Field(
        86_400, ge=0, strict=True, description="seconds in which events about one instance start one capture"
    )
