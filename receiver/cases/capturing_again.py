"""Has the system of a case captured again: in full, where the platform can do that.

The console, the commands and clicks in Slack ask for it here. What is wrong is said at once. The scheduler
then makes a hunt of the one system.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from receiver.messages.subject import region_of, system_of
from shared.config.config import Config
from shared.http.deadlines import DeadlineExceeded, within
from shared.models.captures import Capture, CaptureState
from shared.models.captures_again import AgainRefused, CaptureAgain, run_in_words
from shared.models.case_states import UnknownCase
from shared.models.cases import Case
from shared.models.codec import dump
from shared.models.inventory import Fleet, InstanceError
from shared.models.kinds_of_system import ABILITIES, CONTAINERS
from shared.models.people import Person
from shared.models.systems import Kind, System
from shared.queues import items
from shared.queues.ports import Queue
from shared.queues.waiting import Waiting
from shared.storage import audit
from shared.storage.ledger.captures_again import CapturesAgain
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Store
from shared.storage.queries.captures import CaptureQueries
from shared.text import one_line

log = logging.getLogger(__name__)

_LOOK = 4.0  # seconds for the question to EC2 whether the instance still exists
_GONE = ("shutting-down", "terminated")
_ENDED = (CaptureState.PROCESSED, CaptureState.FAILED)


@dataclass(eq=False, repr=False)
class CapturingAgain:
    ledger: Ledger
    store: Store
    captures: Queue
    config: Config
    make_fleet: Callable[[], Fleet]
    now: Callable[[], datetime]
    waiting: Waiting

    def ask(self, case_key: str, person: Person, at: datetime) -> CaptureAgain:
        """Ask the scheduler to capture the system of the case. The same second again asks for the same run,
        and the audit log has it once.

        Raises UnknownCase, AgainRefused, and StoreError and QueueError if it could not be recorded.
        """
        case = self.ledger.cases.get(case_key)
        if case is None:
            raise UnknownCase(f"there is no case {case_key!r}")
        system, last = self._system(case)
        self._check(system, last)
        asked = CaptureAgain(
            system,
            ABILITIES[system.kind].mode("full"),
            at.replace(microsecond=0),
            one_line(str(person), 200),
            case_key,
            last.facts if last else None,
        )
        hunt_id = asked.hunt.id
        CapturesAgain(self.store, self.now).take(system.lasting_key, hunt_id, self.config.capture_again)
        event = {"again": dump(asked), "scheduled_at": asked.at.isoformat(), "by": asked.by}
        self.captures.put(items.encode(items.StartHunt(event)), id=f"start:{hunt_id}")
        after = {"hunt": hunt_id, "capture": asked.mode}
        entry = audit.Entry(asked.at, audit.CAPTURE_AGAIN, person.name, person.origin, case_key, after=after)
        audit.record(self.store, entry, hunt_id)
        log.info("system is captured again", extra={"case": case_key, "hunt": hunt_id})
        return asked

    def _system(self, case: Case) -> tuple[System, Capture | None]:
        """The system of the case, and its last capture. Of containers, the one that was captured last."""
        system = case.system or system_of(case.alarm)
        if system is None:
            raise AgainRefused("the case names no system")
        if system.kind is Kind.EC2 and not system.region:
            system = System(system.instance, region_of(case.alarm), system.account)
        captures = CaptureQueries(self.store, self.now).of_system(system.key, limit=1).rows
        if captures:
            return captures[0].system, captures[0]
        if system.kind in CONTAINERS:
            raise AgainRefused("none of its captures is known, so nobody knows which container it was")
        return system, None

    def _check(self, system: System, last: Capture | None) -> None:
        if not self.config.capture_again.enabled:
            raise AgainRefused("the configuration does not allow it")
        if system.account and self.config.account(system.account) is None:
            raise AgainRefused(f"the configuration has no account {system.account} any more")
        if last and last.state not in _ENDED:
            raise AgainRefused(f"{run_in_words(last.hunt_id)} captures {system.title}, and has not ended")
        if system.kind is Kind.EC2:
            if not system.region:
                raise AgainRefused(f"the region of {system.instance} is not known")
            if gone := self._gone(system):
                raise AgainRefused(gone)

    def _gone(self, system: System) -> str:
        """Why EC2 says that the instance cannot be captured any more. Empty also if EC2 gives no answer: the
        platform will."""
        try:
            with within(_LOOK):
                found = self.waiting.outside(
                    lambda: self.make_fleet().instances(system.account, system.region, only=[system.instance])
                )
        except (InstanceError, DeadlineExceeded) as error:
            log.info("EC2 was not asked", extra={"system": system.key, "reason": error})
            return ""
        if not found and not system.account:
            return ""  # the platform may look in another account than this machine
        if not found or found[0].state in _GONE:
            return f"{system.instance} does not exist any more, as EC2 says"
        return ""


def in_words(asked: CaptureAgain) -> str:
    """The sentence that confirms the request."""
    how = {"full": "in full", "triage": "by a triage", "scan": "by a scan"}.get(asked.mode, asked.mode)
    return f"{asked.system.title} will be captured again, {how}: run {run_in_words(asked.hunt.id)}."
