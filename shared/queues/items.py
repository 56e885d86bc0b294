"""The items of the three queues, and the one codec that writes and reads them.

An item is a JSON object with `kind` (which of the classes below it is), `v` (the version of its format) and
the item's own keys. Earlier versions wrote no `kind` and distinguished the kinds by their keys. Their items
are still read here. Those versions can read what is written here, because each kind keeps its keys.

To add a field, give it a default and leave the version as it is. Raise the version of a kind, or of some of
its items, only if an older worker would do something wrong with the item. Older workers then refuse it. It is
tried again for some minutes, in which a deployment replaces these workers. After that it is dead.

This module imports only dataclasses and json, because the web function loads it. So events, alarms and
systems are here as `shared.models.codec.dump` made them.
"""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any, Self

from shared.queues.content import Content as Content
from shared.queues.content import content as _content
from shared.queues.cover_accounts_item import CoverAccounts as CoverAccounts
from shared.queues.daily_check_item import DailyCheck as DailyCheck
from shared.queues.digest_due_item import DigestDue as DigestDue
from shared.queues.escalation_item import Escalation as Escalation
from shared.queues.leftovers_item import Leftovers as Leftovers
from shared.queues.look_at_issues_item import LookAtIssues as LookAtIssues
from shared.queues.preflight_item import PreflightHunt as PreflightHunt
from shared.queues.sizes import fitted_alarm, fitted_event
from shared.queues.slack_items import Click as Click
from shared.queues.slack_items import SlackClick as SlackClick
from shared.queues.slack_items import SlackTerms as SlackTerms


class NotAnItem(ValueError):
    """huntbridge did not write this item."""


class NewerItem(ValueError):
    """A newer version of huntbridge wrote this item, and this version cannot handle it."""


# [events]


@_content
class Webhook(Content):
    """An accepted webhook. Only the token was removed from its body; nothing was looked up."""

    kind, key = "webhook", "webhook"
    body: bytes
    received_at: datetime

    def keys(self) -> dict[str, Any]:
        return {
            "webhook": base64.b64encode(self.body).decode(),
            "received_at": self.received_at.isoformat(),
        }

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(base64.b64decode(keys["webhook"]), datetime.fromisoformat(keys["received_at"]))


@_content
class OwnEvent(Content):
    """An event that huntbridge raises itself. When it is written, it is cut to the size of an item."""

    kind, key = "event", "event"
    event: dict[str, Any]

    def keys(self) -> dict[str, Any]:
        return {"event": fitted_event(self.event)}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["event"])


@_content
class AcknowledgeCase(Content):
    """Somebody acknowledges a case in the console or at the command line."""

    kind, key = "acknowledgement", "acknowledge"
    case_key: str
    acknowledgement: dict[str, Any]
    after: str | None = None  # as in `CaseDecision`; earlier versions did not write it

    def keys(self) -> dict[str, Any]:
        after = {} if self.after is None else {"after": self.after}
        return {"acknowledge": self.case_key, "taken": self.acknowledgement, **after}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["acknowledge"], keys["taken"], keys.get("after"))


@_content
class DecideCase(Content):
    """Somebody gives back, closes or reopens a case in the console or at the command line."""

    kind, key = "decision", "decide"
    case_key: str
    decision: dict[str, Any]

    def keys(self) -> dict[str, Any]:
        return {"decide": self.case_key, "decision": self.decision}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["decide"], keys["decision"])


@_content
class Reminder(Content):
    """Remind people of a case that nobody has acknowledged since `since`. This is its reminder `number`."""

    kind, key = "reminder", "remind"
    case_key: str
    number: int
    since: datetime

    def keys(self) -> dict[str, Any]:
        return {"remind": self.case_key, "number": self.number, "since": self.since.isoformat()}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["remind"], keys["number"], datetime.fromisoformat(keys["since"]))


@_content
class Heartbeat(Content):
    """Tell a destination that huntbridge is alive. Nothing was sent to it since `since`."""

    kind, key = "heartbeat", "heartbeat"
    destination: str
    since: datetime

    def keys(self) -> dict[str, Any]:
        return {"heartbeat": self.destination, "since": self.since.isoformat()}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["heartbeat"], datetime.fromisoformat(keys["since"]))


@_content
class DeadLetterNotice(Content):
    """Report how many items are dead for a destination or in a queue."""

    kind, key = "dead_letter_notice", "notice"
    about: str

    def keys(self) -> dict[str, Any]:
        return {"notice": self.about}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["notice"])


@_content
class RefusedWebhooks(Content):
    """How many webhooks were refused. Each of `counts` has the keys of `Refused` of the ledger."""

    kind, key = "refused_webhooks", "refused"
    counts: list[dict[str, Any]]

    def keys(self) -> dict[str, Any]:
        return {"refused": self.counts}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["refused"])


# [captures]


@_content
class StartHunt(Content):
    """Start a hunt. `event` is what asked the scheduler for it, as `scheduler/triggers.py` reads it."""

    kind, key = "start", "start"
    event: dict[str, Any]

    def keys(self) -> dict[str, Any]:
        return {"start": self.event}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["start"])


