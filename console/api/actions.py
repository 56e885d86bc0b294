"""The addresses of the JSON API that do something. Everything else only reads."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.exceptions import Conflict

from console.api.openapi import Endpoint
from console.api.parameters import text
from console.context import ConsoleContext
from console.identity import Role
from receiver.assemble import capturing_again
from shared.models.captures_again import AgainRefused
from shared.models.case_states import UnknownCase


@dataclass(frozen=True)
class CapturedAgain:
    """The run that was asked for. It begins within seconds, or on AWS within a minute."""

    hunt: str  # the id of the run
    capture: str  # full, triage or scan
    system: str  # account/region/instance


def _capture_again(context: ConsoleContext, case: str) -> CapturedAgain | None:
    again = capturing_again(context.runtime)
    try:
        asked = again.ask(case, context.person, context.now())
    except UnknownCase:
        return None
    except AgainRefused as refused:
        raise Conflict(f"Nothing is captured again: {refused}.") from None
    context.status.forget()
    return CapturedAgain(asked.hunt.id, asked.mode, asked.system.key)


ACTIONS: tuple[Endpoint, ...] = (
    Endpoint(
        "/capture-again",
        "Capture the system of a case again, in full where the platform can do that. This needs the role "
        "responder.",
        CapturedAgain,
        _capture_again,
        (text("case", "The key of the case.", required=True),),
        may_be_missing=True,
        role=Role.RESPONDER,
    ),
)
