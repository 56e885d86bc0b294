"""`huntbridge intelligence`: your own YARA rules and indicators, on the platform and in hunts."""

from __future__ import annotations

import difflib
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config, local_runtime, on_aws, reading_runtime, runtime_of
from cli.confirm import confirm
from cli.exit_codes import Failed, Misused, PlatformFailed
from cli.operator import person_here
from cli.settings import settings
from cli.stack import on_stack
from scheduler.intelligence import by_hand, past_hunts
from scheduler.intelligence.files import Reading, read_set
from scheduler.intelligence.push import NotPushed
from shared.hosting.runtime import Runtime
from shared.models.marked_section import BrokenSection
from shared.phrases import counted, duration, utc_minute
from shared.text import clean, one_line

_MOST_LINES = 400  # of a difference


@click.group(short_help="Your own YARA rules and indicators.")
def intelligence() -> None:
    """Check, push and remove your own YARA rules and indicators, and see what they hit.

    `intelligence` in the configuration names their files. The rules are in a section of
    their own in the platform's YARA text. The command does not change the rest of the text. Indicators are
    added to the project of each hunt.
    """


@intelligence.command(short_help="Check the files. Asks nobody.")
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def check(config_path: str | None, data: Path, as_json: bool) -> None:
    """Read the files of indicators and rules, compile the rules, and name each mistake with its line.

    Exit code 1 if anything would be refused.
    """
    reading = read_set(load_config(config_path))
    found = reading.set
    if as_json:
        tables.print_json(
            {
                "rules": dict(found.rules_of),
                "indicators": {feed: len(lines) for feed, lines in found.indicators.items()},
                "refused": [asdict(refusal) for refusal in reading.refused],
                "notes": list(reading.notes),
            }
        )
    else:
        for refusal in reading.refused:
            click.echo(str(refusal))
        for note in reading.notes:
            click.echo(f"note: {note}")
        _show_feeds(reading)
    if reading.refused:
        raise click.exceptions.Exit(1)


@intelligence.command(short_help="Show what a push would change.")
@on_stack
@settings
@click.option("--before", is_flag=True, help="Show the platform's text as it was before the last push.")
def diff(config_path: str | None, data: Path, before: bool) -> None:
    """Compare the rules of the files with those in huntbridge's section on the platform."""
    runtime = reading_runtime(load_config(config_path), data)
    if before:
        kept = runtime.ledger.intelligence.kept_texts()
        if not kept:
            raise Failed("no push has replaced a text yet")
        click.echo(f"The platform's YARA text before the push at {utc_minute(kept[0].at)}:", err=True)
        click.echo(runtime.ledger.intelligence.text(kept[0]) or "", nl=False)
        return
    wanted = _usable(runtime).set.rules
    try:
        there = by_hand.on_platform(runtime)
    except BrokenSection as error:
        raise Failed(str(error)) from None
    lines = list(
        difflib.unified_diff(
            there.splitlines(), wanted.strip().splitlines(), "on the platform", "in the files", lineterm=""
        )
    )
    if not lines:
        click.echo("the rules on the platform are those of the files")
    for line in lines[:_MOST_LINES]:
        click.echo(clean(line))
    if len(lines) > _MOST_LINES:
        click.echo(f"and {counted(len(lines) - _MOST_LINES, 'more line')}")


@intelligence.command(short_help="Put the rules on the platform.")
@on_stack
@settings
def push(config_path: str | None, data: Path) -> None:
    """Check the files, and put the rules into huntbridge's section of the platform's YARA text.

    Hunts do the same by themselves on one machine. On AWS they cannot read the files: with --stack this
    command also stores rules and indicators for them, so run it after each change of the files. Relative
    paths begin at the configuration's folder, or here if the configuration is on AWS.
    """
    config = load_config(config_path)
    runtime = reading_runtime(config, data) if on_aws() else local_runtime(config, data)
    reading = _usable(runtime)
    by_hand.check_right(runtime)
    try:
        put = by_hand.push(runtime, reading, person_here(runtime))
    except NotPushed as error:
        raise PlatformFailed(str(error)) from None
    click.echo(
        "the rules were put on the platform"
        if put.pushed.written
        else "the rules on the platform were those of the files already"
    )
    for note in (*put.pushed.notes, *put.warnings, *reading.notes):
        click.echo(f"note: {note}")
    _show_feeds(reading)


