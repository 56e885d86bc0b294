"""`huntbridge routes test`: whether alarms would go where the configuration says that they must."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from cli import tables
from cli.assemble import load_config
from cli.exit_codes import Misused
from cli.settings import settings
from receiver.events import route_tests
from shared.phrases import counted
from shared.text import one_line


@click.group()
def routes() -> None:
    """Try the routes before alarms do."""


@routes.command(short_help="Do alarms go where they must? Sends nothing.")
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def test(config_path: str | None, data: Path, as_json: bool) -> None:
    """Run the tests of the configuration: each names an alarm and the destinations that must get it. Sends
    nothing and needs no network, no stored data and no secret, so it can run in a CI.

    Exit code 0 if every test passes, 1 if one fails, 2 if there is no test or the configuration is wrong.
    """
    config = load_config(config_path)
    if not config.tests:
        raise Misused(
            "the configuration has no tests: write some under tests (docs/reference/configuration.md)"
        )
    results = route_tests.run(config)
    if as_json:
        tables.print_json([{**asdict(result), "passed": result.passed} for result in results])
    else:
        for result in results:
            mark = "ok  " if result.passed else "FAIL"
            click.echo(f"{mark}  {one_line(f'{result.name}: {result.words}', 1_000)}")
    failed = sum(not result.passed for result in results)
    if failed:
        click.echo(f"{counted(failed, 'test')} of {len(results)} failed", err=True)
        raise click.exceptions.Exit(1)
