"""docs/operate/aws.md, "In short", up to the first message from the stack. There is no AWS here: moto takes
what the `aws` commands store, and what `make build` built runs in Lambda's runtime emulator."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.emulated import CREDENTIALS, Resources, Stack, clean, missing
from tests.newcomer.blocks import block, commands
from tests.newcomer.world import ADMIN_KEY, Attempt, World, eventually, world
from tests.package import smoke

PAGE = "operate/aws.md"
pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]


def write_files(folder: Path, around: World) -> None:
    """What a person writes: two files of secrets, and the configuration of the page."""
    (folder / "cado.json").write_text(json.dumps({"key": smoke.KEY}))
    (folder / "chat.json").write_text(json.dumps({"soc": around.slack_url}))
    config = yaml.safe_load(block(PAGE, "4. Configuration", "yaml"))
    config["platform"] |= {"url": around.platform_url, "admin_key": "env:ADMIN_API_KEY"}
    (folder / "huntbridge.yaml").write_text(yaml.safe_dump(config))


def aws(command: str, folder: Path, resources: Resources) -> None:
    """Do what this command of the AWS command line does."""
    match shlex.split(command):
        case ["aws", "secretsmanager", "create-secret", "--name", name, "--secret-string", text]:
            content = (folder / text.removeprefix("file://")).read_text()
            resources.client("secretsmanager").create_secret(Name=name, SecretString=content)
        case ["aws", "s3", "cp", file, target] if target.startswith("s3://"):
            resources.configure(yaml.safe_load((folder / file).read_text()))
        case other:
            pytest.fail(f"the test does not know {other}")


def test_first_message_from_the_stack(tmp_path: Path) -> None:
    with world() as around:
        resources, attempt = Resources(around.ec2_url), Attempt()
        write_files(tmp_path, around)
        # What the template makes before the functions start: the token, and the bucket's address for them.
        token = {"current": "the-token-that-the-stack-made", "previous": ""}
        resources.client("secretsmanager").create_secret(
            Name="huntbridge/webhook", SecretString=json.dumps(token)
        )
        resources.environ["HUNTBRIDGE_WEBHOOK_TOKENS"] = "aws-secretsmanager:huntbridge/webhook#current"
        mine = [one for one in map(attempt.typed, commands(PAGE, "In short")) if not one.startswith("make ")]
        for command in mine:
            if command.startswith("aws "):
                aws(command, tmp_path, resources)
        with Stack(resources, tmp_path) as stack:
            environ = clean(os.environ) | CREDENTIALS | {"AWS_ENDPOINT_URL": around.ec2_url}
            for command in mine:
                if command.startswith("huntbridge "):
                    words = shlex.split(command.replace("URL", f"{stack.url}/webhooks/cado"))
                    done = subprocess.run(
                        [sys.executable, "-m", "cli.main", *words[1:]],
                        cwd=tmp_path,
                        env=environ | {"ADMIN_API_KEY": ADMIN_KEY, "PYTHONPATH": str(smoke.ROOT)},
                        capture_output=True,
                        text=True,
                    )
                    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            eventually(lambda: around.slack.messages, stack.log)
        attempt.arrived()
        assert "TEST" in json.dumps(around.slack.messages[0].body)
