"""Rules that need more than one value or section of the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared.config.destinations.slack import SlackConfig
from shared.config.owners import OwnerConfig
from shared.config.types import as_list
from shared.config.urls import check_webhook_url
from shared.config.yaml import Document, Problem
from shared.secrets import SecretError, SecretRef, Secrets

_NO_MEMBER_ROLE = (
    "needs a role for the accounts of the unit; write at the top of the file, for example, "
    'organization: {role: "arn:aws:iam::{account_id}:role/huntbridge-read"}'
)


_SLACK_WAYS = "write {webhook_url}, or {token} and {channel}"


_LEADS = "a webhook's URL says itself where it leads"


_LOGINS = "write {email} and {api_token} (Jira Cloud), or {token} (Jira Data Center)"


def _destinations(data: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    found = data.get("destinations")
    for name, section in (found if isinstance(found, dict) else {}).items():
        if isinstance(section, dict):
            yield name, section


def unfit_hunts(data: Mapping[str, Any]) -> Iterator[Problem]:
    hunts = data.get("hunts")
    for name, hunt in (hunts if isinstance(hunts, dict) else {}).items():
        if not isinstance(hunt, dict):
            continue
        here = ("hunts", name)
        if hunt.get("targets") == []:
            yield (*here, "targets"), "is empty: a hunt needs at least one system"
        for number, rule in _sections_of(hunt.get("exclude")):
            if not any(value not in ([], {}) for value in rule.values()):
                yield (*here, "exclude", number), "is empty: it would leave out every system"
        for number, target in _sections_of(hunt.get("targets")):
            if target.get("organizational_units") and not data.get("organization"):
                yield (*here, "targets", number, "organizational_units"), _NO_MEMBER_ROLE


def _sections_of(listed: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield number, one


_BUTTONS = ("signing_secret", "may_acknowledge")


def slack_ways(document: Document) -> Iterator[Problem]:
    """A Slack channel is reached in exactly one way."""
    for name, section in _destinations(document.data):
        if section.get("type") != "slack":
            continue
        here = ("destinations", name)
        names = ("webhook_url", "token", "channel", "host", "signing_secret", "may_acknowledge")
        keys = {key: document.key((*here, key)) for key in names}
        given = {key for key in keys if section.get(key) is not None}
        if not given & {"webhook_url", "token"}:
            if section.keys() - SlackConfig.model_fields.keys():
                continue  # a key that is not known, and it is told what was meant
            absent = "token" if "channel" in given else "webhook_url"
            yield (*here, absent), f"{document.missing}: {_SLACK_WAYS.format_map(keys)}"
        elif given >= {"webhook_url", "token"}:
            yield here, f"two ways to Slack: {_SLACK_WAYS.format_map(keys)}, not both"
        elif "token" in given and "channel" not in given:
            text = f'{document.missing}: write the channel\'s id, or its name in quotes, "#soc"'
            yield (*here, "channel"), text
        elif "may_acknowledge" in given and not {"signing_secret", "webhook_url"} & given:
            text = f"goes with {keys['signing_secret']} alone: without it nobody can click Acknowledge"
            yield (*here, "may_acknowledge"), text
        elif "webhook_url" in given:
            for key in sorted(given - {"webhook_url"}):
                why = "buttons need an app" if key in _BUTTONS else _LEADS
                yield (*here, key), f"goes with {keys['token']} alone: {why}"


def logins(document: Document) -> Iterator[Problem]:
    """Jira takes exactly one login."""
    for name, section in _destinations(document.data):
        if section.get("type") != "jira":
            continue
        here = ("destinations", name)
        keys = {key: document.key((*here, key)) for key in ("email", "api_token", "token")}
        given = {key for key in keys if section.get(key) is not None}
        if not given:
            yield here, f"no login: {_LOGINS.format_map(keys)}"
        elif "token" in given and len(given) > 1:
            yield here, f"two logins: {_LOGINS.format_map(keys)}, not both"
        elif given in ({"email"}, {"api_token"}):
            (absent,) = {"email", "api_token"} - given
            text = f"{document.missing}: Jira Cloud takes {keys['email']} and {keys['api_token']} together"
            yield (*here, absent), text


def nobodies(data: Mapping[str, Any]) -> Iterator[Problem]:
    owners = data.get("owners")
    for name, section in (owners if isinstance(owners, dict) else {}).items():
        if section == {}:
            yield ("owners", name), f"names nobody: write {' or '.join(OwnerConfig.model_fields)}"


def unrouted(data: Mapping[str, Any]) -> Iterator[Problem]:
    """An alarm that is taken by nothing is lost, and a lost alarm is worse than a loud start."""
    destinations, routes = data.get("destinations"), data.get("routes")
    if not isinstance(destinations, dict) or not destinations or data.get("default"):
        return
    if isinstance(routes, list) and any(_takes_all(route) for route in routes):
        return
    name = next(iter(destinations))
    where = "default" if "default" in data else "routes" if routes else "destinations"
    yield (where,), f"an alarm that no route takes would be lost; write for example default: {name}"


def _takes_all(route: Any) -> bool:
    if not isinstance(route, dict) or not route.get("to"):
        return False
    match = route.get("match", {})
    if not isinstance(match, dict):
        return False
    given = {key: as_list(value) for key, value in match.items() if value not in ([], {})}
    return all(key == "event" and isinstance(value, list) and "*" in value for key, value in given.items())


def webhooks(data: Mapping[str, Any], secrets: Secrets) -> Iterator[Problem]:
    """Webhook URLs that can be had now are looked at now; those that cannot are reported where they are
    needed."""
    for name, section in _destinations(data):
        kind = section.get("type")
        if kind not in ("slack", "teams", "webhook"):
            continue
        key = "url" if kind == "webhook" else "webhook_url"
        try:
            ref = SecretRef.parse(section.get(key))
            if ref.in_aws:
                continue  # not for every start a call to AWS
            url = secrets.get(ref)
        except (ValueError, SecretError):
            continue
        if wrong := check_webhook_url(kind, url.reveal()):
            yield ("destinations", name, key), wrong
