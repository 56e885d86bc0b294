"""`huntbridge ack`: takes a case, where no button does it."""

from __future__ import annotations

import secrets
from datetime import UTC
from pathlib import Path

import click

from cli.assemble import load_config, runtime_of
from cli.exit_codes import Failed
from cli.identifiers import MOST, whole
from cli.operator import here, operator
from cli.settings import settings
from cli.stack import on_stack
from receiver.messages.compose import compose
from shared.hosting.runtime import Runtime
from shared.models.acknowledgements import Acknowledgement
from shared.models.codec import dump
from shared.queues import items
from shared.storage import audit, kinds
from shared.text import one_line


@click.command(short_help="Take a case; everybody who was told of it is told.")
@on_stack
@settings
@click.argument("case", metavar="CASE_OR_EVENT")
@click.option("--by", metavar="NAME", required=True, help="Who takes it, as it is shown to the others.")
def ack(config_path: str | None, data: Path, case: str, by: str) -> None:
    """Take a case, so that others know that somebody looks into it, and no reminder of it is sent.

    CASE_OR_EVENT is the id of an event, as it stands at the end of every message, or the key of a case, as a
    webhook destination gets it (project/12/prod/us-east-1/i-0123456789abcdef0). A unique beginning of either
    is enough. All destinations that the case's alarms went to are told, by a `serve` on the same data
    directory: at once where one runs, else when the next one starts.

    With --stack the ledger of that stack on AWS is meant, and its functions tell the destinations.
    """
    if not one_line(by):
        raise Failed("--by is empty: say who takes the case")
    runtime = runtime_of(load_config(config_path), data, write=True)
    click.echo(_take(runtime, case, one_line(by)))


def _take(runtime: Runtime, case: str, by: str) -> str:
    ledger = runtime.ledger
    key = _case(runtime, case)
    file = ledger.cases.get(key) if key else None
    if file is None:
        raise Failed(
            f"there is no case {case!r}, and no event of that id whose case could be taken; "
            "every message ends with the id of its event"
        )
    origin = f"{here()}, {operator(runtime)}"
    taken = Acknowledgement(f"ack-{secrets.token_hex(8)}", runtime.now(), by, origin=origin)
    if file.acknowledgement is None:
        # The item first: then the others are told whatever becomes of this command.
        runtime.events.put(items.acknowledgement(key, dump(taken)), id=taken.id)
    held = ledger.cases.acknowledge(key, taken)
    assert held is not None
    if held.id != taken.id:
        at = f"{held.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        raise Failed(f"{one_line(held.by, 80)} has taken this already, at {at}")
    audit.acknowledged(runtime.store, key, taken)
    return f"{by} has taken {key}: {compose(file.alarm, runtime.config).title}"


def _case(runtime: Runtime, given: str) -> str:
    """The key of the case that is meant: by itself, by an event of it, or by the beginning of either. Empty
    where there is none."""
    ledger, store = runtime.ledger, runtime.store
    if key := given if ledger.cases.get(given) else ledger.events.case_of(given):
        return key
    cases = {key: key for key in store.groups(kinds.CASE_FILE, given, MOST + 1)}
    events = {event: ledger.events.case_of(event) for event in store.groups(kinds.EVENT, given, MOST + 1)}
    found = cases | {event: key for event, key in events.items() if key}
    if len(set(found.values())) == 1 and len(events) <= MOST:
        return next(iter(found.values()))  # many events are of one case, and then any of them will do
    meant = whole(given, found, "events and cases")
    return found[meant] if meant else ""
