"""The service, installed into a throw-away copy of this machine and started as its unit says, not by systemd.

Of the unit's settings, user, environment, credentials and the read-only tree are imitated. `systemd-analyze`
judges the rest.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.package import smoke
from tests.package.machine import Machine, machine
from tests.package.smoke import ROOT, Sandbox, ended, found

UNIT = ROOT / "deploy/systemd/huntbridge.service"
BACKUP_UNIT = ROOT / "deploy/systemd/huntbridge-backup.service"
CREDENTIALS = "/run/credentials/huntbridge.service"
CONFIG = "/etc/huntbridge/huntbridge.yaml"
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not found("systemd-analyze"), reason="systemd is not installed"),
]


def setting(name: str) -> list[str]:
    lines = (line.partition("=") for line in UNIT.read_text().splitlines())
    return [value for key, _, value in lines if key == name]


class Service:
    """The machine after the installation, with a configuration for the sandbox."""

    def __init__(self, made: Machine, world: Sandbox) -> None:
        self.machine, self.world = made, world
        made.put([":!tests", ":!docs"], "/source")

    def install(self) -> None:
        self.machine.run("/source/deploy/systemd/install.sh")

    def command(self, *args: str) -> list[str]:
        """A command as systemd starts it for the unit."""
        environ = dict(pair.split("=", 1) for line in setting("Environment") for pair in line.split())
        (file,) = setting("EnvironmentFile")
        lines = self.machine.run("cat", file.removeprefix("-")).splitlines()
        environ |= dict(line.split("=", 1) for line in lines if not line.startswith("#"))
        (state,) = setting("StateDirectory")
        (user,) = setting("User")
        return self.machine.command(
            *args, user=user, environ=smoke.clean(environ), writable=[f"/var/lib/{state}"]
        )

    def load_credentials(self) -> None:
        """Copies the files of LoadCredential= and makes the state directory, as systemd does first."""
        (user,), (state,) = setting("User"), setting("StateDirectory")
        ((name, folder),) = (line.split(":") for line in setting("LoadCredential"))
        self.machine.run("mkdir", "-p", CREDENTIALS, f"/var/lib/{state}")
        for secret in self.machine.run("ls", folder).split():
            self.machine.run("cp", f"{folder}/{secret}", f"{CREDENTIALS}/{name}_{secret}")
        self.machine.run("chown", "-R", f"{user}:{user}", CREDENTIALS, f"/var/lib/{state}")
        self.machine.run("chmod", "-R", "u=rX,go=", CREDENTIALS)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with machine(tmp_path_factory.mktemp("systemd")) as made, smoke.sandbox() as world:
        installed = Service(made, world)
        installed.install()
        yield installed


@pytest.mark.parametrize("unit", [UNIT, BACKUP_UNIT])
def test_the_unit_is_exposed_by_2_of_10_at_most(unit: Path) -> None:
    ended(["systemd-analyze", "security", "--offline=true", "--threshold=20", unit])


@pytest.mark.parametrize("unit", ["huntbridge.service", "huntbridge-backup.timer"])
def test_systemd_understands_the_installed_unit(service: Service, unit: str) -> None:
    told = ended(
        service.machine.command("systemd-analyze", "verify", "--man=no", f"/etc/systemd/system/{unit}")
    )

    assert [line for line in told.stderr.splitlines() if "huntbridge" in line] == []


def test_the_secrets_are_for_root_alone_and_the_configuration_for_the_service(service: Service) -> None:
    modes = service.machine.run("stat", "-c", "%a %U %G %n", "/etc/huntbridge/secrets", CONFIG,
                         "/etc/huntbridge/huntbridge.env")  # fmt: skip

    assert modes.splitlines() == [
        "700 root root /etc/huntbridge/secrets",
        f"640 root huntbridge {CONFIG}",
        "600 root root /etc/huntbridge/huntbridge.env",
    ]


def test_it_starts_as_the_unit_says_with_secrets_as_credentials(service: Service, tmp_path: Path) -> None:
    secrets = dict(service.world.secrets)
    service.machine.write("/etc/huntbridge/secrets/cado-api-key", secrets.pop("CADO_API_KEY"))
    key = f"file:{CREDENTIALS}/secret_cado-api-key"
    service.machine.write(CONFIG, service.world.config.replace("env:CADO_API_KEY", key))
    service.machine.write("/etc/huntbridge/huntbridge.env", "".join(f"{k}={v}\n" for k, v in secrets.items()))
    service.install()  # an upgrade keeps all of these
    service.load_credentials()

    def run(*args: str, code: int) -> subprocess.CompletedProcess[str]:
        return ended(service.command("/usr/local/bin/huntbridge", *args), code=code)

    smoke.check(run)
    (start,) = setting("ExecStart")
    port, log = smoke.free_port(), tmp_path / "serve.log"
    with smoke.started(service.command(*shlex.split(start), "--port", str(port)), log):
        smoke.eventually(partial(smoke.healthy, f"http://127.0.0.1:{port}"), log)
        smoke.webhook_in_and_out(f"http://127.0.0.1:{port}", service.world.slack, log)
