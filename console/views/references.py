"""What a destination gave for a message, as people read it: a Jira key with its page, a channel in Slack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from receiver.destinations.registry import issue_url
from receiver.destinations.slack.case_thread import CaseThread
from shared.config.destinations.registry import DestinationConfig
from shared.text import one_line

SHOWN = 80  # characters of a reference


@dataclass(frozen=True)
class Reference:
    """One destination of a case."""

    destination: str
    type: str  # of the destination, such as slack; empty if the destination is not configured any more
    text: str
    url: str = ""


def reference(name: str, ref: str, configured: Mapping[str, DestinationConfig]) -> Reference:
    """`ref`: as the record of the delivery or of the case holds it; it may be empty."""
    config = configured.get(name)
    if config is None:
        return Reference(name, "", one_line(ref, SHOWN))
    if config.type == "jira":
        return Reference(name, config.type, one_line(ref, SHOWN), issue_url(config, ref) if ref else "")
    thread = CaseThread.parse(ref) if config.type == "slack" and ref else None
    if thread:
        # Slack's own redirect leads to the channel in whatever workspace the person is signed in to.
        url = f"https://slack.com/app_redirect?channel={thread.channel}"
        return Reference(name, config.type, "thread in Slack", url)
    return Reference(name, config.type, "" if config.type == "slack" else one_line(ref, SHOWN))


def references(refs: Mapping[str, str], configured: Mapping[str, DestinationConfig]) -> tuple[Reference, ...]:
    """Those of them that there is something to show of."""
    found = (reference(name, ref, configured) for name, ref in refs.items())
    return tuple(each for each in found if each.text)
