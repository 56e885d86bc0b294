"""The part of `huntbridge init` about the first hunt: what AWS has, what is captured of it, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click

from cli.exit_codes import Misused
from cli.init_draft import Draft
from cli.init_questions import Interview
from scheduler import check_aws
from scheduler.parallel_calls import ParallelCalls
from shared.models.checks import CheckResult, failed, passed
from shared.models.inventory import InstanceError
from shared.models.systems import Instance
from shared.phrases import counted

_BUDGET = 60.0  # seconds for the look at all regions
_TARGETS = ("tag", "region", "instance")
_WHEN = ("schedule", "timezone", "capture")
_ALIVE = ("running", "stopped")  # what a hunt captures by default


@dataclass(frozen=True)
class Seen:
    """The instances of this machine's own account, by their regions; nothing if EC2 does not answer."""

    by_region: Mapping[str, list[Instance]]

    def tags(self) -> dict[str, str]:
        """Each KEY=VALUE that is in use, the most frequent first, with how many instances have it."""
        counts = Counter(
            f"{key}={value}"
            for instances in self.by_region.values()
            for instance in instances
            for key, value in instance.tags.items()
            if key != "Name" and not key.startswith("aws:") and "," not in f"{key}{value}"
        )
        return {tag: counted(count, "instance") for tag, count in counts.most_common()}

    def regions(self, tags: Mapping[str, list[str]]) -> dict[str, str]:
        """The regions that have instances with all of these tags, with their number."""
        numbers = {
            region: sum(
                all(instance.tags.get(key) in values for key, values in tags.items())
                for instance in instances
            )
            for region, instances in self.by_region.items()
        }
        return {region: counted(number, "instance") for region, number in numbers.items() if number}


def ask_hunt(ask: Interview, draft: Draft) -> None:
    """Asks what is hunted, unless the draft has a hunt already. Without a terminal there is no hunt if no
    option names its systems."""
    if draft.data.get("hunts") and not ask.given(*_TARGETS):
        for hunt in draft.data["hunts"].values():
            hunt |= {name: ask.option(name) for name in _WHEN if ask.given(name)}
        if ask.is_valid(draft, *_WHEN) and ask.accepts(_findings(draft), *_WHEN):
            return
    elif not ask.terminal and not ask.given("tag", "instance"):
        if ask.given("region", "hunt", *_WHEN):
            raise Misused("--tag or --instance is missing: the options of a hunt name no system")
        return
    is_named = ask.given("instance") or (ask.given("tag") and ask.given("region"))
    seen = Seen({}) if is_named else _look(ask, draft)
    while True:
        targets = _targets(ask, seen)
        if not targets:
            draft.data.pop("hunts", None)
            return
        name = ask.text("hunt", "Name of the hunt", "weekly")
        hunt = {
            "schedule": ask.text(
                "schedule", "When it runs, in the form of EventBridge", "cron(0 2 ? * SUN *)"
            ),
            "timezone": ask.text("timezone", "Time zone of the schedule", "Etc/UTC"),
            "capture": ask.text("capture", "What is captured: full, triage or scan", "full"),
            "targets": targets,
        }
        draft.data["hunts"] = {name: hunt}
        options = (*_TARGETS, "hunt", *_WHEN)
        if ask.is_valid(draft, *options) and ask.accepts(_findings(draft), *options):
            return


def _look(ask: Interview, draft: Draft) -> Seen:
    """What EC2 has in all regions of this machine's own account."""
    while True:
        seen: dict[str, list[Instance]] = {}
        click.echo("Looking at AWS …")
        if ask.accepts(_instances(draft, seen)):
            return Seen(seen)


def _instances(draft: Draft, seen: dict[str, list[Instance]]) -> Iterator[CheckResult]:
    """Fills `seen`. A region that refuses to answer is only a warning if others answer."""
    runtime = draft.runtime()
    fleet = runtime.make_fleet(read_timeout=10, retries=1)
    try:
        regions = fleet.regions("")
    except InstanceError as error:
        yield failed("AWS", f"{error}; set AWS_PROFILE, AWS_ACCESS_KEY_ID or a role of this machine")
        return
    with ParallelCalls(runtime.now, _BUDGET) as calls:
        answers, refused = calls.each(lambda region: fleet.instances("", region), regions)
    for region in sorted(answers):
        if alive := [instance for instance in answers[region] if instance.state in _ALIVE]:
            seen[region] = alive
    reasons: dict[str, list[str]] = {}
    for region, why in refused.items():
        reasons.setdefault(why.replace(f" in {region}", ""), []).append(region)
    for why, there in reasons.items():
        # Many organizations forbid some regions to everybody.
        yield CheckResult(f"AWS, {counted(len(there), 'region')}", bool(answers), why, warning=True)
    number = sum(map(len, seen.values()))
    if answers:
        where = f" in {', '.join(seen)}" if seen else ""
        regions_there = counted(len(answers), "region")
        yield passed("AWS", f"EC2 answers in {regions_there}: {counted(number, 'instance')}{where}")


def _targets(ask: Interview, seen: Seen) -> list[dict[str, Any]]:
    """None if there is to be no hunt."""
    tags: dict[str, list[str]] = {}
    if not ask.given("instance") or ask.given("tag"):
        offers = seen.tags()
        if ask.terminal and not ask.given("tag") and offers:
            click.echo("A hunt captures the instances that have a tag. These are in use:")
        for text in ask.choices("tag", "Tags as KEY=VALUE, of which one for each key is needed", offers):
            key, _, value = text.partition("=")
            tags.setdefault(key, []).append(value or "*")
    targets = []
    if tags:
        regions = seen.regions(tags)
        chosen = ask.choices("region", "Regions, or all", regions, list(regions) or ["all"])
        targets.append({"tags": tags, "regions": "all" if chosen == ["all"] else chosen})
    if not tags or ask.given("instance"):
        for text in ask.choices("instance", "Instances as REGION/ID; none for no hunt", {}):
            targets.append(_named(text))
    return targets


def _named(text: str) -> dict[str, Any]:
    region, _, instance = text.partition("/")
    return {"instance": instance, "region": region}


def _findings(draft: Draft) -> Iterator[CheckResult]:
    runtime = draft.runtime()
    for name, hunt in runtime.config.hunts.items():
        if never := hunt.never_runs(runtime.now()):
            yield failed(f"hunt {name}", f"its schedule {never}")
    yield from check_aws.findings(runtime)
