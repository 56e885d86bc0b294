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
