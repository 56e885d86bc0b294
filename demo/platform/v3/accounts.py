"""API v3: the cloud accounts that the platform knows."""

from __future__ import annotations

import hashlib

from demo.platform.calls import Call
from demo.platform.v3.answers import Answer

ACCOUNT_ID = "123456789012"
ACCOUNT_TYPES = (
    "aws", "gcp", "azure", "crowdstrike", "sentinelone", "defender", "microsoft_saas", "google_workspace",
    "darktrace",
)  # fmt: skip


def list_accounts(call: Call) -> Answer:
    name, types = call.text("account_name"), call.texts("type", ACCOUNT_TYPES)
    result = call.text("account_check_result", ("success", "failure", "cancelled", "no_checks"))
    issues = call.world.about.account_issues
    rows = [
        {
            "id": number,
            "account_name": account,
            "type": provider,
            "public_identifier": public_identifier(account, provider),
            "account_check_id": None,
            "account_last_used": None,
        }
        for number, (account, provider) in enumerate(call.world.accounts.items(), 1)
        if name in (None, account)
        and (not types or provider in types)
        and (result is None or result == ("failure" if issues.get(account) else "success"))
    ]
    part, page = call.page(rows)
    return Answer(part, page)


def public_identifier(account: str, provider: str) -> str:
    if provider == "aws":
        return f"arn:aws:iam::{account_id(account)}:role/myCadoResponseRole"
    return f"simulated-{provider}-{account_id(account)}"


def account_id(account: str) -> str:
    if account == "Default":
        return ACCOUNT_ID
    return str(int(hashlib.sha256(account.encode()).hexdigest(), 16))[:12]