@intelligence.command(short_help="Take the rules off the platform.")
@on_stack
@settings
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(config_path: str | None, data: Path, yes: bool) -> None:
    """Remove huntbridge's section from the platform's YARA text. The rest of the text stays.

    As long as the configuration has `intelligence`, the next hunt on one machine puts the section back.
    """
    config = load_config(config_path)
    runtime = reading_runtime(config, data) if on_aws() else local_runtime(config, data)
    by_hand.check_right(runtime)
    if not yes:
        confirm(f"Take the section {config.intelligence_name} out of the platform's YARA text?")
    try:
        pushed = by_hand.remove(runtime, person_here(runtime))
    except NotPushed as error:
        raise PlatformFailed(str(error)) from None
    click.echo("the section was taken out" if pushed.written else "there was no section")
    for note in pushed.notes:
        click.echo(f"note: {note}")


@intelligence.command(short_help="What your rules and indicators hit.")
@on_stack
@settings
@click.option(
    "--weeks", type=click.IntRange(1, 53), default=4, show_default=True, help="How far to look back."
)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
def hits(config_path: str | None, data: Path, weeks: int, as_json: bool) -> None:
    """Ask the platform what your rules and indicators hit in the hunts of the last weeks."""
    runtime = runtime_of(load_config(config_path), data)
    found = list(past_hunts.hits_since(runtime, _ago(runtime, weeks)))
    if as_json:
        rows = [
            {"hunt": each.hunt.id, "project_id": each.hunt.project_id, **asdict(hit), "alarms": count}
            for each in found
            for hit, count in each.hits
        ]
        tables.print_json({"hits": rows, "not_asked": {e.hunt.id: e.why_not for e in found if e.why_not}})
        return
    cells = [
        (
            each.hunt.id,
            hit.type,
            one_line(hit.named, 130),
            hit.feed or "-",
            str(count),
            one_line(hit.description),
        )
        for each in found
        for hit, count in each.hits
    ]
    if cells:
        tables.show(("Hunt", "Type", "Name or value", "Feed", "Alarms", "Description"), cells, whole=(0, 2))
    else:
        click.echo(f"none of your rules and indicators hit anything in {counted(len(found), 'hunt')}")
    for each in found:
        if each.why_not:
            click.echo(f"{each.hunt.id} is not known: {one_line(each.why_not, 300)}")


@intelligence.command(short_help="Search the evidence of the last hunts again.")
@on_stack
@settings
@click.option("--weeks", type=click.IntRange(1, 53), required=True, help="How far to look back.")
@click.option(
    "--limit", type=click.IntRange(1, 2_000), default=200, show_default=True, help="The most evidence."
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def rerun(config_path: str | None, data: Path, weeks: int, limit: int, yes: bool) -> None:
    """Let the platform process the evidence of the last weeks again, with the present rules.

    Nothing is captured again. Push the rules first. Findings arrive as alarms, as after a hunt.
    """
    runtime = runtime_of(load_config(config_path), data, write=True)
    planned = past_hunts.rerun(runtime, _ago(runtime, weeks), limit)
    if not planned.evidence:
        click.echo(f"no hunt of the last {counted(weeks, 'week')} has evidence")
        return
    takes = "how long that takes is not known" if planned.hours is None else (
        f"at most about {duration(planned.hours * 3_600)}, by the time of its captures"
    )  # fmt: skip
    left_out = f"; {planned.left_out:,} older are left out" if planned.left_out else ""
    click.echo(f"{counted(len(planned.evidence), 'item')} of evidence{left_out}; {takes}")
    if not yes:
        confirm("Have the platform process them again?")
    done = past_hunts.process_again(runtime, planned.evidence, person_here(runtime))
    gone = f", {done.gone:,} are gone from the platform" if done.gone else ""
    click.echo(f"{done.started:,} started{gone}")
    for failure in done.failed:
        click.echo(failure, err=True)
    if done.stopped:
        raise PlatformFailed(f"the rest was not asked for: {done.stopped}")
    if done.failed:
        raise PlatformFailed(f"{len(done.failed):,} could not be started")


def _ago(runtime: Runtime, weeks: int) -> datetime:
    return runtime.now() - timedelta(weeks=weeks)


def _usable(runtime: Runtime) -> Reading:
    """Raises Misused with every mistake in the files."""
    reading = read_set(runtime.config)
    if reading.refused:
        mistakes = counted(len(reading.refused), "mistake")
        raise Misused(f"the files have {mistakes}:\n" + "\n".join(map(str, reading.refused)))
    return reading


def _show_feeds(reading: Reading) -> None:
    found = reading.set
    feeds = sorted({*found.rules_of, *found.indicators})
    rows: list[tuple[str, ...]] = [
        (feed, str(found.rules_of.get(feed, 0)), str(len(found.indicators.get(feed, ())))) for feed in feeds
    ]
    if rows:
        tables.show(("Feed", "Rules", "Indicators"), rows, whole=(0,))
    elif not reading.refused:
        click.echo("the configuration names no indicators and no rules")
