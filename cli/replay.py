"""`huntbridge replay`: sends the events of some time again to one destination, such as a new channel."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, runtime_of
from cli.exit_codes import Failed, Misused
from cli.moments import Moment
from cli.operator import person_here
from cli.settings import settings
from cli.stack import on_stack
from receiver.assemble import resending
from receiver.deliveries.resend import NothingToSend, is_repeat
from receiver.messages.compose import title_of
from shared.models.severity import Severity
from shared.phrases import counted
from shared.storage.queries.event_rows import EventRow
from shared.storage.queries.events import EventQueries
from shared.storage.queries.pages import MAX_LIMIT
from shared.text import one_line

_MOST = 500  # events of one command
_SEVERITIES = [severity.value for severity in Severity]


@click.command(short_help="Send the events of some time again to one destination.")
@on_stack
@settings
@click.option("--since", type=Moment(), required=True, help="Not before: yesterday, 2026-11-01, or 12h.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--to", "destination", metavar="NAME", required=True, help="The destination.")
@click.option("--severity", type=click.Choice(_SEVERITIES), multiple=True, help="Only this; may be repeated.")
@click.option("--kind", metavar="KIND", default="", help="Only this kind, such as processing_with_alarms.")
@click.option("--hunt", metavar="RUN", default="", help="Only the events of this run of a hunt.")
@click.option(
    "--limit", type=click.IntRange(1, _MOST), default=100, show_default=True, help="The most events."
)
@click.option("--send", is_flag=True, help="Send them. Without this option, only show what would be sent.")
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON.")
def replay(
    config_path: str | None,
    data: Path,
    since: datetime,
    until: datetime | None,
    destination: str,
    severity: tuple[str, ...],
    kind: str,
    hunt: str,
    limit: int,
    send: bool,
    as_json: bool,
) -> None:
    """Show which events of a time would be sent again to one destination, oldest first. With --send, send
    them.

    Each message says that you asked for it and which event it repeats. The messages go through the queue at
    the destination's rate. The same request again within a minute is one request. If more events match than
    --limit, nothing is sent.

    \b
    Example:  huntbridge replay --since yesterday --severity malicious --to new-channel --send
    """
    runtime = runtime_of(load_config(config_path), data, write=send)
    if destination not in runtime.config.destinations:
        known = ", ".join(runtime.config.destinations)
        raise Misused(f"there is no destination {destination!r}; there is: {known}")
    wanted = [Severity(name) for name in severity]
    rows = _rows(runtime.queries.events, since, until, kind, hunt, wanted, limit)
    resend, person = resending(runtime), person_here(runtime)
    results = []
    for row in rows:
        entry = {"event": row.id, "at": f"{row.at:%Y-%m-%d %H:%M}", "severity": row.severity.value}
        try:
            if not row.to and not row.merged_into:
                raise NothingToSend(f"event {row.id} was sent to nobody")
            title = title_of(resend.would_send(row.id, destination, person), runtime.config)
            sent_as = resend.send_again(row.id, destination, person) if send else ""
        except NothingToSend as error:
            results.append({**entry, "title": row.title, "sent_as": "", "left_out": str(error)})
        else:
            results.append({**entry, "title": title, "sent_as": sent_as, "left_out": ""})
    if as_json:
        tables.print_json({"to": destination, "sent": send, "events": results})
    else:
        _print(results, destination, send=send)
    if send and results and all(entry["left_out"] for entry in results):
        raise Failed("no event could be sent again")


def _rows(
    events: EventQueries,
    since: datetime,
    until: datetime | None,
    kind: str,
    hunt: str,
    severities: list[Severity],
    limit: int,
) -> list[EventRow]:
    """The events, oldest first. Raises Misused if there are more than `limit`."""
    found: list[EventRow] = []
    page = ""
    while True:
        rows = events.list(since=since, until=until, kind=kind, hunt=hunt, limit=MAX_LIMIT, page=page)
        found += [
            row
            for row in rows.rows
            if not is_repeat(row.id) and (not severities or row.severity in severities)
        ]
        if len(found) > limit:
            raise Misused(
                f"more than {counted(limit, 'event')} match, so nothing was sent: choose a shorter time with "
                f"--since and --until, or a severity, or raise --limit (at most {_MOST})"
            )
        if not (page := rows.next):
            return sorted(found, key=lambda row: row.at)


def _print(results: list[dict[str, str]], destination: str, *, send: bool) -> None:
    if not results:
        click.echo("there are no such events")
        return
    told = [entry for entry in results if not entry["left_out"]]
    left_out = [entry for entry in results if entry["left_out"]]
    if told:
        cells = [
            (one_line(entry["event"], 300), entry["at"], entry["severity"], one_line(entry["title"], 200))
            for entry in told
        ]
        tables.show(("Event", "At (UTC)", "Severity", "Message"), cells, whole=(0,))
    for entry in left_out:
        click.echo(f"left out: {one_line(entry['left_out'], 1_000)}")
    if send:
        click.echo(f"{counted(len(told), 'message')} queued for {destination}")
    else:
        would = f"{counted(len(told), 'message')} would be sent to {destination}"
        click.echo(f"{would}; nothing was sent, --send sends them")
