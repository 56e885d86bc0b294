"""The sections `accounts` and `organization`: the AWS accounts that hold systems."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

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


class AccountConfig(Section):
    """An AWS account that holds systems."""

    id: _AccountId | None = Field(None, description="twelve digits, in quotes")
    role: _Role | None = Field(None, description="ARN of the role to read EC2 with")
    external_id: SecretRef | None = Field(None, description="external id of the role, as a secret reference")
    cado_account: Text = Field(
        "Default", description="the name that the platform gives to its credentials for this account"
    )


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
