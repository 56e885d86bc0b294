"""Reads the configuration from environment variables, in the form that a configuration file has.

The systems are read apart from the rest, because a malformed system must not stop the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from shared.config.suggestions import closest, quoted
from shared.config.tokens import IN_QUOTES, in_quotes
from shared.config.yaml import EnvironmentDocument, Path

HUNT = "default"  # the name of the only hunt that the environment can define
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
_SYSTEM_NAME = re.compile(r"SYSTEM([0-9]{1,100})")


def in_quotation_marks(environ: Mapping[str, str]) -> list[tuple[Path, str]]:
    """Reports variables whose values are in quotation marks, except secrets, which `check` reports."""
    paths = {name: path for path, name in VARIABLES.items() if name not in _SECRETS}
    return [(path, IN_QUOTES) for name, path in paths.items() if in_quotes(environ.get(name, "").strip())]


def read_environment(environ: Mapping[str, str]) -> EnvironmentDocument:
    """Reads everything except the systems. An empty variable counts as not set."""
    given = {name: _unquoted(value.strip()) for name, value in environ.items() if value.strip()}

    def section(*path: str) -> dict[str, Any]:
        names = {at[-1]: name for at, name in VARIABLES.items() if at[:-1] == path and name in given}
        return {str(key): f"env:{name}" if name in _SECRETS else given[name] for key, name in names.items()}

    platform = section("platform")
    if "url" in platform:
        platform["url"] = platform_url(platform["url"])
    destinations = {
        kind: {"type": kind, **values}
        for kind in ("slack", "teams", "jira")
        if (values := section("destinations", kind))
    }
    tokens = [f"env:{name}" for name in ("WEBHOOK_TOKEN", "WEBHOOK_TOKEN_PREVIOUS") if name in given]
    regions = [name.strip() for name in given.get("EXTRA_REGIONS", "").split(",") if name.strip()]
    has_hunt = "SCHEDULE" in given or any(_SYSTEM_NAME.fullmatch(name) for name in given)
    data = {
        "platform": platform,
        "webhook": {"tokens": tokens},
        "hunts": {HUNT: {**section("hunts", HUNT), "targets": []}} if has_hunt else {},
        "destinations": destinations,
        "default": list(destinations),
        "extra_regions": regions,
    }
    return EnvironmentDocument(data, VARIABLES)


def read_systems(environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, str] | str]]:
    """Yields the name of each variable SYSTEMn, in the order of the numbers, and its system or what is wrong
    with it. A gap in the numbers is reported before the variable that follows it."""
    numbered = sorted(
        (int(match[1]), name)
        for name, value in environ.items()
        if (match := _SYSTEM_NAME.fullmatch(name)) and value.strip()
    )
    expected = 1
    for number, name in numbered:
        if number > expected:
            is_one = number == expected + 1
            gap = f"SYSTEM{expected} is" if is_one else f"SYSTEM{expected} to SYSTEM{number - 1} are"
            yield name, f"{gap} not set, though {name} is: the hunt goes on with the others"
        expected = number + 1
        yield name, _system(name, environ[name])


def _system(name: str, text: str) -> dict[str, str] | str:
    if in_quotes(text.strip()):
        return f"{name} {IN_QUOTES}; {SYSTEM_FORM}"
    try:
        system = json.loads(text)
    except (ValueError, RecursionError):
        return f"{name} is not JSON; {SYSTEM_FORM}"
    if not isinstance(system, dict):
        return f"{name} is not a JSON object; {SYSTEM_FORM}"
    required, known = ("region", "instanceid"), ("region", "instanceid", "account")
    unknown = {key: closest(key, known) for key in system if key not in known}
    wrong = [
        f"unknown key {quoted(key)}" + (f" (did you mean {meant}?)" if meant else "")
        for key, meant in unknown.items()
    ]
    wrong += [f"{key} is missing" for key in required if key not in system and key not in unknown.values()]
    wrong += [f"{key} must be text" for key in known if not isinstance(system.get(key, ""), str)]
    return f"{name}: {'; '.join(wrong)}; {SYSTEM_FORM}" if wrong else system


def _unquoted(text: str) -> str:
    """The text without quotation marks around it, which are reported as a mistake of their own."""
    return text[1:-1].strip() if in_quotes(text) else text


def platform_url(text: str) -> str:
    """The URL for a host, a host with a port, or an IPv6 address that is written without `https://`."""
    if "://" in text:
        return text
    return f"https://[{text}]" if text.count(":") > 1 and "[" not in text else f"https://{text}"
