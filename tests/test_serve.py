"""`huntbridge serve` as a process: the environment alone, every known body, bad requests, stop, restart."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from demo.serving import serving
from demo.slack.records import DEMO_TOKEN, signed
from demo.slack.simulation import Slack
from shared.hosting import runtime
from shared.hosting.configuration import load
from shared.local.data_directory import address
from shared.storage import audit

SAMPLES = Path(__file__).resolve().parents[2] / "shared" / "samples"
TOKEN = "a-token-of-serve"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
pytestmark = pytest.mark.timeout(120)


class ServedSlack(Slack):
    url = ""


@pytest.fixture
def slack():
    slack = ServedSlack(path="T/B/X", rate=None)
    with serving(slack.app) as url:
        slack.url = url + slack.path
        yield slack


@pytest.fixture
def environ(tmp_path, slack):
    """A platform that nobody answers for, and nothing else from this machine's own settings."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = free.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return {
        **kept,
        "HOME": str(tmp_path),
        "HUNTBRIDGE_DATA": str(tmp_path / "data"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "WEBHOOK_TOKEN": TOKEN,
        "SLACK_WEBHOOK_URL": slack.url,
        "PLATFORM_IP": f"http://127.0.0.1:{nobody}",
        "API_KEY": "k",
    }


@contextmanager
def serve(environ, tmp_path, *more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with (tmp_path / "serve.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli.main", "serve", "--port", "0", *more],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout
    try:
        line = process.stdout.readline()
        assert "webhooks go to " in line, (tmp_path / "serve.log").read_text()
        yield line.rsplit("webhooks go to ", 1)[1].strip(), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def eventually(condition, within=30.0):
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


@pytest.mark.slow
def test_a_click_in_slack_is_answered_where_it_was_signed(environ, tmp_path):
    config = tmp_path / "huntbridge.yaml"
    config.write_text(
        f"platform: {{url: '{environ['PLATFORM_IP']}', api_key: env:API_KEY}}\n"
        "destinations:\n"
        "  ir: {type: slack, token: env:BOT, channel: C0123456789, signing_secret: [env:NEW, env:OLD]}\n"
    )
    environ |= {"HUNTBRIDGE_CONFIG": str(config), "BOT": DEMO_TOKEN, "NEW": "the-new-one"}
    body = b"payload=" + quote('{"type": "block_actions", "actions": [{"action_id": "open"}]}').encode()
    with serve(environ, tmp_path) as (url, _):
        actions = url.replace("/webhooks/cado", "/slack/actions")

        def send(secret: str, at: float) -> int:
            request = signed(body, secret, at)
            return requests.post(actions, data=request.body, headers=request.headers, timeout=10).status_code

        now = time.time()
        sent = [send("the-new-one", now), send("the-old-one", now), send("the-new-one", now - 400)]
        assert sent == [200, 401, 401]
        assert requests.post(actions, data=body, timeout=10).status_code == 401
    log = (tmp_path / "serve.log").read_text()
    assert "it was signed with no signing_secret that is configured here" in log
    assert "the-new-one" not in log


@pytest.mark.slow
def test_of_every_body_slack_is_told_and_once_where_it_names_an_evidence_with_the_environment_alone(
    environ, tmp_path, slack
):
    if not SAMPLES.is_dir():
        pytest.skip(f"{SAMPLES.name} is not beside the project")
    bodies = {path.name: path.read_bytes() for path in sorted(SAMPLES.glob("*.json"))}
    broken = {path.name: path.read_bytes() for path in sorted((SAMPLES / "malformed").iterdir())}

    store = runtime.local(load(None, environ), tmp_path / "data", environ).store
    posted: dict[bytes, list[str]] = {}

    def routed(id):
        record = store.get("event", id, "routed")
        return record.body if record else {"to": None, "merged_into": ""}

    def told(ids):
        """Once by one of them, or what they say is in the message of another. Where no evidence is named, and
        nothing else says that they are about the same, each by itself."""
        told_by = {id for id in ids if routed(id)["to"]} or {routed(id)["merged_into"] for id in ids} - set(
            ids
        )
        text = [json.dumps(message.body) for message in slack.messages]
        once = all(sum(f"Event `{id}`" in line for line in text) == 1 for id in told_by)
        named = any(routed(id).get("evidence_id") for id in ids)
        settled = all(routed(id)["to"] or routed(id)["merged_into"] for id in ids)
        return once and settled and (len(told_by) == 1 or not named)

    def post(url, body, headers=None):
        answer = requests.post(url, data=body, headers=headers, timeout=10)
        assert answer.status_code == 202
        posted.setdefault(body, []).append(answer.json()["id"])

    with serve(environ, tmp_path) as (url, _):
        for body in bodies.values():
            post(url, json.dumps({**json.loads(body), "token": TOKEN}).encode())
        for body in [*bodies.values(), *broken.values()] * 2:
            post(url, body, BEARER)
        # A message a second, as Slack allows.
        eventually(lambda: all(told(ids) for ids in posted.values()), within=180)
    sent = [id for ids in posted.values() for id in ids if routed(id)["to"]]
    assert len(slack.messages) == len(sent) > len(posted) / 2
    assert (slack.refused, slack.mentions) == ([], [])


@pytest.mark.slow
def test_what_was_accepted_survives_a_kill_and_is_delivered_by_the_next_serve(environ, tmp_path, slack):
    slack.hang(60, times=1_000)
    body = {"token": TOKEN, "title": "PROCESSING WITH ALARMS"}
    with serve(environ, tmp_path) as (url, process):
        accepted = []
        for count in range(1, 21):
            body["message"] = f"{count} alarms in project id 12."
            accepted.append(requests.post(url, json=body, timeout=10).json()["id"])
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert slack.messages == []
    slack.heal()
    slack.release()
    with serve(environ, tmp_path):
        # All but what the killed one had in hand, at most four events and two deliveries: that comes when
        # its leases have run out, which is no time for a test to wait.
        eventually(lambda: len(slack.messages) >= len(accepted) - 6)
    texts = [json.dumps(message.body) for message in slack.messages]
    assert all(sum(id in text for text in texts) <= 1 for id in accepted)


@pytest.mark.slow
def test_a_stop_finishes_what_is_in_hand_and_ends_with_success(environ, tmp_path, slack):
    slack.hang(2.0, after=True)
    body = {
        "token": TOKEN,
        "title": "PROCESSING WITH ALARMS",
        "message": "5 alarms in project id 12.",
    }
    with serve(environ, tmp_path) as (url, process):
        id = requests.post(url, json=body, timeout=10).json()["id"]
        eventually(lambda: slack.messages)  # Slack has it, and keeps the answer back
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0
    config = load(None, environ)
    made = runtime.local(config, tmp_path / "data", environ)
    delivery = made.ledger.deliveries.get(id, "slack")
    assert (delivery.state, delivery.attempts) == ("unsure", 1)
    (loaded,) = audit.newest(made.store, made.now())
    assert loaded.action == audit.CONFIGURATION
    assert loaded.origin == f"serve on {socket.gethostname()}"
    assert url == f"{address(tmp_path / 'data')}/webhooks/cado"
    assert "504" in delivery.reason


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_serve_in_whichever_thread_it_arrives(environ, tmp_path, number):
    with serve(environ, tmp_path) as (_, process):
        other = max(int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir())
        assert other != process.pid
        assert ctypes.CDLL(None).tgkill(process.pid, other, number) == 0
        assert process.wait(timeout=10) == 0
    assert f"stopping signal={number.name}" in (tmp_path / "serve.log").read_text()


@pytest.mark.slow
def test_a_signal_right_after_the_start_is_not_lost(environ, tmp_path):
    for _ in range(2):
        with serve(environ, tmp_path) as (_, process):
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=10) == 0


