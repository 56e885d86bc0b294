"""Which package serves which type of destination.

A package of a destination has two modules with one function each that is called from here:
`traits.traits(config)` says what the destination can do, without I/O; `destination.build(…)` makes it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from receiver.destinations.contract import Destination, Traits
from shared.config.destinations.registry import DestinationConfig
from shared.http.client import Http
from shared.secrets import Secret, SecretRef

PACKAGES = {  # by the `type` of the configuration
    "slack": "receiver.destinations.slack",
    "teams": "receiver.destinations.teams",
    "jira": "receiver.destinations.jira",
    "webhook": "receiver.destinations.webhook",
}


def traits_of(config: DestinationConfig) -> Traits:
    """What the configured destination can do. Takes no I/O and loads no vendor's SDK."""
    traits: Traits = _module(config.type, "traits").traits(config)
    return traits


def build(
    name: str,
    config: DestinationConfig,
    secret: Callable[[SecretRef], Secret],
    http_for: Callable[..., Http],
) -> Destination:
    """Make the configured destination. `http_for` takes what `Http` takes, and makes one.

    Raises SecretError where a secret cannot be read, and ValueError with one plain sentence where the URL in
    it cannot be right. The destination's code is imported now: slack-sdk alone takes 80 ms.
    """
    http = http_for(ca_bundle=config.ca_bundle, section=f"destinations.{name}")
    made: Destination = _module(config.type, "destination").build(name, config, secret, http)
    return made


def load_all() -> None:
    """Import the code of every destination, for a process that should not do so at its first message."""
    for type in PACKAGES:
        _module(type, "destination")


def _module(type: str, name: str) -> ModuleType:
    return import_module(f"{PACKAGES[type]}.{name}")
