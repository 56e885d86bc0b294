"""Real faults under a real `serve`: what it accepted is told, and what it could not store is a 503."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import pytest

from shared.local.inbox import segments
from tests.durability.world import Served, alive, eventually, senders

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_the_system_calls_show_that_each_202_is_sent_after_its_sync(make_served, tmp_path):
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    served, trace = make_served(), tmp_path / "trace"
    served.start()
    tracer = subprocess.Popen(
        [
            *("strace", "-p", str(served.web()), "-o", trace, "-s", "4000", "-xx"),
            *("-e", "trace=write,fdatasync,fsync,rename,sendto,sendmsg"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr
    if "attached" not in (line := tracer.stderr.readline()):
        pytest.skip(f"strace cannot be used here: {line}")
    with senders(served, threads=8) as answered:
        eventually(lambda: answered() >= 60)
    tracer.terminate()
    tracer.wait()
    unsynced: set[str] = set()  # ids that were written and not synced yet
    synced: set[str] = set()
    named = answers = 0
    for line in trace.read_text().splitlines():
        call, _, rest = line.partition("(")
        text = bytes.fromhex("".join(re.findall(r"\\x([0-9a-f]{2})", rest))).decode("latin-1")
        done = not line.endswith("<unfinished ...>") and " = -1 " not in line
        if call == "write" and text.startswith("\xffHB1"):
            assert named == 2, "a segment is written before its name is on the disk"
            unsynced |= set(re.findall(r"([0-9a-f]{16})\{", text))
        elif call in ("rename", "fsync") and done:
            named = 1 if call == "rename" else 2
        elif call == "fdatasync" and done:
            synced |= unsynced
            unsynced.clear()
        elif call in ("sendto", "sendmsg") and text.startswith("HTTP/1.1 202"):
            (id,) = re.findall(r'"id": "([0-9a-f]{16})"', text)
            assert id in synced
            answers += 1
    assert answers == len(served.accepted) >= 50
    served.check()


@pytest.mark.parametrize("fault", ["short", "eio", "full", "sync"])
def test_what_cannot_be_written_is_a_503_and_its_segment_is_not_used_again(
    make_served, faults, tmp_path, fault
):
    control = tmp_path / "fault"
    control.write_text("")
    served = make_served(LD_PRELOAD=faults, FAULT=str(control))
    served.start()
    assert served.post(1) == 202
    before = segments(served.data / "inbox")
    for number in range(2, 6):
        control.write_text(fault)
        assert served.post(number) == 503
        control.write_text("")
        assert served.post(10 + number) == 202
    after = segments(served.data / "inbox")
    assert not set(before) & set(after[-1:])
    served.check()
    # A failed sync says nothing of what is on the disk: an alarm may then be told all the same.
    told = " ".join(str(message.body) for message in served.slack.messages)
    assert fault == "sync" or not any(f"{10_000 + number}" in told for number in served.refused)


def test_a_full_disk_refuses_until_there_is_room_again_and_loses_nothing(make_served):
    served = make_served()
    served.data.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", served.data], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a tmpfs can only be mounted as root")
    try:
        served.start()
        with senders(served, threads=8):
            eventually(lambda: len(served.refused) > 20, within=120)
        subprocess.run(["mount", "-o", "remount,size=64m", served.data], check=True)
        eventually(lambda: served.post(5_000) == 202)
        served.check(within=150)
        assert len(served.accepted) > 50
    finally:
        served.end()
        # Lazily, since this process has the database open.
        subprocess.run(["umount", "--lazy", served.data], check=True)


def _exceeds(count: Callable[[], int], least: int) -> bool:
    return count() > least


def power_cut(served: Served, shadow: Path) -> None:
    """Both processes end at once, and only what was synced is left."""
    served.kill(served.process.pid, served.web())
    shutil.rmtree(served.data)
    (served.data / "inbox").mkdir(parents=True, mode=0o700)
    for copy in shadow.glob("[!.]*"):
        shutil.copy(copy, served.data / copy.name.replace("#", "/"))


def test_after_a_power_cut_everything_that_was_accepted_is_there(make_served, faults, tmp_path):
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    environ = {"LD_PRELOAD": faults, "SHADOW": str(shadow), "DATA": str(tmp_path / "data")}
    served = make_served(**environ)
    for enough in (50, 120, 210):
        served.start()
        with senders(served, threads=4) as answered:
            eventually(partial(_exceeds, answered, enough))
            power_cut(served, shadow)
    served.start(faults=False)
    served.check()
    assert len(served.accepted) > 100


def test_while_the_database_is_locked_webhooks_are_accepted_and_told_later(make_served):
    served = make_served()
    served.start()
    other = sqlite3.connect(served.data / "huntbridge.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert [served.post(number) for number in range(20)] == [202] * 20
    assert served.slack.messages == []
    other.execute("ROLLBACK")
    other.close()
    served.check()


def test_the_web_process_is_started_again_and_ends_with_serve_and_nobody_keeps_the_port(make_served):
    served = make_served()
    served.start()
    for _ in range(3):
        web = served.web()
        served.kill(web)
        eventually(partial(served.has_another_web, web))
        assert served.post(1) == 202
    for again in range(3):
        web = served.web()
        served.kill()
        began = time.monotonic()
        served.start()  # on the same port, at once
        assert not alive(web)
        assert time.monotonic() - began < 60
        assert served.post(10 + again) == 202
    served.check()
    web = served.web()
    served.process.terminate()
    assert served.process.wait(20) == 0
    assert not alive(web)
    assert segments(served.data / "inbox") == []


def test_a_web_process_that_hangs_is_killed_and_started_again(make_served):
    served = make_served()
    served.start()
    web = served.web()
    os.kill(web, signal.SIGSTOP)
    eventually(lambda: served.has_another_web(web), within=90)
    assert served.post(1) == 202
    assert "the web process gives no sign of life and is killed" in served.log.read_text()


def test_kills_of_either_process_at_random_lose_nothing_and_repeat_nothing_unmarked(make_served):
    random = Random(16)
    served = make_served()
    served.start()
    with senders(served, threads=4, pause=0.01):
        for _ in range(12):
            time.sleep(random.uniform(0.05, 1.0))
            if random.random() < 0.5:
                web = served.web()
                if web:
                    served.kill(web)
            else:
                served.kill()
                served.start()
    served.check(within=150)  # work in hand waits for its leases
    assert len(served.accepted) > 50
