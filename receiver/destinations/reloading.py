"""Reloads a destination whose secret was rotated.

A destination is made at its first message. If it refuses its secret, the secret is read again, and the
destination is made anew if the secret has changed. If a secret cannot be read, the message is retried later.
No reason contains a secret.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

from receiver.destinations.contract import (
    AsksForTerms,
    CaseRef,
    Check,
    ClosedIssue,
    Destination,
    Links,
    Outcome,
    Recipient,
    Rejected,
    Retry,
    SendsEphemeral,
    TermsForm,
    TracksIssues,
)
from receiver.destinations.registry import build, traits_of
from receiver.messages.message import Message
from shared.config.destinations.registry import DestinationConfig
from shared.http.client import Http
from shared.queues.waiting import InThisThread, Waiting
from shared.secrets import Secret, SecretError, SecretRef

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class _Made:
    """A destination, and the secrets that it was made with."""

    destination: Destination
    secrets: Mapping[SecretRef, Secret]

    def differs_from(self, other: _Made) -> bool:
        return any(secret.reveal() != other.secrets[ref].reveal() for ref, secret in self.secrets.items())


class ReloadingDestination:
    """Safe to use from several threads."""

    def __init__(
        self,
        name: str,
        config: DestinationConfig,
        secret: Callable[[SecretRef], Secret],
        refresh: Callable[[SecretRef], None],
        http_for: Callable[..., Http],
        waiting: Waiting | None = None,
    ) -> None:
        """`secret` reads a secret. `refresh` drops the cached values, so that `secret` reads them anew.
        `waiting`: how to wait for the destination; None if the thread may wait."""
        self.name = name
        self.traits = traits_of(config)
        self._config, self._secret, self._refresh, self._http_for = config, secret, refresh, http_for
        self._outside = (waiting or InThisThread()).outside
        self._lock = threading.Lock()
        self._made: _Made | None = None

    def prepare(self) -> None:
        """Raises SecretError if a secret cannot be read, and ValueError if it is malformed."""
        self._current()

    def deliver(self, message: Message, case: CaseRef) -> Outcome:
        return self._call(lambda destination: destination.deliver(message, case))

    def send_ephemeral(self, to: Recipient, text: str, links: Links = ()) -> Outcome:
        def call(destination: Destination) -> Outcome:
            if isinstance(destination, SendsEphemeral):
                return destination.send_ephemeral(to, text, links)
            return Rejected("it has no way to say something to one person alone")

        return self._call(call)

    def ask_for_terms(self, trigger: str, form: TermsForm) -> Outcome:
        def call(destination: Destination) -> Outcome:
            if isinstance(destination, AsksForTerms):
                return destination.ask_for_terms(trigger, form)
            return Rejected("it has no dialogs")

        return self._call(call)

    def closed_issues(self, issues: Mapping[str, str]) -> Mapping[str, ClosedIssue] | Retry | Rejected:
        def call(destination: Destination) -> Mapping[str, ClosedIssue] | Retry | Rejected:
            return destination.closed_issues(issues) if isinstance(destination, TracksIssues) else {}

        return self._call(call)

    def who_closed(self, keys: Collection[str]) -> Mapping[str, str] | Retry | Rejected:
        def call(destination: Destination) -> Mapping[str, str] | Retry | Rejected:
            return destination.who_closed(keys) if isinstance(destination, TracksIssues) else {}

        return self._call(call)

    def _call(self, call: Callable[[Destination], T]) -> T | Retry:
        return self._outside(lambda: self._call_outside(call))

    def _call_outside(self, call: Callable[[Destination], T]) -> T | Retry:
        try:
            used = self._current()
        except (SecretError, ValueError) as error:
            return Retry(str(error))
        outcome = call(used.destination)
        if not (isinstance(outcome, Rejected) and outcome.unauthorized):
            return outcome
        try:
            reloaded = self._reloaded(used)
        except (SecretError, ValueError) as error:
            log.warning(
                "a destination refuses its secret, which cannot be read again",
                extra={"destination": self.name, "reason": str(error)},
            )
            return outcome
        if not reloaded.differs_from(used):
            return outcome
        log.info(
            "a destination refused its secret, which has changed: using the new secret",
            extra={"destination": self.name},
        )
        return call(reloaded.destination)

    def check(self) -> Check:
        """With secrets that are read anew, since a delivery also reads them anew if they are refused."""
        return self._outside(self._check_outside)

    def _check_outside(self) -> Check:
        try:
            used = self._made
            made = self._reloaded(used) if used else self._current()
            return made.destination.check()
        except (SecretError, ValueError) as error:
            return Check(False, str(error))

    def _current(self) -> _Made:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _reloaded(self, refused: _Made) -> _Made:
        with self._lock:
            if self._made is refused:  # otherwise another thread has reloaded it
                for ref in refused.secrets:
                    self._refresh(ref)
                self._made = self._make()
            assert self._made is not None
            return self._made

    def _make(self) -> _Made:
        read: dict[SecretRef, Secret] = {}

        def secret(ref: SecretRef) -> Secret:
            read[ref] = self._secret(ref)
            return read[ref]

        return _Made(build(self.name, self._config, secret, self._http_for), read)
