"""The page "Left behind": what the platform left behind in AWS, as the daily check found it."""

from __future__ import annotations

import re
from datetime import timedelta

from shared.models.leftovers import LeftBehind, Leftover, Marked, Sort
from tests.console.filling import HOSTILE


def page_of(console) -> str:
    answer = console.get("/coverage/leftovers")
    assert answer.status_code == 200
    return str(answer.get_data(as_text=True))


def keep(console, *found: Leftover, **more) -> None:
    now = console.moment
    total = more.pop("total", len(found))
    kept = LeftBehind(now, found, total=total, usd_a_month=sum(one.usd_a_month or 0 for one in found), **more)
    console.runtime.ledger.left_behind.save(kept)


def snapshot(console, **more) -> Leftover:
    made = console.moment - timedelta(days=40)
    what = Marked(Sort.SNAPSHOT, "snap-0a", "prod", "eu-west-1", made, gib=800.0, **more)
    return Leftover(what, 40.0, "aws ec2 delete-snapshot --snapshot-id snap-0a --region eu-west-1")


def test_nobody_has_looked_yet(console):
    assert "<h1>Nobody has looked yet</h1>" in page_of(console)


def test_each_thing_with_what_it_costs_and_the_command_that_deletes_it(console):
    worker = Leftover(
        Marked(Sort.WORKER, "i-0b", "", "", console.moment - timedelta(days=3)), 911.04, "", "end it there"
    )
    keep(console, worker, snapshot(console), in_use=2, places=34)
    page = page_of(console)
    assert "<h1>The platform left 2 things behind, up to $951 a month</h1>" in page
    assert "in 34 regions of all accounts and is needed by no capture. 2 other things may be in use." in page
    rows = [
        re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr role=\"row\">(.*?)</tr>", page, re.S)
    ]
    first, second = (" ".join(row.split()) for row in rows[1:])
    assert re.fullmatch(r"worker i-0b the platform’s account .* – \$911 end it there", first)
    assert second.startswith("snapshot snap-0a prod, eu-west-1 ")
    assert second.endswith("800 GiB $40 aws ec2 delete-snapshot --snapshot-id snap-0a --region eu-west-1")


def test_nothing_is_left_behind(console):
    keep(console, places=17, problems=("the snapshots of account prod in eu-west-1 are not known: denied",))
    page = page_of(console)
    assert "<h1>The platform left nothing behind</h1>" in page
    assert "the snapshots of account prod in eu-west-1 are not known: denied" in page


def test_names_of_others_are_text(console):
    keep(console, snapshot(console, name=HOSTILE, state=HOSTILE), total=400)
    page = page_of(console)
    assert HOSTILE not in page
    assert "1 of them listed" in page


def test_the_page_of_the_coverage_leads_here(console):
    assert 'href="/coverage/leftovers"' in console.get("/coverage").get_data(as_text=True)
    assert '<a href="/coverage">Coverage</a>' in page_of(console)


def test_the_report_for_a_manager_has_the_sum(console):
    keep(console, snapshot(console), places=1)
    report = console.get("/report.csv").get_data(as_text=True)
    assert 'Left behind by the platform in AWS,,"1, up to $40 a month"' in report
