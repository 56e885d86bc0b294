"""`huntbridge deliveries`: the outcome of each message at each destination."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from cli.assemble import load_config, reading_runtime
from cli.events import delivered_in_words
from cli.exit_codes import Misused
from cli.find_system import system_key
from cli.moments import Moment
from cli.paging import page_token, paged, print_rows
from cli.settings import settings
from cli.stack import on_stack
from shared.storage.queries.deliveries import DeliveryRow
from shared.text import one_line


@click.group()
def deliveries() -> None:
    """The messages: what was sent where, what waits, and why something did not arrive."""


@deliveries.command("list", short_help="The deliveries, newest first.")
@on_stack
@settings
@click.option("--destination", metavar="NAME", default="", help="Only those to this destination.")
@click.option(
    "--state",
    type=click.Choice(["waiting", "held", "dead", "delivered"]),
    help="Only those that wait after a failed attempt, are held by a route, were given up, or arrived.",
)
@click.option("--system", metavar="SYSTEM", help="Key, instance id or name of a system, or its beginning.")
@click.option("--hunt", metavar="RUN", default="", help="Those of this run of a hunt.")
@click.option("--since", type=Moment(), help="Not before: 2026-11-01, or 30d for thirty days ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@paged
def list_deliveries(
    config_path: str | None,
    data: Path,
    destination: str,
    state: str | None,
    system: str | None,
    hunt: str,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    page: str,
    as_json: bool,
) -> None:
    """List the deliveries, newest first. The list leaves out messages that huntbridge has not tried to send
    yet; `huntbridge events show EVENT` shows those.

    \b
    Dead messages for Jira:  huntbridge deliveries list --destination tickets --state dead
    """
    config = load_config(config_path)
    if destination and destination not in config.destinations:
        raise Misused(
            f"there is no destination {destination!r}; there are: {', '.join(config.destinations) or 'none'}"
        )
    runtime = reading_runtime(config, data)
    with page_token():
        rows = runtime.queries.deliveries.list(
            destination=destination,
            state=state or "",
            system=system_key(runtime.queries, system) if system else "",
            hunt=hunt,
            since=since,
            until=until,
            limit=limit,
            page=page,
        )
    titles = ("Event", "To", "System", "Outcome")
    empty = "there are no such deliveries"
    print_rows(rows, "deliveries", titles, _cells, whole=(0, 1), as_json=as_json, empty=empty)


def _cells(row: DeliveryRow) -> tuple[str, ...]:
    system = (row.event.name or row.event.system_key) if row.event else ""
    return (
        one_line(row.event_id, 300),
        row.destination,
        one_line(system or "-", 80),
        delivered_in_words(row),
    )
