"""`huntbridge webhook`, as a person would call it, against the simulated platform and the real web app."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner

from cli.main import main
from demo.platform.simulation import Platform
from demo.serving import serving
from receiver.web import create_app
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.queues.ports import EVENTS
from shared.secrets import Secret
from tests.served import ServedPlatform, served_platform

ADMIN, LEAD, TOKEN = "platform-administrators-key", "lead-analysts-key", "webhook-token-1"
URL = "https://hunt.example/webhooks/cado"
SLACK = "https://hooks.slack.com/services/T0/B0/somebody-elses-secret"
ALARMS, FAILED = "processing_with_alarms", "processing_failed"


def payload(event: str, token: str = TOKEN) -> dict[str, str]:
    return {"token": token, "event": event, "title": "$Title", "message": "$Event"}


@pytest.fixture
def platform():
    with served_platform((), {ADMIN: "Platform Administrator", LEAD: "Lead Analyst"}) as platform:
        yield platform


@pytest.fixture
def webhook(tmp_path, monkeypatch, platform):
    """Runs `huntbridge webhook …` in an empty folder; no output may hold a secret."""
    monkeypatch.chdir(tmp_path)
    for name in ("HUNTBRIDGE_CONFIG", "HUNTBRIDGE_DATA"):
        monkeypatch.delenv(name, raising=False)

    def run(*args: str, answer: str | None = None, **environ: str):
        settings = {
            "PLATFORM_IP": platform.url,
            "API_KEY": LEAD,
            "ADMIN_API_KEY": ADMIN,
            "WEBHOOK_TOKEN": TOKEN,
            **environ,
        }
        result = CliRunner().invoke(
            main, ["webhook", *args], env=settings, input=answer, catch_exceptions=False
        )
        for secret in (ADMIN, LEAD, TOKEN, "somebody-elses-secret"):
            assert secret not in result.output
        return result

    return run


def hooks(platform: ServedPlatform) -> list[tuple[str, str, str, Any, str, bool]]:
    return [
        (hook.name, hook.event_type, hook.url, hook.payload, hook.payload_type, hook.enabled)
        for hook in platform.webhooks.by_id.values()
    ]


def changes(platform: ServedPlatform) -> list[str]:
    return [request.method for request in platform.requests if request.method != "GET"]


def registered(event: str, url: str = URL, token: str = TOKEN) -> tuple[str, str, str, Any, str, bool]:
    return (f"huntbridge {event}", event, url, payload(event, token), "custom", True)


# --- register


def test_one_webhook_for_each_kind(webhook, platform):
    result = webhook("register", "--url", URL)
    assert (result.exit_code, result.stdout) == (
        0,
        "created: processing_with_alarms, webhook 1\ncreated: processing_failed, webhook 2\n",
    )
    assert hooks(platform) == [registered(ALARMS), registered(FAILED)]


def test_again_changes_nothing(webhook, platform):
    webhook("register", "--url", URL)
    result = webhook("register", "--url", URL + "/")
    assert result.stdout == (
        "unchanged: processing_with_alarms, webhook 1\nunchanged: processing_failed, webhook 2\n"
    )
    assert (result.exit_code, changes(platform)) == (0, ["POST", "POST"])


def test_what_differs_is_changed_and_nothing_else(webhook, platform):
    webhook("register", "--url", "https://old.example/webhooks/cado")
    first, second = platform.webhooks.by_id.values()
    second.enabled, second.url, second.payload_type = False, URL, "slack"
    result = webhook("register", "--url", URL, WEBHOOK_TOKEN="webhook-token-2", WEBHOOK_TOKEN_PREVIOUS=TOKEN)
    assert result.stdout == (
        "updated: processing_with_alarms, webhook 1; "
        "its URL was https://old.example/webhooks/cado, its payload was another one\n"
        "updated: processing_failed, webhook 2; "
        "its payload was another one, its payload type was slack, it was disabled\n"
    )
    assert hooks(platform) == [registered(kind, token="webhook-token-2") for kind in (ALARMS, FAILED)]
    assert (first.id, second.id, len(platform.webhooks.by_id)) == (1, 2, 2)
    assert "webhook-token-2" not in result.output


def test_a_dry_run_does_nothing(webhook, platform):
    webhook("register", "--url", "https://old.example/webhooks/cado", "--event", FAILED)
    before = hooks(platform), changes(platform)
    result = webhook("register", "--url", URL, "--dry-run")
    assert (result.exit_code, result.stdout) == (
        0,
        "would be created: processing_with_alarms, no webhook yet\n"
        "would be updated: processing_failed, webhook 1; its URL was https://old.example/webhooks/cado\n",
    )
    assert (hooks(platform), changes(platform)) == before


def test_chosen_kinds_and_another_token(webhook, platform):
    result = webhook(
        "register", "--url", URL, "--event", "high_severity_alarm", "--token-ref", "env:OTHER", "--json",
        OTHER="another-token",
    )  # fmt: skip
    assert hooks(platform) == [registered("high_severity_alarm", token="another-token")]
    assert json.loads(result.stdout) == {
        "dry_run": False,
        "url": URL,
        "webhooks": [
            {"event": "high_severity_alarm", "did": "created", "webhook": 1, "detail": "", "ok": True}
        ],
    }
    assert "another-token" not in result.output


def test_one_of_another_name_is_told_and_not_doubled(webhook, platform):
    platform.webhooks.add("SOC bridge", ALARMS, payload(ALARMS), "custom", URL)
    platform.webhooks.add("by hand", FAILED, {"title": "$Title", "message": "$Event"}, "custom", URL)
    result = webhook("register", "--url", URL)
    assert result.exit_code == 1
    assert result.stdout == (
        "left: processing_with_alarms, webhook 1; "
        "'SOC bridge' sends this event to the same URL, so none was made beside it\n"
        "left: processing_failed, webhook 2; "
        "'by hand' sends this event to the same URL, so none was made beside it. "
        "It would not do (its payload was another one): name it 'huntbridge processing_failed' on the "
        "platform, or delete it there, and register again\n"
    )
    assert changes(platform) == []


def test_one_that_came_beside_ours_is_told(webhook, platform):
    webhook("register", "--url", URL, "--event", ALARMS)
    platform.webhooks.add("SOC bridge", ALARMS, payload(ALARMS), "custom", URL)
    result = webhook("register", "--url", URL, "--event", ALARMS)
    assert result.exit_code == 1
    assert "beside it webhook 2, 'SOC bridge' would send this event once more" in result.stdout


def test_what_fails_is_told_and_the_rest_is_done(webhook, platform):
    platform.fault("POST", "/webhooks$", 422)
    result = webhook("register", "--url", URL)
    assert result.exit_code == 3
    assert result.stdout.startswith(
        "failed: processing_with_alarms, no webhook yet; The platform refused it (422)"
    )
    assert hooks(platform) == [registered(FAILED)]
    assert webhook("register", "--url", URL).exit_code == 0
    assert {name for name, *_ in hooks(platform)} == {f"huntbridge {ALARMS}", f"huntbridge {FAILED}"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--url", "http://hunt.example/webhooks/cado"], "must be https"),
        (["--url", "https://hunt.example"], "must be the whole address"),
        (["--url", "https://user:word@hunt.example/webhooks/cado"], "must not hold a user name"),
        (["--url", "https://hunt.example/webhooks/cado?token=t"], "remove what begins with ?"),
        (["--url", URL, "--event", "processing_with_alarm"], "did you mean processing_with_alarms?"),
        (["--url", URL, "--token-ref", "the-token"], "a secret is written as a reference"),
        (["--url", URL, "--token-ref", "env:NOT_SET"], "NOT_SET is not set"),
        ([], "Missing option '--url'"),
    ],
)
def test_a_command_that_is_wrong(webhook, platform, args, said):
    result = webhook("register", *args)
    assert (result.exit_code, said in result.stderr.replace("\n", " ")) == (2, True), result.stderr
    assert platform.requests == []


def test_http_is_for_this_machine(webhook, platform):
    url = "http://127.0.0.1:8080/webhooks/cado"
    assert webhook("register", "--url", url, "--event", ALARMS).exit_code == 0
    assert hooks(platform) == [registered(ALARMS, url)]


def test_a_token_that_would_not_be_accepted_is_not_registered(webhook, platform):
    result = webhook("register", "--url", URL, WEBHOOK_TOKEN="1234567")
    assert (result.exit_code, hooks(platform)) == (2, [])
    assert "the webhook token env:WEBHOOK_TOKEN has fewer than 8 characters" in result.stderr


def test_without_a_token_there_is_nothing_to_register(webhook, platform):
    result = webhook("register", "--url", URL, WEBHOOK_TOKEN="")
    assert (result.exit_code, "webhook.tokens" in result.stderr, platform.requests) == (2, True, [])


# --- the key


@pytest.mark.parametrize(
    "args", [["register", "--url", URL], ["show"], ["test"], ["remove", "--yes"]], ids=lambda args: args[0]
)
@pytest.mark.parametrize(
    ("key", "code", "said"),
    [
        (LEAD, 3, "Webhooks need the role Platform Administrator"),
        ("wrong", 3, "Make a new key there and put it where platform.admin_key points"),
        ("", 2, "write platform.admin_key"),
    ],
)
def test_the_key_of_another_role(webhook, platform, args, key, code, said):
    result = webhook(*args, ADMIN_API_KEY=key)
    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert changes(platform) == []


def test_the_key_may_be_named_in_the_file(webhook, platform, tmp_path):
    (tmp_path / "huntbridge.yaml").write_text(f"""
