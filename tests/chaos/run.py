"""A real `huntbridge serve` among faults, and the count of what arrived: `make chaos`.

A schedule made from a seed goes in: alarms on a simulated platform, webhooks about them, kills, and what goes
wrong at Slack, Teams and Jira. What comes out is counted at the tools, from the messages that they accepted,
and never from what huntbridge says of itself. Ends with 1 where an alarm was lost, a repeat was not marked,
or more than ten alarms were repeated. With `--restores`, a backup is restored after some of the kills. It
speaks to this machine alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import requests
import yaml

from demo.base import Accepted, Rate, Simulation, app_of
from demo.jira.simulation import Jira
from demo.platform.records import MALICIOUS, SUSPICIOUS, Evidence, Project, SimAlarm, SimInstance
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from receiver.destinations.wording import REPEAT
from receiver.messages.message import UPDATE
from shared.hosting import runtime
from shared.hosting.configuration import load
from tests.chaos.faults import Fault, Faulty
from tests.chaos.plan import PHASES, ROUTES, TOOLS, Alarm, Call, Phase, Plan, make_plan
from tests.chaos.serve import Serve

RUN_KEY, TOKEN = "chaos-lead-analyst-key", "chaos-webhook-token"
DESTINATIONS = {"slack": "soc", "teams": "office", "jira": "tickets"}
FOLLOW = 4.0  # seconds between two looks of `follow`
SENDERS = 8
_ON_ITS_WAY = 1.0  # seconds that a message takes at most
# Seconds after which a thread lets another one go on, so that a tool's answer goes out as soon as the tool
# has accepted a message. In between, a kill makes a repeat that no sender can avoid.
SWITCH_INTERVAL = 0.0005
# Of ten thousand alarms, at however many tools each of them was repeated. A short run meets the same faults
# and is held to the same number: a thousandth of its few alarms would be less than a single kill may cost.
MOST_REPEATED = 10
BACKED_UP_BEFORE = 8.0  # seconds between a backup and the kill after which it is restored
IN_A_DIGEST = "(may be a repeat)"
# Each alarm is known by its evidence. The path of its finding spells it in letters: a short message names
# the path alone.
_EVIDENCE = re.compile(r"\b7\d{8}\b")
_IN_LETTERS = str.maketrans("0123456789", "abcdefghij")
_FROM_LETTERS = str.maketrans("abcdefghij", "0123456789")
_SITE = re.compile(r"/srv/(h[a-j]{8})/")
_RECOVERED = "No webhook arrived for these alarms"
_EVENT = re.compile(r"\b[0-9a-f]{16}\b")
_PATHS = (("/services", "slack"), ("/powerautomate", "teams"), ("/rest", "jira"))


class World:
    """The simulated platform and tools, and what they are told to do wrong."""

    def __init__(self, stack: ExitStack, rng: random.Random, fail_share: float) -> None:
        self.platform = Platform([], {RUN_KEY: "Lead Analyst"})
        self.at_platform = Faulty(self.platform.app.wsgi_app, lambda _: "platform", rng)
        # Flask's documented way to put middleware in front, which its annotations do not know.
        self.platform.app.wsgi_app = self.at_platform  # type: ignore[method-assign]
        slack, teams, jira = Slack(rate=None), Teams(rate=None), Jira()
        self.tools: dict[str, Simulation] = {"slack": slack, "teams": teams, "jira": jira}
        app = app_of(*self.tools.values())
        self.at_tools = Faulty(app.wsgi_app, _tool_of, rng)
        app.wsgi_app = self.at_tools  # type: ignore[method-assign]
        self.platform_url = stack.enter_context(serving(self.platform.app))
        self.tools_url = stack.enter_context(serving(app))
        self.addresses = {
            "SLACK_WEBHOOK_URL": self.tools_url + slack.path,
            "TEAMS_WEBHOOK_URL": self.tools_url + teams.path,
        }
        kinds = ("429 one second", "500", "502 HTML", "503", "reset")
        each = fail_share / len(kinds)
        # Each kind is only asked for where those before it did not happen.
        self._always = tuple(Fault(kind, each / (1 - n * each)) for n, kind in enumerate(kinds) if each)
        self._limits: tuple[tuple[Slack | Teams, int], ...] = ((slack, 1), (teams, 4))  # messages a second

    def enter(self, phase: Phase) -> None:
        for tool in TOOLS:
            faults = tuple(fault for name, fault in phase.faults if name == tool)
            self.at_tools.set(tool, *faults, *self._always)
        self.at_platform.set("platform", *phase.platform)
        for limited, count in self._limits:
            limited._rate = Rate(count, 1.0, time.time) if phase.limited else None

    def heal(self) -> None:
        self._always = ()
        self.enter(Phase("after the last one"))
        self.at_platform.release()
        self.at_tools.release()

    def add(self, alarm: Alarm) -> None:
        """Its processing has just ended on the platform."""
        world, now = self.platform.world, self.platform.now()
        machine = SimInstance(f"i-{alarm.machine:017x}", "", "us-east-1", hostname=f"host-{alarm.machine}")
        volume = f"vol-{alarm.evidence}"
        # No two volumes of a machine hold the same finding, which would be told once. Digits are folded.
        site = str(alarm.evidence).translate(_IN_LETTERS)
        found = [
            SimAlarm(
                "Malicious File Detected: php_backdoor", MALICIOUS, alarm.malicious, path=f"/srv/{site}/a.php"
            ),
            SimAlarm(
                "Possible WebShell Command", SUSPICIOUS, alarm.suspicious, path=f"/srv/{site}/access.log"
            ),
        ]
        with world.lock:
            world.projects.setdefault(
                alarm.project, Project(alarm.project, f"hunt {alarm.project}", "", now, now)
            ).last_update = now
            evidence = Evidence(
                alarm.evidence, alarm.project, volume, machine, volume, "EBS", machine.instance_id, 8, now
            )
            world.add_evidence(evidence)
            world._raise_alarms([kind for kind in found if kind.count], evidence, now)

    def messages(self) -> Iterator[tuple[str, Accepted]]:
        for tool, simulation in self.tools.items():
            for message in list(simulation.messages):
                yield tool, message


def _tool_of(path: str) -> str:
    return next((tool for start, tool in _PATHS if path.startswith(start)), "")


def write_config(world: World, folder: Path) -> dict[str, str]:
    """The configuration file; returns the environment for `serve`."""
    path = folder / "huntbridge.yaml"
    routes = [
        {"match": {"project": f"{first}*"}, "to": [DESTINATIONS[tool] for tool in tools]}
        for first, tools in ROUTES.items()
    ]
    # Far more in ten minutes than a real channel takes in a day: no pace of ours, the tools limit themselves.
    pace = {"pace": 1000}
    config = {
        "platform": {"url": world.platform_url, "api_key": "env:CADO_API_KEY"},
        "webhook": {"tokens": ["env:WEBHOOK_TOKEN"]},
        "destinations": {
            "soc": {"type": "slack", "webhook_url": "env:SLACK_WEBHOOK_URL", **pace},
            "office": {"type": "teams", "webhook_url": "env:TEAMS_WEBHOOK_URL", **pace},
            "tickets": {
                "type": "jira",
                "url": world.tools_url,
                "email": "hunt@acme.example",
                "api_token": "env:JIRA_API_TOKEN",
                "project": "SEC",
                **pace,
            },
        },
        "routes": routes,
        "default": ["soc"],
        "follow": {"interval": FOLLOW, "all_projects": True},
    }
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return {
        **environment(folder, path),
        "CADO_API_KEY": RUN_KEY,
        "WEBHOOK_TOKEN": TOKEN,
        **world.addresses,
        "JIRA_API_TOKEN": "demo-token",
    }


def environment(folder: Path, config: Path) -> dict[str, str]:
    """For `serve` with its data in `folder`, without this machine's settings; secrets are to be added."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
    return {
        **kept,
        "HOME": str(folder),
        "AWS_EC2_METADATA_DISABLED": "true",
        "HUNTBRIDGE_CONFIG": str(config),
        "HUNTBRIDGE_DATA": str(folder / "data"),
    }


