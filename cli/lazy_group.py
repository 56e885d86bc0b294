"""A group of commands that imports a command when it is used, since all of them together take a second."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import click


class LazyGroup(click.Group):
    def __init__(self, *args: Any, places: Mapping[str, str], **kwargs: Any) -> None:
        """`places`: by the name of a command, its module and the name that it has there, such as
        "cli.hunt_run:run_hunt"."""
        super().__init__(*args, **kwargs)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            return None
        module, _, name = self._places[cmd_name].partition(":")
        command: click.Command = getattr(_imported(module), name)
        return command


def _imported(module: str) -> ModuleType:
    """Without garbage collection in between: imports make hardly any garbage, and looking for it takes a
    fifth of their time."""
    if module in sys.modules:
        return sys.modules[module]
    gc.disable()
    try:
        return import_module(module)
    finally:
        gc.freeze()  # what exists now lives as long as the process
        gc.enable()