def test_a_second_signal_ends_the_wait_for_what_is_in_hand(environ, tmp_path, slack):
    slack.hang(60, times=1_000, after=True)
    body = {"token": TOKEN, "message": "5 alarms in project id 12."}
    with serve(environ, tmp_path) as (url, process):
        requests.post(url, json=body, timeout=10)
        eventually(lambda: slack.messages)
        process.send_signal(signal.SIGTERM)
        eventually(lambda: "stopping" in (tmp_path / "serve.log").read_text())
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        assert time.monotonic() - began < 5  # and not the eight seconds that it is given otherwise
    assert "some work did not end in time" in (tmp_path / "serve.log").read_text()
    slack.release()


def test_nohup_keeps_serve_from_being_stopped_by_a_hangup(environ, tmp_path):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with serve(environ, tmp_path) as (url, process):
            process.send_signal(signal.SIGHUP)
            assert requests.post(url, json={"token": TOKEN}, timeout=10).status_code == 202
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert "SIGHUP" not in (tmp_path / "serve.log").read_text()


def health_of(url):
    answer = requests.get(url.replace("/webhooks/cado", "/health"), timeout=10)
    return answer.status_code, answer.json()


def test_health_tells_of_each_thread_queue_destination_and_refusal(environ, tmp_path, slack):
    with serve(environ, tmp_path) as (url, _):
        requests.post(url, json={"token": "wrong"}, timeout=10)
        requests.post(url, json={"token": TOKEN, "message": "5 alarms in project id 12."}, timeout=10)
        eventually(lambda: health_of(url)[1]["delivered"]["slack"])
        status, health = health_of(url)
    assert (status, health["status"], health["problems"]) == (200, "ok", [])
    assert {"web", "follow", "clock", "refusals", "core"} <= set(health["threads"])
    assert health["refused"]["401"] == 1
    assert health["deliveries"] == {"waiting": 0, "dead": 0, "oldest_seconds": None}


