"""The calls of API v3 that the simulated platform answers, by the platform's OpenAPI file of 2.324.0.

Each route names its roles and the version that introduced it. The texts of refusals are invented, since the
real ones are not public.
"""

from __future__ import annotations

from demo.platform.calls import ADMIN, ANALYST, LEAD, PLATFORM, ROLES, Route
from demo.platform.v3 import azure, containers, functions, google, settings
from demo.platform.v3.about import get_license, platform_status, platform_update, system_status, whoami
from demo.platform.v3.accounts import list_accounts
from demo.platform.v3.alarms import alarms_overview, alarms_summary, list_alarms
from demo.platform.v3.evidence import get_evidence, list_evidences
from demo.platform.v3.imports import browse_ec2, import_ec2
from demo.platform.v3.intelligence import (
    get_intelligence,
    list_indicators,
    process_evidence,
    update_intelligence,
)
from demo.platform.v3.pipelines import abort_pipeline, get_pipeline, list_pipelines, pipelines_status
from demo.platform.v3.projects import create_project, get_project, list_projects, update_project
from demo.platform.v3.roles import ANALYSTS, LEADS, PLATFORM_ADMINS, READERS
from demo.platform.v3.vulnerabilities import list_vulnerabilities
from demo.platform.v3.webhooks import (
    create_webhook,
    delete_webhook,
    list_webhooks,
    test_webhook,
    update_webhook,
)

PREFIX = "/api/v3"
ROUTES = (
    Route("GET", "/projects", list_projects, READERS),
    Route("POST", "/projects", create_project, LEADS, since=(2, 225)),
    Route("GET", "/projects/{project_id}", get_project, READERS),
    Route("PATCH", "/projects/{project_id}", update_project, LEADS),
    Route("GET", "/import/aws/ec2", browse_ec2, ANALYSTS, since=(2, 190)),
    Route("POST", "/import/aws/ec2", import_ec2, ANALYSTS, since=(2, 190)),
    Route("GET", "/pipelines", list_pipelines, READERS),
    Route("GET", "/pipelines/status", pipelines_status, READERS, since=(2, 269)),
    Route("GET", "/pipelines/{pipeline_id}", get_pipeline, READERS),
    Route("PATCH", "/pipelines/{pipeline_id}", abort_pipeline, ANALYSTS),
    Route("GET", "/evidences", list_evidences, READERS),
    Route("GET", "/evidences/{evidence_id}", get_evidence, READERS),
    Route("POST", "/evidences/process", process_evidence, ANALYSTS),
    Route("GET", "/indicators", list_indicators, READERS, since=(2, 267)),
    Route("GET", "/intelligence", get_intelligence, LEADS, since=(2, 234)),
    Route("PATCH", "/intelligence", update_intelligence, LEADS, since=(2, 234)),
    Route("GET", "/alarms", list_alarms, READERS),
    Route("GET", "/alarms/summary", alarms_summary, READERS, since=(2, 273)),
    Route("GET", "/alarms/overview", alarms_overview, READERS, since=(2, 294)),
    Route("GET", "/vulnerabilities", list_vulnerabilities, READERS),
    Route("GET", "/webhooks", list_webhooks, PLATFORM_ADMINS, since=(2, 244)),
    Route("POST", "/webhooks", create_webhook, PLATFORM_ADMINS, since=(2, 244)),
    Route("PATCH", "/webhooks/{webhook_id}", update_webhook, PLATFORM_ADMINS, since=(2, 244)),
    Route("DELETE", "/webhooks/{webhook_id}", delete_webhook, PLATFORM_ADMINS, since=(2, 244)),
    Route("POST", "/webhooks/test", test_webhook, PLATFORM_ADMINS, since=(2, 244), locked=False),
    Route("GET", "/auth/whoami", whoami, ROLES),
    Route("GET", "/platform/update", platform_update, ROLES),
    Route("GET", "/platform", platform_status, ROLES),
    Route("GET", "/system/status", system_status, ROLES),
    Route("GET", "/accounts", list_accounts, (ADMIN, PLATFORM, LEAD, ANALYST)),
    Route("GET", "/license", get_license, ROLES),
    *azure.ROUTES,
    *google.ROUTES,
    *containers.ROUTES,
    *functions.ROUTES,
    *settings.ROUTES,
)
