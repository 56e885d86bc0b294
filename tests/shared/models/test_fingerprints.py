"""Fingerprints: what is folded, and what stays different whatever an attacker writes."""

from __future__ import annotations

import re
import shlex
import string
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cli.main import main
from shared.models.fingerprints import MAX_LENGTH, explain, fingerprint, place_of, rule_of
from shared.models.folding import DESCRIPTION_RULES, PATH_RULES

MINER = "Malicious File Detected: cryptomining_malware_wannamine"
LAYER, HEX = "0123456789abcdef" * 4, "0123456789abcdef" * 2
CONTAINERD = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots"


@pytest.mark.parametrize(
    ("path", "place", "rules"),
    [
        ("", "", []),
        ("/var/www/html/uploads/a.sh", "/var/www/html/uploads/a.sh", []),
        ("/root/.rsync/c/kswapd0", "/root/.rsync/c/kswapd0", []),
        # rotated logs
        ("/var/log/nginx/access.log.2.gz", "/var/log/nginx/access.log", ["rotated log"]),
        ("/var/log/syslog.1", "/var/log/syslog", ["rotated log"]),
        ("/var/log/secure-20261108", "/var/log/secure", ["rotated log"]),
        ("/opt/app/out.log-20261108.gz", "/opt/app/out.log", ["rotated log"]),
        # container layers, and what is inside them
        (f"/var/lib/docker/overlay2/{LAYER}/diff/bin/x", "/var/lib/docker/overlay2/<layer>/diff/bin/x",
         ["container layer"]),
        (f"/var/lib/docker/overlay2/{LAYER}-init/diff", "/var/lib/docker/overlay2/<layer>-init/diff",
         ["container layer"]),
        ("/var/lib/docker/overlay2/l/ABCDEFGHIJKLMNOPQRSTUVWXYZ", "/var/lib/docker/overlay2/l/<layer>",
         ["container layer"]),
        (f"/var/lib/docker/containers/{LAYER}/{LAYER}-json.log",
         "/var/lib/docker/containers/<layer>/<hash>-json.log", ["container layer", "hash"]),
        (f"{CONTAINERD}/31/fs/home/bob/x", f"{CONTAINERD}/<layer>/fs/home/<user>/x",
         ["container layer", "home directory"]),
        (f"{CONTAINERD}/31/fs/tmp/x.AbC12d", f"{CONTAINERD}/<layer>/fs/tmp/x.<tmp>",
         ["container layer", "temporary name"]),
        # home directories
        ("/home/alice/.cache/x", "/home/<user>/.cache/x", ["home directory"]),
        ("/Users/alice/Library/x", "/Users/<user>/Library/x", ["home directory"]),
        ("/Users/Shared/x", "/Users/Shared/x", []),
        ("/home/alice", "/home/alice", []),
        ("/home/root/x", "/home/root/x", []),
        # snaps
        ("/snap/core20/1234/usr/bin/x", "/snap/core20/<revision>/usr/bin/x", ["snap revision"]),
        ("/home/alice/snap/app/x1/.x", "/home/<user>/snap/app/<revision>/.x",
         ["home directory", "snap revision"]),
        ("/var/lib/snapd/snaps/core20_1234.snap", "/var/lib/snapd/snaps/core20_<revision>.snap",
         ["snap revision"]),
        # temporary names
        ("/tmp/xyz.AbC123", "/tmp/xyz.<tmp>", ["temporary name"]),
        ("/var/tmp/tmp.Xy3kLm9QpZ/run.sh", "/var/tmp/tmp.<tmp>/run.sh", ["temporary name"]),
        ("/tmp/tmpab12cd_3.py", "/tmp/tmp<tmp>.py", ["temporary name"]),
        ("/tmp/pip-req-build-ab12cd_3/setup.py", "/tmp/pip-req-build-<tmp>/setup.py", ["temporary name"]),
        ("/tmp/go-build123456789/b001/exe", "/tmp/go-build<tmp>/b001/exe", ["temporary name"]),
        (f"/tmp/systemd-private-{HEX}-apache2.service-AbC12d/tmp/php.AbC12d",
         "/tmp/systemd-private-<tmp>-apache2.service-<tmp>/tmp/php.<tmp>", ["temporary name"]),
        # versions
        ("/lib/modules/5.15.0-105-generic/x.ko", "/lib/modules/<version>-generic/x.ko", ["version"]),
        ("/lib/modules/5.10.217-205.860.amzn2.x86_64/x", "/lib/modules/<version>.amzn2.x86_64/x",
         ["version"]),
        ("/opt/agent-v1.2.3.jar", "/opt/agent-<version>.jar", ["version"]),
        ("/usr/lib/libx.so.1.2.3", "/usr/lib/libx.so.<version>", ["version"]),
        # UUIDs, dates, hashes, numbers
        ("/x/123e4567-e89b-12d3-a456-426614174000/a", "/x/<uuid>/a", ["UUID"]),
        ("/backup/2026-11-08/a", "/backup/<date>/a", ["date"]),
        ("/backup/db_20261108_020000.sql", "/backup/db_<date>.sql", ["date"]),
        (f"/cache/{HEX}.js", "/cache/<hash>.js", ["hash"]),
        ("/cache/47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU.js", "/cache/<hash>.js", ["hash"]),
        ("/proc/1/exe", "/proc/<n>/exe", ["number"]),
        ("/spool/000123/a", "/spool/<n>/a", ["number"]),
        ("/spool/part-00001", "/spool/part-<n>", ["number"]),
        ("/srv/core.4242", "/srv/core.<n>", ["number"]),
        # Windows
        ("C:\\Windows\\System32\\Evil.DLL", "c:\\windows\\system32\\evil.dll", ["Windows"]),
        ("c:/windows/system32/evil.dll", "c:\\windows\\system32\\evil.dll", ["Windows"]),
        ("C:\\Users\\Bob\\AppData\\Local\\Temp\\tmp1A2B.tmp",
         "c:\\users\\<user>\\appdata\\local\\temp\\tmp<tmp>.tmp",
         ["Windows", "home directory", "temporary name"]),
        ("\\\\Server\\Share\\a", "\\\\server\\share\\a", ["Windows"]),
    ],
)  # fmt: skip
def test_a_path_becomes_a_place(path: str, place: str, rules: list[str]) -> None:
    explained = explain(MINER, path)
    assert explained.fingerprint.place == place
    assert [step.rule for step in explained.steps] == rules


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/tmp/evil.config", "/tmp/evil.backup"),  # words, not drawn by lot
        ("/tmp/x.Config", "/tmp/x.Module"),
        ("/dev/shm/x.AbC123", "/dev/shm/x.XyZ789"),  # not a directory where mktemp works
        ("/opt/x.AbC123", "/opt/x.XyZ789"),
        ("/tmp/a/x.AbC123", "/tmp/b/x.AbC123"),
        ("/root/x", "/home/alice/x"),
        ("/home/alice/x", "/home/alice/y"),
        ("/srv/home/alice/x", "/srv/home/bob/x"),
        ("/home/root/x", "/home/alice/x"),
        ("C:\\Users\\Public\\x", "C:\\Users\\bob\\x"),
        ("C:\\Users\\Administrator\\x", "C:\\Users\\bob\\x"),
        ("/opt/x.login.1", "/opt/x.login.2"),  # no log
        ("/data/10.0.0.1/x", "/data/10.0.0.2/x"),  # an address is no version
        ("/var/log/remote/10.0.0.1", "/var/log/remote/10.0.0.2"),  # nor a rotated log
        ("/usr/lib/python3.11/x", "/usr/lib/python3.12/x"),
        ("/usr/share/man/man1/x.1.gz", "/usr/share/man/man1/x.2.gz"),
        ("/x/CVE-2021-44228.py", "/x/CVE-2021-45046.py"),
        ("/x/ms17-010", "/x/ms08-067"),
        ("/x/wannamine2", "/x/wannamine3"),
        ("/x/a1b2c3d4e5f60718k", "/x/a1b2c3d4e5f60718m"),  # a hash with a letter beside it is a name
        ("/x/deadbeef", "/x/deadbeee"),
        ("/x/QuarterlyReport2026Q3x", "/x/QuarterlyReport2026Q4x"),
        ("/bin/x", "/bin/X"),
        ("/bin\\x", "/bin/x"),
        ("/snap/core/current/x", "/snap/core/1/x"),
        ("/a//b", "/a/b"),
        ("/a/../b", "/b"),
        ("/bin/ѕh", "/bin/sh"),  # a Cyrillic letter
        ("C:\\K", "C:\\\u212a"),  # the sign for kelvin, whose small form is k
        ("c:\\x", "/c:/x"),
        ("/opt/x #0123456789abcdef", "/opt/x #fedcba9876543210"),  # the digests of two paths
    ],
)
def test_different_paths_stay_different(one: str, other: str) -> None:
    assert place_of(one) != place_of(other)