@pytest.mark.slow
def test_beyond_the_quota_a_webhook_is_refused_with_the_reason_and_what_waits_is_kept(
    environ, tmp_path, slack
):
    slack.hang(60, times=1_000)
    config = tmp_path / "huntbridge.yaml"
    config.write_text(
        f"platform: {{url: '{environ['PLATFORM_IP']}', api_key: env:API_KEY}}\n"
        "destinations: {slack: {type: slack, webhook_url: env:SLACK_WEBHOOK_URL}}\n"
        "webhook: {tokens: env:WEBHOOK_TOKEN, max_waiting: 2}\n"
        "default: [slack]\n"
    )
    with serve(environ | {"HUNTBRIDGE_CONFIG": str(config)}, tmp_path) as (url, _):

        def post(count: int) -> requests.Response:
            body = {"token": TOKEN, "message": f"{count} alarms in project id 12 evidence id {count}."}
            return requests.post(url, json=body, timeout=10)

        sent = iter(range(1, 1_000))
        eventually(lambda: post(next(sent)).status_code == 503)
        refused = post(next(sent))
        assert refused.json()["message"] == (
            "The queue is full (webhook.max_waiting is 2); send it again later."
        )
        assert health_of(url)[1]["deliveries"]["waiting"] >= 2
    slack.release()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("token", "code", "said"),
    [
        ("1234567", 2, "the webhook token env:WEBHOOK_TOKEN has fewer than 8 characters"),
        ("12345678", 0, "the webhook token env:WEBHOOK_TOKEN has fewer than 16 characters"),
        ('"1234567890123456"', 0, "the webhook token env:WEBHOOK_TOKEN is in quotation marks"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_at_the_start(environ, tmp_path, token, code, said):
    environ["WEBHOOK_TOKEN"] = token
    if code:
        ended = run_serve(environ)
        assert (ended.returncode, said in ended.stderr) == (code, True)
        return
    with serve(environ, tmp_path):
        log = (tmp_path / "serve.log").read_text()
    assert said in log
    assert token not in log


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70])
def test_a_host_that_cannot_be_listened_on_is_a_sentence(environ, host):
    ended = run_serve(environ, "--host", host)
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert f"{host}:0 cannot be listened on: " in ended.stderr


def test_a_proxy_that_is_no_address_is_refused(environ):
    ended = run_serve(environ, "--trusted-proxy", "proxy.example")
    assert (ended.returncode, "write an IP address" in ended.stderr) == (2, True)


