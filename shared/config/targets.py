"""The parts of a hunt that say which systems it captures: `targets` and `exclude`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationInfo, model_validator

from shared.config import cloud_targets as cloud
from shared.config.target_parts import ALL_REGIONS as ALL_REGIONS
from shared.config.target_parts import (
    Account,
    Accounts,
    InstanceId,
    OwnMode,
    Platforms,
    Regex,
    Region,
    Regions,
    State,
    Units,
)
from shared.config.target_parts import CaptureMode as CaptureMode
from shared.config.types import KindName, OneOrMany, Section, Texts
from shared.models.systems import Kind, System


class TargetConfig(Section):
    """One system to capture."""

    kind: Literal["ec2"] = Field("ec2", description="ec2: EC2 instances")
    instance: InstanceId = Field(description="EC2 instance id")
    region: Region = Field(description="AWS region, such as us-east-1")
    account: Account = Field("", description="a key of accounts; empty for the platform's own account")
    capture: OwnMode = None

    @property
    def system(self) -> System:
        return System(self.instance, self.region, self.account)


class AutoScalingConfig(Section):
    """Auto Scaling groups, of which a sample is taken."""

    names: Texts = Field(("*",), description="names of groups; by default every group")
    sample: int | None = Field(
        1, gt=0, strict=True, description="how many of each group, the longest running first; null for all"
    )


class SystemConditions(Section):
    """Conditions for a system. All given conditions must be met; a list is met if one of its values is."""

    tags: dict[str, Texts] = Field({}, description="EC2 tags: key and values, with * and ?")
    names: Texts = Field((), description="the tag Name, with * and ?")
    vpcs: Texts = Field((), description="ids of VPCs, with * and ?")
    platforms: Platforms = Field((), description="windows, linux")
    states: Annotated[tuple[State | cloud.GoogleState, ...], OneOrMany()] = Field(
        (), description="states of EC2 or Google"
    )
    instance_regex: Regex | None = Field(
        None, description="regular expression that must match the whole instance id"
    )


class SelectorConfig(SystemConditions):
    """All matching systems of some accounts and regions, looked up for each hunt."""

    kind: Literal["ec2"] = Field("ec2", description="ec2: EC2 instances")
    states: Annotated[tuple[State, ...], OneOrMany()] = Field(
        ("running", "stopped"), description="states of EC2"
    )
    regions: Regions = Field(description="AWS regions, or all: every region that the account has enabled")
    accounts: Accounts = Field(
        (), description="keys of accounts; by default, without organizational_units, this machine's own"
    )
    organizational_units: Units = Field(
        (), description="units of AWS Organizations, with all accounts in and below them"
    )
    auto_scaling_groups: AutoScalingConfig | None = Field(
        None, description="only systems of these Auto Scaling groups"
    )
    capture: OwnMode = None


class ExcludeConfig(SystemConditions):
    """Systems that are left out although a target includes them. A condition that a kind of system does not
    have is not met by its systems."""

    kinds: Annotated[tuple[KindName, ...], OneOrMany()] = Field((), description="kinds of systems")
    tags: dict[str, Texts] = Field({}, description="tags or labels: key and values, with * and ?")
    names: Texts = Field((), description="the tag Name of EC2, or the system's name, with * and ?")
    instance: Annotated[tuple[InstanceId, ...], OneOrMany()] = Field((), description="EC2 instance ids")
    regions: Annotated[tuple[Region, ...], OneOrMany()] = Field((), description="AWS regions")
    accounts: Accounts = Field((), description="keys of accounts")
    subscriptions: Texts = Field((), description="ids of subscriptions of Azure, with * and ?")
    resource_groups: Texts = Field((), description="resource groups of Azure, with * and ?")
    projects: Texts = Field((), description="ids of projects of Google, with * and ?")
    zones: Texts = Field((), description="zones of Google, with * and ?")
    clusters: Texts = Field((), description="names of clusters, with * and ?")
    namespaces: Texts = Field((), description="namespaces of Kubernetes, with * and ?")
    pods: Texts = Field((), description="names of pods, with * and ?")

    @property
    def may_match_ec2(self) -> bool:
        others = (self.subscriptions, self.resource_groups, self.projects, self.zones)
        of_containers = (self.clusters, self.namespaces, self.pods)
        return not any((*others, *of_containers)) and (not self.kinds or Kind.EC2 in self.kinds)

    @model_validator(mode="after")
    def _check_not_empty(self, info: ValidationInfo) -> Self:
        values = (getattr(self, key) for key in type(self).model_fields)
        if info.context is not None and all(value in ((), {}, None) for value in values):
            raise ValueError("is empty: it would leave out every system")
        return self


def _class_of_target(target: Any) -> str:
    """The name of the class that a target is validated as. Its kind decides, and then its keys."""
    if isinstance(target, Section):
        return type(target).__name__
    data = target if isinstance(target, dict) else {}
    kind = data.get("kind", "ec2")
    if isinstance(kind, str) and kind != "ec2":
        return cloud.class_of(Kind(kind), set(data)).__name__ if kind in set(Kind) else kind
    # A target without `instance` and with a key that only a selector has is a selector.
    only_of_selectors = SelectorConfig.model_fields.keys() - TargetConfig.model_fields.keys()
    is_selector = "instance" not in data and set(data) & only_of_selectors
    return (SelectorConfig if is_selector else TargetConfig).__name__


Target = Annotated[
    Annotated[TargetConfig, Tag("TargetConfig")]
    | Annotated[SelectorConfig, Tag("SelectorConfig")]
    | Annotated[cloud.AzureVmConfig, Tag("AzureVmConfig")]
    | Annotated[cloud.AzureVmSelectorConfig, Tag("AzureVmSelectorConfig")]
    | Annotated[cloud.GceConfig, Tag("GceConfig")]
    | Annotated[cloud.GceSelectorConfig, Tag("GceSelectorConfig")]
    | Annotated[cloud.LambdaConfig, Tag("LambdaConfig")]
    | Annotated[cloud.LambdaSelectorConfig, Tag("LambdaSelectorConfig")]
    | Annotated[cloud.EcsSelectorConfig, Tag("EcsSelectorConfig")]
    | Annotated[cloud.EksSelectorConfig, Tag("EksSelectorConfig")]
    | Annotated[cloud.AksSelectorConfig, Tag("AksSelectorConfig")]
    | Annotated[cloud.GkeSelectorConfig, Tag("GkeSelectorConfig")],
    Discriminator(_class_of_target),
]
