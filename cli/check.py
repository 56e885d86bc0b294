"""`huntbridge check`: whether everything that the configuration names works. Sends no message."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import click

from cli import check_files, check_secrets, check_serve, tables
from cli.assemble import destination, load_config, reading_runtime
from cli.exit_codes import Failed
from cli.settings import settings
from receiver.assemble import duty_roster
from receiver.events import route_tests
from receiver.events.on_duty import DutyRoster, DutyUnknown
from scheduler import check_aws, check_browsing, check_platform
from scheduler.intelligence import check as check_intelligence
from scheduler.webhook_check import problems as webhook_problems
from shared.aws.regions import known_regions
from shared.config.config import Config
from shared.config.errors import ConfigError
from shared.config.warnings import file_warnings, warnings
from shared.hosting.runtime import Runtime
from shared.models.checks import CheckResult, failed, passed, warned
from shared.phrases import counted
from shared.platform.errors import CadoError
from shared.secrets import SecretError
from shared.text import one_line


@click.command(short_help="Would everything work? Sends nothing.")
@settings
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(config_path: str | None, data: Path, as_json: bool) -> None:
    """Read the configuration, look up its secrets, reach the platform and each destination. Sends nothing.

    Exit code 0 when all would work, 1 when something would not, 2 when the configuration is wrong.
    """
    runtime = reading_runtime(load_config(config_path), data)
    findings = []
    for finding in chain(_unused_files(config_path), offline(runtime), online(runtime, data)):
        findings.append(finding)
        if not as_json:
            click.echo(f"{finding.mark}  {finding.what}: {finding.detail}")
    if as_json:
        tables.print_json([asdict(finding) for finding in findings])
    if not all(finding.ok for finding in findings):
        raise click.exceptions.Exit(1)


def _unused_files(config_path: str | None) -> Iterator[CheckResult]:
    for warning in file_warnings(config_path, os.environ):
        yield warned(warning.where, warning.text)


@dataclass(frozen=True)
class Checks:
    """The same checks for the console."""

    runtime: Runtime
    data: Path

    def offline(self) -> Iterator[CheckResult]:
        return offline(self.runtime)

    def online(self) -> Iterator[CheckResult]:
        return online(self.runtime, self.data)


def offline(runtime: Runtime) -> Iterator[CheckResult]:
    """What can be said without asking anybody."""
    config = runtime.config
    numbers = (
        counted(len(config.hunts), "hunt"),
        counted(len(config.destinations), "destination"),
        counted(len(config.routes), "route"),
    )
    yield passed("configuration", ", ".join(numbers))
    for warning in warnings(config, known_regions()):
        yield warned(warning.where, warning.text)
    yield from _route_tests(config)
    yield from _hunts(runtime)
    yield from check_files.findings(config)


def online(runtime: Runtime, data: Path) -> Iterator[CheckResult]:
    """What the platform, AWS, the destinations and the secrets' stores answer."""
    config = runtime.config
    yield _finding("platform", partial(check_platform.key_rights, runtime))
    yield from check_platform.certificate(runtime)
    yield from check_platform.page(runtime)
    yield from check_browsing.findings(runtime)
    yield from check_intelligence.files(runtime)
    yield from check_intelligence.platform(runtime)
    if config.platform.admin_key and config.platform.api_version != "v2":
        yield _finding("webhook", partial(_webhook, runtime))
    yield from check_secrets.webhook_tokens(runtime)
    yield from check_secrets.signing_secrets(runtime)
    if not config.destinations:
        yield failed("destinations", "none is configured: alarms would go nowhere")
    for name in config.destinations:
        yield _finding(name, partial(_destination, runtime, name))
    if (roster := duty_roster(runtime)) is not None:
        yield _finding("on duty", partial(_on_duty, roster))
    yield from check_secrets.odd_secrets(runtime)
    yield from check_secrets.old_secrets(runtime)
    yield from check_aws.findings(runtime)
    yield from check_serve.findings(runtime, data)


def _finding(what: str, check: Callable[[str], CheckResult]) -> CheckResult:
    """The finding of one check; an error of the check is a finding too."""
    try:
        return check(what)
    except (CadoError, SecretError, ConfigError) as error:
        return failed(what, str(error))
    except Failed as error:
        return failed(what, error.message)


def _route_tests(config: Config) -> Iterator[CheckResult]:
    results = route_tests.run(config)
    for result in results:
        if not result.passed:
            yield failed(f"route test {result.name}", result.problem)
    if results and all(result.passed for result in results):
        yield passed("route tests", f"{counted(len(results), 'alarm')} would go where tests expects")


def _hunts(runtime: Runtime) -> Iterator[CheckResult]:
    for name, hunt in runtime.config.hunts.items():
        for problem in hunt.problems:
            yield failed(f"hunt {name}", problem)
        if never := hunt.never_runs(runtime.now()):
            yield failed(f"hunt {name}", f"its schedule {never}")


def _webhook(runtime: Runtime, what: str) -> CheckResult:
    """Whether the platform's webhooks lead here. Only a Platform Administrator's key may look."""
    admin, url = runtime.admin_cado, runtime.config.webhook.url
    assert admin is not None
    if found := webhook_problems(admin.webhooks.list(), url):
        return failed(what, "; ".join(found))
    return passed(what, f"registered and enabled, and it leads to {url}" if url else "registered and enabled")


def _on_duty(roster: DutyRoster, what: str) -> CheckResult:
    try:
        duty = roster.on_duty()
    except DutyUnknown as error:
        return failed(what, str(error))
    if duty is None:
        return warned(what, "nobody is on duty now by the schedule: is its id right?")
    return passed(what, one_line(", ".join(duty.people), 200))


def _destination(runtime: Runtime, name: str, what: str) -> CheckResult:
    result = destination(runtime, name).check()
    return CheckResult(what, result.ok, result.detail)
