"""`huntbridge init`: asks what huntbridge needs, tries each answer, and writes the configuration."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import click

from cli import check, env_file, init_files, init_yaml
from cli.assemble import load_config, reading_runtime
from cli.data import data_directory
from cli.exit_codes import Failed, Misused, exit_codes
from cli.init_destinations import ask_destinations, given
from cli.init_draft import Draft
from cli.init_from_env import take_over
from cli.init_hunt import ask_hunt
from cli.init_platform import ask_platform
from cli.init_questions import Interview, flag
from shared.config.configured_values import secret_references
from shared.config.load import DEFAULT_FILE, is_local
from shared.hosting import log
from shared.secrets import SecretRef

_ORDER = ("platform", "webhook", "extra_regions", "accounts", "hunts", "destinations", "default")
# By the option's name: what its value is called, and its help. REF is a reference to a secret.
_ANSWERS = {
    "platform-url": ("URL", "The address of the platform."),
    "api-key": ("REF", "The API key of a user with the role Lead Analyst."),
    "api-version": ("v2|v3", "v2 for an old platform that has no v3."),
    "fingerprint": ("HEX", "The SHA-256 of the platform's self-signed certificate."),
    "ca-bundle": ("FILE", "The certificate of the authority that signed the platform's."),
    "webhook-token": ("REF", "The token of the platform's webhook [default: the file's, or a new one]."),
    "slack-webhook-url": ("REF", "The URL of an incoming webhook of Slack."),
    "slack-token": ("REF", "The bot token of an app in Slack."),
    "slack-channel": ("ID", "With --slack-token: the channel's id, or its name such as #soc."),
    "slack-host": ("HOST", "With --slack-token: slack-gov.com for GovSlack."),
    "teams-webhook-url": ("REF", "The URL of a Workflows webhook of Teams."),
    "jira-url": ("URL", "The address of Jira."),
    "jira-email": ("EMAIL", "Jira Cloud: the account that the API token belongs to."),
    "jira-api-token": ("REF", "Jira Cloud: the API token."),
    "jira-token": ("REF", "Jira Data Center: a personal access token."),
    "jira-project": ("KEY", "The project in Jira."),
    "jira-issue-type": ("NAME", "The type of the issues [default: Incident, or Task]."),
    "hunt": ("NAME", "The name of the hunt [default: weekly]."),
    "tag": ("KEY=VALUE", "Hunt the EC2 instances with this tag; may be repeated."),
    "region": ("REGION", "With --tag: a region, or all [default: those that have such instances]."),
    "instance": ("REGION/ID", "Hunt this EC2 instance; may be repeated."),
    "schedule": ("CRON", "When the hunt runs [default: cron(0 2 ? * SUN *)]."),
    "timezone": ("ZONE", "The time zone of the schedule [default: Etc/UTC]."),
    "capture": ("MODE", "full, triage or scan [default: full]."),
}
_REPEATED = ("tag", "region", "instance")


def _reference(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return SecretRef.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _answers(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each answer."""
    for name, (metavar, help) in reversed(_ANSWERS.items()):
        callback = _reference if metavar == "REF" else None
        multiple = name in _REPEATED
        command = click.option(f"--{name}", metavar=metavar, help=help, callback=callback, multiple=multiple)(
            command
        )
    return command


@click.command(short_help="Write a configuration that works.")
@click.option("--config", "config_path", metavar="FILE", envvar="HUNTBRIDGE_CONFIG", default=DEFAULT_FILE,
              show_default=True, help="The configuration to write.")  # fmt: skip
@click.option("--force", is_flag=True, help="Replace files that exist.")
@click.option("--from-env", is_flag=True, help="Take over what environment variables configure.")
@click.option("--no-input", is_flag=True, help="Ask nothing, also at a terminal.")
@click.option("--ignore-failures", is_flag=True, help="Without questions: write also what does not work.")
@_answers
def init(
    config_path: str, force: bool, from_env: bool, no_input: bool, ignore_failures: bool, **answers: Any
) -> None:
    """Ask what huntbridge needs, try each answer, write the configuration, and run `huntbridge check`.

    Two files are written: the configuration, and beside it a file with the secrets, such as huntbridge.env,
    which only you can read. All commands read both. Nothing is written before the last answer.

    Every answer is also an option. Without a terminal, options are the only answers. A secret is given as a
    reference REF: env:NAME takes the variable NAME over into the file, file:/path stays where it is. At a
    terminal you can type the secret itself.

    --from-env takes over the variables of Cado's sample Lambda, such as PLATFORM_IP, API_KEY, SYSTEM1 and
    SLACK_WEBHOOK_URL. Options take precedence over variables.

    It sends no message, and changes nothing on the platform or in AWS. Exit code 1 if something does not
    work, 2 if an answer is missing or a file exists.
    """
    log.setup("WARNING", json=False)
    with exit_codes():
        config, variables = _paths(config_path)
        init_files.refuse_existing(config, variables, force=force)
        ask = Interview(answers, terminal=sys.stdin.isatty() and not no_input)
        draft = Draft(config.parent)
        _interview(ask, draft, config, from_env=from_env)
        if ask.failed and not ignore_failures:
            raise Failed(
                "not everything works, so nothing was written. Correct what failed, or add --ignore-failures"
            )
        _write(draft, config, variables, force=force)
        _check_and_advise(draft, config)


