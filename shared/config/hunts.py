"""The sections that say when and how systems are captured: `hunts`, `guardduty` and `follow`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticKnownError

from shared.config.cloud_targets import CloudTarget, NamedTarget
from shared.config.due_times import Schedule, Skipping, parse_schedule, why_never
from shared.config.intelligence import HuntIntelligence
from shared.config.sequence import After
from shared.config.suggestions import quoted
from shared.config.targets import CaptureMode, ExcludeConfig, SelectorConfig, Target, TargetConfig
from shared.config.timezones import check_timezone
from shared.config.types import Context, OneOrMany, Section, Texts
from shared.models.systems import Kind, System


@dataclass(frozen=True)
class Window:
    """A time window of every day, by the clocks of one time zone.

    It is open while those clocks show a time inside it. In a night in which the clocks change, the window is
    an hour shorter or longer.
    """

    begins: time
    ends: time  # the first moment outside

    def is_open(self, moment: datetime, zone: ZoneInfo) -> bool:
        local = moment.astimezone(zone).time()
        if self.begins < self.ends:
            return self.begins <= local < self.ends
        return local >= self.begins or local < self.ends


def parse_window(text: str) -> Window:
    """Reads a window such as `22:00-06:00`. Raises ValueError with a sentence that says what to write."""
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text.strip())
    if not match or match[1] + match[2] == match[3] + match[4]:
        raise ValueError(f"{text!r} is not a window of the day; write it as 22:00-06:00")
    return Window(time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4])))


def _check_schedule(text: str, info: ValidationInfo) -> str:
    parse_schedule(text, info.data.get("timezone", "Etc/UTC"))
    return text


def _check_window(text: str) -> str:
    parse_window(text)
    return text.strip()


def _check_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a date; write it as 2026-12-24") from None


def _check_not_empty(targets: tuple[Target, ...], info: ValidationInfo) -> tuple[Target, ...]:
    context: Context | None = info.context
    if not targets and context is not None and context.needs_targets:
        raise ValueError("is empty: a hunt needs at least one system")
    return targets


def _check_not_in_document(value: object, info: ValidationInfo) -> object:
    if info.context is not None:
        raise PydanticKnownError("extra_forbidden")
    return value


_Date = Annotated[str, AfterValidator(_check_date), Field(json_schema_extra={"format": "date"})]


class HostOptionsConfig(Section):
    """What Cado Host collects in a triage."""

    collection_type: Literal["balanced", "custom"] = Field(
        "balanced", description="custom collects groups and additional_files"
    )
    light_mode: bool = Field(default=False, strict=True, description="only files below 10 MB")
    skip_scan: bool = Field(
        default=False, strict=True, description="do not search for more files by their signatures"
    )
    additional_files_only: bool = Field(
        default=False, strict=True, description="only for custom: collect additional_files and nothing else"
    )
    groups: Texts = Field((), description="only for custom: groups of files, by the platform's names")
    additional_files: Texts = Field((), description="paths of files to collect as well")


class ProjectConfig(Section):
    """The people who see a hunt's project on the platform, beside the user of the API key."""

    users: Texts = Field((), description="names of users of the platform")
    groups: Texts = Field((), description="names of groups of the platform")


