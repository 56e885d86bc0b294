"""Takes over what environment variables configure, also those of Cado's original sample Lambda."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cli.init_destinations import OPTIONS
from cli.init_draft import Draft
from cli.init_questions import Interview
from shared.config.environment import HUNT, read_environment, read_systems
from shared.models.checks import CheckResult, failed, passed
from shared.phrases import counted


def take_over(ask: Interview, draft: Draft) -> Iterator[CheckResult]:
    """Answers what the variables answer, and fills the draft with what is never asked for. Yields what was
    taken over, and what could not be."""
    data = read_environment(os.environ).data
    platform = data["platform"]
    for key, option in (("url", "platform_url"), ("api_key", "api_key")):
        if key in platform:
            ask.assume(option, platform.pop(key))
    if "ca_bundle" in platform:
        # A variable's path starts at the current folder, and a file's at the file's folder.
        platform["ca_bundle"] = str(Path(platform["ca_bundle"]).absolute())
    draft.data["platform"] = platform
    if data["webhook"]["tokens"]:
        draft.data["webhook"] = data["webhook"]
    draft.data["extra_regions"] = data["extra_regions"]
    for type, section in data["destinations"].items():
        for key, value in (section | {"issue_type": section.get("issue_type", "Task")}).items():
            if f"{type}_{key}" in OPTIONS[type]:
                ask.assume(f"{type}_{key}", value)
    systems, problems = _hunt(draft, data)
    yield from problems
    there = f"{counted(systems, 'system')} and {counted(len(data['destinations']), 'destination')}"
    yield passed("environment", f"takes over {there}")


def _hunt(draft: Draft, data: Mapping[str, Any]) -> tuple[int, list[CheckResult]]:
    """How many systems the variables name, and what is wrong with the others."""
    targets: list[dict[str, str]] = []
    accounts: dict[str, dict[str, str]] = {}
    problems = []
    for name, system in read_systems(os.environ):
        if isinstance(system, str):
            problems.append(failed(name, system))
            continue
        target = {"instance": system["instanceid"], "region": system["region"]}
        if account := system.get("account"):
            target["account"] = key = _key(account)
            accounts[key] = {"cado_account": account}
        if target not in targets:
            targets.append(target)
    if targets:
        draft.data |= {"accounts": accounts, "hunts": {HUNT: {**data["hunts"][HUNT], "targets": targets}}}
    return len(targets), problems


def _key(account: str) -> str:
    """A key of `accounts` for the name that the platform gives to an account."""
    return re.sub(r"[^a-z0-9_-]+", "-", account.lower()).strip("-_")[:40] or "account"
