"""Warnings about a configuration that can be used but in which something has no effect, such as a route that
no alarm reaches. `check`, `render` and the start of `serve` show them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.config.config import Config
from shared.config.destinations.jira import JiraConfig
from shared.config.hunt_warnings import hunt_warnings
from shared.config.listen import is_loopback
from shared.config.load import DEFAULT_FILE, OTHER_FILE
from shared.config.owners import OwnerConfig
from shared.config.route_warnings import route_warnings, unreachable_routes
from shared.config.suggestions import quoted
from shared.phrases import utc_minute

_PROJECT_KEY = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class ConfigWarning:
    """A part of a valid configuration that will not have the effect that was meant."""

    where: str  # in the configuration, such as routes[2].match.event
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def warnings(config: Config, regions: Collection[str], now: datetime | None = None) -> list[ConfigWarning]:
    """All warnings, in the order of the file. `regions` are the names of all AWS regions; `now` is the
    present unless a test says otherwise."""
    found = [
        *_platform(config),
        *_accounts(config),
        *hunt_warnings(config),
        *_destinations(config),
        *route_warnings(config, regions),
        *_mutes(config, now or datetime.now(UTC)),
        *_owners(config),
        *_links(config),
        *_follow(config),
        *_metrics(config),
        *_coverage(config),
    ]
    return [ConfigWarning(where, text) for where, text in found]


def file_warnings(path: str | None, environ: Mapping[str, str]) -> list[ConfigWarning]:
    """Warnings about files and variables that are not used because another configuration is."""
    if path or environ.get("HUNTBRIDGE_CONFIG", "").strip():
        return []
    has_default, has_other = Path(DEFAULT_FILE).exists(), Path(OTHER_FILE).exists()
    found = []
    if has_other:
        used = DEFAULT_FILE if has_default else "the environment alone"
        text = f"is not read, since its name does not end in .yaml; {used} is used"
        found.append(ConfigWarning(OTHER_FILE, text))
    if has_default:
        unused = sorted(name for name in environ if re.fullmatch(r"PLATFORM_IP|SYSTEM[0-9]+", name))
        text = f"is set and not used, since {DEFAULT_FILE} is here"
        found += [ConfigWarning(name, text) for name in unused]
    return found


def _platform(config: Config) -> Iterator[tuple[str, str]]:
    if config.platform.api_version == "v2" and not config.platform.bucket and config.hunts:
        yield "platform.bucket", "is not set, and a v2 platform copies disks through a bucket"
    if config.platform.api_version == "v2" and config.intelligence:
        yield "intelligence", "has no effect: the platform's API v2 takes neither rules nor indicators"
    for ref, times in Counter(config.webhook.tokens).items():
        if times > 1:
            yield "webhook.tokens", f"{ref} is listed twice"


def _accounts(config: Config) -> Iterator[tuple[str, str]]:
    names: dict[str, str] = {}
    for name, account in config.accounts.items():
        where = f"accounts.{name}"
        if account.id and names.setdefault(account.id, name) != name:
            yield f"{where}.id", f"is that of accounts.{names[account.id]} as well"
        account_of_role = account.role.split(":")[4] if account.role else ""
        if account.id and account_of_role and account_of_role != account.id:
            yield f"{where}.role", f"belongs to the account {account_of_role}, and id says {account.id}"


def _destinations(config: Config) -> Iterator[tuple[str, str]]:
    unreachable = unreachable_routes(config)
    used = {
        *(
            name
            for number, route in enumerate(config.routes)
            if number not in unreachable
            for name in (*route.to, *route.outside.elsewhere)
        ),
        *config.default,
        *((config.delivery.fallback,) if config.delivery.fallback else ()),
        *(config.reminders.to if config.reminders else ()),
        *(name for step in config.escalate for name in step.to),
    }
    for name, destination in config.destinations.items():
        where = f"destinations.{name}"
        if name not in used:
            yield where, "no alarm goes there: neither a route that can be reached nor default names it"
        if isinstance(destination, JiraConfig) and not _PROJECT_KEY.fullmatch(destination.project):
            yield f"{where}.project", f"{quoted(destination.project)} does not look like a key, such as SEC"


def _mutes(config: Config, now: datetime) -> Iterator[tuple[str, str]]:
    for number, mute in enumerate(config.mutes):
        if mute.until <= now:
            yield f"mutes[{number}].until", f"was {utc_minute(mute.until)}: the mute is over, so remove it"


def _owners(config: Config) -> Iterator[tuple[str, str]]:
    types = {destination.type for destination in config.destinations.values()}
    for name, owner in config.owners.items():
        for key in OwnerConfig.model_fields:
            if getattr(owner, key) is not None and key not in types:
                yield f"owners.{name}.{key}", f"mentions nobody: there is no destination of type {key}"


def _links(config: Config) -> Iterator[tuple[str, str]]:
    types_by_limit: dict[int, set[str]] = defaultdict(set)
    for destination in config.destinations.values():
        types_by_limit[destination.longest_link].add(destination.type)
    for number, link in enumerate(config.message.links):
        for limit, types in sorted(types_by_limit.items(), reverse=True):
            if len(link.url) > limit:
                yield (
                    f"message.links[{number}].url",
                    f"the link has {len(link.url):,} characters, and no message of type "
                    f"{' or '.join(sorted(types))} shows one of more than {limit:,}",
                )


def _metrics(config: Config) -> Iterator[tuple[str, str]]:
    metrics = config.metrics
    if metrics.listen and not metrics.token and not is_loopback(metrics.listen):
        yield (
            "metrics.listen",
            "lets everybody who reaches this address read the names of the destinations and the numbers of "
            "alarms: set metrics.token, or listen on 127.0.0.1",
        )


def _follow(config: Config) -> Iterator[tuple[str, str]]:
    follow = config.follow
    if follow.stall_after >= follow.give_up_after:
        yield "follow.stall_after", "is never reached: give_up_after comes first"
    if follow.recover_after is not None and follow.recover_after >= follow.recover_for > 0:
        yield "follow.recover_after", "is never reached: recover_for ends first"


def _coverage(config: Config) -> Iterator[tuple[str, str]]:
    if config.coverage and config.organization and not config.coverage.organizational_units:
        yield (
            "coverage.organizational_units",
            "without it, no more of the organization is looked at than the units that hunts name; for all of "
            "it write the root, such as r-ab12",
        )
