"""The steps of the Containerfile, without an engine: in a throw-away copy of this machine, with its Python.

What this cannot show is the base image itself. The workflow on GitHub builds the image and starts it.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.package import smoke
from tests.package.machine import Machine, machine
from tests.package.smoke import ROOT, Sandbox, ended

CONFIG, DATA = "/etc/huntbridge/huntbridge.yaml", "/var/lib/huntbridge"
pytestmark = pytest.mark.timeout(600)


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage with their arguments."""
    text = (ROOT / "Containerfile").read_text().replace("\\\n", " ")
    found: list[list[tuple[str, str]]] = [[]]
    for line in text.splitlines():
        name, _, arguments = line.strip().partition(" ")
        if name == "FROM":
            found.append([])
        elif name and not name.startswith("#"):
            found[-1].append((name, arguments.strip()))
    return found[1:]


BUILD, FINAL = stages()


def the(name: str) -> str:
    """The arguments of an instruction that the final stage has once."""
    (arguments,) = [arguments for one, arguments in FINAL if one == name]
    return arguments


class Container:
    """The machine after the steps of both stages."""

    def __init__(self, made: Machine, world: Sandbox) -> None:
        self.machine, self.world, self.port = made, world, smoke.free_port()
        workdir = dict(BUILD)["WORKDIR"]
        for name, arguments in BUILD:
            if name == "COPY":
                *sources, target = arguments.split()
                self._copy(sources, f"{workdir}/{target}")
            elif name == "RUN":
                self.machine.run("sh", "-c", f"cd {workdir} && {arguments}")
        for name, arguments in FINAL:
            if name == "COPY" and "--from=build" not in arguments:
                source, target = arguments.split()
                self._copy([source], target)
            elif name == "COPY" and "--chown" in arguments:
                _, chown, source, target = arguments.split()
                self.machine.run("mkdir", "-p", target)
                self.machine.run("chown", chown.removeprefix("--chown="), target)
        made.write(CONFIG, world.config)

    def _copy(self, sources: list[str], target: str) -> None:
        """As COPY: the sources become the target, or are put into it if it ends with a slash."""
        self.machine.put(sources, "/copied")
        self.machine.run("mkdir", "-p", Path(target).parent)
        for source in sources:
            into = f"{target}{Path(source).name}" if target.endswith("/") else target
            self.machine.run("mkdir", "-p", Path(into).parent)
            self.machine.run("cp", "-rT", f"/copied/{source}", into)
        self.machine.run("rm", "-r", "/copied")

    def command(self, *args: str) -> list[str]:
        """A command as a container runs it: as its user, with its variables, and with a read-only tree."""
        variables = dict(pair.split("=", 1) for pair in shlex.split(the("ENV")))
        environ = smoke.clean({**self.world.secrets, **variables})
        return self.machine.command(*args, user=the("USER"), environ=environ, writable=[DATA])

    def huntbridge(self, *args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        return ended(self.command(*json.loads(the("ENTRYPOINT")), *args), code=code)

    def health(self) -> int:
        probe = json.loads(the("HEALTHCHECK").partition("CMD ")[2])
        return subprocess.run(self.command(*probe), capture_output=True).returncode


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with machine(tmp_path_factory.mktemp("container")) as made, smoke.sandbox() as world:
        yield Container(made, world)


def test_the_tree_is_read_only_and_the_user_has_no_rights(container: Container) -> None:
    written = subprocess.run(container.command("touch", "/opt/huntbridge/x"), capture_output=True, text=True)

    assert "Read-only file system" in written.stderr
    assert ended(container.command("id", "-u")).stdout == the("USER").partition(":")[0] + "\n"
    assert "CapBnd:\t0000000000000000" in ended(container.command("cat", "/proc/self/status")).stdout


def test_nothing_that_installs_packages_is_in_it(container: Container) -> None:
    packages = container.machine.run("sh", "-c", "ls /opt/huntbridge/lib/python3*/site-packages").split()

    assert "huntbridge-" in " ".join(packages)
    assert not {"pip", "setuptools", "wheel"} & set(packages)


def test_it_checks_a_configuration(container: Container) -> None:
    smoke.check(container.huntbridge)


def test_it_serves_and_says_whether_it_is_healthy(container: Container, tmp_path: Path) -> None:
    assert container.health() == 1
    log = tmp_path / "serve.log"
    serve = [*json.loads(the("ENTRYPOINT")), *json.loads(the("CMD")), "--port", str(container.port)]
    with smoke.started(container.command(*serve), log):
        url = f"http://127.0.0.1:{container.port}"
        smoke.eventually(partial(smoke.healthy, url), log)
        assert container.health() == 0
        smoke.webhook_in_and_out(url, container.world.slack, log)
    assert container.health() == 1


def test_the_ignore_file_lets_through_what_is_copied() -> None:
    lines = (ROOT / ".containerignore").read_text().splitlines()
    copied = [
        source
        for name, arguments in (*BUILD, *FINAL)
        if name == "COPY" and "--from" not in arguments
        for source in arguments.split()[:-1]
    ]

    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == set(copied)
    assert (ROOT / ".dockerignore").read_text().splitlines() == lines  # Docker reads this name, Podman both


@pytest.fixture
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    return read


def test_the_services_of_compose_are_confined(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    assert "cap_add" not in compose["services"]["huntbridge"]
    assert "ports" not in compose["services"]["huntbridge"]  # only the proxy can be reached from outside


def test_compose_keeps_the_data_of_the_image(compose: dict[str, Any]) -> None:
    volumes = dict(one.split(":", 1) for one in compose["services"]["huntbridge"]["volumes"])

    assert volumes["data"] == the("VOLUME") == DATA
    assert volumes["./huntbridge.yaml"] == f"{CONFIG}:ro"
    assert f"HUNTBRIDGE_CONFIG={CONFIG}" in shlex.split(the("ENV"))


def test_huntbridge_and_its_proxy_name_each_other(compose: dict[str, Any]) -> None:
    address = {
        name: service["networks"]["inside"]["ipv4_address"] for name, service in compose["services"].items()
    }
    command = compose["services"]["huntbridge"]["command"]
    site = (ROOT / "deploy/nginx.conf").read_text()

    assert command[command.index("--trusted-proxy") + 1] == address["proxy"]
    assert f"s/127.0.0.1:8080/{address['huntbridge']}:8080/" in compose["services"]["proxy"]["command"][-1]
    assert site.count("proxy_pass http://127.0.0.1:8080;") == site.count("proxy_pass")