class Sender:
    """The platform's webhooks: each is posted once, and whoever does not answer has not got it."""

    def __init__(self, url: str, alarms: dict[int, Alarm]) -> None:
        self.sent: Counter[str] = Counter()  # by phase
        self.accepted: Counter[str] = Counter()
        self._url, self._alarms, self._lock = url, alarms, threading.Lock()

    def send(self, call: Call) -> None:
        alarm = self._alarms[call.evidence]
        accepted = self.post(_body(call, alarm))
        with self._lock:
            self.sent[alarm.phase] += 1
            self.accepted[alarm.phase] += accepted

    def post(self, body: dict[str, str]) -> bool:
        try:
            return requests.post(self._url, json=body, timeout=10).status_code == 202
        except requests.RequestException:
            return False


def _body(call: Call, alarm: Alarm) -> dict[str, str]:
    where = f"in project id {alarm.project} evidence id {alarm.evidence}."
    title, text = "PROCESSING WITH ALARMS", f"{alarm.malicious + alarm.suspicious} alarms {where}"
    if call.kind == "high_severity_alarm":
        title, text = (
            "HIGH SEVERITY ALARM DETECTED",
            f"{alarm.malicious} high severity alarms detected {where}",
        )
    return {"token": TOKEN, "event": call.kind, "title": title, "message": text}


