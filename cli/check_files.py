"""Checks the certificate files and the secrets that a configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from cli.findings import Finding
from shared.config.config import Config
from shared.secrets import SecretRef

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def findings(config: Config) -> Iterator[Finding]:
    """Bundles of CAs that nothing can be checked by."""
    for where, value in _settings(config):
        if not where.endswith(".ca_bundle") or value is None:
            continue
        try:
            held = Path(value).read_bytes()
        except OSError as error:
            yield Finding(where, False, f"the file cannot be read ({error.strerror})")
        else:
            if _BEGIN not in held and b"-----BEGIN TRUSTED CERTIFICATE-----" not in held:
                yield Finding(where, False, "the file holds no certificate in PEM form (BEGIN CERTIFICATE)")


def secrets(config: Config) -> dict[SecretRef, str]:
    """Every reference to a secret, and the first place where it stands."""
    found: dict[SecretRef, str] = {}
    for where, value in _settings(config):
        if isinstance(value, SecretRef):
            found.setdefault(value, where)
    return found


def _settings(part: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of the configuration with its place, such as destinations.soc.webhook_url."""
    if isinstance(part, BaseModel):
        for name, field in type(part).model_fields.items():
            yield from _settings(getattr(part, name), f"{where}.{field.alias or name}".removeprefix("."))
    elif isinstance(part, dict):
        for name, value in part.items():
            yield from _settings(value, f"{where}.{name}")
    elif isinstance(part, tuple):
        for number, value in enumerate(part):
            yield from _settings(value, f"{where}[{number}]")
    else:
        yield where, part
