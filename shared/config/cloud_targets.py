"""Targets of other kinds than EC2: machines of Azure and Google, functions, and containers.

The platform says what there is of them. A target of Azure or Google looks in one account, and one on AWS may
look in several.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.config.target_parts import Account, Accounts, OwnMode, Platforms, Region, Regions
from shared.config.types import OneOrMany, Section, Text, Texts, check_account, matching
from shared.models.systems import Kind, System

EVERY = "all"  # as a subscription or project: the same as *
GoogleState = Literal[
    "PROVISIONING", "STAGING", "RUNNING", "STOPPING", "SUSPENDING", "SUSPENDED", "REPAIRING", "TERMINATED"
]


def _check_patterns(patterns: tuple[str, ...]) -> tuple[str, ...]:
    if not patterns or not all(patterns):
        raise ValueError("is empty, so nothing matches; write '*' for every name")
    return patterns


def _every(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple("*" if text == EVERY else text for text in texts)


_Patterns = Annotated[tuple[str, ...], AfterValidator(_check_patterns), OneOrMany()]
_PatternsOrAll = Annotated[
    tuple[str, ...], AfterValidator(_every), AfterValidator(_check_patterns), OneOrMany()
]
_OneAccount = Annotated[Text, AfterValidator(check_account)]
_Zone = Annotated[
    str,
    AfterValidator(matching(r"^[a-z0-9-]+$", "must be a zone such as europe-west1-b")),
    Field(json_schema_extra={"pattern": "^[a-z0-9-]+$"}),
]
_EVERY_NAME = ("*",)


class CloudTarget(Section):
    """What targets of all these kinds have in common."""

    kind: str
    capture: OwnMode = None

    @property
    def of_kind(self) -> Kind:
        return Kind(self.kind)

    @property
    def in_accounts(self) -> tuple[str, ...]:
        """The keys of accounts that it looks in; the empty one is the platform's own account."""
        account: str | None = getattr(self, "account", None)
        return (account,) if account is not None else getattr(self, "accounts", ()) or ("",)


class NamedTarget(CloudTarget):
    """A target that names one system."""

    @property
    def system(self) -> System:
        raise NotImplementedError

    @model_validator(mode="after")
    def _check_system(self) -> Self:
        if type(self) is not NamedTarget:
            _ = self.system  # raises ValueError
        return self


class SelectingTarget(CloudTarget):
    """A target that selects systems, which are looked up for each hunt."""


class AzureVmConfig(NamedTarget):
    """One machine of Azure."""

    kind: Literal["azure_vm"] = Field(description="azure_vm: machines of Azure")
    account: _OneAccount = Field(description="a key of accounts")
    subscription: Text = Field(description="the subscription's id")
    resource_group: Text = Field(description="the resource group that holds the machine")
    name: Text = Field(description="the machine's name")

    @property
    def system(self) -> System:
        place = {"subscription": self.subscription, "group": self.resource_group}
        return System.of(Kind.AZURE_VM, account=self.account, vm=self.name, **place)


class AzureVmSelectorConfig(SelectingTarget):
    """All matching machines of Azure."""

    kind: Literal["azure_vm"] = Field(description="azure_vm: machines of Azure")
    account: _OneAccount = Field(description="a key of accounts")
    subscriptions: _PatternsOrAll = Field(
        _EVERY_NAME, description="ids or names of subscriptions, with * and ?, or all; by default all"
    )
    resource_groups: _Patterns = Field(_EVERY_NAME, description="names of resource groups, with * and ?")
    names: Texts = Field((), description="names of machines, with * and ?")
    tags: dict[str, Texts] = Field({}, description="Azure tags: key and values, with * and ?")
    locations: Texts = Field((), description="locations such as westeurope, with * and ?")
    platforms: Platforms = Field((), description="windows, linux")


class GceConfig(NamedTarget):
    """One machine of Google."""

    kind: Literal["gce"] = Field(description="gce: machines of Google")
    account: _OneAccount = Field(description="a key of accounts")
    project: Text = Field(description="the id of the project that holds the machine")
    zone: _Zone = Field(description="the machine's zone, such as europe-west1-b")
    name: Text = Field(description="the machine's name")

    @property
    def system(self) -> System:
        return System.of(Kind.GCE, account=self.account, region=self.zone, project=self.project, vm=self.name)


