"""`huntbridge schedules`: keeps schedules in EventBridge Scheduler for the hunts of the configuration.

It changes only schedules that it created.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from cli import tables
from cli.assemble import load_config
from cli.exit_codes import Failed, Misused
from cli.settings import settings
from shared.aws import schedules as aws
from shared.aws.clients import Clients
from shared.aws.errors import AwsError
from shared.config.config import Config

_DID = {"create": "created", "change": "changed", "remove": "removed", "keep": "unchanged", "leave": "left"}


@click.group()
def schedules() -> None:
    """Manage the hunts' schedules on AWS. `huntbridge serve` needs none, since it has its own clock."""


@schedules.command(short_help="Update the schedules to match the configuration.")
@settings
@click.option(
    "--stack", metavar="NAME", help="Take group, function, role and queue from this stack's outputs."
)
@click.option("--group", metavar="NAME", help="The schedule group.")
@click.option("--function-arn", metavar="ARN", help="The scheduler function.")
@click.option("--role-arn", metavar="ARN", help="The role with which a schedule starts the function.")
@click.option("--dlq-arn", metavar="ARN", help="The dead-letter queue for starts that failed.")
@click.option("--window", metavar="MINUTES", type=click.IntRange(0, 1440), default=15, show_default=True,
              help="How much later than scheduled a hunt may start; 0 means exactly on time.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def sync(
    config_path: str | None,
    data: Path,
    stack: str | None,
    window: int,
    dry_run: bool,
    as_json: bool,
    **given: str | None,
) -> None:
    """Create, change and remove schedules until they match the configuration.

    Only schedules that this command created are changed or removed. A hunt that the stack itself schedules is
    left to the stack. The region is AWS_REGION.
    """
    config = load_config(config_path)
    clients = Clients(os.environ)
    try:
        home = _home(clients, stack, given)
        steps = aws.plan(_wanted(config, datetime.now(UTC)), aws.find(clients, home), home, window)
    except AwsError as error:
        raise Failed(str(error)) from None
    done = [_row(step, "" if dry_run else _carry_out(clients, step)) for step in steps]
    if as_json:
        tables.print_json({"group": home.group, "dry_run": dry_run, "schedules": done})
    else:
        _show(done, home.group, dry_run)
    if not all(row["ok"] for row in done):
        raise Failed("not every hunt has its schedule; to run this again does no harm")


def _home(clients: Clients, stack: str | None, given: dict[str, str | None]) -> aws.Home:
    """The values of the options; missing values come from the stack's outputs. Raises AwsError."""
    values: dict[str, str] = aws.stack_outputs(clients, stack) if stack else {}
    values |= {name: value for name, value in given.items() if value}
    missing = [
        f"--{field.name.replace('_', '-')}"
        for field in fields(aws.Home)
        if field.name != "dlq_arn" and field.name not in values
    ]
    if missing:
        where = f"the stack {stack} has no outputs for them" if stack else "or --stack"
        raise Misused(f"give {', '.join(missing)} ({where})")
    return aws.Home(**values)


def _wanted(config: Config, now: datetime) -> list[aws.Wanted]:
    return [
        aws.Wanted(
            name,
            hunt.schedule.strip(),
            hunt.timezone,
            over=hunt.why_never_runs(now),
        )
        for name, hunt in config.hunts.items()
        if hunt.schedule
    ]


def _carry_out(clients: Clients, step: aws.Step) -> str:
    """The reason of a failure; empty on success."""
    try:
        aws.carry_out(clients, step)
    except AwsError as error:
        return str(error)
    return ""


def _row(step: aws.Step, failure: str) -> dict[str, Any]:
    return {
        "schedule": step.schedule,
        "did": "failed" if failure else _DID[step.do],
        "detail": f"could not be {_DID[step.do]}: {failure}" if failure else step.detail,
        "ok": step.ok and not failure,
    }


def _show(done: list[dict[str, Any]], group: str, dry_run: bool) -> None:
    would = "would be " if dry_run else ""
    for row in done:
        did = f"{would}{row['did']}" if row["did"] in ("created", "changed", "removed") else row["did"]
        click.echo(f"{did}: {row['schedule']}" + (f", {row['detail']}" if row["detail"] else ""))
    counts = Counter(row["did"] for row in done)
    told = ", ".join(f"{count} {did}" for did, count in counts.items()) or "no hunt has a schedule"
    click.echo(f"group {group}: {told}" + (" (dry run: nothing was done)" if dry_run else ""))
