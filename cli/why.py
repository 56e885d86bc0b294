"""`huntbridge why`: why people were told of an event, or were not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, reading_runtime
from cli.find_event import event_id
from cli.settings import settings
from cli.stack import on_stack
from shared.hosting.runtime import Runtime
from shared.models.codec import dump
from shared.models.judgements import JudgedFinding, Judgement
from shared.models.system_findings import Status
from shared.phrases import counted, ordinal, utc_minute
from shared.storage.queries.events import EventDetail
from shared.text import one_line


@click.command(short_help="Show why an event sent messages, or did not.")
@on_stack
@settings
@click.argument("id", metavar="EVENT")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def why(config_path: str | None, data: Path, id: str, as_json: bool) -> None:
    """Show for each finding of EVENT whether it was in a message. If not, show the known-good entry or the
    mute that withholds it, with its author, its reason and its end.

    `huntbridge events list` shows the ids of events. The beginning of an id is enough if it is unique.
    """
    runtime = reading_runtime(load_config(config_path), data)
    detail = runtime.queries.events.get(event_id(runtime, id))
    assert detail is not None
    judgement = detail.alarm.judgement if detail.alarm else None
    if as_json:
        row = detail.row
        tables.print_json(
            {
                "event": row.id,
                "told": [name for name in row.to if name not in detail.holds],
                "held": {name: dump(hold) for name, hold in detail.holds.items()},
                "merged_into": row.merged_into,
                "mute": row.mute,
                "judgement": dump(judgement) if judgement else None,
            }
        )
        return
    for line in lines(runtime, detail, judgement):
        click.echo(line)


def lines(runtime: Runtime, detail: EventDetail, judgement: Judgement | None) -> Iterator[str]:
    row = detail.row
    yield f"{one_line(row.title or row.kind, 200)}, {utc_minute(row.at)}"
    if detail.where_told:
        yield detail.where_told
        for delivery in detail.deliveries:
            if delivery.shared_with:
                yield f"At {delivery.destination} it is {one_line(delivery.shared_with, 500)}."
    elif row.merged_into:
        yield f"No message: the message of the event {row.merged_into} has it already."
    elif row.mute:
        yield _muted(runtime, row.mute)
    elif judgement and judgement.still:
        hunts = f"{ordinal(judgement.hunts)} hunt" if judgement.hunts > 1 else "same hunt"
        yield f"No new message: nothing is new about the open case {judgement.case} ({hunts})."
    elif judgement and judgement.withheld:
        yield "No message: all its findings are withheld."
    else:
        yield "No message: no destination was chosen, or the event is old and nothing else is kept of it."
    if judgement is None:
        yield "Its findings were not compared with earlier ones."
        return
    if not judgement.complete:
        yield "The platform did not confirm where each alarm is, so nothing of it could be withheld."
    for finding in judgement.findings:
        yield from _finding(finding)
    if more := judgement.total - len(judgement.findings):
        yield f"… and {counted(more, 'finding')} more."


def _muted(runtime: Runtime, id: str) -> str:
    mute = next((each for each in runtime.ledger.mutes.stored() if each.id == id), None)
    if mute is None:
        return f"No message: the mute {id} covers it. It is in the configuration, or has ended."
    until, reason = utc_minute(mute.until), one_line(mute.why, 300)
    return f"No message: the mute {id} of {one_line(mute.by, 80)} covers it until {until}: {reason}"


def _finding(finding: JudgedFinding) -> Iterator[str]:
    place = f" at {one_line(finding.path, 200)}" if finding.path else ""
    yield f"  {finding.severity.value}  {one_line(finding.description, 200)}{place}  [{finding.fingerprint}]"
    yield f"    {finding.status.words}"
    if finding.status.is_withheld:
        end = f" until {utc_minute(finding.until)}" if finding.until else ""
        kind = "entry" if finding.status is Status.KNOWN else "mute"
        author, reason = one_line(finding.author, 80), one_line(finding.reason, 300)
        yield f"    {kind} {finding.by} of {author}{end}: {reason}"
    if finding.not_covered:
        yield f"    the known-good entry {finding.by} names it, and it is told, since {finding.not_covered}"