class GceSelectorConfig(SelectingTarget):
    """All matching machines of Google."""

    kind: Literal["gce"] = Field(description="gce: machines of Google")
    account: _OneAccount = Field(description="a key of accounts")
    projects: _PatternsOrAll = Field(
        _EVERY_NAME, description="ids of projects, with * and ?, or all; by default all"
    )
    zones: _Patterns = Field(_EVERY_NAME, description="zones such as europe-west1-b, with * and ?")
    names: Texts = Field((), description="names of machines, with * and ?")
    labels: dict[str, Texts] = Field({}, description="labels of Google: key and values, with * and ?")
    states: Annotated[tuple[GoogleState, ...], OneOrMany()] = Field(
        ("RUNNING", "TERMINATED"), description="states of Google; a stopped machine is TERMINATED"
    )


class LambdaConfig(NamedTarget):
    """One function of AWS Lambda."""

    kind: Literal["lambda"] = Field(description="lambda: functions of AWS Lambda")
    account: Account = Field("", description="a key of accounts; empty for the platform's own account")
    region: Region = Field(description="AWS region, such as us-east-1")
    name: Text = Field(description="the function's name")

    @property
    def system(self) -> System:
        return System.of(Kind.LAMBDA, account=self.account, region=self.region, function=self.name)


class _OnAws(SelectingTarget):
    accounts: Accounts = Field((), description="keys of accounts; by default the platform's own")
    regions: Regions = Field(description="AWS regions, or all: every region that the account has enabled")


class LambdaSelectorConfig(_OnAws):
    """All matching functions of AWS Lambda."""

    kind: Literal["lambda"] = Field(description="lambda: functions of AWS Lambda")
    names: _Patterns = Field(_EVERY_NAME, description="names of functions, with * and ?")


class _Containers(SelectingTarget):
    clusters: _Patterns = Field(_EVERY_NAME, description="names of clusters, with * and ?")
    containers: _Patterns = Field(_EVERY_NAME, description="names of containers, with * and ?")
    sample: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="how many pods or tasks of each workload are captured; by default all",
    )


class _Pods(_Containers):
    namespaces: _Patterns = Field(_EVERY_NAME, description="namespaces of Kubernetes, with * and ?")
    pods: _Patterns = Field(_EVERY_NAME, description="names of pods, with * and ?")


class EcsSelectorConfig(_Containers, _OnAws):
    """All matching containers of Amazon ECS."""

    kind: Literal["ecs"] = Field(description="ecs: containers of Amazon ECS")


class EksSelectorConfig(_Pods, _OnAws):
    """All matching containers of Amazon EKS."""

    kind: Literal["eks"] = Field(description="eks: containers of Amazon EKS")


class AksSelectorConfig(_Pods):
    """All matching containers of Azure Kubernetes Service."""

    kind: Literal["aks"] = Field(description="aks: containers of Azure Kubernetes Service")
    account: _OneAccount = Field(description="a key of accounts")
    subscriptions: _PatternsOrAll = Field(
        _EVERY_NAME, description="ids or names of subscriptions, with * and ?, or all; by default all"
    )
    resource_groups: _Patterns = Field(_EVERY_NAME, description="names of resource groups, with * and ?")


class GkeSelectorConfig(_Pods):
    """All matching containers of Google Kubernetes Engine."""

    kind: Literal["gke"] = Field(description="gke: containers of Google Kubernetes Engine")
    account: _OneAccount = Field(description="a key of accounts")
    projects: _PatternsOrAll = Field(
        _EVERY_NAME, description="ids of projects, with * and ?, or all; by default all"
    )
    zones: _Patterns = Field(
        _EVERY_NAME, description="zones or regions of clusters, such as europe-west1-b, with * and ?"
    )


NAMED: dict[Kind, type[NamedTarget]] = {
    Kind.AZURE_VM: AzureVmConfig,
    Kind.GCE: GceConfig,
    Kind.LAMBDA: LambdaConfig,
}
SELECTING: dict[Kind, type[SelectingTarget]] = {
    Kind.AZURE_VM: AzureVmSelectorConfig,
    Kind.GCE: GceSelectorConfig,
    Kind.LAMBDA: LambdaSelectorConfig,
    Kind.ECS: EcsSelectorConfig,
    Kind.EKS: EksSelectorConfig,
    Kind.AKS: AksSelectorConfig,
    Kind.GKE: GkeSelectorConfig,
}


def class_of(kind: Kind, keys: set[str]) -> type[CloudTarget]:
    """The class of a target with these keys: with a key that only a named system has, it names one."""
    if kind in NAMED and keys & (NAMED[kind].model_fields.keys() - SELECTING[kind].model_fields.keys()):
        return NAMED[kind]
    return SELECTING[kind]
