"""Checks of the platform: whether the API key may do what hunts need, and when the certificate ends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from shared.hosting.runtime import Runtime
from shared.http.errors import NetworkError
from shared.models.checks import CheckResult, failed, passed, warned

# The permissions that the API key needs to open a project, to import an instance and to read the results.
_PERMISSIONS = ("projects_create", "import_data_full")


def key_rights(runtime: Runtime, what: str) -> CheckResult:
    """Raises CadoError and SecretError."""
    url, identity = runtime.config.platform.url, runtime.cado.whoami()
    if not identity.told:
        return passed(what, f"{url} accepts the key; API v2 does not tell its role")
    missing = [name for name in _PERMISSIONS if name not in identity.permissions]
    if missing:
        lacks = f"the key's role {identity.role} lacks {', '.join(missing)}"
        return failed(what, f"{lacks}; hunts need the role Lead Analyst")
    return passed(what, f"{url} answers, the key's role is {identity.role}")


def page(runtime: Runtime) -> Iterator[CheckResult]:
    """Whether the page that messages link to answers, for the newest project of a hunt. Nothing before the
    first one. The platform's pages are not documented, so this only warns."""
    projects = [
        hunt.project_id
        for name in runtime.config.hunts
        for hunt in runtime.ledger.hunts.of_name(name)
        if hunt.project_id is not None
    ]
    if not projects or "{evidence_id}" in runtime.config.platform.link:
        return
    what, config = "platform page", runtime.config.platform
    url = config.link.replace("{url}", config.url).replace("{project_id}", str(max(projects)))
    try:
        http = runtime.http(
            ca_bundle=config.ca_bundle, fingerprint=config.fingerprint, section="platform", pinnable=True
        )
        status = http.request("GET", url).status
    except NetworkError as error:
        yield warned(what, f"{url}, which messages link to, cannot be looked at: {error}")
        return
    if status < 400 or status in (401, 403):
        yield passed(what, f"{url}, which messages link to, answers with status {status}")
    else:
        yield warned(
            what,
            f"{url}, which messages link to, answers with status {status}: open a project in the browser "
            "and write its address as platform.link",
        )


def certificate(runtime: Runtime) -> Iterator[CheckResult]:
    """Nothing if the platform is reached without TLS or through a proxy."""
    what, config = "platform certificate", runtime.config
    try:
        end = runtime.http().certificate_end(config.platform.url)
    except NetworkError as error:
        yield warned(what, f"it could not be looked at: {error}")
        return
    if end is None:
        return
    left = end - runtime.now()
    if left <= timedelta(seconds=config.daily_check.certificate_left):
        yield failed(what, f"it ends on {end:%Y-%m-%d}: renew it on the platform before that day")
    else:
        yield passed(what, f"valid until {end:%Y-%m-%d}")
