"""The option `--stack NAME`: the command works on a stack on AWS, with the operator's own credentials."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from cli.exit_codes import Failed, Misused


def on_stack(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the option to a command. Write it above `settings`, since it sets what `settings` reads."""

    @click.option(
        "--stack",
        metavar="NAME",
        help="Work on this stack on AWS, in the region of AWS_REGION: with its ledger and queues, and with "
        "its configuration unless --config is given.",
    )
    @functools.wraps(command)
    def with_stack(*args: Any, stack: str | None, config_path: str | None, **kwargs: Any) -> Any:
        if not stack:
            return command(*args, config_path=config_path, **kwargs)
        # Imported here: without the option the AWS libraries need not be loaded.
        from shared.aws import stack as aws
        from shared.aws.clients import Clients
        from shared.aws.errors import AwsError

        try:
            outputs = aws.outputs(Clients(os.environ), stack)
        except AwsError as error:
            raise Failed(str(error)) from None
        try:
            variables = aws.variables(outputs)
        except KeyError as missing:
            raise Misused(f"the stack {stack} has no output {missing}: it is none of huntbridge") from None
        with _set(variables):
            return command(*args, config_path=config_path or outputs[aws.CONFIG], **kwargs)

    return with_stack


@contextmanager
def _set(variables: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
