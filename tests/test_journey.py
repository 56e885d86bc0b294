"""The whole way, once: a real `serve` and a real `hunt run` in the simulated world of the demo."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from demo import run
from demo.slack.records import DEMO_SIGNING_SECRET, DEMO_TOKEN
from demo.world import ADMIN_KEY, ENVIRONMENT, RUN_KEY, TOKEN

SECRETS = (ADMIN_KEY, RUN_KEY, TOKEN, DEMO_TOKEN, DEMO_SIGNING_SECRET, "demo-token")


@pytest.mark.timeout(120)
def test_a_hunt_of_sixteen_systems_from_the_request_to_the_last_message(tmp_path):
    until = time.monotonic() + 90
    with run.stage(tmp_path, pace=0.3) as demo:
        summary = demo.run(lambda: time.monotonic() < until, lambda _: None)
        world, state, asked = demo.world, demo.state(), demo.world.platform.asked
        sig = parse_qs(urlsplit(world.teams.path).query)["sig"][0]
        mentions = list(world.slack.mentions)
        links = {link: requests.get(link, timeout=10) for link in _links(state)}
        case = next(post for post in world.slack.posts if '"acknowledge"' in json.dumps(post.body))
        demo.click(case.ts, "acknowledge")
        taken = _until(until, lambda: _told_that_ada_took_it(demo.state()))
        signed_in = _console(demo)

    assert summary.pop("seconds") < 90
    assert summary == {
        "captures": {"processed": 15, "failed": 1},
        "events": 9,  # seven evidences with alarms, one capture that failed, the hunt's end
        "alarms": 7,
        # In Teams the two volumes of one machine share a message.
        "deliveries": {"slack": 9, "teams": 8, "jira": 7},
        "lost": 0,
        "repeated": 0,
    }
    # Every message kept to the tools' rules, and none pinged anybody.
    assert (mentions, world.teams.mentions, world.teams.failed_runs) == ([], [], [])
    refused = [*world.slack.refused, *world.teams.refused, *world.jira.refused]
    assert {refusal.status for refusal in refused} <= {429}
    # EC2 was asked and answered: the message names the machine, and not only its id.
    texts = " ".join(json.dumps(message.body) for message in world.slack.messages)
    for name in ("web-01", "batch-07", "bastion", "ci-runner-3", "ad-01", "pay-01"):
        assert name in texts
    assert len(state["captures"]) == 16
    assert {"Azure machine pay-02", "Google machine search-01"} < {row["name"] for row in state["captures"]}
    assert set(asked.values()) == {1}

    # Every link to the simulated platform and Jira leads to a page, and none of those runs a script.
    assert len(links) > 5
    assert {(link, page.status_code) for link, page in links.items()} == {(link, 200) for link in links}
    assert all("script-src" not in page.headers["Content-Security-Policy"] for page in links.values())
    # The button in Slack was told everywhere.
    assert taken == {"slack", "teams", "jira"}
    # The way from the demo to the console signs in a browser once, and then leads to its first page.
    assert signed_in == (302, 303, 200)

    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"huntbridge.db", "serve.log", "hunt.log"} <= {path.name for path in written}
    for path in written:
        if path.name == ENVIRONMENT:  # the file that holds them for a shell of the same user
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            continue
        content = path.read_bytes()
        assert [secret for secret in (*SECRETS, sig) if secret.encode() in content] == [], path.name


def _links(state):
    """The links of all messages to servers of this machine, as a reader would click them."""
    text = json.dumps([state["slack"], state["teams"], state["jira"]])
    return set(re.findall(r"http://127\.0\.0\.1:\d+/(?:projects|browse)/[\w-]+", text))


def _console(demo):
    """The status of three pages: the console's first page without a session, which leads to the sign-in; the
    one-time link; and what the demo opens for a browser with a session."""
    link = demo.console({})
    root = link.partition("sign-in")[0]
    token = parse_qs(urlsplit(link).query)["token"]
    with requests.Session() as browser:
        before = browser.get(root, allow_redirects=False, timeout=10)
        used = browser.post(
            link,
            data={"token": token},
            headers={"Origin": root.rstrip("/")},
            allow_redirects=False,
            timeout=10,
        )
        opened = demo.console(browser.cookies.get_dict())
        assert opened == root
        return before.status_code, used.status_code, browser.get(opened, timeout=10).status_code


def _told_that_ada_took_it(state):
    return {tool for tool in ("slack", "teams", "jira") if "Taken by ada" in json.dumps(state[tool])}


def _until(until, look):
    while len(found := look()) < 3 and time.monotonic() < until:
        time.sleep(0.1)
    return found


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_the_command_prints_the_summary_and_nothing_else():
    result = subprocess.run(
        [sys.executable, "-m", "cli.main", "demo", "--once", "--json"],
        capture_output=True,
        text=True,
        timeout=80,
        env={**os.environ},
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    summary = json.loads(result.stdout)
    assert (summary["lost"], summary["repeated"], summary["seconds"] < 60) == (0, 0, True)
