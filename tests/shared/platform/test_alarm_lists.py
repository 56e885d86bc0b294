"""Artefacts: the places and contents of findings, from the platform's list of alarms."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from shared.http.deadlines import remaining, within
from shared.http.errors import ConnectionBroken, TimedOut
from shared.models.evidence import Artefact, Finding
from shared.models.fingerprints import place_of
from shared.models.severity import Severity
from shared.platform.alarm_lists import AlarmLists
from shared.platform.artefacts import exact_path
from tests.shared.platform.replies import Platform, client, ok, update

MINER, CONFIG, SUDO = (
    "Malicious File Detected: wannamine",
    "Suspicious File Detected: xmrig",
    "User accessing sudo",
)
A, B = "a" * 64, "b" * 64


def row(description: str, severity: int, contents: int = 0, events: int = 0) -> dict[str, Any]:
    return {
        "description": description,
        "severity": severity,
        "content_alarm_count": contents,
        "event_alarm_count": events,
        "total_count": contents + events,
    }


def alarm(description: str, severity: int, path: str = "", item_id: str = "") -> dict[str, Any]:
    kind = {"type": "content", "full_path": path} if path else {"type": "event"}
    return {"description": description, "severity": severity, "item_id": item_id, **kind}


def found(rows: list[Any], *lists: Any) -> tuple[tuple[Finding, ...], Platform]:
    """The findings of one evidence, with these answers to the requests for its alarms."""
    cado, platform, _ = client(
        {
            "GET /api/v3/alarms/summary": ok({"breakdown": rows}),
            "GET /api/v3/alarms": [
                answer if isinstance(answer, tuple) else ok(answer, 1) for answer in lists
            ],
        }
    )
    return cado.findings(12, 31), platform


def test_each_place_with_its_contents() -> None:
    (miner, sudo, config), platform = found(
        [row(MINER, 1, contents=3), row(CONFIG, 3, contents=1), row(SUDO, 3, events=4_000)],
        [
            alarm(MINER, 1, "/tmp/a", A),
            alarm(MINER, 1, "/tmp/b", "no digest"),
            alarm(MINER, 1, "/tmp/a", B.upper()),
        ],
        [alarm(CONFIG, 3, "/etc/c", A)],
    )
    assert miner.artefacts == (Artefact("/tmp/a", 2, (A, B)), Artefact("/tmp/b", 1))
    assert config.artefacts == (Artefact("/etc/c", 1, (A,)),)
    assert sudo.artefacts == (Artefact("", 4_000),)
    assert [finding.complete for finding in (miner, config, sudo)] == [True] * 3
    assert (miner.path, config.path, sudo.path) == ("/tmp/a", "", "")  # only malicious ones have a path
    about, page = {"investigation_id": 12, "evidence_id": 31}, {"per_page": 100, "page": 1}
    assert [params for _, path, params, _ in platform.calls if path == "/api/v3/alarms"] == [
        {**about, "alarm_severity": [1], **page},
        {**about, "alarm_severity": [3], "alarm_type": "content", **page},
    ]


def test_events_of_logs_alone_need_no_list() -> None:
    (sudo,), platform = found([row(SUDO, 3, events=7)])
    assert sudo.artefacts == (Artefact("", 7),)
    assert len(platform.calls) == 1


def test_an_event_of_a_log_has_no_place_whatever_its_severity() -> None:
    logs = [alarm(MINER, 1, "/var/log/auth.log", A) | {"type": "event"} for _ in range(2)]
    (miner,), _ = found([row(MINER, 1, contents=1, events=2)], [*logs, alarm(MINER, 1, "/tmp/a", A)])
    assert miner.artefacts == (Artefact("", 2), Artefact("/tmp/a", 1, (A,)))
    assert miner.complete


def test_what_the_list_does_not_show_is_no_known_place() -> None:
    (miner,), _ = found([row(MINER, 1, contents=5)], [alarm(MINER, 1, "/tmp/a", A)])
    assert miner.artefacts == (Artefact("/tmp/a", 1, (A,)), Artefact("", 4, listed=False))
    assert not miner.complete


def test_a_list_that_shows_more_than_the_summary_counted() -> None:
    (miner,), _ = found([row(MINER, 1, contents=1)], [alarm(MINER, 1, f"/tmp/{n}", A) for n in range(2)])
    assert not miner.complete


def test_more_contents_than_are_kept_are_not_known() -> None:
    alarms = [alarm(MINER, 1, "/tmp/a", f"{n:064x}") for n in [*range(6), *range(6)]]
    (miner,), _ = found([row(MINER, 1, contents=12)], alarms)
    kept, rest = miner.artefacts
    assert (kept.count, len(kept.contents), rest) == (10, 5, Artefact("", 2, listed=False))
    assert not miner.complete


def test_at_most_200_places_the_malicious_ones_first() -> None:
    (miner, config, sudo), _ = found(
        [row(MINER, 1, contents=150), row(CONFIG, 3, contents=90), row(SUDO, 3, events=2)],
        ok([alarm(MINER, 1, f"/tmp/{n}") for n in range(75)], 2),
        ok([alarm(MINER, 1, f"/tmp/{n}") for n in range(75, 150)], 2),
        [alarm(CONFIG, 3, f"/etc/{n}") for n in range(90)],
    )
    assert miner.complete
    assert len(miner.artefacts) == 150
    assert config.artefacts[50:] == (Artefact("", 40, listed=False),)
    assert sudo.artefacts == (Artefact("", 2, listed=False),)


def test_at_most_500_alarms_are_asked_for() -> None:
    rows = [row(MINER, 1, contents=900), row(CONFIG, 3, contents=1)]
    (miner, config), platform = found(rows, ok([alarm(MINER, 1, "/tmp/a", A)] * 100, pages=9))
    assert miner.artefacts == (Artefact("/tmp/a", 500, (A,)), Artefact("", 400, listed=False))
    assert config.artefacts == (Artefact("", 1, listed=False),)
    assert len(platform.calls) == 1 + 5


@pytest.mark.parametrize("answer", [(403, {}), (500, {}), ok("none"), ConnectionBroken("h", sent=True)])
@pytest.mark.parametrize("first", [True, False])
def test_a_list_that_fails_costs_no_finding(answer: Any, first: bool) -> None:
    rows = [row(MINER, 1, contents=1), row(CONFIG, 3, contents=1)]
    good = ok([alarm(MINER, 1, "/tmp/a", A)], 1)
    cado, platform, _ = client(
        {
            "GET /api/v3/alarms/summary": ok({"breakdown": rows}),
            "GET /api/v3/alarms": [answer] if first else [good, answer, good, ok([], 1)],
        }
    )
    findings = cado.findings(12, 31)
    assert [(finding.count, finding.artefacts, finding.complete) for finding in findings] == [
        (1, (), False)
    ] * 2
    asked = len(platform.calls)
    cado.findings(12, 31)
    assert len(platform.calls) > asked + 1, "a failure is not kept"


def test_findings_of_a_whole_project_have_no_artefacts() -> None:
    cado, platform, _ = client({"GET /api/v3/alarms/summary": ok({"breakdown": [row(MINER, 1, contents=1)]})})
    (miner,) = cado.findings(12)
    assert (miner.artefacts, miner.complete) == ((), False)
    assert len(platform.calls) == 1


def test_a_second_webhook_about_the_same_evidence_asks_only_for_the_summary() -> None:
    first, second = [row(MINER, 1, contents=1)], [row(MINER, 1, contents=2)]
    cado, platform, _ = client(
        {
            "GET /api/v3/alarms/summary": [ok({"breakdown": rows}) for rows in (first, first, second)],
            "GET /api/v3/alarms": ok([alarm(MINER, 1, "/tmp/a", A)], 1),
        }
    )
    assert cado.findings(12, 31) == cado.findings(12, 31)
    assert [path for _, path, *_ in platform.calls].count("/api/v3/alarms") == 1
    assert not cado.findings(12, 31)[0].complete
    assert [path for _, path, *_ in platform.calls].count("/api/v3/alarms") == 2


def test_what_was_listed_is_kept_for_a_quarter_of_an_hour_and_for_50_evidences() -> None:
    cado, platform, _ = client({"GET /api/v3/alarms": ok([alarm(MINER, 1, "/tmp/a", A)], 1)})
    now = [0.0]
    lists = AlarmLists(cado._transport, clock=lambda: now[0])
    summary = ((Finding(MINER, 1, Severity.MALICIOUS), 0),)

    def ask(evidence_id: int) -> int:
        before = len(platform.calls)
        assert lists.complete(12, evidence_id, summary)[0].complete
        return len(platform.calls) - before

    assert [ask(31), ask(31)] == [1, 0]
    now[0] = 899.0
    assert ask(31) == 0
    now[0] = 900.0
    assert ask(31) == 1
    assert [ask(evidence_id) for evidence_id in range(100, 150)] == [1] * 50
    assert ask(31) == 1


def test_two_webhooks_at_the_same_time_ask_once() -> None:
    entered, go_on = threading.Event(), threading.Event()

    class Slow(Platform):
        def request(self, *args: Any, **rest: Any) -> Any:
            entered.set()
            assert go_on.wait(10)
            return super().request(*args, **rest)

    cado, _, _ = client({})
    platform = Slow({"GET /api/v3/alarms": ok([alarm(MINER, 1, "/tmp/a", A)], 1)})
    cado._transport._http = platform
    lists = AlarmLists(cado._transport)
    summary = ((Finding(MINER, 1, Severity.MALICIOUS), 0),)
    answers: list[tuple[Finding, ...]] = []
    threads = [
        threading.Thread(target=lambda: answers.append(lists.complete(12, 31, summary))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    with within(2.0):
        assert lists.complete(12, 31, summary) == (summary[0][0],), "nobody waits for the last two seconds"
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(platform.calls) == 1
    assert answers[0] == answers[1]
    assert answers[0][0].complete


@pytest.mark.parametrize(("budget", "left"), [(6.0, 4.0), (3.0, 1.0), (2.0, 0.0)])
def test_the_list_leaves_two_seconds_to_whoever_waits(budget: float, left: float) -> None:
    class Late(Platform):
        def request(self, *args: Any, **rest: Any) -> Any:
            assert 0 < remaining(100.0) <= left
            raise TimedOut("cado.example", sent=True)

    cado, _, _ = client({})
    cado._transport._http = Late({})
    finding = Finding(MINER, 1, Severity.MALICIOUS)
    with within(budget):
        assert AlarmLists(cado._transport).complete(12, 31, ((finding, 0),)) == (finding,)
    with within(-1.0):
        assert AlarmLists(cado._transport).complete(12, 31, ((finding, 0),)) == (finding,)


@pytest.mark.parametrize(("total", "complete"), [(3, True), (2_001, False)])
def test_an_old_platform_has_no_summary(total: int, complete: bool) -> None:
    alarms = [alarm(SUDO, 3) for _ in range(min(total, 100))]
    cado, platform, _ = client(
        {
            "GET /api/v3/platform/update": update("2.260.1"),
            "GET /api/v3/alarms": ok(alarms, pages=-(-total // 100)),
        }
    )
    (sudo,) = cado.findings(12, 31)
    assert (sudo.count, sudo.complete) == (min(total, 2_000), complete)
    assert platform.calls[-1][2] == {
        "project_id": 12,
        "evidence_id": 31,
        "per_page": 100,
        "page": min(-(-total // 100), 20),
    }


# --- paths that look alike


@pytest.mark.parametrize("path", ["/tmp/a", "/tmp/a b", "C:\\Users\\a", "/tmp/ä", "", "/tmp/x #1234"])
def test_a_plain_path_stays(path: str) -> None:
    assert exact_path(path) == path


@pytest.mark.parametrize(
    "path",
    ["/tmp/a ", " /tmp/a", "/tmp/a\u200b", "/tmp/\u202ea", "/tmp/a\n", "/tmp//a\0", "/tmp/a  b",
     "/tmp/\ud800a", "/tmp/" + "a" * 500, "/tmp/a #0123456789abcdef"],
)  # fmt: skip
def test_a_path_that_looks_like_another_is_told_from_it(path: str) -> None:
    exact = exact_path(path)
    assert len(exact) <= 500
    assert exact == exact_path(path)
    others = [path + "a", path.strip(), path.replace("\u200b", ""), path + " ", path[:480]]
    assert exact not in {exact_path(other) for other in others if other != path}
    assert place_of(exact).rpartition(" #")[2] == exact.rpartition(" #")[2], "its digest is not folded"


def test_two_long_paths_with_one_beginning_are_two_places() -> None:
    begin = "/srv/" + "a" * 600
    (miner,), _ = found(
        [row(MINER, 1, contents=2)], [alarm(MINER, 1, begin + end, A) for end in ("/known", "/other")]
    )
    assert len({artefact.path for artefact in miner.artefacts}) == 2
