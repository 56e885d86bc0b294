"""A destination that takes everything and remembers it."""

from __future__ import annotations

from receiver.destinations.contract import CaseRef, Check, Delivered, Traits
from receiver.messages.message import Message


class Tool:
    name, traits = "soc", Traits()

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def deliver(self, message: Message, case: CaseRef) -> Delivered:
        self.sent.append(message)
        return Delivered()

    def check(self) -> Check:
        return Check(True, "")