@dataclass(frozen=True)
class Told:
    """One message about one alarm, as a tool got it."""

    at: float
    marked: bool
    recovered: bool
    update: frozenset[str]  # the events that it names, where it adds to an earlier one; else empty


def count(world: World) -> dict[tuple[int, str], list[Told]]:
    """What each tool really got about each alarm."""
    found: dict[tuple[int, str], list[Told]] = defaultdict(list)
    for tool, message in world.messages():
        text = json.dumps(message.body)
        update = frozenset(_EVENT.findall(text)) if UPDATE in text else frozenset()
        marked = REPEAT in text or IN_A_DIGEST in text
        told = Told(message.at.timestamp(), marked, _RECOVERED in text, update)
        sites = (site.translate(_FROM_LETTERS) for site in _SITE.findall(text))
        for evidence in {int(number) for number in (*_EVIDENCE.findall(text), *sites)}:
            found[evidence, tool].append(told)
    return found


def repeats_of(told: list[Told]) -> list[Told]:
    """Those that say again what one before them said: an update is one only of the same update."""
    by_update: dict[frozenset[str], list[Told]] = defaultdict(list)
    for one in told:
        by_update[one.update].append(one)
    return [one for same in by_update.values() for one in same[1:]]


def killed_after(plan: Plan, got: dict[tuple[int, str], list[Told]], killed_at: list[float]) -> list[float]:
    """For each message that was repeated, how many milliseconds before a kill the tool had accepted it. In
    that time, serve had not stored the tool's answer. If the number is negative, the message was on its way.
    """
    found = []
    for told in (got.get((alarm.evidence, tool), []) for alarm in plan.alarms for tool in alarm.tools):
        for again in repeats_of(told):
            waits = [
                moment - one.at
                for moment in killed_at
                for one in told
                if one is not again and one.update == again.update
                if one.at - _ON_ITS_WAY <= moment < again.at
            ]
            found += [round(1000 * min(waits, key=abs), 1)] if waits else []
    return sorted(found)


@dataclass(frozen=True)
class Line:
    """The figures of one phase, or of all."""

    fault: str
    alarms: int  # on the platform
    sent: int  # webhooks, doubled ones and siblings included
    accepted: int  # of those, answered with 202
    recovered: int  # alarms that huntbridge found by looking
    expected: int  # messages: alarms times the tools on their route
    delivered: dict[str, int]
    lost: int
    updates: int  # messages that add to an earlier one of the same alarm
    repeats: dict[str, int]
    repeated: int  # messages
    alarms_repeated: int  # alarms with such messages
    marked: int  # of the repeated
    doubts: int  # messages that say they may be a repeat
    slowest: float  # seconds from the alarm to its last message