platform: {{url: "{platform.url}", api_key: env:API_KEY, admin_key: env:OF_THE_ADMIN}}
webhook: {{tokens: env:WEBHOOK_TOKEN}}
""")
    assert "OF_THE_ADMIN is not set" in webhook("register", "--url", URL).stderr
    assert webhook("register", "--url", URL, OF_THE_ADMIN=ADMIN).exit_code == 0
    assert hooks(platform) == [registered(ALARMS), registered(FAILED)]


@pytest.mark.parametrize(
    "args", [["register", "--url", URL], ["show"], ["test"], ["remove", "--yes"]], ids=lambda args: args[0]
)
def test_api_v2_has_no_webhooks(webhook, args):
    result = webhook(*args, API_VERSION="v2")
    assert (result.exit_code, "API v2 has no webhooks" in result.stderr) == (3, True)


def test_a_platform_of_before_webhooks(webhook):
    with serving(Platform((), {ADMIN: "Platform Administrator"}, version="2.243.0").app) as url:
        result = webhook("show", PLATFORM_IP=url)
    assert (result.exit_code, "which its API has since 2.244.0" in result.stderr) == (3, True), result.stderr


# --- show


def test_show_lists_them_without_their_secrets(webhook, platform):
    webhook("register", "--url", URL, "--event", ALARMS)
    platform.webhooks.add("[red]chat\x1b[2J", "admin_login", {"text": "$Title $Event"}, "custom", SLACK)
    platform.webhooks.add(
        "old",
        ALARMS,
        payload(ALARMS),
        "custom",
        "https://u:somebody-elses-secret@h.example/webhooks/cado?t=x",
    )
    result = webhook("show", "--url", URL, "--json")
    assert result.exit_code == 0
    listed = json.loads(result.stdout)
    assert listed["problems"] == []
    assert listed["webhooks"][0] == {
        "id": 1,
        "name": "huntbridge processing_with_alarms",
        "own": True,
        "event": ALARMS,
        "url": URL,
        "enabled": True,
        "times_sent": 0,
        "last_sent": None,
    }
    assert [hook["url"] for hook in listed["webhooks"][1:]] == [
        "https://hooks.slack.com/<hidden>",
        "https://<hidden>@h.example/webhooks/cado?<hidden>",
    ]
    table = webhook("show", COLUMNS="200").stdout
    assert "[red]chat[2J" in table
    assert "\x1b" not in table
    assert "https://hooks.slack.com/<hidden>" in table


def test_show_says_what_is_wrong(webhook, platform):
    webhook("register", "--url", URL)
    first, second = platform.webhooks.by_id.values()
    first.enabled, second.url = False, "https://elsewhere.example/webhooks/cado?key=somebody-elses-secret"
    result = webhook("show", "--url", URL, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"] == [
        "webhook 1, 'huntbridge processing_with_alarms', is disabled",
        "webhook 2, 'huntbridge processing_failed', "
        f"leads to https://elsewhere.example/webhooks/cado?<hidden> and not to {URL}",
    ]
    text = webhook("show").stdout
    assert "webhook 1, 'huntbridge processing_with_alarms', is disabled" in text
    assert "and not to" not in text  # nobody said where it should lead


def test_show_where_there_is_none(webhook):
    result = webhook("show")
    assert result.exit_code == 1
    assert "the platform has no webhooks" in result.stdout
    assert "huntbridge webhook register" in result.stdout


# --- test


class Door(NamedTuple):
    """huntbridge's own web app, and the queue that it writes to."""

    url: str
    queue: SqliteQueue
    tokens: list[Secret]


