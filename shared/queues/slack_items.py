"""The items of what people do in Slack."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from shared.queues.content import Content
from shared.queues.content import content as _content


@dataclass(frozen=True)
class Click:
    """A click on one of huntbridge's buttons, or a choice from its menu, as Slack reports it."""

    action: str
    value: str  # the case's key
    user: str  # an id
    name: str
    channel: str  # an id
    ts: str  # of the message
    verdict: str = ""  # only of a choice from the menu


@_content
class SlackClick(Content):
    """Somebody clicked in Slack. `signed_by` refers to the app's signing secret."""

    kind, key = "click", "click"
    click: Click
    signed_by: str
    at: datetime

    def keys(self) -> dict[str, Any]:
        click = asdict(self.click)
        if not self.click.verdict:
            del click["verdict"]  # earlier versions did not know it
        return {"click": click, "signed_by": self.signed_by, "at": self.at.isoformat()}

    @classmethod
    def of(cls, keys: dict[str, Any]) -> Self:
        given = keys["click"]
        click = Click(**{name: given[name] for name in Click.__dataclass_fields__ if name in given})
        return cls(click, keys["signed_by"], datetime.fromisoformat(keys["at"]))
