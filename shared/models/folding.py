"""The rules that fold what changes from hunt to hunt in the path and the description of a finding.

docs/noise.md lists them with examples. An attacker knows them too, so each rule names exactly what it folds,
and everything else stays: two texts that are folded to the same are one finding for people. A path of Windows
comes with `/` in place of its backslashes, and in small letters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Rule:
    name: str
    fold: Callable[[str], str]
    digits: bool = True  # it changes only texts that have a digit


# The root of a file system: of the machine, or of a layer of a container after its id was folded.
_ROOT = (
    r"(?:/var/lib/docker/overlay2/<layer>/(?:diff|merged)"
    r"|/var/lib/containers/storage/overlay/<layer>/(?:diff|merged)"
    r"|/var/lib/containerd/io\.containerd\.snapshotter\.v1\.[a-z]{1,20}/snapshots/<layer>/fs)?"
)
_END = r"(?=/|\Z)"  # of a name
# A number, hash or date is folded only if it stands alone in its name: no letter or digit touches it. What
# stands after # is the digest that tells a path from those that look like it (shared/platform/artefacts.py).
_ALONE, _ALONE_END = r"(?<![0-9A-Za-z#])", r"(?![0-9A-Za-z])"

_LAYER = re.compile(
    r"^(/var/lib/(?:docker/(?:overlay2?|aufs/(?:diff|mnt|layers)|containers|volumes)"
    r"|containers/storage/overlay)/)(?:[0-9a-f]{64}|[a-z0-9]{25})(-init)?" + _END
    + r"|^(/var/lib/(?:docker/overlay2|containers/storage/overlay)/l/)[A-Z0-9]{26}" + _END
    + r"|^(/var/lib/containerd/io\.containerd\.snapshotter\.v1\.[a-z]{1,20}/snapshots/)[0-9]{1,9}" + _END
)  # fmt: skip
_HOME = re.compile(
    rf"^({_ROOT}/home/)(?!root/|<user>/|\.{{1,2}}/)[^/]+(?=/)"
    rf"|^({_ROOT}/Users/)(?!root/|Shared/|<user>/|\.{{1,2}}/)[^/]+(?=/)"
    r"|^([a-z]:/(?:users|documents and settings)/)"
    r"(?!administrator/|public/|default/|default user/|all users/|<user>/|\.{1,2}/)[^/]+(?=/)"
)
_SNAP = re.compile(
    rf"^({_ROOT}(?:/home/<user>|/root|/var)?/snap/[^/]+/)x?[0-9]{{1,6}}{_END}"
    r"|^(/var/lib/snapd/snaps/[^/]+_)x?[0-9]{1,6}(?=\.snap\Z)"
)
_SYSTEMD = re.compile(
    rf"^({_ROOT}/(?:var/)?tmp/systemd-private-)[0-9a-f]{{32}}(-[^/]{{1,100}}-)[A-Za-z0-9]{{6}}{_END}"
)
_LOGS = "/var/log/"
_LOG = re.compile(r"\.log(?:[.-]|\Z)")
_TEMPORARY = re.compile(rf"^({_ROOT}/(?:var/)?tmp/(?:systemd-private-<tmp>-[^/]+-<tmp>/tmp/)?)([^/]+)")
_TEMPORARY_NAME = re.compile(
    r"(tmp\.)([A-Za-z0-9]{10})\Z"  # mktemp
    r"|(.*[._-])([A-Za-z0-9]{6}|[A-Za-z0-9]{8}|[A-Za-z0-9]{10})\Z"  # mkstemp and mkdtemp with a name
)
_TOOLS_NAME = re.compile(
    r"(tmp)(?=[a-z_]*[0-9])[a-z0-9_]{8}(?=\.|\Z)"  # Python
    r"|(pip-[a-z-]{1,40}-)[a-z0-9_]{8}\Z"
    r"|(go-build)[0-9]{5,12}\Z"
    r"|(npm-)[0-9]{1,8}-[0-9a-f]{8}\Z"
)
_WINDOWS_TEMP = r"^([a-z]:/(?:windows|users/<user>/appdata/local)/temp/"
_WINDOWS_TEMPORARY = re.compile(
    rf"{_WINDOWS_TEMP}is-)[0-9a-z]{{5}}(?=\.tmp(?:/|\Z))"  # an installer
    rf"|{_WINDOWS_TEMP}[a-z]{{3}})[0-9a-f]{{1,4}}(?=\.tmp\Z)"  # GetTempFileName
)
_ROTATED = re.compile(r"(?:(?<![0-9])\.[0-9]{1,3}|-(?:19|20)[0-9]{6})(?:\.(?:gz|bz2|xz|zst))?\Z")
_UUID = re.compile(f"{_ALONE}[0-9A-Fa-f]{{8}}-(?:[0-9A-Fa-f]{{4}}-){{3}}[0-9A-Fa-f]{{12}}{_ALONE_END}")
_DATE = re.compile(
    _ALONE + r"(?:19|20)[0-9]{2}([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:[T _-]?(?:[01][0-9]|2[0-3])[-_.:]?[0-5][0-9](?:[-_.:]?[0-5][0-9](?:[.,][0-9]{1,9})?)?Z?)?"
    + _ALONE_END
)  # fmt: skip
_VERSION = re.compile(
    _ALONE + r"(v?[0-9]{1,5}(?:\.[0-9]{1,5}){2,4})(?![0-9A-Za-z]|\.[0-9])"
    r"(-[0-9]{1,4}(?:\.[0-9]{1,4}){0,4}" + _ALONE_END + ")?"
)  # fmt: skip
_HEX = re.compile(f"{_ALONE}(?:[0-9a-f]{{16,128}}|[0-9A-F]{{16,128}}){_ALONE_END}")
_BASE64 = re.compile(r"([A-Za-z0-9_-]{22}|[A-Za-z0-9_-]{27}|[A-Za-z0-9_-]{43})={0,2}(?=\.|\Z)")
_NUMBER = re.compile(
    r"(?<=^/proc/)[0-9]{1,9}(?=/)"
    r"|(?<=/)[0-9]{3,20}(?=/|\Z|\.[A-Za-z])"  # a whole name, without its ending
    r"|(?<=/core\.)[0-9]{1,9}\Z"
    rf"|(?<!cve-[0-9]{{4}}-)(?<!CVE-[0-9]{{4}}-){_ALONE}[0-9]{{5,20}}{_ALONE_END}"
)

# In a description a date may be part of a detection's name, as in APT_2023_04_12: only what stands between
# spaces or brackets is folded.
_DAY = re.compile(
    r"(?<![^\s(\[])(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?(?![^\s)\],;])"
)
_COUNTED = (
    "times?|attempts?|failed|failures?|alarms?|events?|files?|hits?|matches|connections?|logins?|logons?"
    "|requests?|processes|users?|hosts?|seconds?|minutes?|hours?|days?|bytes|[kMG]B"
)
_COUNT = re.compile(rf"(?<![^\s(\[])[0-9]{{1,3}}(?:,?[0-9]{{3}}){{0,4}}(?= (?:{_COUNTED})(?![\w-]))")
_PROCESS_ID = re.compile(r"(?<![\w-])((?:pid|PID|process id|Process ID)[ :=]{1,2})[0-9]{1,9}(?![\w-])")


def _kept(found: re.Match[str], name: str) -> str:
    """The groups that were found, which stay, with the name of what was folded after the first of them."""
    first, *rest = (group for group in found.groups() if group is not None)
    return "".join((first, name, *rest))


def _at_start(pattern: re.Pattern[str], name: str) -> Callable[[str], str]:
    def fold(path: str) -> str:
        found = pattern.match(path)
        return _kept(found, name) + path[found.end() :] if found else path

    return fold


def _temporary(path: str) -> str:
    if found := _SYSTEMD.match(path):
        path = f"{found[1]}<tmp>{found[2]}<tmp>{path[found.end() :]}"
    if not (found := _TEMPORARY.match(path)):
        return path
    folder, name = found.groups()
    if tool := _TOOLS_NAME.match(name):
        name = _kept(tool, "<tmp>") + name[tool.end() :]
    elif (random := _TEMPORARY_NAME.match(name)) and _is_random(random[2] or random[4]):
        name = (random[1] or random[3]) + "<tmp>"
    return folder + name + path[found.end() :]


def _is_random(name: str) -> bool:
    """Whether a name looks like letters and digits drawn by lot, as `AbC123` does and `Config` and `backup`
    do not."""
    mixed = any(map(str.isupper, name)) and any(map(str.islower, name))
    return mixed and not name[1:].islower()


def _rotated(path: str) -> str:
    """Without the ending that rotation adds to a name: the log is the same under its next name."""
    folder, slash, name = path.rpartition("/")
    found = _ROTATED.search(name)
    if found and found.start() and (path.startswith(_LOGS) or _LOG.search(name, 0, found.start())):
        name = name[: found.start()]
    return folder + slash + name


def _version(found: re.Match[str]) -> str:
    parts = found[1].split(".")
    is_address = len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)
    return found[0] if is_address and not found[2] else "<version>"


def _hash(path: str) -> str:
    path = _HEX.sub(lambda found: "<hash>" if _has_both(found[0]) else found[0], path)
    folder, slash, name = path.rpartition("/")
    if (found := _BASE64.match(name)) and _is_digest(found[1]):
        name = "<hash>" + name[found.end() :]
    return folder + slash + name


def _has_both(digits: str) -> bool:
    return not digits.isdigit() and any(map(str.isdigit, digits))


def _is_digest(name: str) -> bool:
    """Whether the kind of character (capital, small, digit) changes as often as it does in base64."""
    kinds = [0 if c.isupper() else 1 if c.islower() else 2 for c in name]
    changes = sum(one != other for one, other in pairwise(kinds))
    return set(kinds) == {0, 1, 2} and changes * 9 >= len(name) * 4


# In the order in which they are applied.
PATH_RULES = (
    Rule("rotated log", _rotated),
    Rule("container layer", _at_start(_LAYER, "<layer>")),
    Rule("home directory", _at_start(_HOME, "<user>"), digits=False),
    Rule("snap revision", _at_start(_SNAP, "<revision>")),
    Rule("temporary name", _temporary, digits=False),
    Rule("temporary name", _at_start(_WINDOWS_TEMPORARY, "<tmp>"), digits=False),
    Rule("UUID", lambda path: _UUID.sub("<uuid>", path)),
    Rule("date", lambda path: _DATE.sub("<date>", path)),
    Rule("version", lambda path: _VERSION.sub(_version, path)),
    Rule("hash", _hash),
    Rule("number", lambda path: _NUMBER.sub("<n>", path)),
)
DESCRIPTION_RULES = (
    Rule("date", lambda text: _DAY.sub("<date>", text)),
    Rule("count", lambda text: _COUNT.sub("<n>", text)),
    Rule("process id", lambda text: _PROCESS_ID.sub(r"\1<n>", text)),
)