def line(
    fault: str, alarms: list[Alarm], sender: Sender, got: dict[tuple[int, str], list[Told]], began: float
) -> Line:
    phases = {alarm.phase for alarm in alarms}
    delivered: Counter[str] = Counter()
    repeats: Counter[str] = Counter()
    expected = lost = alarms_repeated = marked = doubts = recovered = updates = 0
    slowest = 0.0
    for alarm in alarms:
        before = repeats.total()
        for tool in alarm.tools:
            told = got.get((alarm.evidence, tool), [])
            arrived = any(not one.update for one in told)  # an update alone does not tell of the alarm
            expected += 1
            delivered[tool] += arrived
            lost += not arrived
            again = repeats_of(told)
            repeats[tool] += len(again)
            marked += sum(one.marked for one in again)
            updates += len({one.update for one in told if one.update})
            doubts += sum(one.marked for one in told)
            if told:
                slowest = max(slowest, told[0].at - began - alarm.at)
        alarms_repeated += repeats.total() > before
        recovered += any(one.recovered for tool in alarm.tools for one in got.get((alarm.evidence, tool), []))
    return Line(
        fault=fault,
        alarms=len(alarms),
        sent=sum(sender.sent[phase] for phase in phases),
        accepted=sum(sender.accepted[phase] for phase in phases),
        recovered=recovered,
        expected=expected,
        delivered={tool: delivered[tool] for tool in TOOLS},
        lost=lost,
        updates=updates,
        repeats={tool: repeats[tool] for tool in TOOLS},
        repeated=repeats.total(),
        alarms_repeated=alarms_repeated,
        marked=marked,
        doubts=doubts,
        slowest=round(slowest, 1),
    )


def play(
    plan: Plan, world: World, serve: Serve, sender: Sender, backup: Path, say: Callable[[str], None]
) -> float:
    """Let it all happen; returns when (Unix seconds) it began. `backup`: the file of the newest one."""
    began, zero = time.time(), time.monotonic()

    def enter(phase: Phase) -> None:
        say(f"{time.monotonic() - zero:6.0f} s  {phase.name}")
        world.enter(phase)

    calls = iter(plan.calls)
    lock = threading.Lock()

    def send_all() -> None:
        while True:
            with lock:
                call = next(calls, None)
            if call is None:
                return
            _sleep_until(zero + call.at)
            sender.send(call)

    def kill_all() -> None:
        kills = [(moment, serve.kill_and_start) for moment in plan.kills]
        kills += [(moment, serve.kill_web_process) for moment in plan.web_kills]
        for moment in plan.restores:
            kills.append((moment - BACKED_UP_BEFORE, partial(serve.back_up, backup)))
            kills.append((moment, partial(serve.kill_restore_and_start, backup)))
        for moment, kill in sorted(kills, key=itemgetter(0)):
            _sleep_until(zero + moment)
            kill()

    todo: list[tuple[float, Callable[[], None]]] = [
        *((seconds, partial(enter, phase)) for seconds, phase in plan.phases),
        *((alarm.at, partial(world.add, alarm)) for alarm in plan.alarms),
    ]
    threads = [threading.Thread(target=send_all, daemon=True) for _ in range(SENDERS)]
    threads.append(threading.Thread(target=kill_all, daemon=True))
    for thread in threads:
        thread.start()
    for seconds, action in sorted(todo, key=itemgetter(0)):
        _sleep_until(zero + seconds)
        action()
    for thread in threads:
        thread.join()
    return began


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def drain(plan: Plan, world: World, serve: Serve, until: float, say: Callable[[str], None]) -> None:
    """Wait until everything has arrived and nothing more is on its way."""
    wanted = {(alarm.evidence, tool) for alarm in plan.alarms for tool in alarm.tools}
    while time.monotonic() < until:
        absent, waiting = len(wanted - count(world).keys()), serve.waiting()
        say(f"           {absent} messages to come, {waiting} items wait")
        if not absent and waiting == 0:
            break
        time.sleep(5)
    time.sleep(2 * FOLLOW)  # whatever `follow` would raise a second time


