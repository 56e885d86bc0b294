"""Reads the policy of a KMS key: whether it lets a role use the key. Pure; asks nobody.

AWS's rules: an explicit Deny beats everything. A statement that names the role itself is enough in the key's
own account. A statement that names the role's account leaves the decision to the policies of the role. What
cannot be decided from here, such as a condition on a value that is not known, is unclear and never a no.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

ROLE = re.compile(r"arn:(aws[a-z-]*):iam::([0-9]{12}):role/(.+)")
_VIA = "kms:viaservice"


class Access(StrEnum):
    ALLOWED = "allowed"  # by the policy alone
    LEFT_TO_IAM = "left to the policies of the role"
    DENIED = "denied"  # by a Deny
    NOT_NAMED = "not named"  # no statement lets the role in
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Use:
    """The use of a key that is asked about: the role reads a volume through EBS."""

    role: str  # ARN
    key: str  # ARN
    region: str  # of the volume
    action: str = "kms:Decrypt"

    @property
    def account(self) -> str:
        return account_of(self.role)

    @property
    def in_own_account(self) -> bool:
        return account_of(self.key) == self.account

    @property
    def known(self) -> Mapping[str, str]:
        """The values of the condition keys that are known, by their names in lower case."""
        return {
            _VIA: f"ec2.{self.region}.amazonaws.com" + (".cn" if self.region.startswith("cn-") else ""),
            "kms:calleraccount": self.account,
            "aws:principalaccount": self.account,
            "aws:principalarn": self.role,
            "aws:principaltype": "AssumedRole",
            "aws:principalisawsservice": "false",
            "aws:securetransport": "true",
        }


def account_of(arn: str) -> str:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


def access(policy: str, use: Use) -> Access:
    """What the policy, as JSON, says about this use. A policy that cannot be read is unclear."""
    try:
        document = json.loads(policy)
        statements = _listed(document["Statement"])
        found = [(one["Effect"], _reaches(one, use)) for one in statements]
    except (ValueError, KeyError, TypeError, AttributeError):
        return Access.UNCLEAR
    denies = [reach for effect, reach in found if effect == "Deny"]
    allows = [reach for effect, reach in found if effect == "Allow"]
    if any(reach in (_Reach.ROLE, _Reach.ACCOUNT) for reach in denies):
        return Access.DENIED
    if _Reach.UNCLEAR in denies:
        return Access.UNCLEAR
    if _Reach.ROLE in allows:
        return Access.ALLOWED if use.in_own_account else Access.LEFT_TO_IAM
    if _Reach.ACCOUNT in allows:
        return Access.LEFT_TO_IAM
    return Access.UNCLEAR if _Reach.UNCLEAR in allows else Access.NOT_NAMED


class _Reach(StrEnum):
    """Whom a statement reaches."""

    NOBODY = "not the role"
    ACCOUNT = "the account of the role"
    ROLE = "the role itself, or everybody"
    UNCLEAR = "unclear"


def _reaches(statement: Mapping[str, Any], use: Use) -> _Reach:
    if not _matches_action(statement, use.action) or not _matches_resource(statement, use.key):
        return _Reach.NOBODY
    whom = _principal(statement, use)
    if whom is _Reach.NOBODY:
        return whom
    holds = _conditions(statement.get("Condition", {}), use.known)
    if holds is False:
        return _Reach.NOBODY
    return whom if holds else _Reach.UNCLEAR


def _matches_action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not _any_match(_listed(statement["NotAction"]), action.lower(), lower=True)
    return _any_match(_listed(statement["Action"]), action.lower(), lower=True)


def _matches_resource(statement: Mapping[str, Any], key: str) -> bool:
    if "NotResource" in statement:
        return not _any_match(_listed(statement["NotResource"]), key)
    return _any_match(_listed(statement.get("Resource", "*")), key)


def _principal(statement: Mapping[str, Any], use: Use) -> _Reach:
    if "NotPrincipal" in statement:
        named = set(_aws_principals(statement["NotPrincipal"]))
        # AWS compares the session too, which is not known; without the role's own ARN it is a Deny for it.
        return _Reach.UNCLEAR if use.role in named else _Reach.ROLE
    best = _Reach.NOBODY
    for principal in _aws_principals(statement["Principal"]):
        if principal in ("*", use.role):
            return _Reach.ROLE
        if _is_session(principal, use.role):
            best = _Reach.UNCLEAR
        elif _is_account(principal, use.account) and best is _Reach.NOBODY:
            best = _Reach.ACCOUNT
    # A Deny for the account's root counts for every role of the account too.
    return best


def _aws_principals(principal: Any) -> Iterator[str]:
    """Services and identity providers are no roles, so they are left out."""
    named = principal if isinstance(principal, str) else principal.get("AWS", ())
    yield from map(str, _listed(named))


def _is_account(principal: str, account: str) -> bool:
    return principal == account or bool(re.fullmatch(rf"arn:aws[a-z-]*:iam::{account}:root", principal))


def _is_session(principal: str, role: str) -> bool:
    """Whether the principal is a session of the role. The platform chooses the session's name."""
    match = ROLE.fullmatch(role)
    if not match:
        return False
    name = match[3].rpartition("/")[2]
    return principal.startswith(f"arn:{match[1]}:sts::{match[2]}:assumed-role/{name}/")


def _conditions(conditions: Mapping[str, Mapping[str, Any]], known: Mapping[str, str]) -> bool | None:
    """Whether all of them hold; None if that is not known."""
    unknown = False
    for operator, keys in conditions.items():
        for key, wanted in keys.items():
            values = [str(one) for one in _listed(wanted)]
            holds = _condition(operator, known.get(key.lower()), values)
            # EBS very likely calls KMS as ec2.…; a policy that names another service is not decided here.
            if key.lower() == _VIA and not _any_match(values, known[_VIA]):
                holds = None
            if holds is False:
                return False
            unknown = unknown or holds is None
    return None if unknown else True


def _condition(operator: str, value: str | None, wanted: list[str]) -> bool | None:
    if value is None:
        return None
    match operator.removesuffix("IfExists"):
        case "StringEquals" | "ArnEquals" if not any("*" in one or "?" in one for one in wanted):
            return value in wanted
        case "StringNotEquals" | "ArnNotEquals" if not any("*" in one or "?" in one for one in wanted):
            return value not in wanted
        case "StringEqualsIgnoreCase":
            return value.lower() in [one.lower() for one in wanted]
        case "StringLike" | "ArnLike" | "ArnEquals":
            return _any_match(wanted, value)
        case "StringNotLike" | "ArnNotLike" | "ArnNotEquals":
            return not _any_match(wanted, value)
        case "Bool":
            return value in [one.lower() for one in wanted]
    return None


def _any_match(patterns: list[Any], value: str, *, lower: bool = False) -> bool:
    """With * and ? as in policies; other characters stand for themselves."""
    texts = [str(pattern).lower() if lower else str(pattern) for pattern in patterns]
    return any(fnmatchcase(value, text.replace("[", "[[]")) for text in texts)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
