"""docs/operate/one-machine.md, up to the first message. This machine has no running systemd, so the unit is
started as it says, and systemd-run's options are carried out."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.newcomer.blocks import commands
from tests.newcomer.world import Attempt, eventually, world
from tests.package import smoke
from tests.package.machine import Machine, machine
from tests.package.test_systemd import Service, setting

PAGE, HEADING = "operate/one-machine.md", "As a service of systemd"
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not smoke.found("systemd-analyze"), reason="systemd is not installed"),
]


def systemd_run(made: Machine, command: str) -> list[str]:
    """The command that systemd-run would start: as the user, with the variables and the file of variables."""
    words = shlex.split(command)
    options = [word for word in words if word.startswith("--")]
    program = words[words.index(options[-1]) + 1 :]
    given = [one.partition("=")[::2] for one in options]
    variables = [value for name, value in given if name == "--setenv"]
    for name, value in given:
        if name == "--property" and value.startswith("EnvironmentFile="):
            variables += made.run("cat", value.partition("=")[2]).splitlines()
    environ = dict(line.split("=", 1) for line in variables if not line.startswith("#"))
    return made.command(*program, user=dict(given)["--uid"], environ=smoke.clean(environ))


def test_first_message_from_the_service(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    with world() as around, machine(tmp_path / "machine") as made:
        service, attempt = Service(made, around.sandbox), Attempt()
        install, sudoedit, enable, journal = map(attempt.typed, commands(PAGE, HEADING))
        (send,) = map(attempt.typed, commands(PAGE, HEADING, number=1))

        made.run("sh", "-c", f"cd /source && {install.removeprefix('sudo ')}")
        for path in sudoedit.removeprefix("sudoedit ").split():
            made.write(path, around.filled(made.run("cat", path)))
        assert enable == "sudo systemctl enable --now huntbridge"
        made.run("systemctl", "--root=/", "enable", "huntbridge")
        assert journal.startswith("journalctl --unit huntbridge")
        service.load_credentials()
        (start,) = setting("ExecStart")
        port, log = smoke.free_port(), tmp_path / "serve.log"
        with smoke.started(service.command(*shlex.split(start), "--port", str(port)), log):
            eventually(lambda: smoke.healthy(f"http://127.0.0.1:{port}"), log.read_text)
            smoke.ended(systemd_run(made, send.removeprefix("sudo ")))
            assert len(around.slack.messages) == 1
            attempt.arrived()
            smoke.webhook_in_and_out(f"http://127.0.0.1:{port}", around.slack, log)
