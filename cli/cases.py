"""`huntbridge cases`: which cases are open and who has them, everything about one case, and decisions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, reading_runtime
from cli.case_decisions import ack, capture_again, close, release, reopen
from cli.events import delivered_in_words
from cli.exit_codes import Failed, Misused
from cli.find_case import case_key
from cli.moments import Moment
from cli.paging import more, page_token, paged, print_rows
from cli.settings import settings
from cli.stack import on_stack
from shared.models.cases import CaseState, Verdict
from shared.models.codec import dump
from shared.models.findings_seen import Seen
from shared.models.severity import Severity
from shared.models.systems import Kind
from shared.phrases import counted, utc_minute
from shared.storage import audit
from shared.storage.queries.case_filter import Age, CaseFilter, Which
from shared.storage.queries.case_timeline import TimelineEntry
from shared.storage.queries.cases import CaseRow
from shared.storage.queries.pages import Rows
from shared.text import one_line

NOBODY = "nobody"
_SEVERITIES = [severity.value for severity in Severity]
_MOST_FINDINGS = 10
_MOST_PAGES = 20  # that are read to find a row that the options do not exclude
_WHICH = {
    None: Which.NOT_CLOSED,
    CaseState.OPEN.value: Which.OPEN,
    CaseState.ACKNOWLEDGED.value: Which.TAKEN,
    CaseState.CLOSED.value: Which.CLOSED,
    Which.ALL.value: Which.ALL,
}


@click.group()
def cases() -> None:
    """The cases: which are open and who has them, everything about one, and what to do with it.

    A case is one system with alarms. It is open until somebody takes it, and closed with a verdict.
    """


for _command in (ack, release, close, reopen, capture_again):
    cases.add_command(_command)


@cases.command("list", short_help="The cases that are not closed, worst first.")
@on_stack
@settings
@click.option(
    "--severity",
    type=click.Choice([severity.value for severity in Severity]),
    help="Only cases of this severity.",
)
@click.option("--owner", metavar="NAME", help=f"Only cases that NAME has taken; {NOBODY}: that nobody has.")
@click.option(
    "--state",
    type=click.Choice([*(state.value for state in CaseState), Which.ALL.value]),
    help="Only open cases, which nobody has taken; only acknowledged ones; the closed ones; or all.",
)
@click.option("--text", metavar="WORDS", default="", help="Only cases that have each word; see above.")
@click.option(
    "--age",
    type=click.Choice([age.value for age in Age]),
    help="Only cases whose first alarm came less than a day ago, one to seven days ago (week), or before.",
)
@click.option("--since", type=Moment(), help="With --state closed: closed not before 2026-11-01, or 30d ago.")
@paged
def list_cases(
    config_path: str | None,
    data: Path,
    severity: str | None,
    owner: str | None,
    state: str | None,
    text: str,
    age: str | None,
    since: datetime | None,
    limit: int,
    page: str,
    as_json: bool,
) -> None:
    """List the cases that are not closed, worst first, and of equally bad ones the oldest first. With --state
    closed, list the closed ones, the last one first; with --state all, list them after the others.

    --text finds words in names, ids, addresses, tags, titles and findings. It reads case after case and stops
    after some thousands; then the list says how to go on.

    \b
    Which malicious cases has nobody taken?  huntbridge cases list --severity malicious --owner nobody
    Where was this file found?               huntbridge cases list --state all --text kswapd0
    """
    if since and state != CaseState.CLOSED:
        raise Misused("--since is for --state closed")
    if owner is not None and state in (CaseState.CLOSED, CaseState.OPEN):
        raise Misused(f"--owner does not go with --state {state}: nobody has such a case")
    queries = reading_runtime(load_config(config_path), data).queries.cases
    wanted = CaseFilter(
        _WHICH[state],
        Severity(severity) if severity else None,
        "" if owner == NOBODY else owner,
        one_line(text),
        Age(age) if age else None,
        closed_since=since,
    )
    with page_token():
        rows = _page(lambda token: queries.list(wanted, limit=limit, page=token), page)
    titles = ("Case", "Severity", "State", "Opened (UTC)", "Alarms", "Title")
    is_narrow = severity or owner or state or text or age
    empty = "there are no such cases" if is_narrow else "there are no open cases"
    print_rows(rows, "cases", titles, _cells, whole=(0,), as_json=as_json, empty=empty)


def _page(ask: Callable[[str], Rows[CaseRow]], page: str) -> Rows[CaseRow]:
    """The first page that has a row."""
    for _ in range(_MOST_PAGES):
        rows = ask(page)
        if rows.rows or not rows.next:
            break
        page = rows.next
    return rows


def _cells(row: CaseRow) -> tuple[str, ...]:
    return (
        one_line(row.key, 400),
        row.severity.value,
        _state(row),
        f"{row.opened_at:%Y-%m-%d %H:%M}",
        f"{row.alarms:,}",
        one_line(row.title, 200),
    )


def _state(row: CaseRow) -> str:
    if row.state == CaseState.CLOSED:
        return f"closed as {Verdict(row.verdict).words} by {one_line(row.closed_by, 80)}"
    if row.state == CaseState.ACKNOWLEDGED:
        return f"taken by {one_line(row.acknowledged_by, 80)}"
    return "open"


@cases.command("show", short_help="Everything about one case.")
@on_stack
@settings
@click.argument("case", metavar="CASE_OR_EVENT")
@paged
def show(config_path: str | None, data: Path, case: str, limit: int, page: str, as_json: bool) -> None:
    """Show a case: how it stands, what was found, and everything that happened in it, in order.

    CASE_OR_EVENT is the key of a case or the id of one of its events. The beginning of either is enough if it
    is unique.

    \b
    Example:  huntbridge cases show 7f3c9a52
    """
    runtime = reading_runtime(load_config(config_path), data)
    key = case_key(runtime, case)
    row = runtime.queries.cases.whole(key)
    if row is None:
        raise Failed(f"there is no case {key!r}")
    texts = [finding.description for finding in row.findings]
    seen = runtime.queries.findings.of_system(row.system, texts) if row.system else {}
    with page_token():
        timeline = runtime.queries.cases.timeline(key, limit=limit, page=page)
    if as_json:
        entries = [dump(entry) for entry in timeline.rows]
        history = {text: dump(each) for text, each in seen.items()}
        tables.print_json({"case": dump(row), "seen": history, "timeline": entries, "next": timeline.next})
        return
    if not page:
        click.echo("\n".join(_lines(row, seen)))
        click.echo()
    for entry in timeline.rows:
        click.echo(f"{entry.at:%Y-%m-%d %H:%M:%S}  {_happened(entry)}")
    more(timeline.next)


def _system(row: CaseRow) -> str:
    system = row.system
    if system is None or system.kind is Kind.EC2:
        return f"{row.name} {system.key if system else ''}".strip()
    return f"{system.title} ({', '.join(filter(None, (system.account, system.place)))})"


def _lines(row: CaseRow, seen: Mapping[str, Seen]) -> Iterator[str]:
    state = _state(row)
    if row.state == CaseState.CLOSED:
        state = f"{state}, at {utc_minute(row.closed_at)}: {row.why}"
    elif row.state == CaseState.ACKNOWLEDGED:
        state = f"{state}, at {utc_minute(row.acknowledged_at)}"
    system = _system(row)
    values = (
        ("case", row.key),
        ("title", row.title),
        ("state", state),
        ("severity", row.severity.value),
        ("system", system),
        ("opened", utc_minute(row.opened_at)),
        ("last alarm", f"{utc_minute(row.last_at)}, {counted(row.alarms, 'alarm')} in all"),
        ("hunt", row.hunt_id),
        ("told", ", ".join(_told(name, row.refs.get(name, "")) for name in row.told)),
        ("held", ", ".join(f"for {name} until {_end(until)}" for name, until in row.held.items())),
    )
    yield from (f"{label:<12} {one_line(value, 1_000)}" for label, value in values if value)
    for finding in row.findings[:_MOST_FINDINGS]:
        what = f"{finding.count:,} × {finding.description} ({finding.severity.value})"
        yield f"{'':<12} {one_line(f'{what} {finding.path}'.strip(), 500)}"
        if history := _seen(seen.get(finding.description)):
            yield f"{'':<16} {history}"
    if len(row.findings) > _MOST_FINDINGS:
        yield f"{'':<12} and {len(row.findings) - _MOST_FINDINGS:,} more kinds of alarm"


def _seen(seen: Seen | None) -> str:
    if seen is None:
        return ""
    times = (("first seen", seen.first_at), ("last seen", seen.last_at))
    return ", ".join(filter(None, (seen.in_words, *(f"{what} {utc_minute(at)}" for what, at in times if at))))


def _end(until: datetime | None) -> str:
    return utc_minute(until) or "its hunt has ended"


def _told(destination: str, ref: str) -> str:
    """An issue's key is worth reading; the other references are for machines."""
    return f"{destination} ({ref})" if ref and len(ref) <= 30 and "{" not in ref else destination


def _happened(entry: TimelineEntry) -> str:
    if event := entry.event:
        return one_line(f"{event.title or event.kind} (event {event.id})", 500)
    if delivery := entry.delivery:
        return f"    to {delivery.destination}: {delivered_in_words(delivery)}"
    if entry.audit:
        return one_line(_decided(entry.audit), 500)
    raise ValueError("an entry of a timeline is empty")


def _decided(entry: audit.Entry) -> str:
    before, after = entry.before, entry.after
    why = f": {after['why']}" if after.get("why") else ""
    by = f"by {entry.by} from {entry.origin}"
    if "refused" in after:
        return f"refused: {entry.action} {by}: {after['refused']}"
    match entry.action:
        case audit.ACK:
            return f"taken {by}"
        case audit.CASE_RELEASE:
            return f"given back {by}{why}"
        case audit.CASE_CLOSE:
            return f"closed as {str(after.get('closed_as')).replace('_', ' ')} {by}{why}"
        case audit.CASE_REOPEN:
            was = str(before.get("closed_as")).replace("_", " ")
            return f"reopened {by}, was closed as {was}{why}"
        case audit.EVENT_RESEND:
            return f"event {after.get('event')} sent again to {after.get('to')} {by}"
    return f"{entry.action} {by}"
