"""The screen "Coverage": whole requests, whole pages, over a real store."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from shared.models.captures import CaptureState
from shared.models.coverage import Listing, Unselected
from shared.models.systems import System
from shared.models.weeks import last_weeks
from shared.storage.ledger.coverage import Listings
from shared.storage.ledger.weeks import WeekCounts, Weeks
from shared.storage.ports import StoreError
from tests.console.filling import HOSTILE, SUNDAY, add_run, capture, system

FAILED = CaptureState.FAILED


def page_of(console, path="/coverage"):
    answer = console.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def week(console, number, **techniques):
    """`number`: 0 is the present week."""
    name = last_weeks(console.moment, 12)[-1 - number]
    Weeks(console.runtime.store).save(name, WeekCounts({}, {}, techniques), 0)


@pytest.fixture
def filled(console):
    """Two systems that were captured today, one that fails, and one that was captured six weeks ago."""
    today = console.moment
    console.moment = today - timedelta(weeks=6)
    add_run(console.runtime, [capture(4)], at=SUNDAY - timedelta(weeks=6), names=["old-db"])
    console.moment = today - timedelta(weeks=1)
    add_run(console.runtime, [capture(3, FAILED, reason="no access")], at=SUNDAY - timedelta(weeks=1))
    console.moment = today
    add_run(
        console.runtime,
        [capture(1), capture(2, malicious=3), capture(3, FAILED, reason="no access to the key")],
        names=["web-01", "web-02", "mail-1"],
    )
    return console


def test_nothing_was_captured_yet(console):
    page = page_of(console)
    assert "<h1>No system was captured yet</h1>" in page
    assert "Nothing was captured yet" in page
    assert "No technique was reported in 12 weeks" in page


def test_blind_spots_come_first_with_the_reason(filled):
    page = page_of(filled)
    assert "<h1>2 of 4 systems are blind spots</h1>" in page
    blind = page.partition('id="h-gap"')[2].partition('id="h-acc"')[0]
    assert "mail-1" in blind
    assert "failed 2 times in a row: no access to the key" in blind
    assert "old-db" in blind
    assert "no hunt has tried since" in blind
    assert "42 d" in blind
    assert "web-01" not in blind


def test_the_matrix_shows_each_week(filled):
    matrix = page_of(filled).partition('class="mx"')[2].partition("</table>")[0]
    rows = {row.partition("</a>")[0].rpartition(">")[2]: row for row in matrix.split("<tr>")[2:]}
    assert rows["web-02"].count("malicious") == 1
    assert rows["mail-1"].count('class="fail"') == 2
    assert rows["web-01"].count('class="clean"') == 1
    assert rows["web-01"].count('class="not"') == 11


def shown(page):
    """The names of the systems in the matrix, and the titles of its groups."""
    matrix = page.partition('class="mx"')[2].partition("</table>")[0]
    names = [row.partition("</a>")[0].rpartition(">")[2] for row in matrix.split('<th scope="row">')[1:]]
    titles = [row.partition("<")[0].strip() for row in matrix.split('scope="rowgroup">')[1:]]
    return names, titles


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=WEB-0", {"web-01", "web-02"}),
        ("name=mail", {"mail-1"}),
        ("outcome=malicious", {"web-02"}),
        ("outcome=failed", {"mail-1"}),
        ("outcome=clean&name=web", {"web-01"}),
        ("outcome=blind", {"mail-1", "old-db"}),
        ("outcome=no-such-outcome", {"web-01", "web-02", "mail-1", "old-db"}),
        ("hunt=weekly", {"web-01", "web-02", "mail-1", "old-db"}),
        ("hunt=nightly", set()),
        ("account=PROD", {"web-01", "web-02", "mail-1", "old-db"}),
        ("account=-", set()),
        ("region=us-east-1", {"web-01", "web-02", "mail-1", "old-db"}),
        ("region=us", set()),
        ("region=_external&_external=1&_scheme=x", set()),
    ],
)
def test_the_matrix_is_filtered_by_its_address(filled, query, names):
    page = page_of(filled, f"/coverage?{query}")
    assert sorted(shown(page)[0]) == sorted(names)
    if not names:
        assert "No system is like this" in page
    assert 'aria-label="Filter the matrix"' in page


def test_a_filtered_page_says_what_it_is_filtered_by(filled):
    page = page_of(filled, "/coverage?outcome=failed&name=%22%3E%3Cscript%3E&region=eu-west-1&group=hunt")
    assert '<option value="failed" selected>with failures</option>' in page
    assert '<option value="hunt" selected>hunt</option>' in page
    assert 'value="&#34;&gt;&lt;script&gt;"' in page
    assert 'href="/coverage?group=hunt#h-mx">Show all</a>' in page


def test_the_matrix_is_grouped(filled):
    assert shown(page_of(filled))[1] == ["prod, us-east-1"]
    assert "2 of 4 captured in 30 days" in page_of(filled)
    assert shown(page_of(filled, "/coverage?group=hunt"))[1] == ["weekly"]
    assert shown(page_of(filled, "/coverage?group=none"))[1] == []


def test_a_filtered_matrix_comes_page_by_page(console):
    add_run(console.runtime, [capture(n, malicious=n % 2) for n in range(1, 251)])
    seen, address = [], "/coverage?outcome=malicious&group=none"
    while address:
        page = page_of(console, address)
        seen += shown(page)[0]
        before, found, _ = page.partition("Next page</a>")
        address = before.rpartition('href="')[2].partition('"')[0].replace("&amp;", "&") if found else ""
        assert not address or "outcome=malicious" in address
    assert len(seen) == 125


def test_the_token_of_a_page_belongs_to_its_filter(console):
    add_run(console.runtime, [capture(n) for n in range(1, 131)])
    following = page_of(console).partition("Next page</a>")[0].rpartition('href="')[2].partition('"')[0]
    assert console.get(following.replace("&amp;", "&") + "&outcome=failed").status_code == 400


def test_machines_that_no_hunt_selects(filled):
    machines = (
        Unselected(System("i-0fffffffffffffff1", "eu-west-1", "prod"), "legacy-ftp"),
        Unselected(System("i-0fffffffffffffff2", "eu-west-1"), "vpn", "weekly leaves it out: exclude[0]"),
    )
    Listings(filled.runtime.store).save(
        Listing(filled.moment - timedelta(minutes=42), 6, machines, 2, ("eu-west-2 could not be asked",))
    )
    page = page_of(filled)
    assert "2 of 4 systems are blind spots, and 2 machines are in no hunt" in page
    assert "EC2 was asked 42 min ago" in page
    assert "eu-west-2 could not be asked" in page
    for text in ("legacy-ftp", "no hunt finds it", "weekly leaves it out: exclude[0]"):
        assert text in page


def test_all_is_well(console):
    add_run(console.runtime, [capture(1), capture(2)])
    page = page_of(console)
    assert "<h1>All 2 known systems were captured within 30 days</h1>" in page
    assert "No blind spot" in page


def test_techniques_by_tactic_with_their_trend(console):
    for number in range(1, 12):
        week(console, number, T1496=2)
    week(console, 0, T1496=9, T1059=1)
    page = page_of(console).partition('id="h-att"')[2]
    assert "2 techniques in 12 weeks" in page
    assert "Resource Hijacking" in page
    assert "9 this week, more than before" in page
    assert "1 this week, new" in page
    assert 'href="https://attack.mitre.org/techniques/T1496/"' in page
    assert page.index("<h3>Execution") < page.index("<h3>Impact")
    rows = list(csv.reader(io.StringIO(console.get("/attack.csv").get_data().decode("utf-8-sig"))))
    assert rows[1][:4] == ["T1496", "Resource Hijacking", "Impact", "31"]
    assert len(rows[0]) == len(rows[1]) == 16


def test_the_csv_file(filled):
    answer = filled.get("/coverage.csv")
    assert answer.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    by_name = {row["name"]: row for row in rows}
    assert by_name["mail-1"]["failures_in_a_row"] == "2"
    assert by_name["mail-1"]["last_reason"] == "no access to the key"
    assert by_name["web-02"]["2026-11-23"] == "malicious"


def test_systems_come_page_by_page(console):
    add_run(console.runtime, [capture(number) for number in range(1, 131)])
    first = page_of(console)
    assert "By account" not in first  # there are more systems than are counted
    following = first.partition("Next page</a>")[0].rpartition('href="')[2].partition('"')[0]
    second = page_of(console, following.replace("&amp;", "&"))
    shown = [page.partition('class="mx"')[2].count('scope="row"') for page in (first, second)]
    assert shown == [100, 30]
    assert "Blind spots" in first
    assert "Blind spots" not in second


def test_hostile_text_appears_only_escaped(console):
    add_run(console.runtime, [capture(1, FAILED, reason=f"={HOSTILE}")], names=[HOSTILE])
    machine = Unselected(system(2, HOSTILE, HOSTILE), HOSTILE, HOSTILE)
    Listings(console.runtime.store).save(Listing(console.moment, 2, (machine,), 1, (HOSTILE,)))
    week(console, 0, **{HOSTILE: 2, "T1059": 1})
    page = page_of(console)
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 8
    for path in ("/coverage.csv", "/attack.csv"):
        cells = [cell for row in csv.reader(io.StringIO(page_of(console, path))) for cell in row]
        assert not any(cell.startswith(("=", "+", "@")) for cell in cells)


def test_a_store_that_does_not_answer(console, monkeypatch):
    def down(*_: object, **__: object) -> None:
        raise StoreError("the database cannot be read: disk I/O error")

    monkeypatch.setattr(type(console.runtime.store), "page", down)
    for path in ("/coverage", "/coverage.csv"):
        answer = console.get(path)
        assert answer.status_code == 503
        assert "disk I/O error" in answer.get_data(as_text=True)
