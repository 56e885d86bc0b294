"""A whole huntbridge in one process, with the simulated platform, Slack and Jira. Its clock moves only when
the platform has nothing more to do now, so a quarter takes a minute.

The platform posts its webhooks to the receiver's web application; the platform, Slack and Jira are asked over
HTTP, as they are in production.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from demo.base import app_of
from demo.jira.simulation import Jira
from demo.platform.records import SimInstance
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.records import DEMO_TOKEN, Channel
from demo.slack.simulation import Slack
from receiver.assemble import case_decisions, handlers
from receiver.destinations.contract import Destination
from receiver.destinations.jira.destination import JiraDestination
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.events.enrich import Enricher
from receiver.web import create_app
from scheduler.follow import follow
from scheduler.triggers import on_schedule
from scheduler.worker import captures_handler
from shared.config.config import Config
from shared.config.destinations.jira import JiraConfig
from shared.hosting.runtime import Runtime
from shared.http.client import Http
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.models.cases import Verdict
from shared.models.decisions import CaseState
from shared.models.event_kinds import ALARM_KINDS
from shared.models.known_good_terms import Terms
from shared.models.people import Person
from shared.models.systems import Instance, System
from shared.queues.worker import work
from shared.secrets import Secret, Secrets
from shared.storage.queries.events import EventDetail
from tests.quarter.plan import REGION

START = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
HUNT, KEY, TOKEN = "weekly", "lead-analyst-key", "webhook-token"
SOC, REPORTS = "C0123456789", "C0000000002"  # channels in Slack: of the alarms, and of the ends of hunts
ADA = Person("ada", "the quarter")


class Ec2:
    """What EC2 says about the machines."""

    def __init__(self, fleet: Sequence[SimInstance]) -> None:
        self.names = {machine.instance_id: machine.name for machine in fleet}

    def describe(self, instance: str, region: str, account: str = "") -> Instance:
        return Instance(instance, region, name=self.names[instance])


class World:
    def __init__(
        self, stack: ExitStack, folder: Path, fleet: Sequence[SimInstance], *, across_hunts: bool = True
    ) -> None:
        self.moment = START
        self.platform = Platform(
            fleet, {KEY: "Lead Analyst"}, workers=20, rng=random.Random(1), clock=self.seconds
        )
        self.slack, self.jira = Slack(rate=None, now=self.seconds), Jira(now=self.seconds)
        tools = stack.enter_context(serving(app_of(self.slack, self.jira)))
        database = Database(folder / "huntbridge.db")
        database._levels = dict.fromkeys((True, False), "OFF")  # it need not survive a power cut
        stack.callback(database.close)
        jira = _jira(tools)
        self.runtime = Runtime(
            config=_config(
                stack.enter_context(serving(self.platform.app)), jira, fleet, across_hunts=across_hunts
            ),
            store=SqliteStore(database),
            captures=SqliteQueue(database, "captures", self.seconds),
            events=SqliteQueue(database, "events", self.seconds),
            deliveries=SqliteQueue(database, "deliveries", self.seconds),
            secrets=Secrets({"KEY": KEY}),
            now=lambda: self.moment,
        )
        self.slack.channels.append(Channel(REPORTS, "reports"))

        def slack(name: str, channel: str) -> SlackBotDestination:
            url = f"{tools}/api/"
            return SlackBotDestination(name, Secret(DEMO_TOKEN), channel, base_url=url, clock=self.seconds)

        destinations: dict[str, Destination] = {
            "soc": slack("soc", SOC),
            "reports": slack("reports", REPORTS),
            "tickets": JiraDestination("tickets", JiraConfig(**jira), Http(), Secret("demo-token")),
        }
        self.ec2 = Ec2(fleet)
        enricher = Enricher(
            self.runtime.ledger, self.runtime.make_cado(tries=1), self.ec2, self.runtime.config
        )
        self.receiver = handlers(self.runtime, enricher, destinations)
        self.captures = captures_handler(self.runtime)
        token = [Secret(TOKEN)]
        web = create_app(self.runtime.events, lambda: token, lambda: self.moment, dict)
        url = f"{stack.enter_context(serving(web))}/webhooks/cado"
        for kind in ("processing_with_alarms", "high_severity_alarm", "suspicious_severity_event"):
            body = {"token": TOKEN, "event": kind, "title": "$Title", "message": "$Event"}
            self.platform.webhooks.add(kind, kind, body, "custom", url)

    def seconds(self) -> float:
        return self.moment.timestamp()

    def hunt(self, week: int) -> str:
        """Run the hunt of a week to its end. Returns its id."""
        self.moment = START + timedelta(weeks=week - 1)
        hunt = on_schedule(self.runtime, HUNT, self.moment)
        for _ in range(1_000):
            self.work()
            if not self.platform.busy:
                follow(self.runtime)
                self.moment += timedelta(seconds=30)
                self.work()
                known = self.runtime.ledger.hunts.get(hunt.id)
                if known and known.over and not self._waiting():
                    return hunt.id
                continue
            with self.platform.world.lock:
                due = self.platform.world.next_due()
            self.moment = max(self.moment, datetime.fromtimestamp(due or 0, UTC)) + timedelta(milliseconds=1)
            self.platform.tick(0)
        raise AssertionError("the hunt does not end")

    def work(self) -> None:
        """Do what is due now, in all queues."""
        queues = self.runtime
        while (
            work(queues.captures, self.captures, lease=60)
            or work(queues.events, self.receiver.event, lease=60)
            or work(queues.deliveries, self.receiver.delivery, lease=60)
        ):
            pass

    def _waiting(self) -> int:
        return sum(
            queue.depth().living
            for queue in (self.runtime.captures, self.runtime.events, self.runtime.deliveries)
        )

    def close(self, instance: str, verdict: Verdict, why: str, terms: Terms | None = None) -> None:
        """Close the open case of a system that has the most to say, as ada at the command line."""
        rows = self.runtime.queries.cases.of_system(System(instance, REGION).key, limit=10).rows
        row = next(row for row in rows if row.state is not CaseState.CLOSED)
        case_decisions(self.runtime).close(row.key, ADA, verdict, why, terms)
        self.moment += timedelta(minutes=1)
        self.work()

    def rename(self, instance: str, name: str) -> None:
        self.ec2.names[instance] = name
        with self.platform.world.lock:
            fleet = self.platform.world.fleet
            for place, machine in fleet.items():
                if machine.instance_id == instance:
                    fleet[place] = replace(machine, name=name, hostname=name)

    def messages(self) -> Counter[str]:
        """What people got so far: posts in Slack, and issues and comments in Jira. An edit is none."""
        return Counter(
            slack=len(self.slack.posts),
            jira=len(self.jira.issues) + sum(len(issue.comments) for issue in self.jira.issues.values()),
        )

    def posts(self) -> list[str]:
        """What was posted about alarms so far, as JSON."""
        return [json.dumps(post.body) for post in self.slack.posts if post.channel == SOC]

    def alarms_of(self, hunt_id: str) -> list[EventDetail]:
        """The alarms of a hunt with what was decided about them, except those that are another alarm's."""
        routed = self.runtime.ledger.events.of_project(self._project_of(hunt_id))
        ids = [event.id for event in routed if event.kind in ALARM_KINDS and not event.merged_into]
        found = [self.runtime.queries.events.get(id) for id in ids]
        return [detail for detail in found if detail]

    def found_by(self, hunt_id: str) -> set[tuple[str, str]]:
        """What the platform found in a hunt: machines and descriptions."""
        with self.platform.world.lock:
            world, project = self.platform.world, self._project_of(hunt_id)
            return {
                (world.evidences[alarm.evidence_id].instance.instance_id, alarm.kind.description)
                for alarm in world.alarms_of(project)
            }

    def _project_of(self, hunt_id: str) -> int:
        hunt = self.runtime.ledger.hunts.get(hunt_id)
        assert hunt
        assert hunt.project_id is not None
        return hunt.project_id


def _jira(origin: str) -> dict[str, Any]:
    return {
        "type": "jira",
        "url": origin,
        "email": "hunt@acme.example",
        "api_token": "env:T",
        "project": "SEC",
        "issue_type": "Incident",
        "api": "cloud",
    }


def _config(
    platform: str, jira: dict[str, Any], fleet: Sequence[SimInstance], *, across_hunts: bool
) -> Config:
    targets = [{"instance": machine.instance_id, "region": machine.region} for machine in fleet]
    return Config.model_validate(
        {
            "platform": {"url": platform, "api_key": "env:KEY"},
            "hunts": {HUNT: {"targets": targets, "problems": (), "schedule": "cron(0 2 ? * SUN *)"}},
            "destinations": {
                "soc": {"type": "slack", "token": "env:T", "channel": SOC, "pace": 1_000},
                "reports": {"type": "slack", "token": "env:T", "channel": REPORTS, "pace": 1_000},
                "tickets": jira,
            },
            "routes": [{"match": {"event": "hunt_finished"}, "to": "reports"}],
            "default": ["soc", "tickets"],
            "cases": {"across_hunts": across_hunts},
        }
    )