class HuntConfig(Section):
    """A hunt definition: which systems are captured, when and how."""

    timezone: Annotated[str, AfterValidator(check_timezone)] = Field(
        "Etc/UTC", description="time zone of the schedule, such as Europe/Berlin"
    )
    schedule: Annotated[str, AfterValidator(_check_schedule)] | None = Field(
        None, description="cron(…), rate(…) or at(…) as in EventBridge Scheduler; without it, only on demand"
    )
    catch_up: bool = Field(
        default=False,
        strict=True,
        description="start the last missed run however late it is; by default only within an hour",
    )
    skip_dates: Annotated[tuple[_Date, ...], OneOrMany()] = Field(
        (), description="dates in the hunt's time zone on which its schedule starts no run"
    )
    overlap: Literal["skip", "queue"] = Field(
        "skip", description="what happens to a run that is due while the previous one is not finished"
    )
    max_in_flight: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="how many captures run at once; by default as many as the platform says it can",
    )
    window: Annotated[str, AfterValidator(_check_window)] | None = Field(
        None,
        description="such as 22:00-06:00, in the hunt's time zone; captures start only inside it",
    )
    jitter: int = Field(
        0, ge=0, le=900, strict=True, description="seconds over which the start of captures is spread"
    )
    retries: int = Field(
        0, ge=0, le=10, strict=True, description="how often a capture that failed on the platform is repeated"
    )
    capture: CaptureMode = Field("full", description="how much of a system is captured")
    skip_processing: bool = Field(
        default=False,
        strict=True,
        description="keep what was captured and do not search it: there will be no alarms",
    )
    host_options: HostOptionsConfig | None = Field(None, description="what a triage collects")
    project: ProjectConfig = Field(
        ProjectConfig(), description="who sees the project beside the user of the API key"
    )
    targets: Annotated[tuple[Target, ...], AfterValidator(_check_not_empty)] = Field(
        description="the systems; at least one", json_schema_extra={"minItems": 1}
    )
    exclude: tuple[ExcludeConfig, ...] = Field(
        (), description="which systems are left out; each entry leaves out those that match it"
    )
    max_systems: int | None = Field(
        None,
        gt=0,
        strict=True,
        description="how many systems one hunt captures at most; later hunts capture the others",
    )
    order: Literal["least_recently_hunted", "random", "oldest"] = Field(
        "least_recently_hunted", description="which systems come first if there are more than max_systems"
    )
    after: After = None
    preflight: bool = Field(
        default=False,
        strict=True,
        description="look every day for problems of the next run, and report new ones",
    )
    max_cost: float | None = Field(
        None,
        gt=0,
        strict=True,
        allow_inf_nan=False,
        description="US dollars; a run that probably costs more does not start",
    )
    intelligence: HuntIntelligence = None
    problems: SkipJsonSchema[Annotated[tuple[str, ...], AfterValidator(_check_not_in_document)]] = Field(
        default=(), exclude=True
    )  # what is wrong with the variables SYSTEM1…n

    def skips(self, moment: datetime) -> bool:
        """Whether the schedule starts no run on the day of `moment`."""
        return moment.astimezone(ZoneInfo(self.timezone)).date().isoformat() in self.skip_dates

    @property
    def calendar(self) -> Schedule | None:
        """When the hunt is due; None if it runs only on demand."""
        if not self.schedule:
            return None
        schedule = parse_schedule(self.schedule, self.timezone)
        dates = frozenset(map(date.fromisoformat, self.skip_dates))
        return Skipping(schedule, dates, ZoneInfo(self.timezone)) if dates else schedule

    @property
    def schedule_form(self) -> str:
        """The schedule as text. When this text changes, runs that were due before the change do not count."""
        without = f" without {', '.join(self.skip_dates)}" if self.skip_dates else ""
        return f"{self.schedule} {self.timezone}{without}"

    def never_runs(self, after: datetime) -> str:
        """The schedule and why it starts no run any more. Empty if it still starts runs, or if there is no
        schedule."""
        why = self.why_never_runs(after)
        return why and f"{self.schedule} {why}"

    def why_never_runs(self, after: datetime) -> str:
        """Like `never_runs`, without the schedule itself."""
        calendar = self.calendar
        if not self.schedule or calendar is None or calendar.next_after(after) is not None:
            return ""
        return why_never(self.schedule, self.timezone, after)

    def may_start(self, moment: datetime) -> bool:
        """Whether captures may start at `moment`: it is inside the window, or there is no window."""
        return self.window is None or parse_window(self.window).is_open(moment, ZoneInfo(self.timezone))

    @property
    def systems(self) -> tuple[System, ...]:
        """The EC2 instances that the targets name, each once, in the order of the file."""
        return tuple(dict.fromkeys(target.system for target in self._named_targets))

    @property
    def cloud_targets(self) -> tuple[CloudTarget, ...]:
        """The targets of other kinds than EC2. The platform must be asked for their systems."""
        return tuple(target for target in self.targets if isinstance(target, CloudTarget))

    @property
    def named_systems(self) -> tuple[System, ...]:
        """The systems of every kind that the targets name, each once."""
        others = (target.system for target in self.targets if isinstance(target, NamedTarget))
        return tuple(dict.fromkeys((*self.systems, *others)))

    @property
    def kinds(self) -> frozenset[Kind]:
        """The kinds of systems that it captures."""
        return frozenset(Kind(target.kind) for target in self.targets)

    @property
    def modes(self) -> dict[System, str]:
        """The capture modes of those named systems that have one of their own."""
        modes = {target.system: target.capture for target in reversed(self._named_targets)}
        return {system: mode for system, mode in modes.items() if mode}

    @property
    def selects(self) -> bool:
        """Whether AWS must be asked which EC2 instances the hunt captures."""
        rules = any(rule.may_match_ec2 for rule in self.exclude)
        return (rules and bool(self._named_targets)) or any(
            isinstance(target, SelectorConfig) for target in self.targets
        )

    @property
    def _named_targets(self) -> list[TargetConfig]:
        return [target for target in self.targets if isinstance(target, TargetConfig)]


class GuardDutyConfig(Section):
    """Which findings of GuardDuty start a hunt of their instance."""

    capture: CaptureMode = Field("full", description="how much of the instance is captured")
    min_severity: float = Field(
        7, ge=0, le=10, allow_inf_nan=False, description="lowest severity of a finding that starts a hunt"
    )
    types: Texts = Field(("*",), description="types of findings, with * and ?")
    quiet_period: int = Field(
        86_400,
        ge=0,
        strict=True,
        description="seconds in which findings about one instance start only one hunt",
    )


class FollowConfig(Section):
    """How open hunts are followed."""

    interval: float = Field(
        60, gt=0, strict=True, allow_inf_nan=False, description="seconds between two checks of the open hunts"
    )
    recover_after: float | None = Field(
        None,
        ge=0,
        strict=True,
        allow_inf_nan=False,
        description="seconds that a webhook may be late before its alarm counts as lost; "
        "by default until the next check",
    )
    recover_for: int = Field(
        604_800,
        ge=0,
        strict=True,
        description="seconds after a hunt's end in which its project is searched for lost alarms",
    )
    all_projects: bool = Field(
        default=False,
        strict=True,
        description="look for lost alarms in every project on the platform, and not only in those of hunts",
    )
    stall_after: int = Field(
        14_400,
        gt=0,
        strict=True,
        description="seconds without progress after which a capture is reported as stalled",
    )
    give_up_after: int = Field(
        172_800,
        gt=0,
        strict=True,
        description="seconds after which an unfinished capture counts as failed",
    )