@_content
class OpenProject(Content):
    """Open the hunt's project. `until`: epoch seconds until which it is worth trying."""

    kind, key = "open", "open"
    hunt_id: str
    until: float

    def keys(self) -> dict[str, Any]:
        return {"open": self.hunt_id, "until": self.until}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["open"], keys["until"])


@_content
class RequestCapture(Content):
    """Ask the platform for one capture. `until`: epoch seconds until which it is worth trying.

    An item about another kind of system than an EC2 instance has version 2. An older worker, which knows EC2
    alone, would ask the platform for an instance of that name.
    """

    kind, key = "capture", "capture"
    newest = 2
    hunt_id: str
    system: dict[str, Any]
    until: float

    @property
    def version(self) -> int:
        return 2 if ":" in self.system["instance"] else 1  # no id of EC2 has a colon

    def keys(self) -> dict[str, Any]:
        return {"capture": self.hunt_id, "system": self.system, "until": self.until}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["capture"], keys["system"], keys["until"])


# [deliveries]


@_content
class ForDestination(Content):
    """An item of [deliveries]: work for one destination."""

    destination: str


@_content
class DeliverAlarm(ForDestination):
    """Deliver one alarm. When it is written, it is cut to the size of an item."""

    kind, key = "alarm", "alarm"
    alarm: dict[str, Any]
    hold: dict[str, Any] | None = None  # why it is not told at once; earlier versions did not write it

    def keys(self) -> dict[str, Any]:
        held = {"hold": self.hold} if self.hold else {}
        return {"destination": self.destination, "alarm": fitted_alarm(self.alarm), **held}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["destination"], keys["alarm"], keys.get("hold"))


@_content
class DeliverDigest(ForDestination):
    """Deliver the entries of a digest in one message."""

    kind, key = "digest", "digest"
    digest_id: str

    def keys(self) -> dict[str, Any]:
        return {"destination": self.destination, "digest": self.digest_id}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["destination"], keys["digest"])


@_content
class RefreshCase(ForDestination):
    """Edit the case's message, so that it shows how the case stands now."""

    kind, key = "refresh", "refresh"
    case_key: str

    def keys(self) -> dict[str, Any]:
        return {"destination": self.destination, "refresh": self.case_key}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(keys["destination"], keys["refresh"])


@_content
class Ephemeral(ForDestination):
    """Show a text to one person in one channel, at once or never."""

    kind, key = "ephemeral", "whisper"
    channel: str  # an id
    user: str  # an id
    text: str
    links: tuple[tuple[str, str], ...] = ()  # text and address of each

    def keys(self) -> dict[str, Any]:
        to = {"channel": self.channel, "user": self.user}
        links = {"links": [list(link) for link in self.links]} if self.links else {}
        return {"destination": self.destination, "whisper": self.text, "to": to, **links}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        links = tuple((text, url) for text, url in keys.get("links", ()))
        return cls(keys["destination"], keys["to"]["channel"], keys["to"]["user"], keys["whisper"], links)


KINDS: tuple[type[Content], ...] = (
    Webhook,
    OwnEvent,
    SlackClick,
    SlackTerms,
    AcknowledgeCase,
    DecideCase,
    Reminder,
    Escalation,
    Heartbeat,
    DeadLetterNotice,
    DailyCheck,
    DigestDue,
    LookAtIssues,
    PreflightHunt,
    RefusedWebhooks,
    CoverAccounts,
    StartHunt,
    OpenProject,
    Leftovers,
    RequestCapture,
    DeliverAlarm,
    DeliverDigest,
    RefreshCase,
    Ephemeral,
)


def encode(content: Content) -> bytes:
    """The body of an item."""
    item = {"kind": content.kind, "v": content.version, **content.keys()}
    return json.dumps(item, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def decode(body: bytes) -> Content:
    """The reverse of `encode`, also for items without a kind. Raises NotAnItem and NewerItem."""
    keys = keys_of(body)
    if "kind" not in keys:
        kinds = [content for content in KINDS if content.key in keys]
    else:
        kinds = [content for content in KINDS if content.kind == keys["kind"]]
        version = keys.get("v")
        if not kinds or not isinstance(version, int) or version > kinds[0].newest:
            raise NewerItem(f"an item of kind {keys['kind']!r}, version {version}, is not known here")
    if not kinds:
        raise NotAnItem("not an item of huntbridge")
    try:
        return kinds[0].of(keys)
    except (KeyError, TypeError, ValueError) as error:
        raise NotAnItem(f"not a complete item of kind {kinds[0].kind!r}") from error


def keys_of(body: bytes) -> dict[str, Any]:
    """The item as it is written, to show it to a person. Raises NotAnItem."""
    try:
        keys = json.loads(body)
    except ValueError as error:
        raise NotAnItem("not JSON") from error
    if not isinstance(keys, dict):
        raise NotAnItem("not an item of huntbridge")
    return keys
