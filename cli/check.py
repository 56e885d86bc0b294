"""`huntbridge check`: whether everything that the configuration names would work. Sends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import click

from cli.assemble import Failed, destination, load_config, reading_runtime, settings
from shared.cado import CadoError
from shared.runtime import Runtime
from shared.secrets import SecretError, SecretRef

# What the key needs on the platform to open a project, import an instance and read what came of it.
_PERMISSIONS = ("projects_create", "import_data_full")


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    detail: str
    warning: bool = False  # it works, and hardly as it was meant

    @property
    def mark(self) -> str:
        return "FAIL" if not self.ok else "warn" if self.warning else "ok  "


@click.command(short_help="Would everything work? Sends nothing.")
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config_path: str | None, data: Path, as_json: bool) -> None:
    """Read the configuration, look up its secrets, reach the platform and each destination. Sends nothing.

    Exit code 0 when all would work, 1 when something would not, 2 when the configuration is wrong.
    """
    runtime = reading_runtime(load_config(config_path), data)
    findings = []
    for finding in _findings(runtime):
        findings.append(finding)
        if not as_json:
            click.echo(f"{finding.mark}  {finding.what}: {finding.detail}")
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(1)


def _findings(runtime: Runtime) -> Iterator[Finding]:
    config = runtime.config
    yield Finding(
        "configuration",
        True,
        f"{len(config.hunts)} hunts, {len(config.destinations)} destinations, {len(config.routes)} routes",
    )
    for name, hunt in config.hunts.items():
        for problem in hunt.problems:
            yield Finding(f"hunt {name}", False, problem)
        if never := hunt.never_runs(runtime.now()):
            yield Finding(f"hunt {name}", False, f"its schedule {never}")
    yield _guarded("platform", lambda: _platform(runtime))
    if not config.webhook.tokens:
        yield Finding("webhook token", False, "none is configured: every webhook would be refused")
    for number, ref in enumerate(config.webhook.tokens, 1):
        yield _guarded(f"webhook token {number}", partial(_readable, runtime, ref))
    for number, ref in enumerate(config.slack_signing_secrets, 1):
        yield _guarded(f"signing secret {number}", partial(_readable, runtime, ref))
    if not config.destinations:
        yield Finding("destinations", False, "none is configured: alarms would go nowhere")
    for name in config.destinations:
        yield _guarded(name, partial(_destination, runtime, name))


def _guarded(what: str, look: Callable[[], tuple[bool, str]]) -> Finding:
    try:
        return Finding(what, *look())
    except (CadoError, SecretError) as error:
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


def _destination(runtime: Runtime, name: str) -> tuple[bool, str]:
    checked = destination(runtime, name).check()
    return checked.ok, checked.detail
