"""The scheduler's three doors: a schedule is due, an item of [captures] came, the follow timer rang."""

from __future__ import annotations

from datetime import datetime

from scheduler.capture import capture
from scheduler.follow import follow
from scheduler.plan import open_project, plan, start
from scheduler.recover import recover
from scheduler.watch import watch
from shared import items
from shared.models import Hunt, System, load
from shared.queues import Dead, Handler, Item, Verdict
from shared.runtime import Runtime


def on_schedule(runtime: Runtime, name: str, scheduled_at: datetime) -> Hunt:
    """Raises KeyError where the config has no hunt of this name."""
    planned = plan(name, runtime.config.hunts[name], scheduled_at)
    return start(runtime, planned, retry_for=runtime.config.platform.retry_for)


def on_timer(runtime: Runtime) -> None:
    follow(runtime)
    recover(runtime)
    watch(runtime)


def captures_handler(runtime: Runtime) -> Handler:
    def handle(item: Item) -> Verdict:
        body = items.unpack(item.body)
        if "open" in body:
            return open_project(runtime, body["open"], until=body["until"], attempts=item.attempts)
        if "capture" in body:
            system = load(System, body["system"])
            return capture(runtime, body["capture"], system, until=body["until"], attempts=item.attempts)
        return Dead("not an item of [captures]")

    return handle
