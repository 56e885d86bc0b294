"""`huntbridge ack`: acknowledges a case from the command line, for people without a button in Slack."""

from __future__ import annotations

from pathlib import Path

import click

from cli.assemble import load_config, runtime_of
from cli.exit_codes import Failed
from cli.identifiers import MOST, whole
from cli.operator import here, operator
from cli.settings import settings
from cli.stack import on_stack
from receiver.assemble import case_decisions
from receiver.messages.compose import compose
from shared.hosting.runtime import Runtime
from shared.models.case_states import DecisionRefused
from shared.models.people import Person
from shared.storage import kinds
from shared.text import one_line


@click.command(short_help="Acknowledge a case, and tell everybody who was told of it.")
@on_stack
@settings
@click.argument("case", metavar="CASE_OR_EVENT")
@click.option("--by", metavar="NAME", required=True, help="Who acknowledges it. The others read this name.")
def ack(config_path: str | None, data: Path, case: str, by: str) -> None:
    """Acknowledge a case: the others see that somebody looks into it, and no more reminders are sent.

    CASE_OR_EVENT is the id of an event, which every message ends with, or the key of a case, which a webhook
    destination gets (project/12/prod/us-east-1/i-0123456789abcdef0). The beginning of either is enough if it
    is unique. All destinations of the case's alarms are told. A `serve` on the same data directory sends the
    messages: at once if it runs, or else when it starts.

    With --stack, the case is in the ledger of that stack on AWS, and the stack's functions send the messages.
    """
    if not one_line(by):
        raise Failed("--by is empty: say who takes the case")
    runtime = runtime_of(load_config(config_path), data, write=True)
    click.echo(_acknowledge(runtime, case, one_line(by)))


def _acknowledge(runtime: Runtime, case_or_event: str, by: str) -> str:
    cases = runtime.ledger.cases
    case_key = _case_key(runtime, case_or_event)
    case = cases.get(case_key) if case_key else None
    if case is None:
        raise Failed(
            f"there is no case {case_or_event!r}, and no event of that id whose case could be taken; "
            "every message ends with the id of its event"
        )
    try:
        case_decisions(runtime).acknowledge(case_key, Person(by, f"{here()}, {operator(runtime)}"))
    except DecisionRefused as refused:
        raise Failed(str(refused)) from None
    return f"{by} has taken {case_key}: {compose(case.alarm, runtime.config).title}"


def _case_key(runtime: Runtime, given: str) -> str:
    """The key of the case that `given` names by its key, by one of its events, or by the beginning of either.
    Empty if there is none."""
    ledger, store = runtime.ledger, runtime.store
    if key := given if ledger.cases.get(given) else ledger.events.case_of(given):
        return key
    cases = {key: key for key in store.groups(kinds.CASE_FILE, given, MOST + 1)}
    events = {event: ledger.events.case_of(event) for event in store.groups(kinds.EVENT, given, MOST + 1)}
    candidates = cases | {event: key for event, key in events.items() if key}
    if len(set(candidates.values())) == 1 and len(events) <= MOST:
        return next(iter(candidates.values()))  # a case has many events: any of them will do
    match = whole(given, candidates, "events and cases")
    return candidates[match] if match else ""
