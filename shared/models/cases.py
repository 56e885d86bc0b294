"""A case: all alarms about one system in one project."""

from __future__ import annotations

from dataclasses import dataclass

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm


@dataclass(frozen=True)
class CaseFile:
    """What is known of a case, whichever the destination."""

    alarm: Alarm  # the worst one; the newest of those that are equally bad
    told: tuple[str, ...] = ()  # the destinations that its messages went to
    taken: Acknowledgement | None = None
    issue_in: str = ""  # the Jira destination in which somebody asked for an issue
    issue_asked: str = ""  # id of the click that did