@pytest.mark.parametrize(
    ("description", "rule"),
    [
        ("HIGH SEVERITY ALARM DETECTED", "HIGH SEVERITY ALARM DETECTED"),
        (MINER, MINER),
        ("Possible WebShell Command", "Possible WebShell Command"),
        ("Backdoor:EC2/C&CActivity.B!DNS", "Backdoor:EC2/C&CActivity.B!DNS"),
        ("8 failed logins", "<n> failed logins"),
        ("Login failed 12,345 times (3 users)", "Login failed <n> times (<n> users)"),
        ("Process with pid 1234 read /etc/shadow", "Process with pid <n> read /etc/shadow"),
        ("Cleared logs at 2026-11-08T02:00:00Z", "Cleared logs at <date>"),
        (" two\n lines ", "two lines"),
    ],
)
def test_a_description_becomes_a_rule(description: str, rule: str) -> None:
    assert rule_of(description) == rule


@pytest.mark.parametrize(
    "description",
    ["T1496", "Log4Shell", "CVE-2021-44228", "Event 4625", "Trojan.Agent.47", "Port 4444 is open", LAYER,
     "Connection to 10.0.0.1", "123e4567-e89b-12d3-a456-426614174000", "/home/alice/x", "7zip", "MS17-010",
     "APT_2023_04_12", "Trojan.20230412", "MAL-2023-04-12", "pid", "x1 files", "port=22", "v2.1.0"],
)  # fmt: skip
def test_what_was_detected_is_never_folded(description: str) -> None:
    assert rule_of(description) == description
    assert rule_of(f"Detected: {description} (new)") == f"Detected: {description} (new)"


