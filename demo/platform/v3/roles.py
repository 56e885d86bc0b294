"""Which roles may do what."""

from __future__ import annotations

from demo.platform.calls import ADMIN, ANALYST, LEAD, PLATFORM, READER, ROLES

READERS = (ADMIN, LEAD, ANALYST, READER)
ANALYSTS = (ADMIN, LEAD, ANALYST)
LEADS = (ADMIN, LEAD)
PLATFORM_ADMINS = (ADMIN, PLATFORM)
PERMISSIONS = {
    "alarms_read": READERS,
    "cloud_accounts_read": (ADMIN, PLATFORM, LEAD, ANALYST),
    "import_data_full": ANALYSTS,
    "import_data_triage": ANALYSTS,
    "license_read": ROLES,
    "pipelines_abort": ANALYSTS,
    "pipelines_read": READERS,
    "platform_status_read": ROLES,
    "projects_create": LEADS,
    "projects_read": READERS,
    "settings_intelligence_access": LEADS,
    "system_read": ROLES,
    "webhook_read": PLATFORM_ADMINS,
    "webhook_write": PLATFORM_ADMINS,
}
