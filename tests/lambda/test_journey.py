"""The whole way on AWS, once: a schedule, sixteen captures, webhooks, messages and the hunt's report, with
what was built, in Lambda's runtime emulator."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
import requests
import yaml

from demo import run
from demo.serving import serving
from demo.world import HUNT, TOKEN, register_webhooks, write_config
from demo.world import world as simulated_world
from shared.hosting import runtime
from shared.hosting.configuration import load
from tests.emulated import Resources, Stack, Watch, allowed, scheduled

AT = "2026-11-22T02:00:00Z"
SUMMARY = {
    "captures": {"processed": 15, "failed": 1},
    "events": 9,  # seven evidences with alarms, one capture that failed, the hunt's end
    "alarms": 7,
    "deliveries": {"slack": 9, "teams": 9, "jira": 7},
    "lost": 0,
    "repeated": 0,
}


def in_secrets_manager(
    config: dict[str, Any], resources: Resources, values: dict[str, str]
) -> dict[str, Any]:
    """The demo's configuration with its secrets where a function finds them."""
    ref = resources.secret("demo", **values)
    del config["follow"]  # how often the timer rings is the stack's
    text = yaml.safe_dump(config)
    for name in values:
        text = text.replace(f"env:{name}", f"{ref}#{name}")
    changed: dict[str, Any] = yaml.safe_load(text)
    return changed


@pytest.mark.timeout(240)
def test_a_hunt_from_its_schedule_to_the_last_message(tmp_path, monkeypatch):
    with simulated_world(pace=0.3) as world, ExitStack() as open_:
        path, environ = write_config(world, tmp_path)
        resources = Resources(world.ec2_url)
        secret = {
            name: environ[name] for name in environ if name.endswith(("_KEY", "_TOKEN", "_URL", "_SECRET"))
        }
        secret = {name: value for name, value in secret.items() if not name.startswith("AWS_")}
        resources.configure(in_secrets_manager(yaml.safe_load(path.read_text()), resources, secret))
        tokens = resources.secret("webhook", current=TOKEN)
        resources.environ["HUNTBRIDGE_WEBHOOK_TOKENS"] = f"{tokens}#current,{tokens}#previous"
        for name, value in resources.environ.items():
            monkeypatch.setenv(name, value)
        demo = run.Demo(world, path, environ, "http://127.0.0.1:9/webhooks/cado")
        demo._runtime = runtime.aws(load(None, resources.environ), resources.environ)
        watch = Watch(world.ec2_url)
        watched = open_.enter_context(serving(watch.app))
        resources.environ["AWS_ENDPOINT_URL"] = watched
        with Stack(resources, tmp_path) as stack:
            register_webhooks(world, f"{stack.url}/webhooks/cado")
            started = [
                stack.scheduler.invoke(scheduled("HuntSchedules", HUNT, AT))
                for _ in range(2)  # EventBridge Scheduler delivers at least once
            ]
            stop = threading.Event()
            timer = threading.Thread(target=follow, args=(stack, stop))
            timer.start()
            try:
                end = time.monotonic() + 150
                while not demo._settled() and time.monotonic() < end:
                    time.sleep(0.2)
            finally:
                stop.set()
                timer.join(60)
            summary = demo.summary()
            health = requests.get(f"{stack.url}/health", timeout=30).json()
        log = stack.log()

    assert [answer["hunt"] for answer in started] == [f"{HUNT}@{AT}"] * 2
    summary.pop("seconds")
    assert summary == SUMMARY
    # Once each, though the schedule came twice and SQS knows nothing of ids.
    assert set(world.platform.asked.values()) == {1}
    assert [source.errors for source in stack.sources.values()] == [[], [], []]
    assert health == {"status": "ok", "problems": []}
    assert (world.slack.mentions, world.teams.mentions, world.teams.failed_runs) == ([], [], [])
    texts = " ".join(world.received()["slack"])
    for name in ("web-01", "batch-07", "bastion", "ci-runner-3", "ad-01", "pay-01"):
        assert name in texts
    # What a function asked AWS for, its role allows.
    for room in ("scheduler", "receiver", "edge"):
        asked = {(action, resource) for who, action, resource in watch.calls if who == room}
        assert asked - allowed(room) == set(), room
        assert len(asked) > (5 if room != "edge" else 1)
    assert "DaysSinceHuntFinished" in log
    assert [value for value in (*secret.values(), TOKEN) if value in log] == []


def follow(stack: Stack, stop: threading.Event) -> None:
    """The follow timer, as a hurried clock rings it."""
    while not stop.wait(1):
        stack.scheduler.invoke(scheduled("FollowTimer"))
