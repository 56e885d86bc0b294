"""`huntbridge finding`: how the fingerprint of a finding comes about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.assemble import load_config, reading_runtime
from cli.exit_codes import Failed, Misused
from cli.find_event import event_id
from cli.settings import settings
from cli.stack import on_stack
from shared.models.alarms import Alarm
from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import Explanation, fingerprint
from shared.models.fingerprints import explain as explanation_of
from shared.phrases import counted
from shared.text import one_line


@click.group()
def finding() -> None:
    """The findings of alarms: by what later hunts recognise them."""


@finding.command(short_help="Show how the fingerprint of a finding is made.")
@on_stack
@settings
@click.argument("description", required=False)
@click.option("--path", default="", help="Where it was found.")
@click.option("--event", metavar="EVENT", help="Show the fingerprints of all findings of this event.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
def explain(
    config_path: str | None, data: Path, description: str | None, path: str, event: str | None, as_json: bool
) -> None:
    """Show the fingerprint of a finding and how it is made: which parts of its DESCRIPTION and path are
    folded, and by which rules. Two findings with the same fingerprint are the same finding to huntbridge.
    docs/noise.md lists the rules.

    \b
    Examples:
      huntbridge finding explain "Malicious File Detected: php_backdoor" --path /home/ada/a.php
      huntbridge finding explain --event 7f3c9a52
    """
    if event and (description or path):
        raise Misused("give a DESCRIPTION or --event, not both")
    if event:
        runtime = reading_runtime(load_config(config_path), data)
        alarm = runtime.ledger.events.whole_alarm(event_id(runtime, event))
        if alarm is None:
            raise Failed(f"the alarm of the event {event!r} is not kept any more")
        _print_findings(alarm, as_json=as_json)
        return
    if not description:
        raise Misused("give a DESCRIPTION or --event")
    explanation = explanation_of(description, path)
    if as_json:
        tables.print_json(asdict(explanation))
    else:
        _print_explanation(explanation)


def _print_explanation(explanation: Explanation) -> None:
    one = explanation.fingerprint
    for label, value in (("fingerprint", one.id), ("rule", one.rule), ("place", one.place or "-")):
        click.echo(f"{label:<12} {_line(value)}")
    click.echo()
    if not explanation.steps:
        click.echo("nothing is folded")
    for step in explanation.steps:
        click.echo(f"{step.text}: {step.rule}")
        click.echo(f"  {_line(step.before)}\n  → {_line(step.after)}")


def _print_findings(alarm: Alarm, *, as_json: bool) -> None:
    if as_json:
        tables.print_json({"findings": [_as_json(finding) for finding in alarm.findings]})
        return
    if not alarm.findings:
        click.echo("the event has no findings")
        return
    titles = ("Fingerprint", "Severity", "Alarms", "Description", "Path", "Contents")
    tables.show(titles, (row for finding in alarm.findings for row in _rows(finding)), whole=(0,))
    if incomplete := sum(not finding.complete for finding in alarm.findings):
        click.echo(
            f"\nThe platform did not say where all alarms of {counted(incomplete, 'finding')} were raised "
            "(- in the first column)."
        )


def _rows(finding: Finding) -> Iterator[tuple[str, ...]]:
    """One row for each place of a finding."""
    for artefact in finding.artefacts or (Artefact("", finding.count, listed=False),):
        id = fingerprint(finding.description, artefact.path).id if artefact.listed else "-"
        yield (
            id,
            finding.severity.value,
            f"{artefact.count:,}",
            _line(finding.description),
            (_line(artefact.path) or "no path") if artefact.listed else "not known",
            " ".join(content[:12] for content in artefact.contents) or "-",
        )


def _as_json(finding: Finding) -> dict[str, Any]:
    return {
        "description": finding.description,
        "severity": finding.severity.value,
        "count": finding.count,
        "complete": finding.complete,
        "artefacts": [
            asdict(artefact)
            | {
                "fingerprint": asdict(fingerprint(finding.description, artefact.path))
                if artefact.listed
                else None
            }
            for artefact in finding.artefacts
        ],
    }


def _line(text: str) -> str:
    return one_line(text, 1_000)
