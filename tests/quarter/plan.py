"""The plan of the simulated quarter: sixty systems, what every hunt finds on them, and what is new when."""

from __future__ import annotations

from dataclasses import dataclass

from demo.platform.records import MALICIOUS, SUSPICIOUS, SimAlarm, SimInstance, SimVolume

WEEKS, SYSTEMS = 12, 60
REGION = "us-east-1"
HASHES = ("0f1e2d3c4b5a69788796a5b4c3d2e1f0", "a1b2c3d4e5f60718293a4b5c6d7e8f90")

# Harmless, and found on every system that has them in every hunt. The first five are judged in week one.
SUDO = SimAlarm("User accessing sudo", SUSPICIOUS, 40, ("T1548.003",), "/var/log/auth.log", of_log=True)
BACKUP = SimAlarm("Suspicious File Detected: php_eval", SUSPICIOUS, 2, path="/srv/backup/site.php")
SCANNER = SimAlarm("Suspicious File Detected: pua_nettool", SUSPICIOUS, path="/opt/scanner/bin/nmap")
DEPLOY = SimAlarm("Possible WebShell Command", SUSPICIOUS, 3, ("T1505.003",), "/opt/deploy/run.sh")
AGENT = SimAlarm("Suspicious File Detected: packed_binary", SUSPICIOUS, path="/opt/agent/2.14.3/agentd")
CRON = SimAlarm("Crontab modified", SUSPICIOUS, 4, ("T1053.003",), "/var/log/cron", of_log=True)
JUDGED = (SUDO, BACKUP, SCANNER, DEPLOY, AGENT)


@dataclass(frozen=True)
class Event:
    """Something that happens to one system, and in which week of the quarter it is found first."""

    what: str
    system: str
    week: int
    alarm: SimAlarm
    told: bool = True


def instance(number: int) -> str:
    return f"i-{number:017x}"


def _cached(digest: str, first: int, last: int | None) -> SimAlarm:
    return SimAlarm(
        "Suspicious File Detected: js_packer", SUSPICIOUS, path=f"/var/cache/app/{digest}.js",
        content="the same script", first=first, last=last,
    )  # fmt: skip


def _tool(name: str, first: int, last: int | None) -> SimAlarm:
    return SimAlarm(
        "Suspicious File Detected: pua_tunnel", SUSPICIOUS, path=f"/usr/local/bin/{name}",
        content="a tunnel", first=first, last=last,
    )  # fmt: skip


def _rootkit(first: int, last: int | None) -> SimAlarm:
    return SimAlarm(
        "Malicious File Detected: rootkit_diamorphine", MALICIOUS, 1, ("T1014",),
        "/lib/modules/5.15.0-105-generic/diamorphine.ko", first=first, last=last,
    )  # fmt: skip


MINER = SimAlarm(
    "Malicious File Detected: cryptomining_malware_xmrig", MALICIOUS, 1, ("T1496",), "/tmp/.x/kd"
)
SHELL = SimAlarm(
    "Malicious File Detected: php_backdoor", MALICIOUS, 2, ("T1505.003",), "/srv/backup/site.php"
)
KEY = SimAlarm("SSH key added to root", SUSPICIOUS, 1, ("T1098.004",), "/root/.ssh/authorized_keys")

PLANTED = (
    Event("a miner", instance(7), 3, MINER),
    Event("a backdoor in the file that is known", instance(22), 6, SHELL),
    Event("a key of another person", instance(41), 9, KEY),
)
INFECTED, RENAMED, CACHING, TUNNELLED = instance(3), instance(11), instance(5), instance(13)
BACK = Event("a rootkit that was removed", INFECTED, 8, _rootkit(8, None))
OTHER_FILE = Event("a known tool under another name", TUNNELLED, 5, _tool("sshd-helper", 5, None))
OTHER_HASH = Event("a path with another hash", CACHING, 7, _cached(HASHES[1], 7, None), told=False)
OTHER_NAME = Event("a machine with another name", RENAMED, 4, SUDO, told=False)
EVENTS = (*PLANTED, BACK, OTHER_FILE, OTHER_HASH, OTHER_NAME)
NAME_BEFORE, NAME_AFTER = "web-11", "shop-frontend-2"


def name_of(number: int) -> str:
    return f"web-{number:02d}"


def fleet() -> list[SimInstance]:
    return [_machine(number) for number in range(1, SYSTEMS + 1)]


def _machine(number: int) -> SimInstance:
    found = [SUDO]
    found += [alarm for alarm, every in ((BACKUP, 2), (DEPLOY, 3), (AGENT, 5)) if number % every == 0]
    own = {
        INFECTED: (_rootkit(1, 1), BACK.alarm),
        CACHING: (_cached(HASHES[0], 1, 6), OTHER_HASH.alarm),
        TUNNELLED: (_tool("tunnel", 1, 4), OTHER_FILE.alarm),
        instance(30): (CRON,),
    }
    root = SimVolume(f"vol-{number:08x}a", alarms=(*found, *own.get(instance(number), ())))
    data = SimVolume(f"vol-{number:08x}b", gb=40, alarms=(SCANNER,))
    return SimInstance(
        instance(number), name_of(number), REGION, hostname=name_of(number), volumes=(root, data)
    )
