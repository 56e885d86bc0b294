"""Gets the answers of `huntbridge init`: from its options, or else from the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from cli.exit_codes import Misused
from cli.init_draft import Draft
from shared.config.errors import ConfigError
from shared.models.checks import CheckResult
from shared.secrets import SecretRef
from shared.text import one_line

_MOST_OFFERS = 20


class Interview:
    """An option is named as in Python: `api_key` is --api-key."""

    def __init__(self, given: Mapping[str, Any], *, terminal: bool) -> None:
        self.terminal = terminal
        self.failed = False  # whether something does not work, and nobody decided to go on
        self._given = {name: value for name, value in given.items() if value not in (None, ())}
        self._earlier: dict[str, Any] = {}  # what was answered the last time

    def given(self, *options: str) -> bool:
        """Whether one of these options is answered."""
        return any(option in self._given for option in options)

    def assume(self, option: str, answer: str) -> None:
        """Takes this for the answer if there is no other."""
        self._given.setdefault(option, answer)

    def option(self, option: str) -> Any:
        """The answer to an option that is never asked for; None if it is not given."""
        return self._given.get(option)

    def text(self, option: str, question: str, default: str | None = None) -> str:
        """Raises Misused if nobody can be asked and there is no default."""
        if option in self._given:
            return str(self._given[option])
        if self.terminal:
            default = self._earlier.get(option, default)
            self._earlier[option] = answer = str(
                click.prompt(question, default=default, show_default=bool(default))
            ).strip()
            return answer
        if default is None:
            raise Misused(f"{flag(option)} is missing")
        return default

    def choice(
        self, option: str, question: str, offers: Mapping[str, str], default: str | None = None
    ) -> str:
        """One of the offers, or another text. `offers`: an explanation for each, which may be empty."""
        if option in self._given or not self.terminal:
            if default is None and option not in self._given:
                listed = (f"{name} ({about})" if about else name for name, about in offers.items())
                there_are = f"; there are: {one_line(', '.join(listed), 300)}" if offers else ""
                raise Misused(f"{flag(option)} is missing{there_are}")
            return self.text(option, question, default)
        names = _show(offers)
        answer = self.text(option, f"{question} (a number or a name)" if names else question, default)
        return names[int(answer) - 1] if _is_number(answer, names) else answer

    def choices(
        self, option: str, question: str, offers: Mapping[str, str], default: Sequence[str] = ()
    ) -> list[str]:
        """Any number of the offers, or other texts."""
        if option in self._given:
            return [str(answer) for answer in self._given[option]]
        if not self.terminal:
            return list(default)
        names = _show(offers)
        shown = ", ".join(default)
        text = self.text(option, f"{question} (numbers or names, with commas between)", shown)
        answers = [answer.strip() for answer in text.split(",") if answer.strip()]
        return [names[int(answer) - 1] if _is_number(answer, names) else answer for answer in answers]

    def secret(
        self, draft: Draft, option: str, question: str, name: str, other: tuple[str, str] = ("", "")
    ) -> SecretRef:
        """The reference to a secret, whose value is then in the draft. A value that was typed is kept as the
        variable `name`. `other`: how another kind of value begins, and its variable. Raises Misused if nobody
        can be asked."""
        if option in self._given:
            ref = SecretRef.parse(self._given[option])
        elif not self.terminal:
            raise Misused(f"{flag(option)} is missing")
        else:
            known = next((f"env:{one}" for one in (name, other[1]) if draft.environ.get(one)), None)
            answer = click.prompt(
                f"{question} (not shown)", default=self._earlier.get(option, known), hide_input=True
            ).strip()
            try:
                ref = SecretRef.parse(answer)
            except ValueError:
                variable = other[1] if other[0] and answer.startswith(other[0]) else name
                draft.values[variable] = answer
                ref = SecretRef(f"env:{variable}")
            self._earlier[option] = str(ref)
        draft.keep(ref)
        return ref

    def yes(self, question: str, *, default: bool) -> bool:
        """False if nobody can be asked."""
        return self.terminal and click.confirm(question, default=default)

    def is_valid(self, draft: Draft, *options: str) -> bool:
        """Whether the configuration can be written as it is. If not, shows why, and these options are to be
        answered again. Raises Misused if nobody can be asked."""
        try:
            draft.config()
        except ConfigError as error:
            if not self.terminal:
                raise Misused(str(error)) from None
            for problem in error.problems:
                click.echo(f"  {problem}")
            self._forget(options)
            return False
        return True

    def shows(self, findings: Iterable[CheckResult]) -> bool:
        """Shows what a try found. False if something does not work."""
        works = True
        for finding in findings:
            click.echo(f"  {finding.mark}  {finding.what}: {finding.detail}")
            works = works and finding.ok
        self.failed = self.failed or not (works or self.terminal)
        return works

    def accepts(self, findings: Iterable[CheckResult], *options: str) -> bool:
        """Shows what a try found. False if these options are to be answered again, or the try repeated."""
        if self.shows(findings) or not self.yes("Correct this now? (n keeps it as it is)", default=True):
            return True
        self._forget(options)
        return False

    def _forget(self, options: Iterable[str]) -> None:
        """Has these options answered again, and offers the last answers."""
        for option in options:
            if answer := self._given.pop(option, None):
                self._earlier[option] = answer if isinstance(answer, str) else ", ".join(answer)


def flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def _show(offers: Mapping[str, str]) -> list[str]:
    names = list(offers)[:_MOST_OFFERS]
    for number, name in enumerate(names, 1):
        about = f"  {one_line(offers[name], 80)}" if offers[name] else ""
        click.echo(f"  {number:>2}  {one_line(name, 80)}{about}")
    if left := len(offers) - len(names):
        click.echo(f"      and {left} more")
    return names


def _is_number(answer: str, names: Sequence[str]) -> bool:
    return answer.isdecimal() and 1 <= int(answer) <= len(names)
