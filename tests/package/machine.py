"""A throw-away copy of this machine: what is written there is gone at the end.

It is an overlay over the root directory, in a mount namespace of its own. Network and processes are this
machine's. Making one needs root on Linux.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.package.smoke import ROOT, found

# The machine exists while its first process does, which ends when its standard input is closed.
_MADE = """\
set -e
mount --make-rprivate /
mount -t tmpfs none {folder}
mkdir {folder}/upper {folder}/work {folder}/root
mount -t overlay overlay -o lowerdir=/,upperdir={folder}/upper,workdir={folder}/work {folder}/root
mount --rbind /dev {folder}/root/dev
mount -t proc proc {folder}/root/proc
mount -t tmpfs none {folder}/root/tmp
chmod 1777 {folder}/root/tmp
echo ready
cat
"""


class Machine:
    def __init__(self, process: int, folder: Path) -> None:
        self._process, self._root = process, folder / "root"

    def command(
        self,
        *args: str | Path,
        user: str = "root",
        environ: Mapping[str, str] | None = None,
        writable: Sequence[str] = (),
    ) -> list[str]:
        """The command that runs `args` there. Another user than root has no capabilities and cannot get any.

        `user`: a name or UID:GID. `writable`: if given, the only places that are not read-only."""
        inside = ["env", "-i", *(f"{name}={value}" for name, value in (environ or {}).items())]
        if user != "root":
            uid, _, gid = user.partition(":")
            inside += ["setpriv", f"--reuid={uid}", f"--regid={gid or uid}", "--clear-groups"]
            inside += ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        inside += map(str, args)
        enter = ["nsenter", f"--mount=/proc/{self._process}/ns/mnt"]
        if not writable:
            return [*enter, "chroot", str(self._root), *inside]
        # A namespace below it, in which the whole tree is read-only but for a few places.
        binds = "".join(f"mount --bind {self._root}{place} {self._root}{place}; " for place in writable)
        script = f"set -e; {binds} mount -o remount,bind,ro {self._root}; exec chroot {self._root} "
        script += shlex.join(inside)
        return [*enter, "unshare", "--mount", "sh", "-c", script]

    def run(self, *args: str | Path, given: bytes | None = None) -> str:
        """What a command of root prints, which must succeed. Its environment is that of this process, with
        a Python that every user may run."""
        environ = {**os.environ, "PYTHON": "/usr/bin/python3"}
        done = subprocess.run(self.command(*args, environ=environ), input=given, capture_output=True)
        assert done.returncode == 0, f"{args}: {done.stdout.decode()}{done.stderr.decode()}"
        return done.stdout.decode()

    def write(self, path: str, text: str) -> None:
        self.run("mkdir", "-p", Path(path).parent)
        self.run("tee", path, given=text.encode())

    def put(self, sources: Sequence[str], folder: str) -> None:
        """Copy files and folders of the project into a folder there, under their own paths, without what
        git ignores."""
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *sources]
        files = subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
        assert files, f"git has nothing of {sources}"
        pack = ["tar", "--create", "--null", "--files-from=-"]
        packed = subprocess.run(pack, cwd=ROOT, input=files, stdout=subprocess.PIPE, check=True).stdout
        self.run("mkdir", "-p", folder)
        self.run("tar", "--extract", f"--directory={folder}", given=packed)


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """A copy of this machine while the block lasts. `folder`: an empty one."""
    if os.geteuid() != 0 or not found("unshare") or not found("setpriv"):
        pytest.skip("a copy of this machine needs root, unshare and setpriv")
    command = ["unshare", "--mount", "sh", "-c", _MADE.format(folder=folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        if process.stdout.readline() != "ready\n":
            pytest.skip("this machine lets nobody mount an overlay")
        try:
            yield Machine(process.pid, folder)
        finally:
            process.stdin.close()
