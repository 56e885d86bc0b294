"""docs/operate/container.md, up to the first message. No engine is here: what it would run is run in a copy
of this machine after the steps of the Containerfile."""

from __future__ import annotations

import json
import shlex
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.newcomer.blocks import commands
from tests.newcomer.world import Attempt, World, eventually, world
from tests.package import smoke
from tests.package.machine import machine
from tests.package.test_container import CONFIG, Container, the

pytestmark = pytest.mark.timeout(900)


def test_first_message_from_a_container(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    with world() as around, machine(tmp_path / "machine") as made, ExitStack() as running:
        container, attempt = Container(made, around.sandbox), Attempt()
        made.put(["deploy"], "/source")
        shell: list[str] = []
        log = tmp_path / "serve.log"
        for command in map(attempt.typed, commands("operate/container.md", "As a container")):
            words = shlex.split(command)
            if words[:2] != ["docker", "compose"]:
                shell.append(command)
                continue
            if shell:
                made.run("sh", "-c", " && ".join(["cd /source", *shell]))
                shell.clear()
                mount(container, around)
            match words[2:]:
                case ["run", "--rm", "huntbridge", *arguments]:
                    container.huntbridge(*arguments)
                case ["up", "--detach"]:
                    serve = [*json.loads(the("ENTRYPOINT")), *json.loads(the("CMD"))]
                    started = container.command(*serve, "--port", str(container.port))
                    running.enter_context(smoke.started(started, log))
                    url = f"http://127.0.0.1:{container.port}"
                    eventually(partial(smoke.healthy, url), log.read_text)
                case ["exec", "huntbridge", *program]:
                    smoke.ended(container.command(*program))
                case other:
                    pytest.fail(f"the test does not know docker compose {' '.join(other)}")
        assert len(around.slack.messages) == 1
        attempt.arrived()
        smoke.webhook_in_and_out(url, around.slack, log)


def mount(container: Container, around: World) -> None:
    """Fill in the two files, and give them to the container as the compose file does."""
    compose = yaml.safe_load((smoke.ROOT / "deploy/compose.yaml").read_text())["services"]["huntbridge"]
    (variables,) = compose["env_file"]
    assert f"./huntbridge.yaml:{CONFIG}:ro" in compose["volumes"]
    read = partial(container.machine.run, "cat")
    container.machine.write(CONFIG, around.filled(read("/source/deploy/huntbridge.yaml")))
    lines = around.filled(read(f"/source/deploy/{variables}")).splitlines()
    container.world.secrets = (
        dict(line.split("=", 1) for line in lines if not line.startswith("#")) | around.aws
    )