@contextmanager
def folder(keep: str) -> Iterator[Path]:
    if keep:
        Path(keep).mkdir(parents=True)
        yield Path(keep)
    else:
        with tempfile.TemporaryDirectory(prefix="huntbridge-chaos-") as made:
            yield Path(made)


def run(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    rng = random.Random(options.seed)
    plan = make_plan(
        rng,
        alarms=options.alarms,
        kills=options.kills,
        seconds=options.seconds,
        restores=options.restores,
    )
    began = time.monotonic()
    with folder(options.keep) as place, ExitStack() as stack:
        world = World(stack, random.Random(options.seed + 1), options.fail_share)
        environ = write_config(world, place)
        serve = Serve(environ, place, free_port())
        stack.callback(serve.end)
        serve.start()
        serve.wait_until_up()
        while not any(request.path == "/api/v3/projects" for request in world.platform.requests):
            time.sleep(0.1)  # what `follow` finds at its first look is no news
        sender = Sender(serve.url, {alarm.evidence: alarm for alarm in plan.alarms})
        start = play(plan, world, serve, sender, place / "backup.db", say)
        world.heal()
        drain(plan, world, serve, began + options.within, say)
        got = count(world)
        stopped, code = stop_in_the_middle(world, serve, sender)
        made = runtime.local(load(environ["HUNTBRIDGE_CONFIG"], environ), place / "data", environ)
        dead = _dead(made)
        leased = made.events.depth().leased + made.deliveries.depth().leased
    lines = [
        line(phase.name, [alarm for alarm in plan.alarms if alarm.phase == phase.name], sender, got, start)
        for phase in PHASES
    ]
    total = line("all", list(plan.alarms), sender, got, start)
    return {
        "seed": options.seed,
        "fail_share": options.fail_share,
        "kills": serve.kills,
        "web_kills": serve.web_kills,
        "restores": serve.restores,
        "seconds": round(time.monotonic() - began),
        "total": asdict(total),
        "phases": [asdict(one) for one in lines],
        "killed_after_ms": killed_after(plan, got, serve.killed_at),
        "faults": dict(sorted((world.at_tools.met + world.at_platform.met).items())),
        "dead": dead,
        "stop": {"seconds": round(stopped, 1), "exit": code, "leased": leased},
        "missing": sorted(
            f"{alarm.evidence} {tool} ({alarm.phase})"
            for alarm in plan.alarms
            for tool in alarm.tools
            if (alarm.evidence, tool) not in got
        )[:50],
        "unmarked": sorted(
            f"{evidence} {tool}"
            for (evidence, tool), told in got.items()
            if not all(one.marked for one in repeats_of(told))
        )[:50],
        "failures": failures(total, serve, stopped, code, leased, dead, options.restores),
    }


def failures(
    total: Line, serve: Serve, stopped: float, code: int, leased: int, dead: list[str], restores: int
) -> list[str]:
    found = []
    if total.lost:
        found.append(f"{total.lost} messages were lost")
    if total.repeated > total.marked:
        found.append(f"{total.repeated - total.marked} repeats were not marked")
    if serve.restores != restores:
        found.append(f"only {serve.restores} of {restores} backups were restored")
    if total.alarms_repeated > MOST_REPEATED and not restores:
        found.append(f"{total.alarms_repeated} of {total.alarms} alarms were repeated")
    if serve.crashes:
        found.append(f"serve ended by itself {serve.crashes} times")
    if serve.orphans:
        found.append(f"web processes outlived serve: {serve.orphans}")
    if code or stopped > 10 or leased:
        found.append(f"SIGTERM: {stopped:.1f} s, exit code {code}, {leased} leases not handed back")
    if dead:
        found.append(f"{len(dead)} items are dead")
    return found


def stop_in_the_middle(world: World, serve: Serve, sender: Sender) -> tuple[float, int]:
    """SIGTERM while a message is on its way to a Slack that hangs: how long it takes, and the exit code."""
    before = world.at_tools.met["slack hang"]
    world.at_tools.set("slack", Fault("hang", seconds=60.0))
    sender.post({"token": TOKEN, "title": "PROCESSING WITH ALARMS", "message": "1 alarm in project id 2."})
    until = time.monotonic() + 20
    while world.at_tools.met["slack hang"] == before and time.monotonic() < until:
        time.sleep(0.05)
    stopped = serve.stop()
    world.at_tools.release()
    return stopped


def _dead(made: runtime.Runtime) -> list[str]:
    return [
        f"{queue.name} {item.id}: {item.reason}"
        for queue in (made.events, made.deliveries)
        for item in queue.dead_items()
    ]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


_COLUMNS = (
    "fault",
    "alarms",
    "sent",
    "accepted",
    "recovered",
    *TOOLS,
    "lost",
    "updates",
    "repeated",
    "marked",
    "slowest",
)


def table(result: dict[str, Any]) -> str:
    """The figures as a table in Markdown."""
    rows = [
        "| " + " | ".join(_COLUMNS) + " |",
        "|---" + "|---:" * (len(_COLUMNS) - 1) + "|",
    ]
    for one in (*result["phases"], result["total"]):
        values = {**one, **one["delivered"], "slowest": f"{one['slowest']:.1f} s"}
        rows.append("| " + " | ".join(_figure(values[column]) for column in _COLUMNS) + " |")
    return "\n".join(rows)


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__, allow_abbrev=False)
    parser.add_argument("--short", action="store_true", help="600 alarms and 6 kills in about 3 minutes")
    parser.add_argument("--seed", type=int, help="of the schedule; by default a new one each time")
    parser.add_argument("--alarms", type=int, help="how many [10,000]")
    parser.add_argument(
        "--kills", type=int, help="kill -9 of serve [50], and half as many of its web process"
    )
    parser.add_argument(
        "--restores",
        type=int,
        default=0,
        help="kills after which a backup of some seconds before is restored [0]; any number of messages may "
        "then be repeated",
    )
    parser.add_argument("--seconds", type=float, help="in which they are sent [660; with --fail-share 540]")
    parser.add_argument("--within", type=float, help="seconds until all must have arrived [870]")
    parser.add_argument("--fail-share", type=float, default=0.0, help="of all requests to each tool")
    parser.add_argument("--keep", default="", help="a new folder in which the data and the log are kept")
    parser.add_argument("--json", action="store_true", help="print JSON")
    found = parser.parse_args()
    sizes = (600, 6, 120.0, 270.0) if found.short else (10_000, 50, 660.0, 870.0)
    if found.fail_share and not found.short:
        sizes = (10_000, 50, 540.0, 870.0)  # what waits then takes longer to arrive
    for name, size in zip(("alarms", "kills", "seconds", "within"), sizes, strict=True):
        if getattr(found, name) is None:
            setattr(found, name, size)
    if found.seed is None:
        found.seed = random.SystemRandom().randrange(1_000_000)
    return found


def main() -> int:
    asked = options()
    sys.setswitchinterval(SWITCH_INTERVAL)
    print(f"seed {asked.seed}", file=sys.stderr)
    result = run(asked, lambda text: print(text, file=sys.stderr, flush=True))
    if asked.json:
        print(json.dumps(result, indent=2))
    else:
        print(table(result))
        print(f"\nseed {result['seed']}, {result['kills']} kills of serve,", end=" ")
        print(f"{result['web_kills']} of its web process, {result['restores']} restores,", end=" ")
        print(f"{result['seconds']} s;", end=" ")
        print(f"SIGTERM took {result['stop']['seconds']} s")
        total = result["total"]
        print(f"{total['repeated']} messages of {total['alarms_repeated']} alarms were repeated")
        if result["killed_after_ms"]:
            print(f"ms from the messages that were repeated to the kills: {result['killed_after_ms']}")
        for name in ("failures", "missing", "unmarked", "dead"):
            if result[name]:
                print(f"{name}: " + "\n  ".join(map(str, result[name])))
    return 1 if result["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
