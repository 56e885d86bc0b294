"""The command `huntbridge`. Each of its commands, or group of commands, has its own file."""

from __future__ import annotations

import click

from cli.lazy_group import LazyGroup
from cli.version import only_with_version, show_version

PLACES = {
    "init": "cli.init:init",
    "serve": "cli.serve:serve",
    "config": "cli.config:config",
    "console": "cli.console:console",
    "demo": "cli.demo:demo",
    "check": "cli.check:check",
    "send-test": "cli.send_test:send_test",
    "hunt": "cli.hunt:hunt",
    "cases": "cli.cases:cases",
    "coverage": "cli.coverage:coverage",
    "leftovers": "cli.leftovers:leftovers",
    "events": "cli.events:events",
    "why": "cli.why:why",
    "finding": "cli.finding:finding",
    "deliveries": "cli.deliveries:deliveries",
    "replay": "cli.replay:replay",
    "mute": "cli.mute:mute",
    "known": "cli.known:known",
    "dead": "cli.dead:dead",
    "ack": "cli.case_decisions:ack",
    "report": "cli.report:report",
    "intelligence": "cli.intelligence:intelligence",
    "render": "cli.render:render",
    "route": "cli.route:route",
    "routes": "cli.routes:routes",
    "webhook": "cli.webhook:webhook",
    "schedules": "cli.schedules:schedules",
    "audit": "cli.audit:audit",
    "backup": "cli.backup:backup",
    "restore": "cli.backup:restore",
    "downgrade": "cli.downgrade:downgrade",
    "export": "cli.erase:export",
    "erase": "cli.erase:erase",
}


@click.group(
    cls=LazyGroup,
    places=PLACES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
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
    Set it up for yours:          huntbridge init
    See whether it would work:    huntbridge check
    Run it on this machine:       huntbridge serve

    \b
    Exit codes:
      0    success
      1    something did not work
      2    the command, the configuration or a secret is wrong
      3    the platform refused or did not answer
      4    the data directory is missing or cannot be used; on AWS, the table or a queue
      5    send-test only: it may work later
      130  hunt run only: it was interrupted
    """
    only_with_version(as_json)


if __name__ == "__main__":
    main()
