"""What the platform can do with each kind of system. Facts come from the OpenAPI file of version 2.324.0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from shared.models.systems import Kind


class Provider(StrEnum):
    AWS = "aws"
    AZURE = "azure"
    GCP = "gcp"


@dataclass(frozen=True)
class Ability:
    """What the platform can do with one kind of system."""

    provider: Provider
    noun: str  # what people call one: "Azure machine"
    modes: tuple[str, ...]  # of full, triage and scan; a kind with a single mode has no choice
    host_options: Literal["none", "optional", "always"]  # always: each request must have them
    since: tuple[int, int]  # the version of the platform that can capture it
    skip_processing: bool = False

    @property
    def chooses_mode(self) -> bool:
        return len(self.modes) > 1

    def mode(self, wanted: str) -> str:
        """The mode that is captured where `wanted` is the hunt's."""
        return wanted if self.chooses_mode else self.modes[0]


ABILITIES: Mapping[Kind, Ability] = {
    Kind.EC2: Ability(
        Provider.AWS,
        "EC2 instance",
        ("full", "triage", "scan"),
        "optional",
        since=(0, 0),
        skip_processing=True,
    ),
    Kind.AZURE_VM: Ability(
        Provider.AZURE, "Azure machine", ("full", "triage", "scan"), "optional", since=(2, 271)
    ),
    Kind.GCE: Ability(Provider.GCP, "Google machine", ("full", "scan"), "none", since=(2, 267)),
    Kind.ECS: Ability(Provider.AWS, "container on ECS", ("triage",), "always", since=(2, 247)),
    Kind.EKS: Ability(Provider.AWS, "container on EKS", ("triage",), "always", since=(2, 267)),
    Kind.AKS: Ability(Provider.AZURE, "container on AKS", ("triage",), "always", since=(2, 253)),
    Kind.GKE: Ability(Provider.GCP, "container on GKE", ("triage",), "always", since=(2, 267)),
    Kind.LAMBDA: Ability(Provider.AWS, "function", ("full",), "none", since=(2, 190)),
}
CONTAINERS = frozenset(kind for kind, ability in ABILITIES.items() if ability.modes == ("triage",))