def test_detections_of_one_family_stay_different() -> None:
    names = [MINER, f"{MINER}2", f"{MINER}3", MINER[:-1], MINER.upper()]
    assert len({fingerprint(name, "/tmp/a").id for name in names}) == len(names)


def test_the_id_is_of_rule_and_place() -> None:
    one = fingerprint(MINER, "/home/alice/x")
    assert one == fingerprint(MINER, "/home/bob/x")
    assert re.fullmatch("[0-9a-f]{16}", one.id)
    assert one.id == "46c35101ab916d38"
    assert len({fingerprint("a", "b").id, fingerprint("ab", "").id, fingerprint("a\0b", "").id}) == 3


def test_a_long_text_is_known_by_its_digest() -> None:
    one, other = ("/tmp/" + "a" * 1_000_000 + end for end in "xy")
    assert place_of(one) != place_of(other)
    assert len(place_of(one)) < MAX_LENGTH
    assert [step.rule for step in explain("", one).steps] == ["too long"]


def test_each_step_begins_where_the_last_one_ended() -> None:
    explained = explain("3 hits", "C:\\Users\\Bob\\2026-11-08\\1.2.3.zip")
    assert [(step.text, step.rule, step.before, step.after) for step in explained.steps] == [
        ("description", "count", "3 hits", "<n> hits"),
        ("path", "Windows", "C:\\Users\\Bob\\2026-11-08\\1.2.3.zip", "c:\\users\\bob\\2026-11-08\\1.2.3.zip"),
        ("path", "home directory", "c:\\users\\bob\\2026-11-08\\1.2.3.zip",
         "c:\\users\\<user>\\2026-11-08\\1.2.3.zip"),
        ("path", "date", "c:\\users\\<user>\\2026-11-08\\1.2.3.zip", "c:\\users\\<user>\\<date>\\1.2.3.zip"),
        ("path", "version", "c:\\users\\<user>\\<date>\\1.2.3.zip",
         "c:\\users\\<user>\\<date>\\<version>.zip"),
    ]  # fmt: skip


# --- any text at all

_PIECES = [
    "/", "//", "\\", "C:\\", ".", "-", "_", "#", "@", " ", "x", "v", "so", "T", "Z", "\n", "\0", "ſ",
    "\u212a", "\ud800", "1", "12", "123", "12345", "10.0.0.1", "1.2.3", "5.15.0-105", "-105", ".4",
    "20261108", "2026-11-08", "02:00:00", HEX, LAYER, "123e4567-e89b-12d3-a456-426614174000", "AbC123",
    "Xy3kLm9QpZ", "ab12cd_3", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", "=", "/tmp/", "/var/tmp/",
    "tmp.", "tmp", "/home/", "/Users/", "users", "/snap/", "/var/lib/docker/overlay2/", "/diff",
    "/var/log/", ".log", ".1", ".gz", "core.", "/proc/", "cve-", "systemd-private-", "-a-", "pip-b-",
    "go-build", "temp", "is-", "windows", "failed", "times", "pid ", "<n>", "<tmp>", "<user>",
    "<layer>", "<version>", "<date>", CONTAINERD, "/fs",
]  # fmt: skip
HOSTILE = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=14).map("".join) | st.text()


