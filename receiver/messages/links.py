"""The links of a message: to the platform, the console of the cloud provider, the issue in Jira, and the
configured ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote

from receiver.messages.message import CaseStatus, Link
from receiver.messages.safe_text import copyable
from receiver.messages.subject import system_of
from shared.config.config import Config
from shared.config.destinations.slack import LONGEST_SLACK_LINK
from shared.models import console_pages
from shared.models.alarms import Alarm
from shared.models.event_kinds import (
    CAPTURE_FAILED,
    CAPTURE_STALLED,
    HUNT_FINISHED,
    HUNT_MISSED,
    NO_NEWS,
    OWN_KINDS,
    TEST,
)
from shared.models.systems import Kind, System

# The host of the EC2 console by the form of the region's name, from
# docs.aws.amazon.com/general/latest/gr/mgmt-console.html and the same page of the other partitions. The
# isolated partitions are left out, since their consoles cannot be reached from outside.
_CONSOLES = (
    (re.compile(r"us-gov-[a-z]+-\d", re.ASCII), "console.amazonaws-us-gov.com"),
    (re.compile(r"cn-[a-z]+-\d", re.ASCII), "console.amazonaws.cn"),
    (re.compile(r"eusc-[a-z]{2}-[a-z]+-\d", re.ASCII), "console.amazonaws-eusc.eu"),
    (re.compile(r"[a-z]{2}-[a-z]+-\d", re.ASCII), "console.aws.amazon.com"),
)
# The parts of the ids of machines, from learn.microsoft.com (naming rules of resources) and the reference of
# Google's Compute Engine.
_AZURE = {
    "subscription": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII),
    "group": re.compile(r"[\w.()-]{1,90}", re.ASCII),
    "vm": re.compile(r"[\w.-]{1,64}", re.ASCII),
}
_GOOGLE = {
    "project": re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]", re.ASCII),
    "zone": re.compile(r"[a-z]+-[a-z]+\d+-[a-z]", re.ASCII),
    "vm": re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII),
}
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8}([0-9a-f]{9})?", re.ASCII)


def links_of(alarm: Alarm, case: CaseStatus, config: Config | None = None) -> Iterator[Link]:
    if alarm.link:
        yield Link("platform", "Open in the platform", alarm.link)
    yield from _page_of_huntbridge(alarm, config)
    system = system_of(alarm)
    if system and (url := console_url(system.instance, system.region)):
        yield Link("console", "Open in the EC2 console", url)
    elif system:
        yield from _portal(system)
    if case.issue:
        key, url = case.issue
        yield Link("issue", f"Open {key} in Jira", url)


def _portal(system: System) -> Iterator[Link]:
    """The machine's page at Azure or Google, unless a part of its id has characters that no such part has.
    The form of these addresses is not public."""
    parts = system.parts
    if system.kind is Kind.AZURE_VM and _fit(parts, _AZURE):
        subscription, group, vm = (quote(parts[name]) for name in _AZURE)
        path = f"subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute"
        url = f"https://portal.azure.com/#@/resource/{path}/virtualMachines/{vm}"
        yield Link("console", "Open in the Azure portal", url)
    if system.kind is Kind.GCE and _fit(parts, _GOOGLE):
        path = f"zones/{parts['zone']}/instances/{parts['vm']}?project={parts['project']}"
        url = f"https://console.cloud.google.com/compute/instancesDetail/{path}"
        yield Link("console", "Open in the Google Cloud console", url)


def _fit(parts: Mapping[str, str], patterns: Mapping[str, re.Pattern[str]]) -> bool:
    return all(pattern.fullmatch(parts.get(name, "")) for name, pattern in patterns.items())


def _page_of_huntbridge(alarm: Alarm, config: Config | None) -> Iterator[Link]:
    """The page of the case or the hunt in huntbridge's console, if people can open that by an address."""
    url, event = config.console.url if config else None, alarm.event
    if url is None:
        return
    if event.kind in (HUNT_FINISHED, HUNT_MISSED, CAPTURE_FAILED, CAPTURE_STALLED):
        if event.hunt_id:
            yield Link("case", "Open the hunt", url + console_pages.hunt(event.hunt_id))
    elif event.kind in NO_NEWS or event.kind not in (*OWN_KINDS, TEST):
        yield Link("case", "Open the case", url + console_pages.case(alarm.case_key))


def configured_links(config: Config | None) -> Iterator[Link]:
    """The links of `message.links`."""
    for number, link in enumerate(config.message.links if config else (), 1):
        yield Link(f"own_{number}", link.text, link.url)


def links_left_out(links: Iterable[Link]) -> Iterator[str]:
    """A sentence for each link of the configuration that is too long for every destination."""
    for link in links:
        if link.name.startswith("own_") and len(link.url) > LONGEST_SLACK_LINK:
            reason = f"it has {len(link.url):,} characters, and no destination takes more than"
            name = copyable(link.text, 75)
            yield f"The link “{name}” of message.links is left out: {reason} {LONGEST_SLACK_LINK:,}"


def console_url(instance: str, region: str) -> str:
    """The instance's page in the EC2 console. Empty if the partition has no reachable console, or if the
    instance id or the region is malformed."""
    host = next((host for region_name, host in _CONSOLES if region_name.fullmatch(region)), "")
    if not host or not _INSTANCE_ID.fullmatch(instance):
        return ""
    return f"https://{region}.{host}/ec2/home?region={region}#InstanceDetails:instanceId={instance}"
