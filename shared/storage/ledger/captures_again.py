"""The record of captures that people asked for from cases, which limits how many there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from shared.config.capture_again import CaptureAgainConfig
from shared.config.durations import in_words
from shared.models.captures_again import AgainRefused, run_in_words
from shared.storage import kinds
from shared.storage.ports import Body, Store
from shared.storage.stored_times import within_last

_DAY = timedelta(days=1)
_RECORD = (kinds.NOTE, kinds.AGAIN_NOTES, "asked")


class CapturesAgain:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store, self._now = store, now

    def take(self, system_key: str, hunt_id: str, limits: CaptureAgainConfig) -> None:
        """Count this capture. The same hunt again counts once. Raises AgainRefused if there were enough."""
        now, pause = self._now(), timedelta(seconds=limits.per_system)

        def add(body: Body | None) -> tuple[Body | None, str]:
            asked = [(key, id, datetime.fromisoformat(at)) for key, id, at in body["asked"]] if body else []
            if any(id == hunt_id for _, id, _ in asked):
                return None, ""
            same = [id for key, id, at in asked if key == system_key and within_last(pause, at, now)]
            if same:
                run, period = run_in_words(same[-1]), in_words(limits.per_system)
                return None, f"{run} was of the same system, and the configuration allows one in {period}"
            today = [id for _, id, at in asked if at.astimezone(UTC).date() == now.astimezone(UTC).date()]
            if len(today) >= limits.per_day:
                return None, f"the limit of {limits.per_day} for one day is reached"
            kept = [each for each in asked if within_last(max(pause, _DAY), each[2], now)]
            kept.append((system_key, hunt_id, now))
            return {"asked": [[key, id, at.isoformat()] for key, id, at in kept]}, ""

        if refused := self._store.update(*_RECORD, add):
            raise AgainRefused(refused)