@given(HOSTILE, HOSTILE)
@example("", "/var/log/a.1.log.1")
@example("", "/x.log.AbC123.1")
def test_any_text_has_a_fingerprint_that_is_folded_no_further(description: str, path: str) -> None:
    one = fingerprint(description, path)
    assert fingerprint(one.rule, one.place) == one
    explained = explain(description, path)
    assert explained.fingerprint == one
    assert all(step.before != step.after for step in explained.steps)


@given(st.text("abcdefghijklmnopqrstuvwxyz_-. ", min_size=1, max_size=30), st.data())
def test_no_two_names_of_a_detection_are_joined(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits))
    other = name[:at] + letter + name[at + 1 :]
    assume(name.split() != other.split())
    begin = "Malicious File Detected: "
    assert rule_of(begin + name) != rule_of(begin + other)


_WORD = st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=12)
_TOP = st.sampled_from(["etc", "opt", "usr", "srv", "dev", "root", "var", "boot"])


@given(
    _TOP, st.lists(st.builds("{}{}{}".format, _WORD, st.sampled_from(["", "-", "_", ".", "2", "64"]), _WORD))
)
def test_a_directory_of_words_is_never_folded(top: str, words: list[str]) -> None:
    path = "/".join(["", top, *words])
    assert place_of(path) == path


@given(st.from_regex(r"[a-z_][a-z0-9_-]{0,30}", fullmatch=True))
def test_only_root_keeps_its_name_in_the_home_directories(user: str) -> None:
    assert (place_of(f"/home/{user}/x") == "/home/<user>/x") == (user != "root")


@given(
    st.uuids(),
    st.binary(min_size=20, max_size=32).map(bytes.hex),
    st.dates(date(1970, 1, 1), date(2099, 12, 31)),
)
def test_what_changes_from_hunt_to_hunt_is_folded(uuid: object, digest: str, day: object) -> None:
    assert place_of(f"/data/{uuid}/{day}") == "/data/<uuid>/<date>"
    assume(not digest.isdigit() and any(map(str.isdigit, digest)))
    assert place_of(f"/data/{digest}.bin") == "/data/<hash>.bin"


# --- docs/noise.md

_ROW = re.compile(r"^\| (\w[\w ]+) \| .* \| `([^`]+)` \| `([^`]+)` \|$", re.MULTILINE)
_PAGE = (Path(__file__).parents[3] / "docs" / "noise.md").read_text(encoding="utf-8")
_PATHS, _DESCRIPTIONS = (_ROW.findall(part) for part in _PAGE.split("\nIn descriptions:\n"))


@pytest.mark.parametrize(("rule", "path", "place"), _PATHS)
def test_the_examples_of_the_page_for_paths(rule: str, path: str, place: str) -> None:
    explained = explain("", path)
    assert explained.fingerprint.place == place
    assert {step.rule for step in explained.steps} - {"Windows"} == {rule} - {"Windows"}


@pytest.mark.parametrize(("rule", "description", "folded"), _DESCRIPTIONS)
def test_the_examples_of_the_page_for_descriptions(rule: str, description: str, folded: str) -> None:
    explained = explain(description, "")
    assert explained.fingerprint.rule == folded
    assert [step.rule for step in explained.steps] == [rule]


def test_the_page_has_every_rule_in_its_order() -> None:
    assert list(dict.fromkeys(rule for rule, _, _ in _PATHS)) == [
        "Windows",
        *dict.fromkeys(rule.name for rule in PATH_RULES),
    ]
    assert [rule for rule, _, _ in _DESCRIPTIONS] == [rule.name for rule in DESCRIPTION_RULES]


def test_the_page_shows_what_the_command_prints() -> None:
    (command,) = re.findall(r"^\$ huntbridge (.*)$", _PAGE, re.MULTILINE)
    said = CliRunner().invoke(main, shlex.split(command), env={"HUNTBRIDGE_CONFIG": ""}).output
    assert f"$ huntbridge {command}\n{said}```" in _PAGE
