"""The simulated world of the demo: the platform, Slack, Teams, Jira, pagers and EC2, and huntbridge's
configuration.

The platform and the tools are simulations in this process; EC2 is moto's server.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
import yaml
from moto.server import ThreadedMotoServer

from demo.base import app_of
from demo.fleet import (
    AZURE_ACCOUNT,
    CLUSTER,
    ELSEWHERE,
    GOOGLE_ACCOUNT,
    GROUP,
    PROJECT,
    SUBSCRIPTION,
    ZONE,
    launch,
)
from demo.jira.simulation import Jira
from demo.jsm.simulation import Jsm
from demo.pagerduty.simulation import PagerDuty
from demo.platform.records import SimInstance
from demo.platform.simulation import Platform
from demo.serving import serving
from demo.slack.simulation import Slack
from demo.teams.simulation import Teams
from demo.web.jira_pages import browse_page
from demo.web.platform_pages import own_page
from demo.web.shell import Home, static_files

HUNT = "weekly-crown-jewels"
ENVIRONMENT = "environment"  # the file from which a shell reads the settings of the demo
ACCOUNT_ID = "123456789012"  # moto's own
# The demo's own secrets. They protect only the simulations.
RUN_KEY, ADMIN_KEY, TOKEN = "demo-lead-analyst-key", "demo-platform-admin-key", "demo-webhook-token"
# The events for which webhooks are registered.
WEBHOOKS = ("processing_with_alarms", "processing_failed")


@dataclass(frozen=True)
class World:
    fleet: list[SimInstance]
    platform: Platform
    platform_url: str
    slack: Slack
    teams: Teams
    jira: Jira
    chat_url: str
    ec2_url: str
    home: Home = field(default_factory=Home)  # of the demo's pages
    pagerduty: PagerDuty = field(default_factory=PagerDuty)
    jsm: Jsm = field(default_factory=Jsm)

    def received(self) -> dict[str, list[str]]:
        """The messages that each tool received, as JSON text in the form in which they were first posted.

        Slack has the first alarm of a case twice, as the message of the case and as its first reply. It
        counts once.
        """
        posts = list(self.slack.posts)
        first = {post.ts: (post.edits or [post.body])[0] for post in posts}
        return {
            "slack": [
                json.dumps(first[post.ts])
                for post in posts
                if not post.thread_ts or post.body["text"] != first[post.thread_ts]["text"]
            ],
            "teams": [json.dumps(message.body) for message in self.teams.messages],
            "jira": [json.dumps(message.body) for message in self.jira.messages],
        }


@contextmanager
def world(pace: float) -> Iterator[World]:
    slack, teams, jira = Slack(rate=2, burst=4), Teams(), Jira()
    pagerduty, jsm = PagerDuty(), Jsm()
    with ExitStack() as stack:
        ec2 = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        ec2.start()
        stack.callback(ec2.stop)
        host, port = ec2.get_host_and_port()
        ec2_url = f"http://{host}:{port}"
        fleet = launch(ec2_url)
        platform = Platform(
            (*fleet, *ELSEWHERE),
            {RUN_KEY: "Lead Analyst", ADMIN_KEY: "Platform Administrator"},
            pace=pace,
            latency=0.02,
        )
        home = Home()
        platform.app.register_blueprint(own_page(platform, home))
        platform.app.register_blueprint(static_files(home))
        platform_url = stack.enter_context(serving(platform.app))
        tools = app_of(slack, teams, jira, pagerduty, jsm)
        tools.register_blueprint(browse_page(jira, home))
        tools.register_blueprint(static_files(home))
        chat_url = stack.enter_context(serving(tools))
        platform.start()
        stack.callback(platform.stop)
        yield World(
            fleet, platform, platform_url, slack, teams, jira, chat_url, ec2_url, home, pagerduty, jsm
        )


def write_config(world: World, folder: Path, console_url: str = "") -> tuple[Path, dict[str, str]]:
    """Write the configuration for a huntbridge in this world. Returns its path and the environment.

    Messages have buttons to pages of the console if its address is known."""
    path = folder / "huntbridge.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "platform": {
                    "url": world.platform_url,
                    "api_key": "env:CADO_API_KEY",
                    "link": "{url}/projects/{project_id}",
                },
                "webhook": {"tokens": ["env:WEBHOOK_TOKEN"]},
                **({"console": {"url": console_url}} if console_url else {}),
                "accounts": {
                    "prod": {"id": ACCOUNT_ID},
                    "azure": {"provider": "azure", "cado_account": AZURE_ACCOUNT},
                    "google": {
                        "provider": "gcp",
                        "cado_account": GOOGLE_ACCOUNT,
                        "export": {"project": "acme-forensics", "bucket": "acme-hunts"},
                    },
                },
                "hunts": {
                    HUNT: {
                        "schedule": "cron(0 2 ? * SUN *)",
                        "timezone": "Etc/UTC",
                        "capture": "full",
                        # All at once, so that the hunt ends soon.
                        "max_in_flight": len(world.fleet) + len(ELSEWHERE),
                        "targets": [*_instances(world), *_elsewhere()],
                    }
                },
                "destinations": {
                    "soc": {
                        "type": "slack",
                        "token": "env:SLACK_BOT_TOKEN",
                        "channel": world.slack.channels[0].id,
                        "host": urlsplit(world.chat_url).netloc,
                        "signing_secret": "env:SLACK_SIGNING_SECRET",
                    },
                    "office": {"type": "teams", "webhook_url": "env:TEAMS_WEBHOOK_URL"},
                    "tickets": {
                        "type": "jira",
                        "url": world.chat_url,
                        "email": "hunt@acme.example",
                        "api_token": "env:JIRA_API_TOKEN",
                        "project": "SEC",
                        "issue_type": "Incident",
                        "verdicts": {
                            "Done": "true_positive",
                            "Won't Do": "benign",
                            "Cannot Reproduce": "false_positive",
                        },
                    },
                    "pager": {
                        "type": "pagerduty",
                        "routing_key": "env:PAGERDUTY_ROUTING_KEY",
                        "url": world.chat_url,
                    },
                    "on-call": {"type": "jsm", "api_key": "env:JSM_API_KEY", "url": world.chat_url},
                },
                "routes": [
                    {"match": {"event": ["hunt_finished", "capture_failed"]}, "to": ["soc", "office"]},
                    {"match": {"severity": ["malicious", "suspicious"]}, "to": ["soc", "office", "tickets"]},
                ],
                "default": ["soc"],
                # Long enough for the two volumes of a machine to share a message, and nobody waits in vain.
                "delivery": {"group_wait": "3s"},
                "escalate": [{"after": "2m", "to": ["pager"]}, {"after": "3m", "to": ["on-call"]}],
                # On a busy machine a webhook may be late. It must not be taken for lost.
                "follow": {"interval": 0.5, "recover_after": 20.0},
            },
            sort_keys=False,
        ),
        encoding="utf-8",
    )
    environ = {
        "CADO_API_KEY": RUN_KEY,
        "WEBHOOK_TOKEN": TOKEN,
        "SLACK_BOT_TOKEN": world.slack.token,
        "SLACK_SIGNING_SECRET": world.slack.signing_secret,
        "TEAMS_WEBHOOK_URL": world.chat_url + world.teams.path,
        "JIRA_API_TOKEN": "demo-token",
        "PAGERDUTY_ROUTING_KEY": world.pagerduty.key,
        "JSM_API_KEY": world.jsm.key,
        "AWS_ENDPOINT_URL": world.ec2_url,
        "AWS_ACCESS_KEY_ID": "demo",
        "AWS_SECRET_ACCESS_KEY": "demo",
        "HUNTBRIDGE_CONFIG": str(path),
        "HUNTBRIDGE_DATA": str(folder / "data"),
    }
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in environ.items())
    (folder / ENVIRONMENT).touch(mode=0o600)
    (folder / ENVIRONMENT).write_text("".join(exports), encoding="utf-8")
    return path, environ


def _instances(world: World) -> list[dict[str, str]]:
    return [
        {"instance": machine.instance_id, "region": machine.region, "account": "prod"}
        for machine in world.fleet
    ]


def _elsewhere() -> list[dict[str, object]]:
    azure = {"account": "azure", "subscription": SUBSCRIPTION, "resource_group": GROUP}
    google = {"account": "google", "project": PROJECT, "zone": ZONE}
    return [
        {"kind": "azure_vm", **azure, "name": "pay-01"},
        {"kind": "azure_vm", **azure, "name": "pay-02"},
        {"kind": "gce", **google, "name": "search-01"},
        {"kind": "ecs", "accounts": ["prod"], "regions": ["us-east-1"], "clusters": CLUSTER},
    ]


def register_webhooks(world: World, webhook_url: str) -> None:
    """Register a webhook with the token for each kind of event, as an administrator of the platform does."""
    for event in WEBHOOKS:
        answer = requests.post(
            f"{world.platform_url}/api/v3/webhooks",
            json={
                "name": f"huntbridge {event}",
                "event_type": event,
                "payload_type": "custom",
                "url": webhook_url,
                "payload": {"token": TOKEN, "event": event, "title": "$Title", "message": "$Event"},
            },
            headers={"Authorization": f"Bearer {ADMIN_KEY}"},
            timeout=10,
        )
        answer.raise_for_status()
