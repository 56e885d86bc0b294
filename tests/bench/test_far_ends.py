"""The client, the sink, the small server that they use, and what is read of processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import requests

from bench import client, wrk
from bench.http_server import Request, _take
from bench.processes import Used, end, helper, used, wait_for
from bench.sink import Arrival, arrivals, first_times

ID = "0123456789abcdef"


def test_a_request_is_taken_when_it_is_complete_and_leaves_the_next_one():
    whole = b"POST /a?b=1 HTTP/1.1\r\nContent-Length: 4\r\nX-Y: z\r\n\r\nbody"
    buffer = bytearray(whole[:-1])
    assert _take(buffer) is None
    buffer += whole[-1:] + b"GET / HTTP/1.1\r\n\r\n"
    assert _take(buffer) == Request("POST", "/a?b=1", {"content-length": "4", "x-y": "z"}, b"body")
    assert _take(buffer) == Request("GET", "/", {}, b"")
    assert buffer == b""


def test_an_alarm_has_arrived_when_it_is_at_every_destination():
    noted = [
        Arrival(1.0, "/one", ["a"], False),
        Arrival(2.0, "/one", ["a", "b"], False),
        Arrival(3.0, "/two", ["a"], False),
    ]
    assert first_times(noted, 1) == {"b": 2.0}
    assert first_times(noted, 2) == {"a": 3.0}
    assert first_times(noted[:2], 1) == {"a": 1.0, "b": 2.0}


def test_the_client_sends_every_number_once_and_the_sink_notes_the_ids():
    with helper("bench.sink", "marked") as sink:
        load = client.Load(
            f"{sink}/services/one", '{"text": "alarm %016x marked"}', 40, connections=4, first=7
        )
        sent = client.send(load)
        requests.post(f"{sink}/services/two", data=f'{{"text": "{ID} and {ID}, not 00{ID}"}}', timeout=5)
        found = arrivals(sink)
    assert sorted(one.id for one in sent) == [f"{number:016x}" for number in range(7, 47)]
    assert client.refused(sent) == 0
    assert all(one.due <= one.answered for one in sent)
    assert sorted(id for note in found[:40] for id in note.ids) == sorted(one.id for one in sent)
    assert [(note.path, note.ids, note.marked) for note in found[40:]] == [("/services/two", [ID], False)]
    assert all(note.marked for note in found[:40])


def test_the_client_keeps_the_rate_and_notes_what_is_refused():
    with helper("bench.slow_platform") as url:
        sent = client.send(client.Load(f"{url}/none", '{"n": %d}', 5, rate=100))
    assert client.refused(sent) == 5
    dues = sorted(one.due for one in sent)
    assert [round(due - dues[0], 6) for due in dues] == [0, 0.01, 0.02, 0.03, 0.04]


@pytest.mark.parametrize("command", ["wrk", "no such command"])
def test_as_many_requests_as_fit_are_counted(command, monkeypatch):
    found = shutil.which(command)
    if command == "wrk" and not found:
        pytest.skip("wrk is not installed")
    monkeypatch.setattr("bench.wrk.shutil.which", lambda _: found)
    with helper("bench.sink") as sink:
        taken = wrk.load(f"{sink}/one", '{"text": "%016x"}', connections=2, seconds=1, first=1)
        noted = arrivals(sink)
    within = [note for note in noted if taken.began <= note.at <= taken.ended]
    assert taken.refused == 0
    assert taken.per_second > 0
    assert len({id for note in within for id in note.ids}) == len(within)


def test_a_request_without_an_answer_counts_as_refused():
    (sent,) = client.send(client.Load("http://127.0.0.1:9/", "%d", 1))
    assert (sent.status, client.refused([sent])) == (0, 1)


def test_the_platform_counts_what_it_was_asked_for():
    with helper("bench.slow_platform", "--systems", "3") as url:
        assert json.loads(requests.get(f"{url}/bench/asked", timeout=5).text) == 0


@pytest.mark.parametrize("script", ["import time; time.sleep(60)", "print(0)"])
def test_a_process_is_ended_whether_it_still_runs_or_not(script):
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    end(process)
    assert process.poll() is not None


def test_what_a_process_and_its_children_used_is_added_up():
    child = "import time\nwhile time.process_time() < 0.5: pass\ntime.sleep(60)"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    process = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    try:
        assert wait_for(lambda: used(process.pid).cpu > 0.4, 30)
        assert used(process.pid).resident > 10_000_000
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert used(process.pid) == Used(0.0, 0, 0)