@pytest.fixture
def door(tmp_path):
    queue, tokens = SqliteQueue(Database(tmp_path / "door.db"), EVENTS), [Secret(TOKEN)]
    app = create_app(queue, lambda: tokens, lambda: datetime.now(UTC), dict)
    with serving(app) as url:
        yield Door(f"{url}/webhooks/cado", queue, tokens)


def test_a_test_comes_through_the_door(webhook, platform, door):
    url, queue, _ = door
    webhook("register", "--url", url)
    result = webhook("test", "--event", ALARMS)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(
        "huntbridge processing_with_alarms: Webhook successfully fired; times sent: before 0, after 1\n"
        "Each test arrives as a message that is marked TEST"
    )
    assert queue.depth().living == 1
    assert [sent.event_type for sent in platform.sent] == [ALARMS]
    assert webhook("test").exit_code == 0
    assert queue.depth().living == 3


def test_a_test_that_does_not_get_through(webhook, platform, door):
    url, queue, _ = door
    webhook("register", "--url", url, "--event", ALARMS, "--token-ref", "env:OTHER", OTHER="wrong-token")
    platform.webhooks.by_id[1].enabled = False
    result = webhook("test")
    assert result.exit_code == 3
    assert "failed: The platform refused it (400): The webhook could not be sent" in result.stdout
    assert "it is disabled" in result.stdout
    assert queue.depth().living == 0


