"""The policies of KMS keys, as AWS evaluates them for a role that reads a volume through EBS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.preflight.key_policy import Access, Use, access

ROLE = "arn:aws:iam::111122223333:role/security/myCadoResponseRole"
ROOT, ADMIN = "arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:role/admin"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1"
USE = Use(ROLE, KEY, "us-east-1")
ELSEWHERE = Use(ROLE, KEY.replace("111122223333", "999988887777"), "us-east-1")
VIA_EC2 = {"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}}
WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}
NOT_FROM_VPC = {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}
SESSION = "arn:aws:sts::111122223333:assumed-role/myCadoResponseRole/x"


def statement(principal: Any, *, effect: str = "Allow", action: Any = "kms:*", **more: Any) -> dict[str, Any]:
    who = principal if isinstance(principal, (str, dict)) and principal == "*" else {"AWS": principal}
    return {"Effect": effect, "Principal": who, "Action": action, "Resource": "*", **more}


def says(*statements: dict[str, Any], use: Use = USE) -> Access:
    return access(json.dumps({"Statement": list(statements)}), use)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([statement(ROLE)], Access.ALLOWED),
        ([statement([ADMIN, ROLE])], Access.ALLOWED),
        ([statement(ROLE, action=["kms:Decrypt", "kms:DescribeKey"])], Access.ALLOWED),
        ([statement(ROLE, action="KMS:decrypt")], Access.ALLOWED),
        ([statement(ROLE, action="kms:De*")], Access.ALLOWED),
        ([statement(ROLE, action="kms:DescribeKey")], Access.NOT_NAMED),
        ([statement(ROOT)], Access.LEFT_TO_IAM),
        ([statement("111122223333")], Access.LEFT_TO_IAM),
        ([statement("444455556666")], Access.NOT_NAMED),
        ([statement("*")], Access.ALLOWED),
        ([statement("*", Condition=VIA_EC2)], Access.ALLOWED),
        ([statement("*", Condition={"StringEquals": {"kms:CallerAccount": "111122223333"}})], Access.ALLOWED),
        ([statement("*", Condition={"StringEquals": {"kms:CallerAccount": "2"}})], Access.NOT_NAMED),
        ([statement("*", Condition={"StringLike": {"kms:ViaService": "s3.*"}})], Access.UNCLEAR),
        ([statement("*", Condition={"StringLike": {"kms:ViaService": "ec2.*"}})], Access.ALLOWED),
        ([statement("*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})], Access.UNCLEAR),
        ([statement("*", Condition={"ArnLike": {"aws:PrincipalArn": ROLE[:-4] + "*"}})], Access.ALLOWED),
        ([statement("*", Condition={"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/x*"}})],
         Access.NOT_NAMED),
        ([statement(ROLE, Condition={"Null": {"kms:EncryptionContext:a": "true"}})], Access.UNCLEAR),
        ([statement(SESSION)], Access.UNCLEAR),
        ([statement(ADMIN)], Access.NOT_NAMED),
        ([{**statement(ROLE), "Principal": {"Service": "ec2.amazonaws.com"}}], Access.NOT_NAMED),
        ([statement(ROLE), statement(ROLE, effect="Deny")], Access.DENIED),
        ([statement(ROLE), statement("*", effect="Deny")], Access.DENIED),
        ([statement(ROLE), statement(ADMIN, effect="Deny")], Access.ALLOWED),
        ([statement(ROLE), statement("*", effect="Deny", action="kms:ScheduleKeyDeletion")], Access.ALLOWED),
        ([statement(ROLE), statement("*", effect="Deny", Condition=WITHOUT_TLS)], Access.ALLOWED),
        ([statement(ROLE), statement("*", effect="Deny", Condition=NOT_FROM_VPC)], Access.UNCLEAR),
        ([statement(ROLE), {"Effect": "Deny", "NotPrincipal": {"AWS": ADMIN}, "Action": "kms:*"}],
         Access.DENIED),
        ([{"Effect": "Allow", "Principal": {"AWS": ROLE}, "NotAction": "kms:Decrypt"}], Access.NOT_NAMED),
        ([{**statement(ROLE), "Resource": KEY}], Access.ALLOWED),
        ([{**statement(ROLE), "Resource": "arn:aws:kms:us-east-1:111122223333:key/2"}], Access.NOT_NAMED),
    ],
)  # fmt: skip
def test_what_a_policy_says(statements: list[dict[str, Any]], expected: Access) -> None:
    assert says(*statements) is expected


@pytest.mark.parametrize(
    ("principal", "expected"),
    [(ROLE, Access.LEFT_TO_IAM), ("*", Access.LEFT_TO_IAM), (ROOT, Access.LEFT_TO_IAM),
     (ADMIN, Access.NOT_NAMED)],
)  # fmt: skip
def test_for_a_key_of_another_account_the_role_needs_its_own_policies_too(
    principal: str, expected: Access
) -> None:
    assert says(statement(principal), use=ELSEWHERE) is expected


@pytest.mark.parametrize("text", ["", "{", "[]", '{"Statement": 1}', '{"Statement": [{"Effect": "Allow"}]}'])
def test_what_cannot_be_read_is_unclear(text: str) -> None:
    assert access(text, USE) is Access.UNCLEAR


def test_a_single_statement_need_not_stand_in_a_list() -> None:
    assert access(json.dumps({"Statement": statement(ROLE)}), USE) is Access.ALLOWED


def test_a_bracket_in_a_pattern_stands_for_itself() -> None:
    like = {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:role/[a-z]*"}}
    assert says(statement("*", Condition=like)) is Access.NOT_NAMED


def _statements() -> st.SearchStrategy[dict[str, Any]]:
    principals = st.sampled_from(["*", ROLE, ROOT, ADMIN, SESSION, [ADMIN, ROLE], {"Service": "s3"}])
    conditions = st.sampled_from([None, VIA_EC2, NOT_FROM_VPC, WITHOUT_TLS, {"Null": {"x": "true"}}])

    def made(effect: str, principal: Any, action: str, condition: Any) -> dict[str, Any]:
        one = statement(principal, effect=effect, action=action)
        one |= {"Principal": principal} if isinstance(principal, dict) else {}
        return one | ({"Condition": condition} if condition else {})

    actions = st.sampled_from(["kms:*", "kms:Decrypt", "kms:DescribeKey", "kms:D*", "*"])
    return st.builds(made, st.sampled_from(["Allow", "Deny"]), principals, actions, conditions)


@given(st.lists(_statements(), max_size=5))
def test_whatever_a_policy_says_a_deny_for_everybody_beats_it(statements: list[dict[str, Any]]) -> None:
    assert says(*statements, statement("*", effect="Deny")) is Access.DENIED


@given(st.lists(_statements(), max_size=5))
def test_a_further_allow_never_takes_access_away(statements: list[dict[str, Any]]) -> None:
    better = [Access.DENIED, Access.NOT_NAMED, Access.UNCLEAR, Access.LEFT_TO_IAM, Access.ALLOWED]
    before, after = says(*statements), says(*statements, statement(ROLE))
    assert better.index(after) >= better.index(before)
    if not any(one["Effect"] == "Deny" for one in statements):
        assert after is Access.ALLOWED


_KEYS = st.sampled_from(["Statement", "Effect", "Principal", "Action", "AWS", "Condition"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner),
)


@pytest.mark.slow
@given(_JSON)
def test_no_json_makes_it_raise(document: Any) -> None:
    assert access(json.dumps(document), USE) in Access