def _paths(name: str) -> tuple[Path, Path]:
    config = Path(name)
    if not is_local(name) or config.suffix not in (".yaml", ".yml"):
        raise Misused("--config: name a file on this machine that ends with .yaml")
    if not name.isprintable():
        raise Misused("--config: the name holds a character that cannot be printed")
    if not config.parent.is_dir():
        raise Misused(f"the folder {config.parent} does not exist")
    return config, env_file.beside(config)


def _interview(ask: Interview, draft: Draft, config: Path, *, from_env: bool) -> None:
    if from_env:
        ask.shows(take_over(ask, draft))
    if not ask.terminal:
        _refuse_missing(ask)
    ask_platform(ask, draft)
    draft.data.setdefault("webhook", {"tokens": [_webhook_token(ask, draft, config)]})
    ask_destinations(ask, draft)
    ask_hunt(ask, draft)


def _refuse_missing(ask: Interview) -> None:
    """Raises Misused with all options at once that have no answer."""
    absent = [flag(option) for option in ("platform_url", "api_key") if not ask.given(option)]
    if not given(ask):
        absent.append("a destination (--slack-webhook-url, --slack-token, --teams-webhook-url or --jira-url)")
    if absent:
        raise Misused(f"{', '.join(absent)} {'is' if len(absent) == 1 else 'are'} missing")


def _webhook_token(ask: Interview, draft: Draft, config: Path) -> str:
    if ref := ask.option("webhook_token"):
        draft.keep(ref)
        return str(ref)
    with env_file.environment_file(str(config)):  # the platform may send this token already
        known = os.environ.get("WEBHOOK_TOKEN")
    draft.values.setdefault("WEBHOOK_TOKEN", known or secrets.token_hex(32))
    return "env:WEBHOOK_TOKEN"


def _write(draft: Draft, config: Path, variables: Path, *, force: bool) -> None:
    references = secret_references(draft.config())
    for ref in references:
        draft.keep(ref)
    data = {name: draft.data[name] for name in _ORDER if draft.data.get(name)}
    values = {name: value for name, value in draft.values.items() if f"env:{name}" in references}
    kept = env_file.variables(config)  # with --force: what the file has besides, such as ADMIN_API_KEY
    contents = {
        variables: (env_file.text(config.name, {**kept, **values}), 0o600),
        config: (init_yaml.document(data, variables.name, draft.notes), 0o644),
    }
    init_files.write(contents, force=force)
    click.echo(f"Wrote {config} and {variables}.")
    for name, value in values.items():
        if os.environ.get(name, value) != value:
            click.echo(f"The environment has another {name}, which takes precedence over the file: unset it.")


def _check_and_advise(draft: Draft, config: Path) -> None:
    click.echo("\nhuntbridge check:")
    works = True
    with env_file.environment_file(str(config)):
        data = data_directory(None, str(config))
        runtime = reading_runtime(load_config(str(config)), data)
        for finding in chain(check.offline(runtime), check.online(runtime, data)):
            click.echo(f"{finding.mark}  {finding.what}: {finding.detail}")
            works = works and finding.ok
    option = "" if config == Path(DEFAULT_FILE) else f" --config {config}"
    steps = {
        **{f"send-test {name}{option}": "sends a message marked TEST" for name in draft.data["destinations"]},
        f"serve{option}": "runs everything, on 127.0.0.1:8080",
        **{f"hunt plan {name}{option}": "shows what it would do" for name in draft.data.get("hunts", {})},
    }
    click.echo("\nNext:")
    for command, about in steps.items():
        click.echo(f"  huntbridge {command:{max(map(len, steps))}}   {about}")
    click.echo(
        "\nThe platform must send its webhooks to huntbridge. Put a proxy with TLS in front of `serve`, and\n"
        "register its address with `huntbridge webhook register`. docs/first-alarm.md shows how."
    )
    if not works:
        raise Failed("not everything works yet: see the lines with FAIL")
