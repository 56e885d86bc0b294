"""API v3: the platform's settings, its workers, and one cloud account with its issues."""

from __future__ import annotations

from demo.platform.calls import ADMIN, ANALYST, LEAD, PLATFORM, ROLES, Call, Refused, Route
from demo.platform.v3.accounts import public_identifier
from demo.platform.v3.answers import Answer
from demo.platform.v3.roles import READERS
from demo.platform.v3.systems import paged


def get_settings(call: Call) -> Answer:
    about = call.world.about
    return Answer(
        {
            "worker": {
                "local": about.local_workers,
                "max": call.world.workers,
                "instance": "i3.4xlarge",
                "shutdown_wait": 300,
            },
            "enable": {
                "custom_yara": about.custom_yara,
                "default_yara": True,
                "custom_iocs": about.custom_iocs,
            },
            "features": [],
            "tag": {"key": "Name", "value": "CadoResponse"},
            "bucket": "cadoresponse-simulated",
        }
    )


def list_workers(call: Call) -> Answer:
    """One worker for each pipeline that runs."""
    status, wanted = call.text("status", ("active", "pending", "terminating")), call.text("evidence_name")
    rows = []
    for pipeline in call.world.pipelines.values():
        if pipeline.state != "in_progress" or status not in (None, "active"):
            continue
        row = {
            "id": f"i-{pipeline.id:017x}",
            "status": "active",
            "project_id": pipeline.project_id,
            "instance_type": "i3.4xlarge",
            "launch_time": round((pipeline.started or 0) * 1000),
        }
        evidence = call.world.evidences.get(pipeline.evidence_id or 0)
        row |= {"evidence_id": evidence.id, "evidence_name": evidence.name} if evidence else {}
        if wanted is None or row.get("evidence_name") == wanted:
            rows.append(row)
    return paged(call, rows, required=False)


def get_account(call: Call, account_name: str) -> Answer:
    provider = call.world.accounts.get(account_name)
    if provider is None:
        raise Refused(404, "Account not found")
    return Answer(
        {
            "id": list(call.world.accounts).index(account_name) + 1,
            "account_name": account_name,
            "type": provider,
            "public_identifier": public_identifier(account_name, provider),
            "account_issues": [
                {"service": service, "issue": issue, "issue_type": "permission"}
                for service, issue in call.world.about.account_issues.get(account_name, ())
            ],
            "account_last_used": None,
        }
    )


ROUTES = (
    Route("GET", "/settings", get_settings, ROLES),
    Route("GET", "/workers", list_workers, READERS),
    Route("GET", "/accounts/{account_name}", get_account, (ADMIN, PLATFORM, LEAD, ANALYST)),
)
