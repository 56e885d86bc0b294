"""The items of what people do in Slack."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@dataclass(frozen=True)
class Click:
    """A click on one of huntbridge's buttons, or a choice from one of its menus, as Slack reports it."""

    action: str
    value: str  # the case's key
    user: str  # an id
    name: str
    channel: str  # an id
    ts: str  # of the message
    verdict: str = ""  # only of a choice from the menu that closes the case
    trigger: str = ""  # only of such a choice: opens one dialog within three seconds
    length: str = ""  # only of a choice from the menu that mutes: the value of its option


# The keys that are written even if they are empty: all that an earlier version knew.
_ALWAYS = ("action", "value", "user", "name", "channel", "ts")


@_content
class SlackClick(Content):
    """Somebody clicked in Slack. `signed_by` refers to the app's signing secret."""

    kind, key = "click", "click"
    click: Click
    signed_by: str
    at: datetime

    def keys(self) -> dict[str, Any]:
        click = {name: value for name, value in asdict(self.click).items() if value or name in _ALWAYS}
        return {"click": click, "signed_by": self.signed_by, "at": self.at.isoformat()}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        given = keys["click"]
        click = Click(**{name: given[name] for name in Click.__dataclass_fields__ if name in given})
        return cls(click, keys["signed_by"], datetime.fromisoformat(keys["at"]))


@_content
class SlackTerms(Content):
    """Somebody who closed a case in Slack chose its terms in the dialog. `signed_by` refers to the app's
    signing secret."""

    kind, key = "slack_terms", "terms_of"
    case_key: str
    closure_id: str  # the id of the decision that closed the case
    user: str  # an id
    why: str
    signed_by: str
    at: datetime
    scope: str = ""  # the value of an option; empty if the verdict has no terms
    days: int = 0
    malicious: tuple[str, ...] = ()  # fingerprints

    def keys(self) -> dict[str, Any]:
        return {
            "terms_of": self.case_key,
            "closure": self.closure_id,
            "user": self.user,
            "why": self.why,
            "signed_by": self.signed_by,
            "at": self.at.isoformat(),
            "scope": self.scope,
            "days": self.days,
            "malicious": list(self.malicious),
        }

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        return cls(
            keys["terms_of"],
            keys["closure"],
            keys["user"],
            keys["why"],
            keys["signed_by"],
            datetime.fromisoformat(keys["at"]),
            keys["scope"],
            keys["days"],
            tuple(keys["malicious"]),
        )
