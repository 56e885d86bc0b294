"""Limits one run of a hunt to some of its systems, as a person asks for at the command line.

Such a run is beside the schedule: it has a time of its own, no hunt begins after it, and later runs are not
compared with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.chosen_systems import Choice
from shared.config.hunts import HuntConfig
from shared.config.patterns import fits
from shared.models.hunts import Hunt
from shared.models.systems import Kind
from shared.phrases import counted
from shared.storage.ledger.ledger import Ledger

_KIND, _NAME = "kind", "name"  # every other key is a tag


@dataclass(frozen=True)
class Narrow:
    """What a run is limited to. Of the conditions with the same key, one must hold."""

    only: tuple[tuple[str, str], ...] = ()  # key and pattern
    limit: int | None = None  # systems

    @classmethod
    def parse(cls, only: Iterable[str], limit: int | None) -> Narrow:
        """`only` has texts such as `Env=prod`. Raises ValueError with a sentence."""
        pairs = []
        for text in only:
            key, equals, pattern = text.partition("=")
            if not equals or not key or not pattern:
                raise ValueError(f"{text!r} is no condition; write TAG=VALUE, name=VALUE or kind=VALUE")
            if key == _KIND and pattern not in set(Kind):
                raise ValueError(f"there is no kind {pattern!r}; the kinds are {', '.join(Kind)}")
            pairs.append((key, pattern))
        return cls(tuple(pairs), limit)

    def __bool__(self) -> bool:
        return bool(self.only) or self.limit is not None

    @property
    def needs_facts(self) -> bool:
        """Whether the systems that the definition names must be looked up."""
        return any(key != _KIND for key, _ in self.only)

    @property
    def words(self) -> str:
        only = [f"only {key}={pattern}" for key, pattern in self.only]
        most = [] if self.limit is None else [f"at most {counted(self.limit, 'system')}"]
        return ", ".join([*only, *most])

    def applied(self, choices: Iterable[Choice]) -> tuple[Choice, ...]:
        """The choices; those that do not fit are left out. `limit` is not applied here."""
        return tuple(
            choice if choice.why_not else replace(choice, why_not=self._why_not(choice)) for choice in choices
        )

    def _why_not(self, choice: Choice) -> str:
        for key in dict.fromkeys(key for key, _ in self.only):
            patterns = [pattern for each, pattern in self.only if each == key]
            asked = " or ".join(f"{key}={pattern}" for pattern in patterns)
            if key == _KIND:
                values = [choice.system.kind.value]
            elif key == _NAME:
                values = [choice.system.instance, choice.system.name]
                values += [choice.instance.name] if choice.instance else []
            elif choice.instance is None:
                return f"the run was limited to {asked}, and its tags are not known"
            else:
                values = [choice.instance.tags[key]] if key in choice.instance.tags else []
            if not any(fits(value, patterns) for value in values):
                return f"the run was limited to {asked}"
        return ""


WHOLE = Narrow()  # no limit


def time_beside_schedule(ledger: Ledger, name: str, definition: HuntConfig, now: datetime) -> datetime:
    """The second at which a limited run of this hunt starts. No other run has it, and none is due then."""
    at = now.replace(microsecond=0)
    second = timedelta(seconds=1)
    calendar = definition.calendar
    while (calendar and calendar.next_after(at - second) == at) or ledger.hunts.get(Hunt(name, at).id):
        at += second
    return at
