"""The file of variables beside the configuration, such as huntbridge.env beside huntbridge.yaml.

It holds the secrets that the configuration names as env:NAME, one NAME=value in each line. Docker and systemd
read the same form. A variable that the process already has is kept.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from shared.config.load import DEFAULT_FILE, is_local

log = logging.getLogger(__name__)

NAME = r"[A-Za-z_][A-Za-z0-9_]{0,99}"
_LINE = re.compile(rf"\s*({NAME})=(.*)")
_MAX_BYTES = 1024 * 1024


def beside(config: Path) -> Path:
    return config.with_suffix(".env")


@contextmanager
def environment_file(config_path: str | None) -> Iterator[None]:
    """Adds the variables of the file to the environment until the end of the block."""
    name = config_path or os.environ.get("HUNTBRIDGE_CONFIG", "").strip() or DEFAULT_FILE
    added = variables(Path(name)) if is_local(name) else {}
    added = {key: value for key, value in added.items() if key not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for key in added:
            os.environ.pop(key, None)


def text(config: str, values: Mapping[str, str]) -> str:
    """The file's content. A value that is no line of text is left out, since no secret can have it."""
    head = f"# The secrets of {config}, one in each line. Only you may read this file (chmod 600).\n"
    return head + "".join(f"{name}={value}\n" for name, value in values.items() if value.isprintable())


def variables(config: Path) -> Mapping[str, str]:
    """The variables in the file; none if there is no file, or if it must not be used."""
    path = beside(config)
    if path == config or not (config.is_file() and path.is_file()):
        return {}
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                _warn(f"{path} is not used, because other users may use it too: run `chmod 600 {path}`")
                return {}
            content = file.read(_MAX_BYTES).decode("utf-8-sig")
    except PermissionError:
        # Under systemd only root may read the file, and the process already has its variables.
        log.info("a file of variables cannot be read", extra={"file": str(path)})
        return {}
    except OSError as error:
        _warn(f"{path} cannot be read: {error.strerror}")
        return {}
    except UnicodeDecodeError:
        _warn(f"{path} is not used, because it is not UTF-8 text")
        return {}
    return _parsed(path, content)


def _parsed(path: Path, content: str) -> dict[str, str]:
    found = {}
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if match := _LINE.fullmatch(line.rstrip()):
            found[match[1]] = match[2].strip()
        else:
            _warn(f"{path}:{number}: the line is not used: write NAME=value")
    return found


def _warn(text: str) -> None:
    click.echo(text, err=True)
