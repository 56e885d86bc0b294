"""The commands that decide about a case: `huntbridge cases ack|release|close|reopen`. `huntbridge ack` is the
same as `cases ack`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from cli.assemble import load_config, runtime_of
from cli.exit_codes import Failed, Misused
from cli.find_case import case_key
from cli.operator import here, operator
from cli.settings import settings
from cli.stack import on_stack
from receiver.assemble import case_decisions
from receiver.cases.decisions import CaseDecisions
from receiver.messages.compose import compose
from shared.models.case_states import DecisionRefused
from shared.models.cases import Case, Verdict
from shared.models.people import Person
from shared.text import one_line

Command = TypeVar("Command", bound=Callable[..., Any])
_CASE = "CASE_OR_EVENT"


def _about_a_case(command: Command, *, several: bool = False) -> Command:
    """Adds --stack, the settings, the argument CASE_OR_EVENT and --by. `several`: the command gets `cases`,
    one or more."""
    by = click.option(
        "--by",
        metavar="NAME",
        required=True,
        envvar="HUNTBRIDGE_BY",
        help="Who decides this. The others read this name. Also HUNTBRIDGE_BY.",
    )
    case = click.argument("case", metavar=_CASE)
    if several:
        case = click.argument("cases", metavar=f"{_CASE}...", nargs=-1, required=True)
    return on_stack(settings(case(by(command))))  # type: ignore[return-value]


@click.command(short_help="Acknowledge a case, and tell everybody who was told of it.")
@_about_a_case
def ack(config_path: str | None, data: Path, case: str, by: str) -> None:
    """Acknowledge a case: the others see that somebody looks into it, and no more reminders are sent.

    CASE_OR_EVENT is the key of a case, which `huntbridge cases list` shows, or the id of an event, which
    every message ends with. The beginning of either is enough if it is unique. All destinations of the case's
    alarms are told. A `serve` on the same data directory sends the messages: at once if it runs, or else when
    it starts.

    With --stack, the case is in the ledger of that stack on AWS, and the stack's functions send the messages.

    \b
    Example:  huntbridge cases ack 7f3c9a52 --by Ada
    """
    _decide(config_path, data, [case], by, "taken {}", CaseDecisions.acknowledge)


@click.command(short_help="Give a case back, so that somebody else can take it.")
@_about_a_case
@click.option("--why", metavar="TEXT", default="", help="The reason. Everybody reads it.")
def release(config_path: str | None, data: Path, case: str, by: str, why: str) -> None:
    """Give back a case that somebody has acknowledged, you or somebody else. Everybody who was told of the
    case is told. The reminders of a malicious case start again.

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
def close(
    config_path: str | None, data: Path, cases: tuple[str, ...], by: str, verdict: str, why: str
) -> None:
    """Close a case, whether somebody has acknowledged it or not. Everybody who was told of the case is told,
    and no more reminders are sent. An issue in Jira gets a comment, and stays open. A new alarm reopens the
    case.

    Several cases get the same verdict and reason. Each of them is one decision, with its own entry in the
    audit log. If one of them does not exist, none is closed. If one cannot be closed, the others are.

    \b
    Example:  huntbridge cases close 7f3c9a52 --by Ada --verdict benign --why "the nightly backup"
    """
    if not one_line(why):
        raise Misused("--why is empty: say why the case is closed")
    chosen = Verdict(verdict)
    done = f"closed {{}} as {chosen.words}"
    _decide(config_path, data, cases, by, done, CaseDecisions.close, chosen, why)


@click.command(short_help="Open a closed case again.")
@_about_a_case
@click.option("--why", metavar="TEXT", default="", help="The reason. Everybody reads it.")
def reopen(config_path: str | None, data: Path, case: str, by: str, why: str) -> None:
    """Open a closed case again. Nobody has it then, and everybody who was told of the case is told. The
    reminders of a malicious case start again.

    \b
    Example:  huntbridge cases reopen 7f3c9a52 --by Ada --why "it was not the backup"
    """
    _decide(config_path, data, [case], by, "reopened {}", CaseDecisions.reopen, why)


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
            click.echo(f"{by} has {done.format(key)}: {compose(decided.alarm, runtime.config).title}")
    if refusals:
        raise Failed("\n".join(refusals))
