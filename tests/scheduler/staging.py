"""A scheduler on a real ledger and real queues, with the simulated platform; the test is the clock."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from demo.platform.records import SimAlarm, SimInstance, SimVolume
from demo.platform.simulation import Platform
from scheduler.follow import follow
from scheduler.recover_lost_webhooks import recover_lost_alarms
from scheduler.triggers import on_schedule
from scheduler.worker import captures_handler
from shared.failures import SomeFailed
from shared.hosting.runtime import Runtime
from shared.models.captures import Capture, CaptureState
from shared.models.codec import load
from shared.models.events import Event
from shared.models.hunts import Hunt
from shared.platform.errors import CadoError
from shared.queues import items
from shared.queues.worker import work
from shared.secrets import SecretError
from tests.queue_items import decoded

SUNDAY = datetime(2026, 11, 29, 2, 0, tzinfo=UTC)
KEY = "lead-analyst-key"
ALARM = SimAlarm("Malicious File Detected: php_backdoor", 1, 3, ("T1505.003",), "/var/www/x.php")
QUIET = SimInstance("i-0aaaaaaaaaaaaaaa1", "quiet", "us-east-1", volumes=(SimVolume("vol-0000000a1"),))
BAD = SimInstance(
    "i-0aaaaaaaaaaaaaaa2",
    "bad",
    "eu-west-1",
    volumes=(SimVolume("vol-0000000b1", alarms=(ALARM,)), SimVolume("vol-0000000b2", alarms=(ALARM,))),
)
BROKEN = SimInstance(
    "i-0aaaaaaaaaaaaaaa3",
    "broken",
    "us-east-1",
    volumes=(SimVolume("vol-0000000c1"),),
    fails="Snapshot failed: the KMS key is disabled",
)


def recover(runtime: Runtime) -> None:
    """One run of the timer's job, which logs these errors and goes on."""
    with suppress(CadoError, SecretError, SomeFailed):
        recover_lost_alarms(runtime)


@dataclass
class Stage:
    runtime: Runtime
    platform: Platform
    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def forward(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)

    def start(self, at: datetime = SUNDAY) -> Hunt:
        return on_schedule(self.runtime, "weekly", at)

    def work(self) -> int:
        """Do what is due in [captures], and nothing that is due later."""
        rounds = 0
        while work(self.runtime.captures, captures_handler(self.runtime), lease=60):
            rounds += 1
        return rounds

    def follow(self) -> None:
        follow(self.runtime)

    def run_platform(self) -> None:
        """Let every pipeline on the platform come to its end."""
        self.platform.settle()

    def run_to_end(self) -> None:
        """Work, follow and let the platform go on until nothing changes."""
        for _ in range(4):
            self.work()
            self.run_platform()
            self.follow()
            self.forward(60)

    def hunt(self) -> Hunt:
        (hunt,) = self.runtime.ledger.hunts.of_name("weekly")
        return hunt

    def captures(self) -> dict[str, Capture]:
        hunt = self.hunt()
        return {capture.system.instance: capture for capture in self.runtime.ledger.captures.of_hunt(hunt.id)}

    def states(self) -> list[CaptureState]:
        return [capture.state for capture in self.captures().values()]

    def events(self) -> list[Event]:
        """The events that were raised, taken from the queue."""
        claimed = self.runtime.events.claim(100, lease=60)
        for item in claimed:
            self.runtime.events.done(item)
        return [load(Event, decoded(items.OwnEvent, item.body).event) for item in claimed]
