"""Handles the items of [captures]: start a hunt, open its project, request a capture."""

from __future__ import annotations

import logging

from scheduler.capture import capture
from scheduler.capture_slots import CaptureSlots
from scheduler.cover_accounts import cover_accounts
from scheduler.daily_check import check_part
from scheduler.look_for_leftovers import keep_leftovers
from scheduler.missed import MADE_UP_FOR
from scheduler.opening import open_project
from scheduler.preflight.daily import preflight_hunt
from scheduler.triggers import on_event, scheduled_at
from shared.hosting.runtime import Runtime
from shared.models.codec import load
from shared.models.systems import System
from shared.queues import items
from shared.queues.ports import CAPTURES, Dead, Done, Handler, Item, Verdict
from shared.queues.worker import attempt

log = logging.getLogger(__name__)


def captures_handler(runtime: Runtime) -> Handler:
    slots = CaptureSlots(runtime.config.platform.max_requests)

    def handle(item: Item) -> Verdict:
        verdict = attempt(dispatch, item)
        if isinstance(verdict, Dead):
            runtime.dead_letter_notices.count(CAPTURES, item, verdict.reason)
        return verdict

    def dispatch(item: Item) -> Verdict:
        try:
            content = items.decode(item.body)
        except items.NotAnItem:
            return Dead("not an item of [captures]")
        match content:
            case items.StartHunt():
                return _start(runtime, content)
            case items.OpenProject(hunt_id, until):
                return open_project(runtime, hunt_id, until=until, claims=item.claims)
            case items.RequestCapture(hunt_id, system, until):
                return capture(
                    runtime, hunt_id, load(System, system), slots=slots, until=until, claims=item.claims
                )
            case items.CoverAccounts():
                return cover_accounts(runtime, content, claims=item.claims)
            case items.PreflightHunt():
                return preflight_hunt(runtime, content)
            case items.Leftovers():
                return keep_leftovers(runtime)
            case items.DailyCheck():
                return check_part(runtime, content, claims=item.claims)
        return Dead("not an item of [captures]")

    return handle


def _start(runtime: Runtime, item: items.StartHunt) -> Verdict:
    """Start a hunt that could not be started at its time. If it is over an hour late and has no `catch_up`,
    it is not started; the timer's check for missed hunts reports it. A hunt that begins after another one has
    the time of that one, so it is not late."""
    name = str(item.event.get("hunt", ""))
    try:
        definition = runtime.config.hunts.get(name)
        if definition and not definition.catch_up and "after" not in item.event:
            late = runtime.now() - scheduled_at(item.event)
            if late > MADE_UP_FOR:
                log.error("hunt not started: it is too late", extra={"hunt": name, "late": late})
                return Done()
        on_event(runtime, item.event)
    except (KeyError, ValueError) as error:
        return Dead(f"the hunt cannot be started: {error}")
    return Done()
