"""A preview is drawn from the very payload that the destination sends: compared with what really arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from console.previews import jira as jira_drawing
from console.previews.byline import Byline
from console.previews.elements import Pen
from console.previews.previews import Preview, draw, previews
from demo.base import app_of
from demo.jira.simulation import Jira
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from receiver import assemble
from shared.hosting.runtime import Runtime
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.people import Person
from shared.queues import items, leases
from shared.queues.worker import work
from tests.receiver.destinations.sample_alarms import ALARMS

RICH = ALARMS["rich"]
TOLD = ["tickets", "soc", "office"]


class Sides:
    """huntbridge's receiver, and the tools that it sends to."""

    def __init__(self, make_console: Callable[..., Any], url: str) -> None:
        self.slack, self.teams, self.jira = Slack(rate=None), Teams(rate=None), Jira(limits=())
        self.url = url
        self._make = make_console

    def start(self, url: str) -> None:
        console = self._make(
            destinations={
                "soc": {
                    "type": "slack",
                    "token": "env:SLACK",
                    "channel": self.slack.channels[0].id,
                    "host": urlsplit(url).netloc,
                    "signing_secret": "env:SIGNING",
                },
                "office": {"type": "teams", "webhook_url": "env:TEAMS"},
                "tickets": {
                    "type": "jira",
                    "url": url,
                    "email": "hunt@acme.example",
                    "api_token": "env:JIRA",
                    "project": "SEC",
                    "issue_type": "Incident",
                },
            },
            secrets={
                "SLACK": self.slack.token,
                "SIGNING": self.slack.signing_secret,
                "TEAMS": url + self.teams.path,
                "JIRA": "demo-token",
            },
        )
        self.runtime: Runtime = console.runtime
        self._console = console
        self._handlers = assemble.work(self.runtime)

    def deliver(self, alarm: Alarm) -> None:
        """Add the alarm to its case, and send everything that this causes."""
        assemble.case_lifecycle(self.runtime).add(alarm, TOLD)
        for name in TOLD:
            item = items.DeliverAlarm(name, dump(alarm))
            self.runtime.deliveries.put(items.encode(item), id=f"{alarm.event.id}:{name}")
        self.runtime.ledger.events.record_routed(alarm.event, alarm.severity, TOLD, case=alarm.case_key)
        self.drain()

    def drain(self) -> None:
        for _ in range(200):
            self._console.forward(5)
            work(self.runtime.events, self._handlers.event, lease=leases.EVENT)
            work(self.runtime.deliveries, self._handlers.delivery, lease=leases.DELIVERY)
            if not self.runtime.events.depth().living and not self.runtime.deliveries.depth().living:
                return
        raise AssertionError("the queues do not become empty")


@contextmanager
def sides(make_console: Callable[..., Any]) -> Iterator[Sides]:
    made = Sides(make_console, "")
    with serving(app_of(made.slack, made.teams, made.jira)) as url:
        made.start(url)
        yield made


def by_name(shown: list[Preview]) -> dict[str, str]:
    return {preview.destination: str(preview.html) for preview in shown}


def test_the_previews_of_a_case_are_what_the_tools_hold(make_console: Callable[..., Any]) -> None:
    with sides(make_console) as world:
        world.deliver(RICH)
        shown = by_name(previews(world.runtime, RICH.case_key))
        assert list(shown) == TOLD
        assert shown["soc"] == draw("slack", world.slack.posts[0].body)
        issue = world.jira.issues["SEC-1"]
        known = jira_drawing.Issue("SEC-1")
        assert shown["tickets"] == jira_drawing.message({"fields": issue.fields}, Byline(), Pen(), known)
        assert shown["office"] == draw("teams", world.teams.messages[0].body)
        assert "Acknowledge" in shown["soc"]

        world.deliver(ALARMS["update"])
        assemble.case_lifecycle(world.runtime).refresh(RICH.case_key, "test")
        world.drain()
        shown = by_name(previews(world.runtime, RICH.case_key))
        assert shown["soc"] == draw("slack", world.slack.posts[0].body)
        assert "2 alarms so far" in shown["soc"]

        runtime = world.runtime
        decisions = assemble.case_decisions(runtime)
        decisions.acknowledge(RICH.case_key, Person("Mara Lindqvist", "console"))
        world.drain()
        shown = by_name(previews(world.runtime, RICH.case_key))
        assert shown["soc"] == draw("slack", world.slack.posts[0].body)
        assert "Mara Lindqvist" in shown["soc"]
        assert "Acknowledge" not in shown["soc"]


def test_the_previews_of_an_alarm_are_what_was_sent_about_it(make_console: Callable[..., Any]) -> None:
    with sides(make_console) as world:
        world.deliver(RICH)
        shown = by_name(previews(world.runtime, RICH))
        assert list(shown) == TOLD
        assert shown["office"] == draw("teams", world.teams.messages[0].body)
        assert "7 malicious, 8 suspicious on web-01" in shown["tickets"]


def test_what_is_not_known_or_not_configured_has_no_preview(make_console: Callable[..., Any]) -> None:
    with sides(make_console) as world:
        assert previews(world.runtime, "project/1/no/such/case") == []
        assert previews(world.runtime, RICH) == []
        world.deliver(RICH)
        del world.runtime.config.destinations["office"]
        assert list(by_name(previews(world.runtime, RICH.case_key))) == ["tickets", "soc"]
