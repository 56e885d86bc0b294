"""`huntbridge known`: which findings are known good, where and until when, whose decision it was and why."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, reading_runtime, runtime_of
from cli.exit_codes import Failed
from cli.operator import here, operator
from cli.paging import page_token, paged, print_rows
from cli.settings import settings
from cli.stack import on_stack
from receiver.cases import known_good
from receiver.cases.known_good_preview import Preview, preview
from shared.models.codec import dump
from shared.models.known_good import Entry
from shared.models.people import Person
from shared.phrases import counted, utc_minute
from shared.storage.queries.known_good import KnownGoodRow
from shared.text import one_line


@click.group()
def known() -> None:
    """The findings that are known good: list them, show one entry, end one. An entry is made when a case is
    closed as benign or false positive. docs/noise.md says what an entry covers."""


@known.command("list", short_help="The entries: those that are valid first.")
@on_stack
@settings
@paged
def list_(config_path: str | None, data: Path, limit: int, page: str, as_json: bool) -> None:
    """List the known-good entries with how often each was hit. Entries that ended are kept for 30 days."""
    runtime = reading_runtime(load_config(config_path), data)
    with page_token():
        rows = runtime.queries.known_good.list(limit=limit, page=page)
    titles = ("Entry", "Until", "Hits", "Findings", "Where", "By", "Why")
    print_rows(rows, "entries", titles, _cells, whole=(0, 1), as_json=as_json, empty="nothing is known good")


def _cells(row: KnownGoodRow) -> tuple[str, ...]:
    entry = row.entry
    return (
        entry.id,
        _end_of(entry) if row.live else f"ended: {_end_of(entry)}",
        f"{row.hits:,}",
        f"{len(entry.findings)}: {one_line(entry.findings[0].description, 80) if entry.findings else '-'}",
        one_line(entry.where, 120),
        one_line(entry.by, 60),
        one_line(entry.why, 200),
    )


@known.command(short_help="One entry with all its findings.")
@on_stack
@settings
@click.argument("id", metavar="ENTRY")
@click.option(
    "--days",
    type=click.IntRange(1, 90),
    default=30,
    show_default=True,
    help="Count the events of so many days that it covers.",
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def show(config_path: str | None, data: Path, id: str, days: int, as_json: bool) -> None:
    """Show a known-good entry, and which events of the last days it would have covered."""
    runtime = reading_runtime(load_config(config_path), data)
    entry = runtime.ledger.known_good.get(id)
    if entry is None:
        raise Failed(f"there is no known-good entry {one_line(id, 100)!r}; `huntbridge known list` shows all")
    hits = runtime.ledger.known_good.hits([entry.id])[entry.id].count
    covered = preview(runtime.queries.events, runtime.ledger, entry, runtime.now() - timedelta(days=days))
    if as_json:
        tables.print_json({"entry": dump(entry), "hits": hits, "covers": dump(covered)})
        return
    live = "valid" if entry.is_live(runtime.now()) else "ended"
    click.echo(f"{entry.id}: known good {one_line(entry.where, 200)}, {live} until {_end_of(entry)}")
    click.echo(f"  {entry.verdict.words}, by {one_line(entry.by, 80)} on {utc_minute(entry.at)}")
    click.echo(f"  why: {one_line(entry.why, 300)}")
    click.echo(f"  case: {entry.case or '-'}")
    click.echo(f"  hits: {hits:,}")
    click.echo(f"  {coverage_of(covered, days)}")
    for finding in entry.findings:
        place = f" at {one_line(finding.path, 200)}" if finding.path else ""
        content = ", any content" if finding.any_content else ""
        click.echo(
            f"  {finding.severity.value}  {one_line(finding.description, 200)}{place} "
            f"({counted(finding.count, 'alarm')}{content})  [{finding.fingerprint}]"
        )


@known.command(short_help="End an entry now.")
@on_stack
@settings
@click.argument("id", metavar="ENTRY")
@click.option(
    "--by",
    metavar="NAME",
    required=True,
    envvar="HUNTBRIDGE_BY",
    help="Your name, which everybody reads. Also HUNTBRIDGE_BY.",
)
@click.option("--why", metavar="TEXT", default="", help="The reason.")
def end(config_path: str | None, data: Path, id: str, by: str, why: str) -> None:
    """End a known-good entry. Its findings send messages when they are found again. Its case stays closed.
    `huntbridge known list` shows the id of the ENTRY."""
    runtime = runtime_of(load_config(config_path), data, write=True)
    person = Person(one_line(by), f"{here()}, {operator(runtime)}")
    try:
        ended = known_good.end(runtime.ledger.known_good, runtime.store, runtime.now(), id, person, why)
    except known_good.NotEnded as error:
        raise Failed(f"{error}; `huntbridge known list` shows all entries") from None
    click.echo(
        f"{person.name} has ended the entry {ended.id}: {counted(len(ended.findings), 'finding')} "
        f"{one_line(ended.where, 200)} will be told again"
    )


def coverage_of(covered: Preview, days: int) -> str:
    """What an entry covers of the past, in words."""
    part = "the newest " if covered.more else ""
    looked_at = f"{part}{counted(covered.looked_at, 'event')} of the last {counted(days, 'day')}"
    return (
        f"it covers {counted(covered.findings, 'finding')} in {covered.events:,} of {looked_at}, "
        f"on {counted(len(covered.systems), 'system')}"
    )


def _end_of(entry: Entry) -> str:
    return utc_minute(min(entry.until, entry.ended_at or entry.until))
