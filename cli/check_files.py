"""Checks the files of CA certificates that a configuration names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from shared.config.config import Config
from shared.config.configured_values import configured_values
from shared.models.checks import CheckResult, failed

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_BEGIN_TRUSTED = b"-----BEGIN TRUSTED CERTIFICATE-----"  # as `openssl x509 -trustout` writes it


def findings(config: Config) -> Iterator[CheckResult]:
    """Reports each `ca_bundle` that cannot be read or has no certificate."""
    for where, path in configured_values(config):
        if not where.endswith(".ca_bundle") or path is None:
            continue
        try:
            content = Path(path).read_bytes()
        except OSError as error:
            yield failed(where, f"the file cannot be read ({error.strerror})")
        else:
            if _BEGIN not in content and _BEGIN_TRUSTED not in content:
                yield failed(where, "the file holds no certificate in PEM form (BEGIN CERTIFICATE)")
