"""The configuration from the environment alone: variables in, the same data as of a file out.

Systems come apart from the rest, since one that is malformed must not stop the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.config.errors import closest, quoted
from shared.config.tokens import IN_QUOTES, in_quotes
from shared.config.yaml import EnvironmentDocument, Path

HUNT = "default"  # the name of the one hunt that the environment can define
SYSTEM_FORM = 'write {"region": "us-east-1", "instanceid": "i-0123456789abcdef0"}'
VARIABLES: Mapping[Path, str] = {
    (): "PLATFORM_IP",
    ("platform",): "PLATFORM_IP",
    ("platform", "url"): "PLATFORM_IP",
    ("platform", "api_key"): "API_KEY",
    ("platform", "admin_key"): "ADMIN_API_KEY",
    ("platform", "api_version"): "API_VERSION",
    ("platform", "ca_bundle"): "CA_BUNDLE",
    ("platform", "fingerprint"): "FINGERPRINT",
    ("platform", "bucket"): "BUCKET",
    ("webhook", "tokens", 0): "WEBHOOK_TOKEN",
    ("webhook", "tokens", 1): "WEBHOOK_TOKEN_PREVIOUS",
    ("hunts", HUNT, "schedule"): "SCHEDULE",
    ("hunts", HUNT, "timezone"): "TIMEZONE",
    ("hunts", HUNT, "capture"): "CAPTURE",
    ("destinations", "slack", "webhook_url"): "SLACK_WEBHOOK_URL",
    ("destinations", "teams", "webhook_url"): "TEAMS_WEBHOOK_URL",
    ("destinations", "jira"): "JIRA_URL",
    ("destinations", "jira", "url"): "JIRA_URL",
    ("destinations", "jira", "email"): "JIRA_EMAIL",
    ("destinations", "jira", "api_token"): "JIRA_API_TOKEN",
    ("destinations", "jira", "token"): "JIRA_TOKEN",
    ("destinations", "jira", "project"): "JIRA_PROJECT",
    ("destinations", "jira", "issue_type"): "JIRA_ISSUE_TYPE",
    ("extra_regions",): "EXTRA_REGIONS",
}
_SECRETS = {
    "API_KEY", "ADMIN_API_KEY", "WEBHOOK_TOKEN", "WEBHOOK_TOKEN_PREVIOUS", "SLACK_WEBHOOK_URL",
    "TEAMS_WEBHOOK_URL", "JIRA_API_TOKEN", "JIRA_TOKEN",
}  # fmt: skip
_SYSTEM = re.compile(r"SYSTEM([0-9]{1,100})")


def in_quotation_marks(environ: Mapping[str, str]) -> list[tuple[Path, str]]:
    """The variables whose values are in quotation marks, except secrets: `check` reports those."""
    places = {name: path for path, name in VARIABLES.items() if name not in _SECRETS}
    return [(path, IN_QUOTES) for name, path in places.items() if in_quotes(environ.get(name, "").strip())]


def read_environment(environ: Mapping[str, str]) -> EnvironmentDocument:
    """Everything but the systems. A variable that is empty is not set."""
    given = {name: _unquoted(value.strip()) for name, value in environ.items() if value.strip()}

    def section(*path: str) -> dict[str, Any]:
        names = {at[-1]: name for at, name in VARIABLES.items() if at[:-1] == path and name in given}
        return {str(key): f"env:{n}" if n in _SECRETS else given[n] for key, n in names.items()}

    platform = section("platform")
    if "url" in platform:
        platform["url"] = _platform_url(platform["url"])
    destinations = {
        kind: {"type": kind, **found}
        for kind in ("slack", "teams", "jira")
        if (found := section("destinations", kind))
    }
    tokens = [f"env:{name}" for name in ("WEBHOOK_TOKEN", "WEBHOOK_TOKEN_PREVIOUS") if name in given]
    regions = [r.strip() for r in given.get("EXTRA_REGIONS", "").split(",") if r.strip()]
    is_hunt = "SCHEDULE" in given or any(_SYSTEM.fullmatch(name) for name in given)
    data = {
        "platform": platform,
        "webhook": {"tokens": tokens},
        "hunts": {HUNT: {**section("hunts", HUNT), "targets": []}} if is_hunt else {},
        "destinations": destinations,
        "default": list(destinations),
        "extra_regions": regions,
    }
    return EnvironmentDocument(data, VARIABLES)


def read_systems(environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str] | str]]:
    """Each SYSTEMn in numeric order with what it holds, or with what is wrong with it. A gap in the numbers
    is named before the variable that follows it."""
    numbered = sorted(
        (int(found[1]), name)
        for name, value in environ.items()
        if (found := _SYSTEM.fullmatch(name)) and value.strip()
    )
    due = 1
    for number, name in numbered:
        if number > due:
            gap = f"SYSTEM{due} is" if number == due + 1 else f"SYSTEM{due} to SYSTEM{number - 1} are"
            yield name, f"{gap} not set, though {name} is: the hunt goes on with the others"
        due = number + 1
        yield name, _system(name, environ[name])


def _system(name: str, text: str) -> dict[str, str] | str:
    if in_quotes(text.strip()):
        return f"{name} {IN_QUOTES}; {SYSTEM_FORM}"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return f"{name} is not JSON; {SYSTEM_FORM}"
    if not isinstance(found, dict):
        return f"{name} is not a JSON object; {SYSTEM_FORM}"
    known = ("region", "instanceid", "account")
    meant = {key: closest(key, known) for key in found if key not in known}
    wrong = [f"unknown key {quoted(k)}" + (f" (did you mean {m}?)" if m else "") for k, m in meant.items()]
    wrong += [f"{k} is missing" for k in known[:2] if k not in found and k not in meant.values()]
    wrong += [f"{k} must be text" for k in known if not isinstance(found.get(k, ""), str)]
    return f"{name}: {'; '.join(wrong)}; {SYSTEM_FORM}" if wrong else found


def _unquoted(text: str) -> str:
    """Judged without its quotation marks, which are a mistake of their own."""
    return text[1:-1].strip() if in_quotes(text) else text


def _platform_url(text: str) -> str:
    """A bare host, or host:port, means https. So does a bare IPv6 address."""
    if "://" in text:
        return text
    return f"https://[{text}]" if text.count(":") > 1 and "[" not in text else f"https://{text}"
