"""Custom YARA rules and indicators that users have written into the simulated platform, and what they find.

The platform does not scan anything. An alarm of the made-up fleet names the rule or the indicator that finds
it. It is raised only while the platform holds that rule or indicator.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from demo.platform.records import About, Project, SimAlarm

INDICATOR_MATCH = "indicator_match"  # the rule of all keywords, as an old picture of the platform shows it


@dataclass
class CustomRules:
    about: About
    yara: str = ""
    ioc: str = ""
    # Whether a write adds to the YARA text. That it replaces the text is very likely, but not public.
    merges: bool = False

    def write_yara(self, text: str) -> None:
        self.yara = f"{self.yara}\n{text}" if self.merges and self.yara else text

    def found(self, alarms: Iterable[SimAlarm], project: Project) -> tuple[SimAlarm, ...]:
        """The alarms that the platform raises with the rules and indicators that it holds now. The alarm of
        an indicator says what was written beside it."""
        found = []
        for alarm in alarms:
            if alarm.by_rule and not (self.about.custom_yara and self._has_rule(alarm.by_rule)):
                continue
            if alarm.by_indicator:
                said = self.said_of(alarm.by_indicator, project)
                if said is None:
                    continue
                alarm = replace(alarm, said=said)
            found.append(alarm)
        return tuple(found)

    def said_of(self, value: str, project: Project) -> str | None:
        """The description of an indicator; None if neither the project nor the global list has it."""
        lines = f"{project.ioc}\n{self.ioc}".splitlines() if self.about.custom_iocs else []
        for line in lines:
            indicator, _, description = line.partition(";")
            if indicator == value:
                return description
        return None

    def _has_rule(self, name: str) -> bool:
        return bool(re.search(rf"\brule\s+{re.escape(name)}\b", self.yara))
