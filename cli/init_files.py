"""Writes the configuration and the file of its secrets: both or neither, and each of them whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cli.exit_codes import Misused


def refuse_existing(*paths: Path, force: bool) -> None:
    """Raises Misused if one of these files exists, or with `force` if a folder has its name."""
    if folders := [str(path) for path in paths if os.path.lexists(path) and path.is_dir()]:
        raise Misused(f"{folders[0]} is a folder: name another file with --config")
    if force:
        return
    if existing := [str(path) for path in paths if os.path.lexists(path)]:
        raise Misused(
            f"{' and '.join(existing)} {'exists' if len(existing) == 1 else 'exist'} already: "
            "name another file with --config, or replace what is there with --force"
        )


def write(contents: Mapping[Path, tuple[str, int]], *, force: bool) -> None:
    """Writes the files. `contents`: the text and the mode of each. If one cannot be written, or exists and
    `force` is False, raises Misused and leaves no file behind."""
    with ExitStack() as stack:
        try:
            ready = {path: stack.enter_context(_beside(path, *content)) for path, content in contents.items()}
            made: list[Path] = []
            for path, temporary in ready.items():
                try:
                    if force:
                        temporary.replace(path)
                    else:
                        path.hardlink_to(temporary)  # unlike a rename, this never replaces a file
                        made.append(path)
                except OSError:
                    for earlier in made:
                        earlier.unlink()
                    raise
        except FileExistsError as error:
            raise Misused(
                f"{error.filename2 or error.filename} exists already; nothing was written"
            ) from None
        except OSError as error:
            raise Misused(f"{next(iter(contents)).parent} cannot be written to: {error.strerror}") from None


@contextmanager
def _beside(path: Path, text: str, mode: int) -> Iterator[Path]:
    """A temporary file with this text in the same folder."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fchmod(number, mode)
            os.fsync(number)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
