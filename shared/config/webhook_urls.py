"""Checks the URLs to which messages are posted. A vendor's webhook URL must have a host of that vendor. Any
other webhook URL must not lead to a service that hands out credentials. No error message repeats a URL.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Literal

from shared.config.urls import is_loopback, split_url

SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
# Of the public cloud and of the US government's. The host of a tenant ends with one of these.
TEAMS_SUFFIXES = (
    ".environment.api.powerplatform.com",
    ".logic.azure.com",
    ".logic.azure.us",
    ".api.gov.powerplatform.microsoft.us",
)
# The names and addresses of instance metadata services, which hand out credentials: those of AWS, Google
# Cloud, Azure (with its wire server) and Alibaba Cloud. Source: their documentation.
_METADATA = frozenset(
    {
        *("metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"),
        *("169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200"),
    }
)
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_NEW_TEAMS_WEBHOOK = (
    "in Teams open the channel's menu, Workflows, 'Send webhook alerts to a channel', "
    "and put the URL that it shows at the end where the secret is kept"
)


def check_webhook_url(type: Literal["slack", "teams", "webhook"], url: str) -> str | None:
    """What is wrong with the webhook URL of a destination and what to do instead; None if it is right."""
    try:
        parts = split_url(url)
        if is_loopback(parts):
            return None
    except ValueError as error:
        return f"the webhook URL {error}"
    host = parts.hostname or ""
    if type == "webhook":
        return _check_receiver(parts.scheme, host.rstrip("."))
    if host == "office.com" or host.endswith(".office.com"):
        return (
            "this is the URL of an Office 365 connector, and Microsoft switched connectors off in May 2026; "
            + (_NEW_TEAMS_WEBHOOK if type == "teams" else "write type: teams, and make a Workflows webhook")
        )
    if parts.scheme != "https":
        return "the webhook URL must be https"
    if parts.port not in (None, 443):
        return "the webhook URL must have no port, or 443"
    if type == "slack":
        return _check_slack(host, parts.path)
    return _check_teams(host, parts.query)


def _check_receiver(scheme: str, host: str) -> str | None:
    """Accepts any host except special ones. An attacker who can set the URL must not reach cloud
    credentials."""
    if scheme != "https":
        return "the webhook URL must be https; http is only for this machine (127.0.0.1, ::1, localhost)"
    if host in SLACK_HOSTS:
        return "this is the URL of a Slack webhook; write type: slack"
    if host in _METADATA:
        return "the webhook URL leads to the metadata of a cloud's machines, and never to a receiver"
    try:
        address = ip_address(host)
    except ValueError:
        # The system's own functions also read these as addresses: 0x7f.1, 2852039166, 0251.0.0.1.
        if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}", host):
            return "the webhook URL has an address in an odd form: write it as four decimal numbers"
        return None
    inner = _inner(address)
    if inner.is_link_local or inner.is_unspecified or inner.is_multicast or str(inner) in _METADATA:
        return "the webhook URL leads to a link-local or other special address, and never to a receiver"
    return None


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address inside an IPv6 address, if there is one; otherwise the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _check_slack(host: str, path: str) -> str | None:
    if host.endswith(TEAMS_SUFFIXES):
        return "this is the URL of a Teams webhook; write type: teams"
    if host not in SLACK_HOSTS:
        return (
            "the host is not Slack's; an incoming webhook begins with https://hooks.slack.com/services/ "
            "(api.slack.com/apps, your app, Incoming Webhooks)"
        )
    if not re.fullmatch(r"/services/.+", path):
        return "the path is not that of an incoming webhook; it begins with https://hooks.slack.com/services/"
    return None


def _check_teams(host: str, query: str) -> str | None:
    if host in SLACK_HOSTS:
        return "this is the URL of a Slack webhook; write type: slack"
    if not host.endswith(TEAMS_SUFFIXES):
        return f"the host is not that of a Workflows webhook; {_NEW_TEAMS_WEBHOOK}"
    if "&amp;" in query.lower():
        return "the webhook URL was copied from a page's source: write & in place of each &amp;"
    if not re.search(r"(^|&)sig=[^&]", query):
        return (
            "the webhook URL has no sig=…, so Microsoft refuses every message: copy the whole URL, and let "
            "anyone trigger the flow (when a Teams webhook request is received, Anyone)"
        )
    return None
