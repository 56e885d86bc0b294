"""The record of what each destination holds of a case, such as a Jira issue or a Slack thread.

Many deliveries of one case may run at once, and only one of them may open the issue or thread. So a delivery
acquires its case at its destination first, and releases it with the reference that the destination gave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.storage import kinds
from shared.storage.ports import Body, Store


@dataclass(frozen=True)
class CaseAccess:
    """What one delivery may do with its case at one destination."""

    ref: str = ""  # what the destination gave for an earlier message of the case; empty: nothing yet
    exclusive: bool = False  # no other delivery may use the case until this one releases it
    unsure: bool = False  # an earlier delivery tried to open it, and it is not known whether it succeeded
    wait: float = 0.0  # seconds until the delivery that has the case must be done; 0: go on


class CaseReferences:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def get(self, case_key: str, destination: str) -> str:
        """What the destination gave for the case, such as a Jira key; empty if it gave nothing."""
        record = self._store.get(kinds.CASE, case_key, destination)
        return str(record.body.get("ref") or "") if record else ""

    def acquire(
        self, case_key: str, destination: str, lease: str, seconds: float, *, alone: bool = False
    ) -> CaseAccess:
        """What a delivery may do: follow up on what is there, open the case, or wait for the delivery that
        has it.

        `alone`: a follow-up needs exclusive access too, since it changes what an earlier message wrote. The
        same holds for every delivery after `close`. `lease` names this attempt, and `release` needs it. A
        delivery that does not release the case within `seconds` counts as crashed, and its result as
        unknown.
        """

        def acquire(body: Body | None) -> tuple[Body | None, CaseAccess]:
            held = body or {}
            ref, closed = str(held.get("ref") or ""), bool(held.get("shut"))
            if ref and not (alone or closed):
                return None, CaseAccess(ref=ref)
            until, now = held.get("until"), self._now()
            left = (datetime.fromisoformat(until) - now).total_seconds() if until else 0.0
            if 0 < left <= seconds:  # more than `seconds` are left only if the clock was set back
                return None, CaseAccess(wait=left)
            unsure = (closed or not ref) and bool(held.get("unsure") or held.get("opener"))
            after = {
                "ref": ref,
                "opener": lease,
                "until": (now + timedelta(seconds=seconds)).isoformat(),
                "unsure": unsure,
                "shut": closed,
            }
            return after, CaseAccess(ref=ref, exclusive=True, unsure=unsure)

        return self._store.update(kinds.CASE, case_key, destination, acquire, durable=False)

    def release(
        self,
        case_key: str,
        destination: str,
        lease: str,
        *,
        ref: str = "",
        unsure: bool = False,
        hold: float = 0.0,
    ) -> None:
        """Give up the exclusive access. With `ref`, later messages use that reference. Without it, an earlier
        reference stays; if there is none, the next delivery may open the case.

        `unsure`: the case may have been opened nevertheless. Nobody can find out for `hold` seconds, so other
        deliveries wait that long.
        """

        def release(body: Body | None) -> tuple[Body | None, None]:
            held = body or {}
            after: dict[str, Any]
            if ref:
                after = {"ref": ref}
            elif held.get("opener") != lease:
                return None, None  # another delivery has acquired it since
            elif unsure and hold:
                until = self._now() + timedelta(seconds=hold)
                after = held | {"unsure": True, "until": until.isoformat()}
            elif held.get("ref") and not held.get("shut"):
                after = {"ref": held["ref"]}
            else:
                kept = {name: held[name] for name in ("ref", "shut") if held.get(name)}
                after = kept | {"unsure": unsure or held["unsure"]}
            return after, None

        self._store.update(kinds.CASE, case_key, destination, release, durable=False)

    def close(self, case_key: str, destination: str, ref: str) -> None:
        """Record that the thing that `ref` names, such as a closed issue, accepts no more messages as it is.
        The next delivery then gets exclusive access. Does nothing if the case has another reference by now,
        or a delivery has exclusive access."""

        def close(body: Body | None) -> tuple[Body | None, None]:
            held = body or {}
            is_free = held.get("ref") == ref and not held.get("opener")
            return ({"ref": ref, "shut": True} if is_free else None), None

        self._store.update(kinds.CASE, case_key, destination, close)
