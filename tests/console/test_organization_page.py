"""The page about the whole organization, its file, and what the other screens say of it."""

from __future__ import annotations

import csv
import io
import json

from tests.console.filling import HOSTILE, add_run, capture
from tests.console.organization import add_organization
from tests.console.test_coverage_page import page_of


def test_the_page_names_each_machine_and_each_place_that_is_not_known(console):
    add_organization(console.runtime)
    page = page_of(console, "/coverage/machines")
    assert "<h1>At most 25 % of 4 running machines were captured in 35 days</h1>" in page
    machines = page.partition('id="h-mach"')[2]
    assert [name in machines for name in ("web-0", "web-1", "web-2", "db-1")] == [True, True, True, False]
    assert machines.count("no hunt selects it") == 3
    assert "never" in machines
    unknown = page.partition('id="h-unk"')[2].partition("</table>")[0]
    assert [text in unknown for text in ("eu-west-1", "no access", "444455556666", "no role")] == [True] * 4


def test_the_page_about_coverage_leads_there(console):
    assert "The whole organization" not in page_of(console)
    add_organization(console.runtime)
    page = page_of(console)
    assert "The whole organization" in page
    assert 'href="/coverage/machines"' in page
    assert "444455556666" in page


def test_the_overview_names_what_is_too_old(console):
    add_run(console.runtime, [capture(1)])
    add_organization(console.runtime)
    page = page_of(console, "/")
    assert "3 running machines" in page
    assert "were not captured for more than 35 days" in page


def test_without_a_look_the_page_says_what_to_write(console):
    page = page_of(console, "/coverage/machines")
    assert "<h1>The organization was not looked at yet</h1>" in page
    assert "Write the section coverage into the configuration" in page


def test_machines_come_page_by_page(console):
    add_organization(console.runtime, 650)
    seen, address = [], "/coverage/machines"
    while address:
        page = page_of(console, address)
        seen += [line for line in page.partition('id="h-mach"')[2].split("<code") if "web-" in line]
        before, found, _ = page.partition("Next page</a>")
        address = before.rpartition('href="')[2].partition('"')[0].replace("&amp;", "&") if found else ""
        assert len(seen) <= 650
    assert len(seen) == 650
    assert console.get("/coverage/machines?page=x").status_code == 400


def test_the_file_has_every_machine_and_every_place_that_is_not_known(console):
    add_organization(console.runtime, 650)
    answer = console.get("/coverage/machines.csv")
    rows = list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert [(row["account"], row["region"]) for row in rows if row["reason"] == "not known"] == [
        ("prod", "eu-west-1"),
        ("444455556666", ""),
    ]
    assert len({row["instance"] for row in rows if row["reason"] == "no hunt"}) == 650


def test_the_api_has_them_too(console):
    add_organization(console.runtime)
    found = json.loads(console.get("/api/v1/uncovered").get_data())
    assert [row["name"] for row in found["rows"]] == ["web-0", "web-1", "web-2"]
    assert found["rows"][0]["too_old"] is True
    summary = json.loads(console.get("/api/v1/coverage").get_data())
    assert summary["organization"]["unknown_total"] == 2


def test_the_report_for_a_manager_has_the_share(console):
    add_organization(console.runtime)
    page = page_of(console, "/report.html")
    assert "Running machines captured in the last 35 days" in page
    assert "at most 1 of 4 (25 %)" in page


def test_hostile_text_appears_only_escaped(console):
    add_run(console.runtime, [capture(1)])
    add_organization(console.runtime, name=HOSTILE, why=HOSTILE)
    for path in ("/coverage", "/coverage/machines"):
        page = page_of(console, path)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "&lt;script&gt;alert(1)" in page
    file = csv.reader(io.StringIO(page_of(console, "/coverage/machines.csv")))
    assert not any(cell.startswith(("=", "+", "@")) for row in file for cell in row)
