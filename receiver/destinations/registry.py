"""Which package serves which type of destination.

A package of a destination has two modules whose functions are called from here. `traits.traits(config)` says
what the destination can do, without I/O; of a destination that tracks issues, `traits.issue_url(config, ref)`
is the page of an issue. `destination.build(…)` makes the destination. `destination.preview(message, config)`
shows how a message would look at the destination, without a secret and without I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from types import ModuleType

from receiver.destinations.contract import Destination, Preview, Traits
from receiver.messages.message import Message
from shared.config.destinations.registry import DestinationConfig
from shared.http.client import Http
from shared.secrets import Secret, SecretRef

PACKAGES = {  # by the `type` of the configuration
    "slack": "receiver.destinations.slack",
    "teams": "receiver.destinations.teams",
    "jira": "receiver.destinations.jira",
    "webhook": "receiver.destinations.webhook",
    "pagerduty": "receiver.destinations.pagerduty",
    "jsm": "receiver.destinations.jsm",
}


def traits_of(config: DestinationConfig) -> Traits:
    """What the configured destination can do. Takes no I/O and loads no vendor's SDK."""
    traits: Traits = _module(config.type, "traits").traits(config)
    return traits


def issue_url(config: DestinationConfig, ref: str) -> str:
    """The page of the issue that a delivery's ref names; empty if the destination has no such page."""
    if not traits_of(config).tracks_issues:
        return ""
    url: str = _module(config.type, "traits").issue_url(config, ref)
    return url


def build(
    name: str,
    config: DestinationConfig,
    secret: Callable[[SecretRef], Secret],
    http_for: Callable[..., Http],
) -> Destination:
    """Make the configured destination. `http_for` takes what `Http` takes, and makes one.

    Raises SecretError if a secret cannot be read, and ValueError with one plain sentence if the URL in it
    cannot be right. The destination's code is imported now: slack-sdk alone takes 80 ms.
    """
    http = http_for(ca_bundle=config.ca_bundle, section=f"destinations.{name}")
    made: Destination = _module(config.type, "destination").build(name, config, secret, http)
    return made


def preview(type: str, message: Message, config: DestinationConfig | None) -> Preview:
    """How the first message of a case would look. `config`: a destination of this type; without it, the
    preview uses the defaults."""
    made: Preview = _module(type, "destination").preview(message, config)
    return made


def load(types: Iterable[str]) -> None:
    """Import the code of these types, so that the first message to each need not wait for it."""
    for type in types:
        _module(type, "destination")


def _module(type: str, name: str) -> ModuleType:
    return import_module(f"{PACKAGES[type]}.{name}")
