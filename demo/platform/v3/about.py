"""API v3: who is asking, and the platform itself: version, status, license."""

from __future__ import annotations

from demo.platform.calls import Call
from demo.platform.v3.accounts import ACCOUNT_ID
from demo.platform.v3.answers import Answer
from demo.platform.v3.roles import PERMISSIONS


def whoami(call: Call) -> Answer:
    role = call.user.role
    permissions = {name: role in roles for name, roles in PERMISSIONS.items()}
    return Answer(
        {
            "username": call.user.name,
            "id": call.user.id,
            "display_name": role,
            "changed_password": True,
            "eula_agreed": True,
            "permissions": permissions,
            "rbac_role": role,
        }
    )


def platform_update(call: Call) -> Answer:
    version = call.version_text
    return Answer(
        {
            "version_info": {
                "latest_version": version,
                "latest_release_date": 1782777600,
                "backend_version": version,
                "backend_release_date": 1782777600,
                "cado_host_version": version,
            },
            "allow_updates": True,
        }
    )


def platform_status(call: Call) -> Answer:
    return Answer(
        {
            "instance_utilization": {
                "disk": {"total_space": 346, "used_space": 39, "free_space": 307},
                "cpu_percent": 4.9,
                "memory": {"available": 21651, "total": 33106},
            },
            "deployment_details": {
                "cloud": "aws",
                "account_id": ACCOUNT_ID,
                "supports_azure": call.world.about.supports_azure,
                "supports_aws": call.world.about.supports_aws,
                "govcloud": False,
                "image_id": "ami-0123456789abcdef0",
                "nfs_enabled": True,
                "local_workers": call.world.about.local_workers,
                "secrets_manager": True,
                "saas": False,
            },
            "warnings": [],
            "latest_boot": 1782777600,
            "external_id": "simulated",
            "tenant_name": None,
            "is_labs": False,
        }
    )


def system_status(call: Call) -> Answer:
    return Answer({"status": "Running", "status_message": "", "is_installing": False, "setup_complete": True})


def get_license(call: Call) -> Answer:
    return Answer(
        {
            "license": {
                "customer_id": "simulated",
                "dev_license": True,
                "issue_date": "2026-01-01",
                "level": call.world.about.license_level,
                "expiry_date": call.world.about.license_expires,
                "signature": "none",
            }
        }
    )
