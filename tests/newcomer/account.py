"""A clean account on a throw-away copy of this machine: its own user, an empty home, the tools that the pages
ask for, and the wheel of this checkout where pip and uv find it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.package import smoke
from tests.package.machine import Machine, machine
from tests.package.test_archives import WHEEL

HOME, TOOLS, DIST = "/home/newcomer", "/opt/tools", "/opt/dist"
_NETWORK = ("PIP_", "SSL_", "UV_", "REQUESTS_CA_")  # how this machine reaches the package index


class Account:
    def __init__(self, made: Machine, environ: Mapping[str, str]) -> None:
        """`environ`: what the shell has besides the usual."""
        self.machine = made
        self._environ = {
            **{name: value for name, value in os.environ.items() if name.startswith(_NETWORK)},
            **environ,
            "HOME": HOME,
            "LANG": "C.UTF-8",
            "PATH": f"{HOME}/.local/bin:{TOOLS}/bin:/usr/local/bin:/usr/bin:/bin",
            "PIP_FIND_LINKS": f"{os.environ.get('PIP_FIND_LINKS', '')} {DIST}",
            "UV_FIND_LINKS": DIST,
        }
        self._exports: list[str] = []
        made.run("useradd", "--create-home", "--home-dir", HOME, "newcomer")
        made.run("mkdir", "-p", DIST)
        made.run("dd", f"of={DIST}/{WHEEL.name}", "status=none", given=WHEEL.read_bytes())
        made.put(["requirements/newcomer.txt"], "/source")
        made.run("/usr/bin/python3", "-m", "venv", TOOLS)
        made.run(f"{TOOLS}/bin/pip", "install", "--quiet", "--require-hashes", "-r",
                 "/source/requirements/newcomer.txt")  # fmt: skip

    def shell(self, command: str) -> list[str]:
        """The command in the newcomer's shell, in the home directory."""
        script = "; ".join(("set -e", f"cd {HOME}", *self._exports, f"exec {command}"))
        return self.machine.command("bash", "-c", script, user="newcomer", environ=self._environ)

    def run(self, command: str) -> str:
        """What the command prints, which must succeed. An export lasts, as in a shell."""
        if command.startswith("export "):
            self._exports.append(command)
            return ""
        done = subprocess.run(self.shell(command), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def file(self, name: str) -> str:
        """A file in the home directory."""
        return self.machine.run("cat", f"{HOME}/{name}")


@contextmanager
def account(folder: Path, environ: Mapping[str, str]) -> Iterator[Account]:
    """`folder` is made."""
    folder.mkdir()
    with machine(folder) as made:
        yield Account(made, smoke.clean(environ))
