"""The messages about a case or an alarm as their destinations show them.

Each message is composed as its delivery composes it, and drawn from the payload that the destination would
send. Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from console.previews import jira, jsm, pagerduty, slack, teams, webhook
from console.previews.byline import Byline
from console.previews.elements import Pen, el, unknown
from receiver.assemble import case_lifecycle
from receiver.destinations import registry
from receiver.destinations.slack.case_thread import CaseThread
from receiver.destinations.slack.parent import parent
from receiver.messages.message import Message
from shared.config.destinations.registry import DestinationConfig
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm

TYPES: dict[str, Callable[[Any, Byline, Pen], Markup]] = {
    "slack": slack.message,
    "teams": teams.message,
    "jira": jira.message,
    "webhook": webhook.message,
    "pagerduty": pagerduty.message,
    "jsm": jsm.message,
}
NAMES = {
    "slack": "Slack",
    "teams": "Teams",
    "jira": "Jira",
    "webhook": "webhook",
    "pagerduty": "PagerDuty",
    "jsm": "Jira Service Management",
}
MAX_TABS = 9  # previews.css has a rule for each; further previews stand below the chosen one


@dataclass(frozen=True)
class Preview:
    destination: str  # its name in the configuration
    type: str  # of the destination, such as slack
    html: Markup  # one <article class="view v-TYPE">


def previews(runtime: Runtime, about: str | Alarm) -> list[Preview]:
    """A preview for each configured destination that was told. `about`: the key of a case, for its messages
    as they would be written now; or an alarm, for the message about it. Empty if there is no such case."""
    cases = case_lifecycle(runtime)
    references = runtime.ledger.case_references
    if isinstance(about, Alarm):
        told: Sequence[str] = runtime.ledger.events.routed_to(about.event.id) or ()
        case_key = about.case_key
    else:
        case = runtime.ledger.cases.get(about)
        told, case_key = case.told if case else (), about
    drawn = []
    for name in told:
        config = runtime.config.destinations.get(name)
        if config is None:
            continue  # it is not configured any more, so its form is not known
        if isinstance(about, Alarm):
            message: Message | None = cases.message(about, name, maybe_repeat=False, opens=False)
            ref = ""
        else:
            message = cases.current_message(case_key, name)
            ref = references.get(case_key, name)
        if message:
            drawn.append(Preview(name, config.type, _drawn(message, config, ref)))
    return drawn


def _drawn(message: Message, config: DestinationConfig, ref: str) -> Markup:
    thread = CaseThread.parse(ref) if config.type == "slack" else None
    shown = parent(message, thread) if thread else message
    body = registry.preview(config.type, shown, config).body
    if config.type == "jira":
        return jira.message(body, Byline(), Pen(), jira.Issue(ref))
    return draw(config.type, body)


def draw(type: str, body: Any, byline: Byline | None = None, pen: Pen | None = None) -> Markup:
    """The payload of a destination of this type."""
    drawing = TYPES.get(type)
    if drawing is None:
        return el("article", "view", unknown("a message", type))
    return drawing(body, byline or Byline(), pen or Pen())


def tabs(shown: Sequence[Preview]) -> Markup:
    """The previews under one tab each. They need no script: radio buttons choose which one is seen."""
    if not shown:
        return Markup("")
    panes = []
    for number, preview in enumerate(shown, 1):
        classes = f"pane view-{number}" if number <= MAX_TABS else "pane more"
        panes.append(el("div", classes, el("h3", "vh", _named(preview)), preview.html))
    choices = el("fieldset", "acts", el("legend", "vh", "Destination"), *_choices(shown[:MAX_TABS]))
    return el("div", "views", choices, *panes)


def _choices(shown: Sequence[Preview]) -> Iterator[Markup]:
    for number, preview in enumerate(shown, 1):
        checked: Mapping[str, str | None] = {"checked": "" if number == 1 else None}
        radio = el("input", "", type="radio", name="view", id=f"view-{number}", **checked)
        yield el("label", "", radio, f" {_named(preview)}")


def _named(preview: Preview) -> str:
    return f"{NAMES.get(preview.type, preview.type)}, {preview.destination}"
