"""The sections `accounts` and `organization`: the accounts of cloud providers that hold systems."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from shared.config.errors import KeysError
from shared.config.types import ACCOUNT_ID, Section, Text, check_account, matching
from shared.secrets import SecretRef

_ROLE = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"
_MEMBER_ROLE = r"^arn:aws[a-z-]*:iam::\{account_id\}:role/.+$"

_AccountId = Annotated[
    str,
    AfterValidator(matching(ACCOUNT_ID, "must be twelve digits, in quotes")),
    Field(json_schema_extra={"pattern": ACCOUNT_ID}),
]
_Role = Annotated[
    str,
    AfterValidator(matching(_ROLE, "must be the ARN of a role, arn:aws:iam::123456789012:role/name")),
    Field(json_schema_extra={"pattern": _ROLE}),
]
_MemberRole = Annotated[
    str,
    AfterValidator(matching(_MEMBER_ROLE, "must be a role's ARN, arn:aws:iam::{account_id}:role/name")),
    Field(json_schema_extra={"pattern": _MEMBER_ROLE}),
]


class ExportConfig(Section):
    """How the platform exports machines of Google."""

    project: Text = Field(description="id of the project that holds the bucket")
    bucket: Text = Field(description="the bucket that a machine's disks are exported to")
    subnet: Text | None = Field(
        None, description="projects/p/regions/r/subnetworks/n of the export; by default the default network"
    )
    acquisition_service_account: bool = Field(
        default=False, strict=True, description="export with the platform's own service account"
    )


class AccountConfig(Section):
    """An account of a cloud provider that holds systems."""

    provider: Literal["aws", "azure", "gcp"] = Field("aws", description="who runs the cloud; by default aws")
    id: _AccountId | None = Field(None, description="twelve digits, in quotes")
    role: _Role | None = Field(None, description="ARN of the role to read EC2 with")
    external_id: SecretRef | None = Field(None, description="external id of the role, as a secret reference")
    platform_role: _Role | None = Field(
        None, description="ARN of the role that the platform captures with, to find out what it may do"
    )
    cado_account: Text = Field(
        "Default", description="the name that the platform gives to its credentials for this account"
    )
    acquisition_resource_group: Text | None = Field(
        None, description="Azure: the resource group in which the platform makes its snapshots"
    )
    export: ExportConfig | None = Field(None, description="Google: how the platform exports machines")

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        of = {
            "aws": ("id", "role", "external_id", "platform_role"),
            "azure": ("acquisition_resource_group",),
            "gcp": ("export",),
        }
        problems = [
            (key, f"is only for accounts of {provider}, and this one is of {self.provider}")
            for provider, keys in of.items()
            for key in keys
            if provider != self.provider and getattr(self, key) is not None
        ]
        if self.provider != "aws" and "cado_account" not in self.model_fields_set:
            text = "{missing}: write the name that the platform gives to its credentials for this account"
            problems.append(("cado_account", text))
        if problems:
            raise KeysError(problems)
        return self


class OrganizationConfig(Section):
    """AWS Organizations: how to read the accounts of a unit that are not in accounts."""

    role: _MemberRole = Field(
        description="ARN of the role to read EC2 with in each account; {account_id} is filled in"
    )
    external_id: SecretRef | None = Field(None, description="external id of the role, as a secret reference")
    cado_account: Text = Field(
        "{account_id}",
        description="the name that the platform gives to its credentials for an account; "
        "{account_id} is filled in",
    )
    account: Annotated[str, AfterValidator(check_account)] = Field(
        "",
        description="a key of accounts whose role may ask Organizations; empty for this machine's own "
        "credentials",
    )
