"""`huntbridge check`: whether everything that the configuration names would work. Sends nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path

import click

from cli import check_aws, check_files, check_serve
from cli.assemble import destination, load_config, reading_runtime
from cli.exit_codes import Failed
from cli.findings import Finding
from cli.settings import settings
from shared.aws.regions import known_regions
from shared.config import tokens
from shared.config.errors import ConfigError
from shared.config.warnings import file_warnings, warnings
from shared.hosting.runtime import Runtime
from shared.platform.errors import CadoError
from shared.secrets import SecretError, SecretRef

# What the key needs on the platform to open a project, import an instance and read what came of it.
_PERMISSIONS = ("projects_create", "import_data_full")


@click.command(short_help="Would everything work? Sends nothing.")
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config_path: str | None, data: Path, as_json: bool) -> None:
    """Read the configuration, look up its secrets, reach the platform and each destination. Sends nothing.

    Exit code 0 when all would work, 1 when something would not, 2 when the configuration is wrong.
    """
    runtime = reading_runtime(load_config(config_path), data)
    findings = []
    for finding in chain(_beside(config_path), _findings(runtime, data)):
        findings.append(finding)
        if not as_json:
            click.echo(f"{finding.mark}  {finding.what}: {finding.detail}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(1)


def _beside(config_path: str | None) -> Iterator[Finding]:
    for warning in file_warnings(config_path, os.environ):
        yield Finding(warning.where, True, warning.text, warning=True)


def _findings(runtime: Runtime, data: Path) -> Iterator[Finding]:
    config = runtime.config
    yield Finding(
        "configuration",
        True,
        f"{len(config.hunts)} hunts, {len(config.destinations)} destinations, {len(config.routes)} routes",
    )
    for warning in warnings(config, known_regions()):
        yield Finding(warning.where, True, warning.text, warning=True)
    for name, hunt in config.hunts.items():
        for problem in hunt.problems:
            yield Finding(f"hunt {name}", False, problem)
        if never := hunt.never_runs(runtime.now()):
            yield Finding(f"hunt {name}", False, f"its schedule {never}")
    yield from check_files.findings(config)
    yield _guarded("platform", lambda: _platform(runtime))
    if not config.webhook.tokens:
        yield Finding("webhook token", False, "none is configured: every webhook would be refused")
    for number, ref in enumerate(config.webhook.tokens, 1):
        yield _guarded(f"webhook token {number}", partial(_token, runtime, ref))
    for number, ref in enumerate(config.slack_signing_secrets, 1):
        yield _guarded(f"signing secret {number}", partial(_readable, runtime, ref))
    if not config.destinations:
        yield Finding("destinations", False, "none is configured: alarms would go nowhere")
    for name in config.destinations:
        yield _guarded(name, partial(_destination, runtime, name))
    yield from _odd_secrets(runtime)
    yield from check_aws.findings(runtime)
    yield from check_serve.findings(runtime, data)


def _guarded(what: str, look: Callable[[], tuple[bool, str] | Finding]) -> Finding:
    try:
        found = look()
        return found if isinstance(found, Finding) else Finding(what, *found)
    except (CadoError, SecretError, ConfigError) as error:
        return Finding(what, False, str(error))
    except Failed as error:
        return Finding(what, False, error.message)


def _platform(runtime: Runtime) -> tuple[bool, str]:
    identity = runtime.cado.whoami()
    if not identity.told:
        return True, f"{runtime.config.platform.url} accepts the key; API v2 does not tell its role"
    missing = [name for name in _PERMISSIONS if name not in identity.permissions]
    if missing:
        return False, (
            f"the key's role {identity.role} lacks {', '.join(missing)}; hunts need the role Lead Analyst"
        )
    return True, f"{runtime.config.platform.url} answers, the key's role is {identity.role}"


def _readable(runtime: Runtime, ref: SecretRef) -> tuple[bool, str]:
    runtime.secret(ref)
    return True, f"{ref} can be read"


def _token(runtime: Runtime, ref: SecretRef) -> tuple[bool, str]:
    why = tokens.refusal(runtime.secret(ref).reveal())
    return (False, f"{ref} {why}") if why else (True, f"{ref} can be read")


def _odd_secrets(runtime: Runtime) -> Iterator[Finding]:
    """Secrets that can be read and hardly are what was meant."""
    config = runtime.config
    for ref, of in check_files.secrets(config).items():
        try:
            value = runtime.secret(ref).reveal()
        except SecretError:
            continue  # whatever needs it says so
        told = tokens.warning(value) if ref in config.webhook.tokens else tokens.odd(value)
        if told and not (ref in config.webhook.tokens and tokens.refusal(value)):
            yield Finding(of, True, f"{ref} {told}", warning=True)


def _destination(runtime: Runtime, name: str) -> tuple[bool, str]:
    checked = destination(runtime, name).check()
    return checked.ok, checked.detail
