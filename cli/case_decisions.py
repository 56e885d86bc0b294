"""The commands that decide about a case: `huntbridge cases ack|release|close|reopen`. `huntbridge ack` is the
same as `cases ack`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.assemble import load_config, reading_runtime, runtime_of
from cli.confirm import confirm
from cli.exit_codes import Failed, Misused
from cli.find_case import case_key
from cli.known import coverage_of
from cli.moments import Moment
from cli.operator import here, operator
from cli.settings import settings
from cli.stack import on_stack
from receiver.assemble import capturing_again, case_decisions, deciding
from receiver.cases.capturing_again import in_words
from receiver.cases.deciding import mark_of, terms_error
from receiver.cases.decisions import CaseDecisions
from receiver.cases.known_good_preview import preview
from receiver.messages.compose import title_of
from shared.models.captures_again import AgainRefused
from shared.models.case_states import DecisionRefused
from shared.models.cases import Case, Verdict
from shared.models.decisions import Action, CaseDecision
from shared.models.known_good import Entry, latest_end
from shared.models.known_good_terms import Scope, Terms
from shared.models.people import Person
from shared.models.severity import Severity
from shared.models.system_findings import SystemFinding
from shared.phrases import counted, utc_minute
from shared.text import one_line

Command = TypeVar("Command", bound=Callable[..., Any])
_CASE = "CASE_OR_EVENT"
_DAYS = 30  # of which --dry-run counts what would be known good


def _about_a_case(command: Command, *, several: bool = False) -> Command:
    """Adds --stack, the settings, the argument CASE_OR_EVENT and --by. `several`: the command gets `cases`,
    one or more."""
    by = click.option(
        "--by",
        metavar="NAME",
        required=True,
        envvar="HUNTBRIDGE_BY",
        help="Your name, which everybody reads. Also HUNTBRIDGE_BY.",
    )
    case = click.argument("case", metavar=_CASE)
    if several:
        case = click.argument("cases", metavar=f"{_CASE}...", nargs=-1, required=True)
    return on_stack(settings(case(by(command))))  # type: ignore[return-value]


@click.command(short_help="Acknowledge a case.")
@_about_a_case
def ack(config_path: str | None, data: Path, case: str, by: str) -> None:
    """Acknowledge a case: you take it, and no more reminders are sent.

    CASE_OR_EVENT is the key of a case, which `huntbridge cases list` shows, or the id of an event, which
    every message ends with. The beginning of either is enough if it is unique. All destinations of the case
    get a message with your name. A `serve` on the same data directory sends the messages, now or when it
    starts.

    With --stack, the case is in the ledger of that stack on AWS, and the stack's functions send the messages.

    \b
    Example:  huntbridge cases ack 7f3c9a52 --by Ada
    """
    _decide(config_path, data, [case], by, "taken {}", CaseDecisions.acknowledge)


@click.command(short_help="Give a case back, so that somebody else can take it.")
@_about_a_case
@click.option("--why", metavar="TEXT", default="", help="The reason. Everybody reads it.")
def release(config_path: str | None, data: Path, case: str, by: str, why: str) -> None:
    """Give back a case that you or somebody else has acknowledged. All destinations of the case get a
    message. The reminders of a malicious case start again.

    \b
    Example:  huntbridge cases release 7f3c9a52 --by Ada --why "on leave from Monday"
    """
    _decide(config_path, data, [case], by, "given back {}", CaseDecisions.release, why)


@click.command(short_help="Close one case or several with a verdict.")
@partial(_about_a_case, several=True)
@click.option(
    "--verdict",
    type=click.Choice([verdict.value for verdict in Verdict]),
    required=True,
    help="true_positive: an attack. benign: real, but allowed. false_positive: not real.",
)
@click.option("--why", metavar="TEXT", required=True, help="The reason. Everybody reads it.")
@click.option(
    "--scope",
    metavar="SCOPE",
    help="Where its findings are known good: system (the default), hunt (every system of hunts of this "
    "name), KEY=VALUE (every system with this tag), or everywhere. Only of a harmless verdict.",
)
@click.option(
    "--until",
    type=Moment(ahead=True),
    help="Until when its findings are known good: 2027-06-30, or 30d for thirty days; at most a year. By "
    "default as long as `known_good_days` of the configuration says, which is 90 days.",
)
@click.option(
    "--malicious",
    metavar="FINGERPRINT",
    multiple=True,
    help="A malicious finding that is known good too; may be repeated. --dry-run shows the fingerprints.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Only show what would be known good, and which alarms of 30 days that covers.",
)
@click.option("--yes", is_flag=True, help="Do not show what would be known good, and do not ask.")
def close(
    config_path: str | None,
    data: Path,
    cases: tuple[str, ...],
    by: str,
    verdict: str,
    why: str,
    scope: str | None,
    until: datetime | None,
    malicious: tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> None:
    """Close a case, whether somebody has acknowledged it or not. All destinations of the case get a message,
    and no more reminders are sent. An issue in Jira gets a comment, and stays open.

    If the case is benign or a false positive, its findings are known good: later alarms about them are
    recorded, and send no message. The command first lists these findings and asks, unless you write --yes. A
    malicious finding is known good only if --malicious names it. New findings, worse findings, and many times
    as many of the same still send messages. If a true positive is found again, its case is reopened.

    Several cases get the same verdict and reason. Each of them is one decision, with its own entry in the
    audit log. If one of them does not exist, none is closed. If one cannot be closed, the others are.

    CASE_OR_EVENT is the key of a case, which `huntbridge cases list` shows, or the id of an event, which
    every message ends with. The beginning of either is enough if it is unique.

    \b
    Example:  huntbridge cases close 7f3c9a52 --by Ada --verdict benign --why "the nightly backup"
    """
    if not one_line(why):
        raise Misused("--why is empty: say why the case is closed")
    chosen = Verdict(verdict)
    done = f"closed {{}} as {chosen.words}"
    chosen_terms = partial(_terms, scope=scope, until=until, malicious=malicious)
    if not chosen.is_harmless and (scope or until or malicious):
        raise Misused("--scope, --until and --malicious need the verdict benign or false_positive")
    if malicious:
        _require_told(config_path, data, cases, malicious)
    shown: Mapping[str, str] | None = None
    asks = False
    if dry_run or (chosen.is_harmless and not yes):
        shown, asks = _show_entries(config_path, data, cases, chosen, chosen_terms, dry_run=dry_run)
    if dry_run:
        return
    if asks:
        confirm(f"Close {counted(len(cases), 'case')} as {chosen.words}?")
    _decide(config_path, data, cases, by, done, _close, chosen, why, chosen_terms, shown)


def _show_entries(
    config_path: str | None,
    data: Path,
    cases: Sequence[str],
    verdict: Verdict,
    terms: Callable[[str], Terms | None],
    *,
    dry_run: bool,
) -> tuple[Mapping[str, str], bool]:
    """Show the known-good entries that closing these cases would make, in a dry run also what they cover of
    the past. Returns the marks of the findings of each case, and whether there is any entry."""
    runtime, shown, any_entry = reading_runtime(load_config(config_path), data), {}, False
    for key in dict.fromkeys(case_key(runtime, case) for case in cases):
        case = runtime.ledger.cases.get(key)
        assert case is not None
        chosen = terms(_hunt_of(case))
        wrong = terms_error(chosen, case, runtime.now(), latest_end(runtime.now())) if chosen else ""
        if wrong:
            raise Misused(f"{key}: {wrong}")
        asked = CaseDecision("-", Action.CLOSE, "-", runtime.now(), verdict=verdict, terms=chosen)
        told = deciding(runtime).told(key, case)
        shown[key] = mark_of(told)
        entry = deciding(runtime).entry(key, case, asked) if not case.closure or dry_run else None
        if entry is None:
            if dry_run:
                click.echo(f"{key}: nothing would be known good")
                _show_left_out(told)
            continue
        any_entry = True
        click.echo(f"{key}: known good {one_line(entry.where, 200)} until {utc_minute(entry.until)}")
        for finding in entry.findings:
            place = f" at {one_line(finding.path, 200)}" if finding.path else ""
            click.echo(f"  {finding.severity.value}  {one_line(finding.description, 200)}{place}")
        _show_left_out(told, entry)
        if dry_run:
            since = runtime.now() - timedelta(days=_DAYS)
            covered = preview(runtime.queries.events, runtime.ledger, entry, since)
            click.echo(f"  {coverage_of(covered, _DAYS)}")
    return shown, any_entry


def _show_left_out(told: Mapping[str, SystemFinding], entry: Entry | None = None) -> None:
    """Show the malicious findings that the entry does not cover, with the fingerprints that name them."""
    covered = {finding.fingerprint for finding in entry.findings} if entry else set()
    for mark, finding in told.items():
        if mark not in covered and finding.told_severity is Severity.MALICIOUS:
            place = f" at {one_line(finding.path, 200)}" if finding.path else ""
            click.echo(f"  not known good: malicious  {one_line(finding.description, 200)}{place}  [{mark}]")


def _require_told(
    config_path: str | None, data: Path, cases: Sequence[str], malicious: Sequence[str]
) -> None:
    """Refuse a fingerprint of no finding of these cases: what the person means would not be known good."""
    runtime, told = reading_runtime(load_config(config_path), data), set[str]()
    for key in dict.fromkeys(case_key(runtime, case) for case in cases):
        if case := runtime.ledger.cases.get(key):
            told |= deciding(runtime).told(key, case).keys()
    for mark in malicious:
        if mark not in told:
            raise Misused(
                f"--malicious {one_line(mark, 40)!r}: no finding of these cases has this fingerprint; "
                "--dry-run shows those of the malicious ones"
            )


def _hunt_of(case: Case) -> str:
    """The name of the hunt that found the worst alarm of the case; empty if none did."""
    return case.alarm.hunt.name if case.alarm.hunt else ""


def _close(
    decisions: CaseDecisions,
    key: str,
    person: Person,
    verdict: Verdict,
    why: str,
    terms: Callable[[str], Terms | None],
    shown: Mapping[str, str] | None,
) -> Case:
    """`shown`: the marks of the findings that the person was shown; None: they did not want to see any."""
    case = decisions.deciding.ledger.cases.get(key)
    try:
        chosen = terms(_hunt_of(case) if case else "")
        seen = None if shown is None else shown[key]
        return decisions.close(key, person, verdict, why, chosen, seen)
    except ValueError as error:
        raise Misused(str(error)) from None


def _terms(
    hunt: str, *, scope: str | None, until: datetime | None, malicious: tuple[str, ...]
) -> Terms | None:
    """The terms of a case that a hunt of this name began; None if no option chooses any."""
    if not (scope or until or malicious):
        return None
    key, equals, value = (scope or Scope.SYSTEM).partition("=")
    if equals:
        return Terms(Scope.TAG, until, tag=(key, value), malicious=malicious)
    if key not in (Scope.SYSTEM, Scope.HUNT, Scope.EVERYWHERE):
        raise Misused(f"--scope {one_line(key)!r}: write system, hunt, KEY=VALUE or everywhere")
    return Terms(Scope(key), until, hunt=hunt if key == Scope.HUNT else "", malicious=malicious)


@click.command(short_help="Open a closed case again.")
@_about_a_case
@click.option("--why", metavar="TEXT", default="", help="The reason. Everybody reads it.")
def reopen(config_path: str | None, data: Path, case: str, by: str, why: str) -> None:
    """Open a closed case again. It is then open, and nobody has it. All destinations of the case get a
    message. Findings that its verdict made known good send messages again. The reminders of a malicious case
    start again.

    \b
    Example:  huntbridge cases reopen 7f3c9a52 --by Ada --why "it was not the backup"
    """
    _decide(config_path, data, [case], by, "reopened {}", CaseDecisions.reopen, why)


@click.command("capture-again", short_help="Capture the system of a case again.")
@_about_a_case
def capture_again(config_path: str | None, data: Path, case: str, by: str) -> None:
    """Capture the system of a case again: in full, where the platform can do that. It becomes a run of its
    own, which `huntbridge hunt list` shows. `capture_again` of the configuration limits how often.

    A `serve` on the same data directory requests the capture. With --stack the stack's functions do.

    \b
    Example:  huntbridge cases capture-again 7f3c9a52 --by Ada
    """
    if not one_line(by):
        raise Failed("--by is empty: say who asks for it")
    runtime = runtime_of(load_config(config_path), data, write=True)
    key = case_key(runtime, case)
    person = Person(one_line(by), f"{here()}, {operator(runtime)}")
    try:
        asked = capturing_again(runtime).ask(key, person, runtime.now())
    except (AgainRefused, DecisionRefused) as refused:
        raise Failed(f"nothing is captured again: {refused}") from None
    click.echo(in_words(asked))


def _decide(
    config_path: str | None,
    data: Path,
    cases: Sequence[str],
    by: str,
    done: str,
    decide: Callable[..., Case],
    *arguments: Any,
) -> None:
    """`done` is what was done in words, with {} for the key of the case; `decide` is a method of
    CaseDecisions."""
    if not one_line(by):
        raise Failed("--by is empty: say who takes the case")
    by = one_line(by)
    runtime = runtime_of(load_config(config_path), data, write=True)
    keys = dict.fromkeys(case_key(runtime, case) for case in cases)
    person = Person(by, f"{here()}, {operator(runtime)}")
    refusals = []
    for key in keys:
        try:
            decided = decide(case_decisions(runtime), key, person, *arguments)
        except DecisionRefused as refused:
            refusals.append(str(refused) if len(keys) == 1 else f"{key}: {refused}")
        else:
            click.echo(f"{by} has {done.format(key)}: {title_of(decided.alarm, runtime.config)}")
    if refusals:
        raise Failed("\n".join(refusals))
