"""A maintenance window of every day, `22:00-06:00`, in the time of one zone's clocks.

It is open while a clock on the wall there shows a time inside it: on the nights on which the clocks change
it is an hour shorter or longer, and no hour is ever both inside and outside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Window:
    begins: time
    ends: time  # the first moment outside

    def is_open(self, moment: datetime, zone: ZoneInfo) -> bool:
        shown = moment.astimezone(zone).time()
        if self.begins < self.ends:
            return self.begins <= shown < self.ends
        return shown >= self.begins or shown < self.ends


def parse_window(text: str) -> Window:
    """Raises ValueError with one plain sentence that says what to write instead."""
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text.strip())
    if not found or found[1] + found[2] == found[3] + found[4]:
        raise ValueError(f"{text!r} is not a window of the day; write it as 22:00-06:00")
    return Window(time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4])))
