"""The section `mutes`: alarms that send no messages until a date."""

from __future__ import annotations

import hashlib

from pydantic import Field, model_validator

from shared.config.moments import Moment
from shared.config.routes import MatchConfig
from shared.config.types import Section, Text, Texts
from shared.models.event_kinds import ALARM_KINDS
from shared.models.mutes import IN_CONFIGURATION, Mute, MuteMatch, why_refused


class MuteMatchConfig(MatchConfig):
    """All conditions must match; a list matches if one of its values does; `*` and `?` are wildcards."""

    finding: Texts = Field((), description="the platform's description of the finding")
    technique: Texts = Field((), description="MITRE ATT&CK id of the finding, such as T1496 or T1059*")
    path: Texts = Field((), description="path of the artefact; every place of the finding must match")


class MuteConfig(Section):
    """Alarms that are recorded and told to nobody."""

    match: MuteMatchConfig = Field(description="what is muted; at least one condition must be specific")
    at: Moment = Field(description="when it begins: a date, or a time with an offset")
    until: Moment = Field(description="when it ends; at most 90 days after it begins")
    by: Text = Field(description="who decided it")
    why: Text = Field(description="the reason, for everybody who reads it")
    malicious: bool = Field(default=False, strict=True, description="also mute malicious findings")

    @model_validator(mode="after")
    def _check(self) -> MuteConfig:
        if why := why_refused(self.mute(), ALARM_KINDS):
            raise ValueError(why)
        return self

    def mute(self) -> Mute:
        """The mute. Its id is made of all that it says, so an edited mute is another one."""
        # Mutes that say nothing of the kind keep the ids that earlier versions gave them.
        whole = self.model_dump_json(exclude={"match": set() if self.match.kind else {"kind"}})
        digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
        match = MuteMatch(**{key: getattr(self.match, key) for key in MuteMatchConfig.model_fields})
        return Mute(
            id=f"config-{digest[:12]}",
            match=match,
            until=self.until,
            by=self.by,
            why=self.why,
            at=self.at,
            origin=IN_CONFIGURATION,
            malicious=self.malicious,
        )
