"""What in a configuration cannot have the effect that was meant, although it can be used: a route that no
alarm reaches, a destination to which nothing goes. `check` and the start of `serve` say so."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.config.config import Config
from shared.config.destinations.jira import JiraConfig
from shared.config.errors import advice, quoted
from shared.config.hunts import HuntConfig
from shared.config.load import DEFAULT_FILE, OTHER_FILE
from shared.config.owners import OwnerConfig
from shared.config.patterns import covers, fits
from shared.config.routes import MatchConfig
from shared.config.targets import ALL_REGIONS, ExcludeConfig, SelectorConfig, TargetConfig
from shared.models.event_kinds import (
    ACKNOWLEDGED,
    HEARTBEAT,
    KINDS,
    OWN_KINDS,
    RECOVERED,
    TEST,
    UNACKNOWLEDGED,
    UNDELIVERED,
    UNKNOWN_EVENT,
)
from shared.models.severity import Severity

# These are told where their alarms went, or where a key of its own says.
_NOT_ROUTED = (ACKNOWLEDGED, UNACKNOWLEDGED, UNDELIVERED, HEARTBEAT)
_ROUTED = sorted({*KINDS, *OWN_KINDS, RECOVERED, TEST, UNKNOWN_EVENT} - set(_NOT_ROUTED))
_A_FINDING = "guardduty-i-0123456789abcdef0"  # what a hunt is called that a finding of GuardDuty started
_LONGEST_TAG = 128  # characters of the key of a tag
_PROJECT_KEY = re.compile(r"[A-Z][A-Z0-9_]*")


@dataclass(frozen=True)
class ConfigWarning:
    where: str  # in the configuration, such as routes[2].match.event
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


def warnings(config: Config, regions: Collection[str]) -> list[ConfigWarning]:
    """All warnings, in the order of the file. `regions` are the names of all AWS regions."""
    found = [
        *_platform(config),
        *_accounts(config),
        *(one for name, hunt in config.hunts.items() for one in _hunt(f"hunts.{name}", hunt)),
        *_v2(config),
        *_destinations(config),
        *_routes(config, regions),
        *_owners(config),
        *_links(config),
        *_follow(config),
    ]
    return [ConfigWarning(where, text) for where, text in found]


def file_warnings(path: str | None, environ: Mapping[str, str]) -> list[ConfigWarning]:
    """Warnings of files and variables that are not read, since `load` reads another configuration."""
    if path or environ.get("HUNTBRIDGE_CONFIG", "").strip():
        return []
    here, other = Path(DEFAULT_FILE).exists(), Path(OTHER_FILE).exists()
    found = []
    if other:
        used = DEFAULT_FILE if here else "the environment alone"
        found.append(
            ConfigWarning(OTHER_FILE, f"is not read, since its name does not end in .yaml; {used} is used")
        )
    if here:
        unused = [name for name in environ if re.fullmatch(r"PLATFORM_IP|SYSTEM[0-9]+", name)]
        found += [
            ConfigWarning(name, f"is set and not used, since {DEFAULT_FILE} is here")
            for name in sorted(unused)
        ]
    return found


Found = Iterator[tuple[str, str]]


def _platform(config: Config) -> Found:
    if config.platform.api_version == "v2" and not config.platform.bucket and config.hunts:
        yield "platform.bucket", "is not set, and a v2 platform copies disks through a bucket"
    for ref, times in Counter(config.webhook.tokens).items():
        if times > 1:
            yield "webhook.tokens", f"{ref} stands there twice"


def _accounts(config: Config) -> Found:
    by_id: dict[str, str] = {}
    for name, account in config.accounts.items():
        where = f"accounts.{name}"
        if account.id and by_id.setdefault(account.id, name) != name:
            yield f"{where}.id", f"is that of accounts.{by_id[account.id]} as well"
        owner = account.role.split(":")[4] if account.role else ""
        if account.id and owner and owner != account.id:
            yield f"{where}.role", f"belongs to the account {owner}, and id says {account.id}"


# Hunts


def _v2(config: Config) -> Found:
    """Settings that a platform of API v2 always refuses."""
    for name, hunt in config.hunts.items() if config.platform.api_version == "v2" else ():
        modes = [("capture", hunt.capture)]
        modes += [(f"targets[{n}].capture", one.capture) for n, one in enumerate(hunt.targets) if one.capture]
        for key, mode in modes:
            if mode != "full":
                yield f"hunts.{name}.{key}", f"API v2 makes full captures only, not {mode}"


def _hunt(where: str, hunt: HuntConfig) -> Found:
    first: dict[tuple[str, str, str], int] = {}
    for number, target in enumerate(hunt.targets):
        here = f"{where}.targets[{number}]"
        if isinstance(target, TargetConfig):
            same = first.setdefault((target.instance, target.region, target.account), number)
            if same != number:
                yield here, f"names the same system as targets[{same}]"
        else:
            yield from _selector(here, target)
        for rule_number, rule in enumerate(hunt.exclude):
            if _takes_away(rule, target):
                yield here, f"takes no system: exclude[{rule_number}] leaves out all of it"
    modes = {hunt.capture, *(target.capture for target in hunt.targets)}
    if hunt.host_options:
        options = hunt.host_options
        here = f"{where}.host_options"
        if "triage" not in modes:
            yield here, "has no effect: only a triage collects by it, and nothing is captured as triage"
        elif options.collection_type == "balanced" and (
            options.groups or options.additional_files or options.additional_files_only
        ):
            yield here, "its groups and files have no effect; write collection_type: custom"


def _selector(where: str, selector: SelectorConfig) -> Found:
    for state in selector.states:
        if state in ("shutting-down", "terminated"):
            yield f"{where}.states", f"a system that is {state} cannot be captured"
    for pattern in selector.vpcs:
        begins = re.split(r"[*?]", pattern)[0]
        if not (begins.startswith("vpc-") or "vpc-".startswith(begins)) or not pattern:
            yield f"{where}.vpcs", f"{quoted(pattern)} matches nothing: the id of a VPC begins with vpc-"
    for name, values in selector.tags.items():
        if not values:
            yield f"{where}.tags.{name}", "is empty, so nothing matches; write '*' for any value"


def _takes_away(rule: ExcludeConfig, target: TargetConfig | SelectorConfig) -> bool:
    """Whether the rule leaves out every system that the target can take."""
    if isinstance(target, TargetConfig):
        unknown = rule.tags or rule.names or rule.vpcs or rule.platforms or rule.states or rule.instance_regex
        return not unknown and all(
            not wanted or has in wanted
            for wanted, has in (
                (rule.instance, target.instance),
                (rule.regions, target.region),
                (rule.accounts, target.account),
            )
        )
    if rule.instance or (rule.accounts and target.organizational_units):
        return False
    if rule.instance_regex is not None and rule.instance_regex != target.instance_regex:
        return False
    sets = (
        (rule.regions, () if ALL_REGIONS in target.regions else target.regions),
        (rule.accounts, target.accounts),
        (rule.platforms, target.platforms),
        (rule.states, target.states),
    )
    patterns = [(rule.names, target.names), (rule.vpcs, target.vpcs)]
    patterns += [(values, target.tags.get(key, ())) for key, values in rule.tags.items()]
    return all(_within(narrow, wide) for wide, narrow in sets) and all(
        _covered(narrow, wide) for wide, narrow in patterns
    )


def _within(narrow: tuple[str, ...], wide: tuple[str, ...]) -> bool:
    return not wide or (bool(narrow) and set(narrow) <= set(wide))


def _covered(narrow: Iterable[str], wide: tuple[str, ...]) -> bool:
    """Whether what fits one of `narrow` always fits one of `wide`. An empty `wide` asks for nothing."""
    narrow = list(narrow)
    return not wide or (bool(narrow) and all(any(covers(w, n) for w in wide) for n in narrow))


# Routes and destinations


def _routes(config: Config, known_regions: Collection[str]) -> Found:
    accounts = [*config.accounts, *(one.id for one in config.accounts.values() if one.id)]
    regions = {*known_regions, *config.extra_regions}
    for number, route in enumerate(config.routes):
        match, where = route.match, f"routes[{number}].match"
        for pattern in match.event:
            yield from ((f"{where}.event", text) for text in _event(pattern))
        for pattern in match.hunt:
            if not fits_any(config.hunts, pattern) and not (config.guardduty and fits(_A_FINDING, [pattern])):
                yield f"{where}.hunt", f"there is no hunt {quoted(pattern)}{advice(pattern, config.hunts)}"
        for pattern in match.account:
            # An alarm may be about any account; only then are its twelve digits all that is known of it.
            if not fits_any(accounts, pattern) and not _fits_an_id(pattern):
                yield f"{where}.account", f"there is no account {quoted(pattern)}{advice(pattern, accounts)}"
        for pattern in match.region:
            if not fits_any(regions, pattern):
                yield f"{where}.region", f"{quoted(pattern)} is not a region{advice(pattern, regions)}"
        yield from _empty(match, where)
    for number, above in _unreachable(config).items():
        yield (
            f"routes[{number}]",
            (
                f"no alarm comes here: routes[{above}] above takes all that this one matches; "
                "put this one above it, or write continue: true there"
            ),
        )


def _fits_an_id(pattern: str) -> bool:
    """Whether the id of an account, of twelve digits, can fit."""
    fixed = len(pattern.replace("*", ""))
    return bool(re.fullmatch(r"[0-9*?]+", pattern)) and (fixed == 12 or (fixed < 12 and "*" in pattern))


def _empty(match: MatchConfig, where: str) -> Found:
    """Values that are no condition, or one that nothing meets."""
    for key in ("event", "severity", "hunt", "project", "account", "region", "instance"):
        if key in match.model_fields_set and not getattr(match, key):
            yield f"{where}.{key}", "is empty, so it asks for nothing: take it out, or write what must match"
    for key in ("project", "instance"):
        if "" in getattr(match, key):
            yield f"{where}.{key}", "'' matches nothing; write '*' for any"
    for name, values in match.tags.items():
        if not 1 <= len(name) <= _LONGEST_TAG:
            yield (
                f"{where}.tags",
                f"no tag has the key {quoted(name)}: EC2 takes 1 to {_LONGEST_TAG} characters",
            )
        elif not values:
            yield f"{where}.tags.{name}", "is empty, so nothing matches; write '*' for any value"


def fits_any(texts: Iterable[str], pattern: str) -> bool:
    return any(fits(text, [pattern]) for text in texts)


def _event(pattern: str) -> Iterator[str]:
    lower = pattern.lower()
    if fits_any(_ROUTED, lower):
        return
    if fits_any(_NOT_ROUTED, lower):
        yield f"{quoted(pattern)} is never routed: it goes where the alarms went, or where its own key says"
    else:
        yield f"there is no event {quoted(pattern)}{advice(lower, _ROUTED)}"


def _unreachable(config: Config) -> dict[int, int]:
    """By its number, each route that no alarm reaches, and the one above that takes all that it matches."""
    found: dict[int, int] = {}
    for number, route in enumerate(config.routes):
        above = (
            other
            for other in range(number)
            if not config.routes[other].go_on and _takes_all_of(config.routes[other].match, route.match)
        )
        if (first := next(above, None)) is not None:
            found[number] = first
    return found


def _takes_all_of(wide: MatchConfig, narrow: MatchConfig) -> bool:
    # These facts are known of every alarm, so a list of all their values is the same as no list.
    events = () if "*" in wide.event else tuple(map(str.lower, wide.event))
    severities = () if set(wide.severity) == set(Severity) else wide.severity
    keys = ("hunt", "project", "account", "region", "instance")
    return (
        _covered(map(str.lower, narrow.event), events)
        and _within(narrow.severity, severities)
        and all(_covered(getattr(narrow, key), getattr(wide, key)) for key in keys)
        and all(_covered(narrow.tags.get(key, ()), values) for key, values in wide.tags.items())
    )


def _destinations(config: Config) -> Found:
    unreachable = _unreachable(config)
    used = {
        *(name for number, one in enumerate(config.routes) if number not in unreachable for name in one.to),
        *config.default,
        *((config.delivery.fallback,) if config.delivery.fallback else ()),
        *(config.reminders.to if config.reminders else ()),
    }
    for name, destination in config.destinations.items():
        where = f"destinations.{name}"
        if name not in used:
            yield where, "no alarm goes there: neither a route that can be reached nor default names it"
        if isinstance(destination, JiraConfig) and not _PROJECT_KEY.fullmatch(destination.project):
            yield f"{where}.project", f"{quoted(destination.project)} does not look like a key, such as SEC"


def _owners(config: Config) -> Found:
    there = {destination.type for destination in config.destinations.values()}
    for name, owner in config.owners.items():
        for kind in OwnerConfig.model_fields:
            if getattr(owner, kind) is not None and kind not in there:
                yield f"owners.{name}.{kind}", f"calls nobody: there is no destination of type {kind}"


# The rest


def _links(config: Config) -> Found:
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


def _follow(config: Config) -> Found:
    follow = config.follow
    if follow.stall_after >= follow.give_up_after:
        yield "follow.stall_after", "is never reached: give_up_after comes first"
    if follow.recover_after is not None and follow.recover_after >= follow.recover_for > 0:
        yield "follow.recover_after", "is never reached: recover_for ends first"
