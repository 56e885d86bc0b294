"""A simulated Slack workspace with a destination in it."""

from __future__ import annotations

from pathlib import Path

from demo.slack.records import DEMO_TOKEN, Post
from demo.slack.simulation import Slack
from receiver.destinations.contract import (
    CaseRef,
    Delivered,
    Outcome,
)
from receiver.destinations.slack.bot import SlackBotDestination
from receiver.messages.message import Message
from shared.secrets import Secret

CONTRACTS = Path(__file__).resolve().parents[5] / "shared" / "contracts" / "slack"
SOC = "C0123456789"


class Workspace:
    """A simulated Slack, and a destination in it."""

    def __init__(self, slack: Slack, origin: str) -> None:
        self.slack, self.origin = slack, origin
        self.destination = self.at(SOC)
        self.ref = ""

    def at(self, channel: str) -> SlackBotDestination:
        return SlackBotDestination("ir", Secret(DEMO_TOKEN), channel, base_url=f"{self.origin}/api/")

    def tell(self, message: Message) -> Outcome:
        """Deliver with the ref of the last delivery, as the queue does."""
        outcome = self.destination.deliver(message, CaseRef(self.ref))
        if isinstance(outcome, Delivered):
            self.ref = outcome.ref
        return outcome

    @property
    def parents(self) -> list[Post]:
        return [post for post in self.slack.posts if not post.thread_ts]

    def threads(self) -> list[list[str]]:
        """The headers of each parent and of its replies. A mark shows that a reply was broadcast."""
        return [
            [
                header(parent),
                *(header(reply) + " !" * reply.broadcast for reply in self.slack.replies(parent)),
            ]
            for parent in self.parents
        ]


def header(post: Post) -> str:
    text: str = post.body["blocks"][0]["text"]["text"]
    return text.partition(" on ")[0]


def gone(workspace: Workspace) -> None:
    workspace.slack.posts.remove(workspace.parents[0])
