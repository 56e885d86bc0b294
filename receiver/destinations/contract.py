"""The contract that every destination keeps, and the one place that knows which class serves which type.

A destination takes a composed message and says what became of it. No exception crosses this line, and
no secret: not in a reason, not in a log, not in a repr.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from receiver.messages.compose import Message
from shared.config.sections import (
    DestinationConfig,
    JiraConfig,
    SlackConfig,
    TeamsConfig,
    WebhookDestinationConfig,
)
from shared.http.client import Http
from shared.secrets import Secret, SecretRef


@dataclass(frozen=True)
class Delivered:
    ref: str = ""  # what a later message about the same case needs: a Jira key, for example
    note: str = ""  # delivered, but not quite as composed: which field was left out, and why


@dataclass(frozen=True)
class Retry:
    reason: str
    after: float | None = None  # seconds that the destination asked for; None leaves it to the backoff
    ambiguous: bool = False  # it may have arrived all the same
    # Nothing was sent: the case must be opened anew, which only who has it to itself may do.
    alone: bool = False


@dataclass(frozen=True)
class Rejected:
    reason: str  # what is wrong and what to do about it
    # The secret is refused, or what it leads to is gone: a newer one might be taken.
    unauthorized: bool = field(default=False, compare=False)


Outcome = Delivered | Retry | Rejected


@dataclass(frozen=True)
class Check:
    """Whether a destination would work, as far as can be told without sending."""

    ok: bool
    detail: str


class Destination(Protocol):
    name: str

    @property
    def thread(self) -> bool:
        """As `Can` says. Asked without I/O; the same at all times."""
        ...

    @property
    def update(self) -> bool:
        """As `Can` says. Asked without I/O; the same at all times."""
        ...

    def deliver(self, message: Message, case_refs: Mapping[str, str]) -> Outcome:
        """`case_refs`: `ref`, what an earlier message of the case gave back; `alone`, where nobody else
        delivers to the case meanwhile; `unsure`, where another one may have opened the case and nobody knows.
        A destination that can be asked asks before it repeats."""
        ...

    def check(self) -> Check:
        """Tell whether a delivery would work. Sends nothing that a person would see."""
        ...


@runtime_checkable
class Whispers(Protocol):
    """A destination that can say something to one person alone."""

    def whisper(self, to: Mapping[str, str], text: str) -> Outcome:
        """`to`: the `user` and the `channel`, each an id of the destination. `text` is plain text."""
        ...


@dataclass(frozen=True)
class Can:
    """What a destination can do, as its configuration says. It is known while its secret cannot be read and
    while it cannot be reached: a case must not be opened twice for that."""

    thread: bool = False  # follow up on an earlier message of the same case
    update: bool = False  # edit an earlier message of the same case


def can(config: DestinationConfig) -> Can:
    if isinstance(config, SlackConfig):
        bot = bool(config.token and config.channel)
        return Can(thread=bot, update=bot)
    return Can(thread=isinstance(config, JiraConfig))


def build(
    name: str,
    config: DestinationConfig,
    secret: Callable[[SecretRef], Secret],
    http_for: Callable[..., Http],
) -> Destination:
    """The destination that the configuration describes. `http_for` takes what `Http` takes, and
    makes one.

    Raises SecretError where a secret cannot be read, and ValueError with one plain sentence where the URL in
    it cannot be right. Senders are imported when they are used: slack-sdk alone takes 80 ms.
    """
    return _BUILDERS[config.type](name, config, secret, http_for)


def _http(name: str, config: DestinationConfig, http_for: Callable[..., Http]) -> Http:
    return http_for(ca_bundle=config.ca_bundle, section=f"destinations.{name}")


def _slack(
    name: str, config: SlackConfig, secret: Callable[[SecretRef], Secret], http_for: Callable[..., Http]
) -> Destination:
    if config.token and config.channel:
        from receiver.destinations.slack.bot import SlackBotDestination

        return SlackBotDestination(
            name,
            secret(config.token),
            config.channel,
            _http(name, config, http_for),
            interactive=bool(config.signing_secret),
            base_url=config.api_url,
        )
    from receiver.destinations.slack.webhook import SlackDestination

    if config.webhook_url is None:
        raise ValueError("Slack needs webhook_url, or token and channel")
    return SlackDestination(name, secret(config.webhook_url), _http(name, config, http_for))


def _teams(
    name: str, config: TeamsConfig, secret: Callable[[SecretRef], Secret], http_for: Callable[..., Http]
) -> Destination:
    from receiver.destinations.teams.destination import TeamsDestination

    return TeamsDestination(name, secret(config.webhook_url), _http(name, config, http_for))


def _jira(
    name: str, config: JiraConfig, secret: Callable[[SecretRef], Secret], http_for: Callable[..., Http]
) -> Destination:
    from receiver.destinations.jira.destination import JiraDestination

    ref = config.api_token or config.token
    if ref is None:
        raise ValueError("Jira needs email and api_token (Cloud), or token (Data Center)")
    return JiraDestination(name, config, _http(name, config, http_for), secret(ref))


def _webhook(
    name: str,
    config: WebhookDestinationConfig,
    secret: Callable[[SecretRef], Secret],
    http_for: Callable[..., Http],
) -> Destination:
    from receiver.destinations.webhook.destination import WebhookDestination

    url = config.url_ref
    return WebhookDestination(
        name,
        secret(url) if url else Secret(config.url),
        [secret(ref) for ref in config.secrets],
        _http(name, config, http_for),
    )


_BUILDERS: dict[str, Callable[..., Destination]] = {
    "slack": _slack,
    "teams": _teams,
    "jira": _jira,
    "webhook": _webhook,
}
