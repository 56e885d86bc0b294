"""The part of `huntbridge init` about the destinations: Slack, Teams and Jira."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import click
from pydantic import ValidationError

from cli.assemble import destination
from cli.exit_codes import Failed
from cli.init_draft import Draft
from cli.init_questions import Interview
from shared.config.destinations.jira import JiraConfig
from shared.config.destinations.slack import SlackConfig
from shared.http.errors import NetworkError
from shared.models.checks import CheckResult, failed
from shared.secrets import SecretError, SecretRef

_TITLES = {"slack": "Slack", "teams": "Microsoft Teams", "jira": "Jira"}
OPTIONS = {
    "slack": ("slack_webhook_url", "slack_token", "slack_channel"),
    "teams": ("teams_webhook_url",),
    "jira": ("jira_url", "jira_email", "jira_api_token", "jira_token", "jira_project", "jira_issue_type"),
}
_LIKELY_TYPES = ("Incident", "Task")


def given(ask: Interview) -> list[str]:
    """The types of the destinations that the options ask for."""
    return [type for type, options in OPTIONS.items() if ask.given(*options)]


def ask_destinations(ask: Interview, draft: Draft) -> None:
    """Asks for each destination that is wanted, and tries it. Sends no message."""
    wanted = given(ask)
    while not wanted:
        wanted = [
            type
            for type, title in _TITLES.items()
            if ask.yes(f"Send alarms to {title}?", default=type == "slack")
        ]
        if not wanted:
            click.echo("Alarms need a destination.")
    for type in wanted:
        _ask(ask, draft, type)


def _ask(ask: Interview, draft: Draft, type: str) -> None:
    destinations = draft.data.setdefault("destinations", {})
    while True:
        destinations[type] = {"slack": _slack, "teams": _teams, "jira": _jira}[type](ask, draft)
        draft.data["default"] = list(destinations)
        if ask.is_valid(draft, *OPTIONS[type]):
            click.echo(f"Trying {_TITLES[type]} …")
            if ask.accepts(_findings(draft, type), *OPTIONS[type]):
                return


def _findings(draft: Draft, type: str) -> Iterator[CheckResult]:
    try:
        result = destination(draft.runtime(), type).check()
    except SecretError as error:
        yield failed(type, str(error))
    except Failed as error:
        yield failed(type, error.message)
    else:
        yield CheckResult(type, result.ok, result.detail)


def _slack(ask: Interview, draft: Draft) -> dict[str, Any]:
    option = "slack_token" if ask.given("slack_token") else "slack_webhook_url"
    question = "Slack: the bot token of an app (xoxb-…), or the URL of an incoming webhook"
    ref = ask.secret(draft, option, question, "SLACK_WEBHOOK_URL", ("xox", "SLACK_BOT_TOKEN"))
    if option == "slack_webhook_url" and not _is_token(draft, ref):
        return {"type": "slack", "webhook_url": str(ref)}
    section: dict[str, Any] = {"type": "slack", "token": str(ref)}
    if host := ask.option("slack_host"):
        section["host"] = host
    names = {} if ask.given("slack_channel") else _channels(draft, section)
    channel = ask.choice("slack_channel", "Channel in Slack", names)
    draft.notes["destinations", "slack", "channel"] = names.get(channel, "")
    return {**section, "channel": channel}


def _is_token(draft: Draft, ref: SecretRef) -> bool:
    try:
        return draft.reveal(ref).reveal().startswith("xox")
    except SecretError:
        return False  # the try that follows reports it


def _channels(draft: Draft, section: Mapping[str, Any]) -> Mapping[str, str]:
    """The channels that Slack lists, by their ids; none if it lists none."""
    from receiver.destinations.slack.choices import channels

    try:
        config = SlackConfig.model_validate({**section, "channel": "C00000000"})
        return channels(draft.reveal(SecretRef(section["token"])), config.api_url, draft.http())
    except ValidationError:
        return {}  # the try that follows reports what is wrong
    except (NetworkError, SecretError, ValueError) as error:
        click.echo(f"  Slack does not list its channels: {error}")
        return {}


def _teams(ask: Interview, draft: Draft) -> dict[str, Any]:
    question = "Teams: the URL of a Workflows webhook (the channel's menu, Workflows, Send webhook alerts)"
    ref = ask.secret(draft, "teams_webhook_url", question, "TEAMS_WEBHOOK_URL")
    return {"type": "teams", "webhook_url": str(ref)}


def _jira(ask: Interview, draft: Draft) -> dict[str, Any]:
    section: dict[str, Any] = {
        "type": "jira",
        "url": ask.text("jira_url", "Address of Jira, such as https://acme.atlassian.net"),
    }
    email = "-"
    if not ask.given("jira_token"):
        email = ask.text("jira_email", "Email of the account in Jira Cloud, or - for Jira Data Center")
    if email != "-":
        ref = ask.secret(draft, "jira_api_token", "API token of that account", "JIRA_API_TOKEN")
        section |= {"email": email, "api_token": str(ref)}
    else:
        ref = ask.secret(draft, "jira_token", "Personal access token of Jira Data Center", "JIRA_TOKEN")
        section["token"] = str(ref)
    section["project"] = ask.choice("jira_project", "Project in Jira", _jira_offers(ask, draft, section, ref))
    types = _jira_offers(ask, draft, section, ref)
    likely = next((name for name in _LIKELY_TYPES if name in types), None if types else "Task")
    section["issue_type"] = ask.choice("jira_issue_type", "Type of the issues", types, likely)
    return section


def _jira_offers(
    ask: Interview, draft: Draft, section: Mapping[str, Any], ref: SecretRef
) -> Mapping[str, str]:
    """The projects, or the types of issues once the section has its project. None if the answer is given
    already, or if Jira lists none."""
    from receiver.destinations.jira.choices import JiraChoices

    if ask.given("jira_issue_type" if "project" in section else "jira_project"):
        return {}
    try:
        config = JiraConfig.model_validate({"project": "X", **section})
        jira = JiraChoices(config, draft.http(), draft.reveal(ref))
        return (
            dict.fromkeys(jira.issue_types(config.project), "") if "project" in section else jira.projects()
        )
    except ValidationError:
        return {}  # the try that follows reports what is wrong
    except (SecretError, ValueError) as error:
        click.echo(f"  Jira does not list what there is: {error}")
        return {}