def run_serve(environ, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli.main", "serve", "--port", "0", *more],
        env=environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_trusted_proxy_names_the_sender_of_a_refused_webhook(environ, tmp_path):
    forwarded = {"X-Forwarded-For": "10.0.0.1, 203.0.113.9"}
    with serve(environ, tmp_path, "--trusted-proxy", "127.0.0.1") as (url, _):
        assert requests.post(url, json={}, headers=forwarded, timeout=10).status_code == 401
    assert "status=401" in (tmp_path / "serve.log").read_text()
    assert "sender=203.0.113.9" in (tmp_path / "serve.log").read_text()


def limit_files(pid: int, limits: tuple[int, int]) -> None:
    for each in (pid, web_process(pid)):
        resource.prlimit(each, resource.RLIMIT_FSIZE, limits)


def web_process(pid: int) -> int:
    """The id of the web process of a `serve`."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


@pytest.mark.slow
def test_a_full_disk_is_a_503_and_heals_by_itself(environ, tmp_path, slack):
    def body(count):
        return {"token": TOKEN, "message": f"{count} alarms in project id 12."}

    with serve(environ, tmp_path) as (url, process):
        assert requests.post(url, json=body(1), timeout=10).status_code == 202
        eventually(lambda: len(slack.messages) == 1)
        _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        limit_files(process.pid, (16, most))  # no file may grow beyond it
        for count in (2, 3):
            answer = requests.post(url, json=body(count), timeout=10)
            assert (answer.status_code, answer.json()["status"]) == (503, "error")
        status, health = health_of(url)
        assert (status, health["status"]) == (503, "failing")
        assert health["problems"][0].startswith("the database cannot be written: ")
        limit_files(process.pid, (most, most))
        assert requests.post(url, json=body(4), timeout=10).status_code == 202
        eventually(lambda: len(slack.messages) == 2)
        eventually(lambda: health_of(url)[0] == 200)
    texts = " ".join(json.dumps(message.body) for message in slack.messages)
    assert [f"{count} alarm" in texts for count in (1, 2, 3, 4)] == [True, False, False, True]
    database = sqlite3.connect(tmp_path / "data" / "huntbridge.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


@pytest.mark.slow
def test_a_second_serve_on_the_same_data_directory_is_refused(environ, tmp_path):
    with serve(environ, tmp_path):
        second = subprocess.run(
            [sys.executable, "-m", "cli.main", "serve", "--port", "0"],
            env=environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert second.returncode == 4
    assert "another huntbridge serves" in second.stderr
    assert "give this one its own --data" in second.stderr


def test_a_port_that_is_taken_is_said_so(environ):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = subprocess.run(
            [sys.executable, "-m", "cli.main", "serve", "--port", str(port)],
            env=environ,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert result.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened on: Address already in use" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"title": "x"}', {}, 401),
        (b'{"token": "wrong"}', {}, 401),
        (b"x" * 10_000_000, BEARER, 413),
        (b"title=x&message=y", {"Content-Type": "application/x-www-form-urlencoded"}, 401),
    ],
    ids=["no token", "wrong token", "10 MB", "form"],
)
def test_bad_requests_over_the_wire(environ, tmp_path, slack, body, headers, status):
    with serve(environ, tmp_path) as (url, _):
        answer = requests.post(url, data=body, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()["status"]) == (status, "error")
        health = requests.get(url.replace("/webhooks/cado", "/health"), timeout=10).json()
    assert health["events"] == {"waiting": 0, "dead": 0, "oldest_seconds": None}
    assert health["refused"][str(status)] == 1
    assert slack.messages == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xff\xfe\x00 project id 12", {}),
        (b"[" * 200_000, {}),
        (b'{"message": "5 alarms in project id 99999999999999999999999"}', {}),
        (b"title=ALARM&message=project+id+12", {"Content-Type": "application/x-www-form-urlencoded"}),
        (b"", {}),
    ],
    ids=["not UTF-8", "deeply nested", "huge id", "form", "empty"],
)
def test_odd_but_authentic_bodies_are_delivered(environ, tmp_path, slack, body, headers):
    with serve(environ, tmp_path) as (url, _):
        answer = requests.post(url, data=body, headers={**BEARER, **headers}, timeout=10)
        assert answer.status_code == 202
        eventually(lambda: slack.messages)
    assert answer.json()["id"] in json.dumps(slack.messages[0].body)