def test_a_test_of_what_is_not_registered(webhook, platform):
    assert "no webhook of huntbridge is registered: run" in webhook("test").stderr
    webhook("register", "--url", URL, "--event", ALARMS)
    result = webhook("test", "--event", FAILED)
    assert (result.exit_code, "is registered for processing_failed: run" in result.stderr) == (1, True)
    assert platform.sent == []


def test_a_platform_that_does_not_count(webhook, platform, door):
    platform.version = "2.300.0"
    webhook("register", "--url", door[0], "--event", ALARMS)
    assert "times sent: before not told, after not told" in webhook("test").stdout


# --- rotate

BOTH = ("--token-ref", "env:NEW", "--old-token-ref", "env:WEBHOOK_TOKEN")
NEW = "webhook-token-2-is-new"


def test_rotate_changes_one_webhook_after_the_other_and_says_what_to_remove(webhook, platform, door):
    url = door.url
    webhook("register", "--url", url)
    door.tokens.append(Secret(NEW))
    result = webhook("rotate", *BOTH, NEW=NEW)
    assert result.exit_code == 0, result.output
    assert hooks(platform) == [registered(event, url, NEW) for event in (ALARMS, FAILED)]
    assert "Now end the old token: remove env:WEBHOOK_TOKEN from the accepted tokens" in result.stdout
    assert webhook("rotate", *BOTH, NEW=NEW).exit_code == 0
    assert NEW not in result.output


def test_a_token_that_is_not_accepted_is_taken_back(webhook, platform, door):
    url = door.url
    webhook("register", "--url", url)
    result = webhook("rotate", *BOTH, NEW=NEW)
    assert result.exit_code == 3
    assert "it sends the old token again" in result.stdout
    assert "keep both tokens in webhook.tokens" in result.stderr
    assert hooks(platform) == [registered(event, url) for event in (ALARMS, FAILED)]


def test_a_test_that_does_not_arrive_in_the_ledger_brings_the_old_token_back(
    webhook, platform, door, tmp_path
):
    url = door.url
    webhook("register", "--url", url)
    door.tokens.append(Secret(NEW))
    Database(tmp_path / "huntbridge.db").close()  # nothing handles what comes in
    result = webhook("rotate", *BOTH, "--within", "0.1", "--data", str(tmp_path), NEW=NEW)
    assert result.exit_code == 3
    assert "the test did not arrive; it sends the old token again" in result.stdout
    assert hooks(platform) == [registered(event, url) for event in (ALARMS, FAILED)]


def test_a_platform_that_fails_half_way_leaves_a_token_that_is_accepted(webhook, platform, door):
    url = door.url
    webhook("register", "--url", url)
    door.tokens.append(Secret(NEW))
    for method, path in (("PATCH", "/webhooks/1$"), ("POST", "/test$")):
        platform.fault(method, path, 422)
        result = webhook("rotate", *BOTH, NEW=NEW)
        assert result.exit_code == 3
        assert {hook.payload["token"] for hook in platform.webhooks.by_id.values()} <= {TOKEN, NEW}
        assert webhook("test").exit_code == 0
    assert webhook("rotate", *BOTH, NEW=NEW).exit_code == 0


def test_rotate_needs_two_tokens_that_differ(webhook, platform):
    webhook("register", "--url", URL)
    assert "webhook.tokens must name two tokens" in webhook("rotate").stderr
    result = webhook("rotate", *BOTH, NEW=TOKEN)
    assert (result.exit_code, "have the same value" in result.stderr) == (2, True)


# --- remove


def test_remove_takes_ours_alone_and_asks(webhook, platform):
    webhook("register", "--url", URL)
    platform.webhooks.add("huntbridge-like", ALARMS, payload(ALARMS), "custom", URL)
    refused = webhook("remove", answer="n\n")
    assert (refused.exit_code, len(hooks(platform))) == (1, 3)
    assert "webhook 1, 'huntbridge processing_with_alarms', to https://hunt.example" in refused.stdout
    assert webhook("remove", answer="y\n").exit_code == 0
    assert [name for name, *_ in hooks(platform)] == ["huntbridge-like"]
    result = webhook("remove", "--yes")
    assert (result.exit_code, result.stdout) == (0, "none of the platform's webhooks is huntbridge's\n")
