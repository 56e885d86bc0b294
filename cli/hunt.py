"""`huntbridge hunt`: plans and runs hunts, and shows their runs."""

from __future__ import annotations

import click

from cli.lazy_group import LazyGroup

PLACES = {
    "plan": "cli.plan:plan_hunt",
    "run": "cli.hunt_run:run_hunt",
    "show": "cli.hunt_show:show_run",
    "stop": "cli.hunt_runs:stop_run",
    "report": "cli.hunt_runs:report_of",
    "list": "cli.hunt_runs:list_hunts",
}


@click.group(cls=LazyGroup, places=PLACES)
def hunt() -> None:
    """Plan, run, stop and list hunts, and report what was captured."""
