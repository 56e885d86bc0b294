"""Rules about several sections at once. Rules about one section are in that section's module."""

from __future__ import annotations

from collections.abc import Iterator

from shared.config.config import Config
from shared.config.routes import RouteConfig
from shared.config.yaml import Problem
from shared.secrets import SecretError, Secrets


def unrouted_alarms(config: Config) -> Iterator[Problem]:
    """Reports a configuration with destinations in which some alarm would reach none of them."""
    if not config.destinations or config.default or any(map(_takes_every_alarm, config.routes)):
        return
    key = "default" if "default" in config.model_fields_set else "routes" if config.routes else "destinations"
    name = next(iter(config.destinations))
    yield (key,), f"an alarm that no route takes would be lost; write for example default: {name}"


def _takes_every_alarm(route: RouteConfig) -> bool:
    conditions = {key: value for key, value in route.match if value}
    return not conditions or (conditions.keys() == {"event"} and "*" in route.match.event)


def wrong_webhook_urls(config: Config, secrets: Secrets) -> Iterator[Problem]:
    """Reports webhook URLs that cannot work. A URL that is kept in AWS or cannot be read is not checked here:
    it is checked before a message is sent to it."""
    for name, destination in config.destinations.items():
        if destination.secret_url is None:
            continue
        key, ref = destination.secret_url
        if ref.in_aws:
            continue  # every start would take a call to AWS
        try:
            url = secrets.get(ref).reveal()
        except SecretError:
            continue
        if wrong := destination.check_url(url):
            yield ("destinations", name, key), wrong
