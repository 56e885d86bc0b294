"""The command `huntbridge`. Each of its commands, or group of commands, has its own file."""

from __future__ import annotations

import click

from cli.audit import audit
from cli.case_decisions import ack
from cli.cases import cases
from cli.check import check
from cli.console import console
from cli.coverage import coverage
from cli.dead import dead
from cli.deliveries import deliveries
from cli.demo import demo
from cli.events import events
from cli.finding import finding
from cli.hunt import hunt
from cli.intelligence import intelligence
from cli.known import known
from cli.leftovers import leftovers
from cli.mute import mute
from cli.render import render
from cli.replay import replay
from cli.report import report
from cli.route import route
from cli.routes import routes
from cli.schedules import schedules
from cli.send_test import send_test
from cli.serve import serve
from cli.version import only_with_version, show_version
from cli.webhook import webhook
from cli.why import why


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    callback=show_version,
    help="Show the version and exit; with --json also the Python, the machine and the database format.",
)
@click.option("--json", "as_json", is_flag=True, is_eager=True, help="With --version: print JSON.")
def main(as_json: bool) -> None:
    """Run regular threat hunts with Cado Response, and get their alarms in Slack, Microsoft Teams and Jira.

    \b
    Try it without any account:   huntbridge demo
    See whether yours would work: huntbridge check
    Run it on this machine:       huntbridge serve

    Exit codes: 0 success; 1 something did not work; 2 the command, the configuration or a secret is wrong;
    3 the platform refused or did not answer; 4 the data directory (on AWS the table or a queue) is missing
    or cannot be used; 5 send-test only: it may work later; 130 hunt run only: it was interrupted.
    """
    only_with_version(as_json)


COMMANDS = (
    *(serve, console, demo, check, send_test),
    *(hunt, cases, coverage, leftovers, events, why, finding, deliveries, replay, mute, known, dead),
    *(ack, report, intelligence, render, route, routes, webhook, schedules, audit),
)
for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
