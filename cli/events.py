"""`huntbridge events`: the events that huntbridge received or raised, and their outcomes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, reading_runtime, runtime_of
from cli.exit_codes import Failed, Misused
from cli.find_event import event_id
from cli.find_system import system_key
from cli.moments import Moment
from cli.operator import person_here
from cli.paging import page_token, paged, print_rows
from cli.settings import settings
from cli.show_repeat import show_repeat
from cli.stack import on_stack
from receiver.assemble import resending
from receiver.deliveries.resend import NothingToSend
from shared.models.codec import dump
from shared.models.severity import Severity
from shared.phrases import utc_minute
from shared.storage.queries.deliveries import DeliveryRow
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.events import EventDetail
from shared.text import one_line

_SEVERITIES = [severity.value for severity in Severity]


@click.group()
def events() -> None:
    """The alarms and other events: list them, show one with its deliveries, send one again."""


@events.command("list", short_help="The events, newest first.")
@on_stack
@settings
@click.option("--system", metavar="SYSTEM", help="Key, instance id or name of a system, or its beginning.")
@click.option("--case", metavar="KEY", default="", help="The events of this case.")
@click.option("--hunt", metavar="RUN", default="", help="The events of this run of a hunt.")
@click.option("--kind", metavar="KIND", default="", help="Only this kind, such as processing_with_alarms.")
@click.option("--severity", type=click.Choice(_SEVERITIES), help="Only this severity.")
@click.option("--since", type=Moment(), help="Not before: 2026-11-01, or 30d for thirty days ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@paged
def list_events(
    config_path: str | None,
    data: Path,
    system: str | None,
    case: str,
    hunt: str,
    kind: str,
    severity: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    page: str,
    as_json: bool,
) -> None:
    """List the events, newest first.

    \b
    Events of web-02 in the last 30 days:  huntbridge events list --system web-02 --since 30d
    """
    runtime = reading_runtime(load_config(config_path), data)
    with page_token():
        rows = runtime.queries.events.list(
            system=system_key(runtime.queries, system) if system else "",
            case=case,
            hunt=hunt,
            kind=kind,
            severity=Severity(severity) if severity else None,
            since=since,
            until=until,
            limit=limit,
            page=page,
        )
    titles = ("Event", "At (UTC)", "Severity", "System", "Title", "Sent to")
    empty = "there are no such events"
    print_rows(rows, "events", titles, _cells, whole=(0,), as_json=as_json, empty=empty)


def _cells(row: EventRow) -> tuple[str, ...]:
    sent_to = ", ".join(row.to) or _withheld(row)
    return (
        one_line(row.id, 300),
        f"{row.at:%Y-%m-%d %H:%M}",
        row.severity.value,
        one_line(row.name or row.system_key or "-", 80),
        one_line(row.title or row.kind, 200),
        one_line(sent_to, 200),
    )


@events.command("show", short_help="Show one event and the outcome of each of its messages.")
@on_stack
@settings
@click.argument("id", metavar="EVENT")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show_event(config_path: str | None, data: Path, id: str, as_json: bool) -> None:
    """Show EVENT, and for each destination whether its message arrived, and if not, why.

    Every message ends with the id of its event. The beginning of it is enough if it is unique.
    """
    runtime = reading_runtime(load_config(config_path), data)
    detail = runtime.queries.events.get(event_id(runtime, id))
    assert detail is not None
    if as_json:
        tables.print_json(dump(detail))
        return
    _print(detail)


@events.command(short_help="Send one event again to a destination.")
@on_stack
@settings
@click.argument("id", metavar="EVENT")
@click.option("--to", "destination", metavar="NAME", required=True, help="The destination.")
@click.option("--send", is_flag=True, help="Send it. Without this option, only show what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Show all that would be sent, as JSON.")
def resend(config_path: str | None, data: Path, id: str, destination: str, send: bool, as_json: bool) -> None:
    """Show what would be sent if EVENT were sent again to one destination. With --send, send it.

    The message says that you asked for it. The same request again within a minute is one request. The
    beginning of the id is enough if it is unique. A `serve` on the same data directory sends the message: at
    once if it runs, or else when it starts.

    \b
    Example:  huntbridge events resend 7f3c9a52 --to tickets --send
    """
    if send and as_json:
        raise Misused("--json shows what would be sent, and --send sends it: write one of them")
    runtime = runtime_of(load_config(config_path), data, write=send)
    resend, event, person = resending(runtime), event_id(runtime, id), person_here(runtime)
    try:
        if send:
            repeat = resend.send_again(event, destination, person)
        else:
            show_repeat(resend.would_send(event, destination, person), destination, runtime, as_json=as_json)
            return
    except NothingToSend as error:
        raise Failed(str(error)) from None
    click.echo(f"queued for {destination}; `huntbridge events show {repeat}` shows the outcome")


def _print(detail: EventDetail) -> None:
    row = detail.row
    values = (
        ("event", row.id),
        ("title", row.title),
        ("kind", row.kind),
        ("severity", row.severity.value),
        ("at", utc_minute(row.at)),
        ("system", f"{row.name} {row.system_key}".strip()),
        ("hunt", row.hunt_id),
        ("case", row.case),
        ("merged into", row.merged_into),
        ("muted by", f"mute {row.mute}" if row.mute else ""),
    )
    for label, value in values:
        if value:
            click.echo(f"{label:<12} {one_line(value, 1_000)}")
    click.echo()
    sent = {delivery.destination: delivery for delivery in detail.deliveries}
    for destination in dict.fromkeys((*row.to, *sent)):
        click.echo(f"{destination}: {delivered_in_words(sent.get(destination))}")
    if not row.to and not sent:
        covered = row.merged_into or (f"the mute {row.mute}" if row.mute else "")
        click.echo("it was sent nowhere" + (f": {covered} covers it" if covered else ""))


def delivered_in_words(delivery: DeliveryRow | None) -> str:
    """The outcome of a message; None if no attempt was made yet."""
    if delivery is None:
        return "waiting, not tried yet"
    if delivery.hold:
        return f"{delivery.hold.words}, and then told in one message with others"
    when = f" at {utc_minute(delivery.last_at)}" if delivery.last_at else ""
    tries = f", attempt {delivery.attempts}" if delivery.attempts > 1 else ""
    ref = "" if delivery.ref.startswith("{") else delivery.ref  # such as Slack's, which only machines read
    parts = (ref, delivery.reason, delivery.note, delivery.shared_with)
    rest = "; ".join(one_line(part, 500) for part in parts if part)
    return f"{delivery.state.value}{when}{tries}" + (f": {rest}" if rest else "")


def _withheld(row: EventRow) -> str:
    """Why an event was sent nowhere."""
    if row.merged_into:
        return f"merged into {row.merged_into}"
    return f"muted by {row.mute}" if row.mute else "-"
