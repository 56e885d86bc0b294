"""Alarms of every shape, filled with hostile texts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import strategies as st

from shared.models.acknowledgements import Acknowledgement
from shared.models.alarms import Alarm, Change, Earlier, Gap, SentAgain
from shared.models.captures import CaptureState
from shared.models.decisions import Action, CaseDecision, Closure, Verdict
from shared.models.events import Event
from shared.models.evidence import Evidence, Finding, Project
from shared.models.hunts import CaptureResult, Hunt, HuntReport
from shared.models.owners import Owner
from shared.models.severity import Severity
from shared.models.systems import Instance, System
from tests.receiver.destinations.message_checks import (
    JANE,
)

FRAGMENTS = (
    *(
        "<!channel>",
        "<@U024BE7LH>",
        "<https://evil.example|Cado>",
        "https://evil.example/",
        "<at>All</at>",
        "</at>",
    ),
    *(
        "javascript:alert(1)",
        "[x](http://e.example)",
        "[x|http://e.example]",
        "{noformat}",
        "{panel}",
        "{code}",
    ),
    *(
        "||",
        "|",
        "\\",
        "\\\\",
        "`",
        "```",
        "*",
        "_",
        "~",
        "&lt;!here&gt;",
        "h1. ",
        "\nbq. ",
        "[~admin]",
        "!a.png!",
    ),
    *(
        ":skull:",
        "{{DATE(2026-01-01T00:00:00Z)}}",
        "{{time(",
        "\u202e",
        "\u200b",
        "\x00",
        "\n",
        " ",
        "👩‍👩‍👧",
        "é",
        "www.evil.example",
        "a@b.example",
        "\\" * 12,
        '"' * 12,
    ),
    *(
        "mailto:a@b.example",
        "ftp://e.example",
        "ht\u200btp://e.example",
        "<",
        ">",
        "&",
        "@here",
        "#general",
        "http:/",
    ),
)
KINDS = (
    *(
        "high_severity_alarm",
        "processing_with_alarms",
        "processing_finished",
        "processing_failed",
        "recovered",
    ),
    *("detection_created", "capture_failed", "hunt_finished", "admin_login", "audit_event_login", "unknown"),
    *("acknowledged", "unacknowledged", "capture_stalled", "hunt_missed", "undelivered", "webhook_broken"),
    *("webhooks_refused", "job_failing", "released", "closed", "reopened"),
    *("destination_broken", "destination_mended", "check_failed", "muted", "mute_ending"),
    *("coverage_old", "vulnerabilities_found"),
    "preflight_found",
)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LINKS = ("", "https://cado.example/projects/3", "https://cado.example/a|b]c{d}?x=<y>")
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=12)), max_size=12).map("".join)


class Fuzz:
    """Alarms of every shape, filled with the given texts. Hypothesis would need 50 ms to draw each field."""

    def __init__(self, seed: int, texts: list[str]) -> None:
        self.random, self.texts = Random(seed), texts
        self.scale = self.random.choice((1, 1, 1, 1, 1, 1, 1, 15))  # some are larger than any budget

    def text(self) -> str:
        return "".join(self.random.choices(self.texts, k=self.random.choice((1, 1, 1, 2, 40))))

    def number(self) -> int | None:
        return self.random.choice((None, 0, 1, 5_000, 10**9))

    def maybe(self, thing: Any) -> Any:
        return self.random.choice((None, thing))

    def some(self, make: Callable[[], Any], most: int) -> tuple[Any, ...]:
        return tuple(make() for _ in range(self.random.randint(0, most * self.scale)))

    def system(self) -> System:
        instance, region = self.random.choice(("i-0123456789abcdef0", self.text())), self.region()
        return System(instance, region, self.text())

    def region(self) -> str:
        return self.random.choice(("us-east-1", self.text()))

    def finding(self) -> Finding:
        severity = self.random.choice(list(Severity))
        ids = ("T1496", "T1059.001", "TA0004", self.text())
        attack = tuple(self.random.choices(ids, k=self.random.randint(0, 6)))
        return Finding(self.text(), self.random.randint(0, 10**6), severity, attack, self.text())

    def result(self) -> CaptureResult:
        state = self.random.choice(list(CaptureState))
        malicious, new = self.random.randint(0, 9), self.random.randint(0, 9)
        return CaptureResult(self.system(), state, malicious, 0, self.text(), self.text(), new)

    def report(self) -> HuntReport:
        return HuntReport(
            hunt=self.text(),
            scheduled_at=NOON,
            project_id=self.number(),
            systems=99,
            captured=9,
            failed=1,
            with_alarms=2,
            captures=self.some(self.result, 30),
            problems=self.some(self.text, 5),
            reason=self.text(),
            left_out=self.some(self.text, 5),
            since=self.maybe(NOON),
            new_alarms=self.random.randint(0, 9),
            new_with=3,
            slowest=self.maybe(self.result()),
            slowest_seconds=12_345.6,
            covered=self.number(),
        )

    def event(self) -> Event:
        return Event(
            id=self.text(),
            kind=self.random.choice((*KINDS, self.text())),
            received_at=NOON,
            title=self.text(),
            text=self.text(),
            project_id=self.number(),
            evidence_id=self.number(),
            malicious=self.number(),
            suspicious=self.number(),
            alarms=self.number(),
            system=self.maybe(self.system()),
            report=self.maybe(self.report()),
            note=self.text(),
        )

    def instance(self) -> Instance:
        tags = {self.text(): self.text() for _ in range(self.random.randint(0, 12))}
        tags |= {name: self.text() for name in self.some(lambda: self.random.choice(("A", "B", "B_*")), 3)}
        return Instance(
            id=self.random.choice(("i-0123456789abcdef0", self.text())),
            region=self.region(),
            name=self.text(),
            type=self.text(),
            state=self.text(),
            zone=self.text(),
            account_id=self.text(),
            private_ip=self.text(),
            public_ip=self.text(),
            vpc=self.text(),
            subnet=self.text(),
            security_groups=self.some(self.text, 9),
            iam_profile=self.text(),
            image=self.text(),
            platform=self.text(),
            launched_at=self.maybe(NOON),
            tags=tags,
        )

    def evidence(self) -> Evidence:
        return Evidence(
            id=31,
            project_id=12,
            name=self.text(),
            hostname=self.text(),
            os=self.text(),
            size_mb=self.number(),
            resource=self.text(),
            resource_type=self.text(),
            instance=self.text(),
            account_id=self.text(),
        )

    def earlier(self) -> Earlier:
        severity = self.random.choice(list(Severity))
        return Earlier(self.text(), severity, *self.random.choices((0, 7, 10**9), k=3))

    def change(self) -> Change:
        first, last = self.maybe(NOON), self.maybe(NOON)
        return Change(first, last, 10**6, self.some(self.text, 20), self.random.randint(0, 9), 3, 2)

    def taken(self) -> Acknowledgement:
        return Acknowledgement(self.text(), NOON, self.text(), self.random.choice(("", "U0123456789")))

    def closure(self) -> Closure:
        verdict = self.random.choice(list(Verdict))
        return Closure(self.text(), verdict, self.text(), NOON, self.text(), self.text())

    def decision(self) -> CaseDecision:
        return CaseDecision(
            self.text(),
            self.random.choice(list(Action)),
            self.text(),
            NOON,
            self.text(),
            verdict=self.maybe(self.random.choice(list(Verdict))),
            why=self.text(),
            alarm=self.random.choice(("", self.text())),
            closed=self.maybe(self.closure()),
            holder=self.text(),
        )

    def alarm(self) -> Alarm:
        return Alarm(
            self.event(),
            self.random.choice(list(Severity)),
            self.number(),
            self.number(),
            hunt=self.maybe(Hunt(self.text(), NOON)),
            project=self.maybe(Project(12, self.text())),
            evidence=self.maybe(self.evidence()),
            instance=self.maybe(self.instance()),
            system=self.maybe(self.system()),
            findings=self.some(self.finding, 14),
            gaps=self.some(lambda: Gap(self.text(), self.text()), 5),
            link=self.random.choice(LINKS),
            earlier=self.maybe(self.earlier()),
            acknowledgement=self.random.choice((None, None, None, self.taken())),
            decision=self.maybe(self.decision()),
            reopens=self.maybe(self.closure()),
            sent_again=self.random.choice((None, None, None, SentAgain(self.text(), self.text(), NOON))),
            owner=self.maybe(Owner(slack="U0123456789", teams=JANE, jira=self.text())),
            change=self.maybe(self.change()),
        )
