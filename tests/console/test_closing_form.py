"""The form that closes a case says what becomes known good, and takes where, until when, and which malicious
findings too."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from werkzeug.datastructures import MultiDict

from receiver.assemble import handlers
from shared.models.cases import CaseState, Verdict
from shared.models.fingerprints import fingerprint
from shared.models.known_good_terms import Scope
from tests.console.conftest import NOW
from tests.console.filled import SETTINGS
from tests.console.known_findings import KEY, SYSTEM, Enricher, House
from tests.console.reading import read

BACKDOOR = fingerprint("Malicious File Detected: php_backdoor", "/var/www/x.php").id


@pytest.fixture
def house(make_console):
    house = House(make_console(**SETTINGS))
    house.capture()
    return house


class Another(Enricher):
    def enrich(self, event):
        alarm = super().enrich(event)
        other = (replace(each, description=f"Another {each.description}") for each in alarm.findings)
        return replace(alarm, findings=tuple(other))


def form(house):
    return dict(read(house.console.get(f"/cases/{KEY}", role="responder")).form("Close").fields)


def entries(house):
    return [row.entry for row in house.runtime.queries.known_good.list().rows]


def test_the_form_says_what_is_withheld_and_what_is_not(house):
    page = read(house.console.get(f"/cases/{KEY}", role="responder"))
    assert (
        "Later alarms about this finding are recorded, and send no messages: "
        "Malicious File Detected: php_backdoor again /var/log/x"
    ) in page.text
    assert "The malicious finding still sends messages, unless you say otherwise for it:" in page.text
    fields = page.form("Close").fields
    assert ("malicious", BACKDOOR) in fields
    assert ("until", "2027-02-27") in fields
    assert [value for name, value in fields if name == "scope"] == ["system", "tag", "everywhere"]
    assert page.all("option", value="Env=prod") != []


def test_the_findings_that_other_alarms_told_are_on_the_page_too(house):
    house.work = handlers(house.runtime, Another(), dict(house.tools))
    house.capture()
    page = read(house.console.get(f"/cases/{KEY}", role="responder"))
    assert "Findings 4 kinds, worst first" in page.text
    case = house.console.get(f"/api/v1/case?key={KEY}").get_json()
    assert len(case["findings"]) == 4


def test_the_time_of_the_configuration_is_the_default(make_console):
    house = House(make_console(**SETTINGS, cases={"known_good_days": 7}))
    house.capture()
    assert form(house)["until"] == "2026-12-06"


def test_without_a_choice_the_defaults_hold(house):
    assert "1 finding is known good on this system until 2027-02-27." in house.close()
    (entry,) = entries(house)
    assert (entry.scope, entry.until) == (Scope.SYSTEM, house.runtime.now() + timedelta(days=90))
    assert [known.severity for known in entry.findings] == ["suspicious"]


def test_a_malicious_finding_is_known_good_only_if_it_is_ticked(house):
    shown = form(house)["shown"]
    house.close(scope="system", until="2026-12-24", malicious=[BACKDOOR, "f" * 16, "<b>"], shown=shown)
    (entry,) = entries(house)
    assert {known.fingerprint for known in entry.findings} > {BACKDOOR}
    assert entry.until == datetime(2026, 12, 24, tzinfo=UTC)
    before = house.sent()
    house.capture()
    assert house.sent() == before
    text = read(house.console.get(f"/cases/{KEY}")).text
    assert "2 findings known good until 2026-12-24" in text


@pytest.mark.parametrize(
    ("terms", "where"),
    [
        ({"scope": "tag", "tag": " Env=prod"}, "on every system with the tag Env=prod"),
        ({"scope": "everywhere"}, "everywhere"),
    ],
)
def test_a_wider_scope_covers_other_systems(house, terms, where):
    house.close(shown=form(house)["shown"], **terms)
    (entry,) = entries(house)
    assert entry.where == where
    house.alarm(5, malicious=0)
    assert house.runtime.queries.known_good.list().rows[0].hits == 1


def test_the_scope_of_the_hunt(house):
    hunt = house.hunt("weekly")
    house.runtime.ledger.hunts.start(hunt.id, 3)
    of_hunt = lambda case: replace(case, alarm=replace(case.alarm, hunt=hunt))  # noqa: E731
    house.runtime.ledger.cases.change(KEY, of_hunt)
    page = read(house.console.get(f"/cases/{KEY}", role="responder"))
    assert "On every system of the hunt weekly" in page.text
    house.close(scope="hunt", shown=form(house)["shown"])
    assert entries(house)[0].where == "on every system of the hunt weekly"


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"scope": "tag", "tag": "Env"}, "The tag is missing: write it as KEY=VALUE. Nothing was changed."),
        ({"scope": "hunt"}, "This case belongs to no hunt"),
        ({"scope": "planet"}, "The scope is missing: choose where the findings are known good."),
        ({"scope": "system", "until": "soon"}, "The end is no date: write it as YYYY-MM-DD."),
        ({"scope": "system", "until": "2026-11-29"}, "The end of what is known good is not in the future."),
        ({"scope": "system", "until": "2027-11-30"}, "What is known good ends at the latest on 2027-11-29"),
        (
            {"scope": "system", "shown": "old"},
            "The case has other findings since you were shown them",
        ),
    ],
)
def test_what_cannot_be_chosen_changes_nothing(house, terms, said):
    assert said in house.close(**({"shown": form(house)["shown"]} | terms))
    assert house.runtime.ledger.cases.get(KEY).state is CaseState.OPEN
    assert entries(house) == []


def test_a_true_positive_takes_no_terms(house):
    page = house.close("true_positive", scope="everywhere", until="2026-12-24", shown=form(house)["shown"])
    assert "You have closed the case as true positive." in page
    assert entries(house) == []


def test_without_cases_across_hunts_nothing_is_asked(make_console):
    house = House(make_console(**SETTINGS, cases={"across_hunts": False}))
    key = house.alarm(4)
    assert "nown good" not in read(house.console.get(f"/cases/{key}", role="responder")).text


SEVERAL = {"do": "close", "case": [KEY], "verdict": "benign", "why": "ours", "scope": "everywhere"}


def several(house):
    """The page that shows what closing the selected cases makes known good."""
    return read(house.console.post("/cases", role="responder", data=SEVERAL))


def test_several_cases_are_closed_with_the_defaults(house):
    page = several(house)
    assert page.title == "Close 1 case as benign?"
    assert page.rows() == [
        "web-04 Malicious File Detected: php_backdoor again /var/log/x 1 malicious finding",
    ]
    assert entries(house) == []
    form = page.form("Close 1 case")
    sent = house.console.post(form.action, role="responder", data=MultiDict(form.fields))
    assert (sent.status_code, sent.headers["Location"]) == (303, "/cases")
    (entry,) = entries(house)
    assert entry.scope is Scope.SYSTEM
    assert entry.at == NOW + timedelta(minutes=1)
    assert entry.why == "ours"


def test_several_cases_with_nothing_to_make_known_good_are_closed_at_once(house):
    sent = house.console.post("/cases", role="responder", data={**SEVERAL, "verdict": "true_positive"})
    assert sent.status_code == 303
    assert house.runtime.ledger.cases.get(KEY).closure
    assert house.console.post("/cases", role="responder", data=SEVERAL).status_code == 303


class TestWhatCameSinceItWasShown:
    """A case is closed as harmless only if the person was shown all of its findings."""

    SAID = "he case has other findings since you were shown them: look at them first."

    def unseen(self, house):
        """One more finding in the case."""
        house.work = handlers(house.runtime, Enricher(text="another tool"), dict(house.tools))
        house.capture()
        assert len(house.runtime.ledger.findings.of_system(SYSTEM).told_in(KEY)) == 4

    def test_one_case(self, house):
        fields = form(house)
        self.unseen(house)
        for terms in ({}, {"scope": "system"}):
            assert self.SAID in house.close(shown=fields["shown"], **terms)
        assert entries(house) == []
        house.close(shown=form(house)["shown"])
        assert len(entries(house)[0].findings) == 2

    def test_a_page_that_showed_no_finding(self, house):
        assert self.SAID in house.close(shown="")
        house.close(Verdict.TRUE_POSITIVE, shown="")
        assert house.runtime.ledger.cases.get(KEY).closure

    def test_several_cases(self, house):
        other = house.alarm(5, malicious=0)
        both = {**SEVERAL, "case": [KEY, other]}
        page = read(house.console.post("/cases", role="responder", data=both))
        sent = MultiDict(page.form("Close 2 cases").fields)
        self.unseen(house)
        house.console.post("/cases", role="responder", data=sent)
        text = read(house.console.get("/cases", role="responder")).text
        assert "You have closed 1 case as benign." in text
        assert f"{KEY[0].upper()}{KEY[1:]}: t{self.SAID} Nothing was changed about it." in text
        assert [entry.case for entry in entries(house)] == [other]
