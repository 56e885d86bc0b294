"""The form that adds a mute: what it asks, how an alarm fills it, and the mute that somebody wrote."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from uuid import uuid4

from receiver.cases.muting import MAX_NAME, MAX_WHY
from receiver.events.mute_preview import Preview
from receiver.events.mutes import NEVER_MUTED
from receiver.messages.subject import system_of
from shared.models.alarms import Alarm
from shared.models.codec import dump
from shared.models.event_kinds import ALARM_KINDS
from shared.models.evidence import Finding
from shared.models.fingerprints import fingerprint
from shared.models.mutes import LONGEST, Mute, MuteMatch, why_refused
from shared.models.people import Person
from shared.models.severity import Severity
from shared.models.systems import Kind
from shared.text import one_line

DAYS = 30  # of which the page shows what the mute would have covered
EVENTS = 150  # that are looked at, the newest; with more, the page would cost more than eight requests
_MOST = 20  # patterns of one matcher
_LONGEST = 500  # characters of a pattern
_ID = re.compile(r"[0-9a-f]{12}", re.ASCII)
_MOMENTS = ("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d")


class Matcher(NamedTuple):
    """One matcher of the form, in which each line is a pattern."""

    name: str
    label: str
    example: str
    wide: bool = False


MATCHERS = (
    Matcher("kind", "Kind of system", "azure_vm"),
    Matcher("instance", "System: instance id or name", "build-*"),
    Matcher("tags", "Tags of the system", "Env=test"),
    Matcher("finding", "Finding: the platform’s description", "User accessing sudo", wide=True),
    Matcher("path", "Path: every place of the finding must match", "/opt/scanner/*", wide=True),
    Matcher("technique", "ATT&CK technique", "T1059*"),
    Matcher("event", "Kind of event", "admin_login"),
    Matcher("hunt", "Hunt", "weekly"),
    Matcher("project", "Project: name or id", "pentest*"),
    Matcher("account", "Account: name or twelve digits", "prod"),
    Matcher("region", "Region", "eu-west-1"),
)
_TEXTS = (*(each.name for each in MATCHERS), "until", "why", "id", "shown")
_CHOICES = ("malicious", "until_next_hunt")


class Form(Protocol):
    """What a browser sent, as werkzeug has it."""

    def get(self, key: str, default: str) -> str: ...
    def getlist(self, key: str) -> list[str]: ...


@dataclass(frozen=True)
class Written:
    """What stands in the form."""

    texts: Mapping[str, str]
    severities: tuple[str, ...] = ()
    malicious: bool = False
    until_next_hunt: bool = False

    @classmethod
    def of(cls, form: Form) -> Written:
        texts = {name: form.get(name, "") for name in _TEXTS}
        chosen = {name: bool(form.get(name, "")) for name in _CHOICES}
        severities = tuple(each for each in Severity if each in form.getlist("severity"))
        return cls(texts, severities, **chosen)


@dataclass(frozen=True)
class MuteForm:
    """What the page shows."""

    written: Written
    first: str  # the earliest and the latest end, as the field for it writes them
    last: str
    severities: tuple[str, ...] = tuple(Severity)
    matchers: tuple[Matcher, ...] = MATCHERS
    days: int = DAYS
    refused: str = ""  # why the mute cannot be added, as a sentence
    mute: Mute | None = None  # what is previewed
    shown: str = ""  # stands for what `mute` covers
    preview: Preview | None = None


def mute_form(written: Written, now: datetime, refused: str = "") -> MuteForm:
    first, last = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}" for moment in (now, now + LONGEST))
    return MuteForm(written, first, last, refused=refused)


def filled(alarm: Alarm | None, mark: str = "") -> Written:
    """The form with what an alarm is about: its system and its findings; with `mark`, the finding with this
    fingerprint. What attackers wrote stands there without a wildcard that they chose."""
    if alarm is None or alarm.event.kind in NEVER_MUTED:
        return Written({})
    system = system_of(alarm)
    found = [
        (finding, path)
        for finding in alarm.findings
        for path in _places(finding)
        if not mark or fingerprint(finding.description, path).id == mark
    ]
    descriptions = dict.fromkeys(finding.description for finding, _ in found)
    # With several findings, a path of one of them would stand for the others as well.
    paths = dict.fromkeys(path for _, path in found if path) if len(descriptions) == 1 else {}
    texts = {
        "instance": [system.lasting] if system else [],
        "project": [alarm.project.name] if alarm.project and not system else [],
        "event": [] if alarm.event.kind in ALARM_KINDS else [alarm.event.kind],
        "finding": descriptions,
        "path": paths if len(paths) == len(found) else [],
    }
    written = {name: "\n".join(map(_literal, list(each)[:_MOST])) for name, each in texts.items()}
    if system and system.kind is not Kind.EC2:
        written["instance"] = system.lasting  # huntbridge's own wildcard; those of names are encoded
    return Written(written)


def _places(finding: Finding) -> list[str]:
    return [artefact.path for artefact in finding.artefacts] or [finding.path]


def _literal(text: str) -> str:
    """A pattern of one line that fits the text, and not many others."""
    return re.sub(r"[*\x00-\x1f\x7f]", "?", text[:_LONGEST])


def mute_of(written: Written, person: Person, now: datetime) -> Mute:
    """The mute that somebody wrote. Raises ValueError with the end of a sentence."""
    patterns = {each.name: _lines(each, written) for each in MATCHERS if each.name != "tags"}
    id = written.texts["id"]
    mute = Mute(
        # The id comes with the preview, so a form that is sent twice adds one mute.
        id=id if _ID.fullmatch(id) else uuid4().hex[:12],
        match=MuteMatch(**patterns, severity=written.severities, tags=_tags(written)),
        until=_moment(written.texts["until"]),
        by=one_line(person.name, MAX_NAME),
        why=one_line(written.texts["why"], MAX_WHY),
        at=now,
        origin=person.origin,
        malicious=written.malicious,
        until_next_hunt=written.until_next_hunt,
    )
    if refused := why_refused(mute, ALARM_KINDS):
        raise ValueError(refused)
    return mute


def what_it_covers(mute: Mute) -> str:
    """A digest of what the mute covers. The form sends it back, so only the mute that was shown is added."""
    said = repr((dump(mute.match), mute.malicious, mute.until_next_hunt))
    return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _lines(matcher: Matcher, written: Written) -> tuple[str, ...]:
    text = written.texts[matcher.name].replace("\r", "")
    lines = tuple(dict.fromkeys(line.strip() for line in text.split("\n") if line.strip()))
    if len(lines) > _MOST:
        raise ValueError(f"{matcher.name} has {len(lines)} lines; {_MOST} are the most")
    if any(len(line) > _LONGEST for line in lines):
        raise ValueError(f"a line of {matcher.name} is longer than {_LONGEST} characters: use * in it")
    return lines


def _tags(written: Written) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for line in _lines(next(each for each in MATCHERS if each.name == "tags"), written):
        key, equals, value = line.partition("=")
        if not key or not equals:
            raise ValueError(f"{one_line(line, 100)!r} is no tag: write it as KEY=VALUE")
        found[key] = (*found.get(key, ()), value)
    return found


def _moment(text: str) -> datetime:
    if not text.strip():
        raise ValueError("the end is missing: say until when")
    for form in _MOMENTS:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError("the end is no time: write it as 2026-12-31 18:00, in UTC")
