"""Clicks in Slack at the door: whole requests in, whole answers out, and what is in the queue afterwards."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.slack.records import Request, signed
from receiver.intake.slack_request import (
    ACKNOWLEDGE,
    CLOSE,
    CREATE_ISSUE,
    MAX_AGE,
    MAX_VALUE,
    Chosen,
    Malformed,
    read_interaction,
    signed_by,
)
from receiver.intake.webhook_request import MAX_BODY
from receiver.web import create_app
from shared.queues.ports import QueueError
from shared.secrets import Secret, SecretError, SecretRef
from tests.receiver.conftest import START

REF, PREVIOUS = SecretRef.parse("env:SIGNING"), SecretRef.parse("env:SIGNING_PREVIOUS")
SECRETS = {REF: Secret("8f742231b10e8888abcd99yyyzzz85a5"), PREVIOUS: Secret("the-one-before")}
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
NOW = START.timestamp()
REFUSED = (401, {"status": "error", "message": "The signature is missing, wrong or too old."})
NO_CLICK = (400, {"status": "error", "message": "This is no interaction of Slack."})
CASE = "project/3/-/us-east-1/i-0aaaaaaaaaaaaaaa1"


class Events:
    """A queue that remembers, or fails; like the real ones it takes an id that lives only once."""

    name = "events"

    def __init__(self) -> None:
        self.bodies: dict[str, dict[str, Any]] = {}
        self.broken = False

    def put(self, body: bytes, *, id: str = "", delay: float = 0) -> str:
        if self.broken:
            raise QueueError("the queue events cannot be written: database or disk is full")
        self.bodies.setdefault(id, json.loads(body))
        return id


@pytest.fixture
def events():
    return Events()


@pytest.fixture
def client(events):
    return create_app(events, list, lambda: START, dict, lambda: SECRETS).test_client()


def payload(**changes: object) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": "U012AB3CD", "username": "ada", "name": "ada"},
        "container": {"type": "message", "message_ts": "1764000000.000001"},
        "channel": {"id": "C0123456789", "name": "soc"},
        "actions": [{"type": "button", "action_id": "acknowledge", "value": CASE, "block_id": "b"}],
        **changes,
    }


def choice(verdict: object = "benign", **changes: object) -> dict[str, Any]:
    """A choice from the menu that closes a case."""
    option = {"text": {"type": "plain_text", "text": "Benign"}, "value": verdict}
    action = {"type": "static_select", "action_id": "close", "block_id": CASE, "selected_option": option}
    return payload(actions=[{**action, **changes}])


def muting(length: object = "7d", **changes: object) -> dict[str, Any]:
    """A choice from the menu that mutes the findings of a case."""
    return choice(length, **{"action_id": "mute", **changes})


def submitted(**changes: object) -> dict[str, Any]:
    """The terms that somebody chose in the dialog. `changes`: of the view."""
    values = {
        "scope": {"scope": {"type": "static_select", "selected_option": {"value": "everywhere"}}},
        "days": {"days": {"type": "static_select", "selected_option": {"value": "30"}}},
        "why": {"why": {"type": "plain_text_input", "value": "The nightly backup"}},
        "malicious": {"malicious": {"type": "checkboxes", "selected_options": [{"value": "0" * 16}]}},
    }
    about = json.dumps({"case": CASE, "closure": "slack-0123456789abcdef01234567"})
    view = {"callback_id": "close-terms", "private_metadata": about, "state": {"values": values}}
    return {"type": "view_submission", "user": {"id": "U012AB3CD"}, "view": {**view, **changes}}


def with_value(field: str, value: object) -> dict[str, Any]:
    """The same, with this in one field of the dialog."""
    values = submitted()["view"]["state"]["values"]
    return submitted(state={"values": {**values, field: {field: value}}})


def form(interaction: object) -> bytes:
    return urlencode({"payload": json.dumps(interaction)}).encode()


def click(body: bytes | None = None, secret: str = SECRET, at: float = NOW) -> Request:
    return signed(form(payload()) if body is None else body, secret, at)


def post(client: FlaskClient, request: Request, **headers: str | None) -> tuple[int, Any]:
    sent = {name: value for name, value in {**request.headers, **headers}.items() if value is not None}
    answer = client.post("/slack/actions", data=request.body, headers=sent)
    return answer.status_code, answer.get_json()


def test_the_signature_is_that_of_slacks_own_example():
    """docs.slack.dev, "Verifying requests from Slack"."""
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
        b"96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert signed_by(body, "1531420618", signature, SECRETS, 1531420618) == REF


@pytest.mark.parametrize(("secret", "ref"), [(SECRET, REF), ("the-one-before", PREVIOUS)])
def test_an_authentic_click_is_stored_with_what_it_takes_and_the_secret_that_it_was_signed_with(
    client, events, secret, ref
):
    assert post(client, click(secret=secret)) == (200, {})
    ((id, item),) = events.bodies.items()
    assert id.startswith("slack-")
    assert item == {
        "kind": "click",
        "v": 1,
        "click": {
            "action": "acknowledge",
            "value": CASE,
            "user": "U012AB3CD",
            "name": "ada",
            "channel": "C0123456789",
            "ts": "1764000000.000001",
        },
        "signed_by": ref,
        "at": "2026-11-24T03:00:00+00:00",
    }


def test_a_request_that_is_replayed_is_one_item_and_another_click_is_another(client, events):
    request = click()
    assert post(client, request) == (200, {})
    assert post(client, request) == (200, {})
    assert len(events.bodies) == 1
    assert post(client, click(at=NOW + 1)) == (200, {})
    assert len(events.bodies) == 2


@pytest.mark.parametrize("off", [-MAX_AGE, 0, MAX_AGE])
def test_a_signature_is_good_for_five_minutes(client, events, off):
    assert post(client, click(at=NOW + off)) == (200, {})
    assert len(events.bodies) == 1


@pytest.mark.parametrize(
    ("request_", "headers", "said"),
    [
        (click(secret="another"), {}, "signed with no signing_secret"),
        (click(at=NOW - MAX_AGE - 1), {}, "more than 300 s from now"),
        (click(at=NOW + MAX_AGE + 1), {}, "more than 300 s from now"),
        (click(at=0), {}, "more than 300 s from now"),
        (click(), {"X-Slack-Signature": None}, "no signature"),
        (click(), {"X-Slack-Request-Timestamp": None}, "no signature"),
        (click(), {"X-Slack-Request-Timestamp": "now"}, "no signature"),
        (click(), {"X-Slack-Request-Timestamp": "-1"}, "no signature"),
        (click(), {"X-Slack-Request-Timestamp": "9" * 40}, "no signature"),
        (click(), {"X-Slack-Request-Timestamp": "١٧٦٤٠٠٠٠٠٠".encode().decode("latin-1")}, "no signature"),
        (click(), {"X-Slack-Request-Timestamp": str(int(NOW) + 1)}, "signed with no signing_secret"),
        (click(), {"X-Slack-Signature": "v0=" + "0" * 64}, "signed with no signing_secret"),
        (click(), {"X-Slack-Signature": "v1=" + "0" * 64}, "no signature"),
        (click(), {"X-Slack-Signature": ""}, "no signature"),
        (click(), {"X-Slack-Signature": "v0=é"}, "no signature"),
        (Request(click().body + b" ", click().headers), {}, "signed with no signing_secret"),
        (Request(click().body.replace(b"%22", b'"'), click().headers), {}, "signed with no signing_secret"),
        (Request(b"", {}), {}, "no signature"),
    ],
)
def test_what_slack_did_not_sign_just_now_is_refused_with_one_answer_and_the_log_says_why(
    client, events, caplog, request_, headers, said
):
    assert post(client, request_, **headers) == REFUSED
    assert events.bodies == {}
    assert said in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload",
        b"payload=",
        b"payload=%FF",
        b"\xff\xfe",
        b"payload={}&payload={}",
        b"payload=" + b"[" * 100_000,
        b"&".join(b"a%d=1" % n for n in range(20)),
        form([]),
        form({}),
        form({"type": 1}),
        form({"type": "block_actions"}),
        form(payload(actions={})),
        form(payload(actions=["acknowledge"])),
        form(payload(user="U012AB3CD")),
        form(payload(user={"id": "<!channel>"})),
        form(payload(user={"id": ["U012AB3CD"]})),
        form(payload(channel={"id": "https://evil.example"})),
        form(payload(channel=None)),
        form(payload(container={"message_ts": "1"})),
        form(payload(actions=[{"action_id": "acknowledge"}])),
        form(payload(actions=[{"action_id": "acknowledge", "value": ""}])),
        form(payload(actions=[{"action_id": "acknowledge", "value": "a\nb"}])),
        form(payload(actions=[{"action_id": "acknowledge", "value": "x" * 401}])),
        form(choice("harmless")),
        form(choice(["benign"])),
        form(choice(block_id=None)),
        form(choice(block_id="")),
        form(choice(selected_option=None)),
        form(choice(selected_option={})),
        form(muting("8d")),
        form(muting("benign")),
        form(muting(block_id="")),
        form(muting(selected_option=None)),
        form(submitted(private_metadata="")),
        form(submitted(private_metadata="[" * 2_000)),
        form(submitted(private_metadata="[]")),
        form(submitted(private_metadata='{"case": "x"}')),
        form(submitted(private_metadata='{"case": "x", "closure": "<!channel>"}')),
        form(submitted(private_metadata=json.dumps({"case": "x", "closure": "x", "more": "y" * 3_000}))),
        form(submitted(state=None)),
        form(submitted(state={"values": {}})),
        form({**submitted(), "user": {"id": "S0123456789"}}),
        form(with_value("why", {"value": ""})),
        form(with_value("why", {"value": None})),
        form(with_value("why", {"value": "x" * 501})),
        form(with_value("scope", {"selected_option": {"value": "galaxy"}})),
        form(with_value("scope", {"selected_option": "everywhere"})),
        form(with_value("days", {"selected_option": {"value": "0"}})),
        form(with_value("days", {"selected_option": {"value": "1000"}})),
        form(with_value("malicious", {"selected_options": [{"value": "x"}]})),
        form(with_value("malicious", {"selected_options": [{"value": "0" * 16}] * 11})),
    ],
)
def test_what_is_signed_and_no_click_is_told_to_be_malformed(client, events, body):
    assert post(client, click(body)) == NO_CLICK
    assert events.bodies == {}


@pytest.mark.parametrize(
    "interaction",
    [
        payload(actions=[{"action_id": "open", "type": "button"}]),
        payload(actions=[]),
        {"type": "view_submission", "view": {}},
        {"type": "shortcut"},
    ],
)
def test_what_needs_no_work_is_answered_and_not_kept(client, events, interaction):
    assert post(client, click(form(interaction))) == (200, {})
    assert events.bodies == {}


@pytest.mark.parametrize("verdict", ["true_positive", "benign", "false_positive"])
def test_a_choice_from_the_menu_is_stored_with_the_case_and_the_verdict(client, events, verdict):
    assert post(client, click(form(choice(verdict)))) == (200, {})
    ((_, item),) = events.bodies.items()
    stored = {"action": "close", "value": CASE, "verdict": verdict, "user": "U012AB3CD", "name": "ada"}
    assert item["kind"] == "click"
    assert stored.items() <= item["click"].items()


@pytest.mark.parametrize("length", ["1d", "7d", "until-next-hunt"])
def test_a_choice_from_the_menu_that_mutes_is_stored_with_the_case_and_the_length(client, events, length):
    assert post(client, click(form(muting(length)))) == (200, {})
    ((_, item),) = events.bodies.items()
    stored = {"action": "mute", "value": CASE, "length": length, "user": "U012AB3CD", "name": "ada"}
    assert item["kind"] == "click"
    assert stored.items() <= item["click"].items()
    assert "verdict" not in item["click"]


def test_chosen_terms_are_stored_and_the_dialog_closes(client, events):
    assert post(client, click(form(submitted()))) == (200, {"response_action": "clear"})
    ((id, item),) = events.bodies.items()
    assert id.startswith("slack-")
    assert item == {
        "kind": "slack_terms",
        "v": 1,
        "terms_of": CASE,
        "closure": "slack-0123456789abcdef01234567",
        "user": "U012AB3CD",
        "why": "The nightly backup",
        "signed_by": str(REF),
        "at": START.isoformat(),
        "scope": "everywhere",
        "days": 30,
        "malicious": ["0" * 16],
    }


def test_terms_that_could_not_be_stored_are_not_accepted(client, events):
    events.broken = True
    assert post(client, click(form(submitted())))[0] == 503


def test_unsigned_terms_are_refused(client, events):
    assert post(client, click(form(submitted()), secret="another")) == REFUSED
    assert events.bodies == {}


def test_a_name_is_kept_as_text_and_bounded(client, events):
    user = {"id": "U012AB3CD", "username": "<!channel> \u202e" + "x" * 500}
    assert post(client, click(form(payload(user=user)))) == (200, {})
    ((_, item),) = events.bodies.items()
    assert item["click"]["name"] == ("<!channel> \u202e" + "x" * 500)[:200]


def test_without_a_signing_secret_there_is_nothing_here_and_the_log_says_what_to_do(events, caplog):
    client = create_app(events, list, lambda: START, dict).test_client()
    assert post(client, click())[0] == 404
    assert "signing_secret of the Slack destination; on AWS, SlackSigningSecrets of the stack" in caplog.text
    assert events.bodies == {}


def test_a_signing_secret_that_cannot_be_had_refuses_every_click(events, caplog):
    from receiver.intake.sender_secrets import readable

    def gone(ref: SecretRef) -> Secret:
        raise SecretError(f"{ref}: the environment variable is not set")

    signing = lambda: readable([REF], gone, "signing secret")  # noqa: E731
    client = create_app(events, list, lambda: START, dict, signing).test_client()
    assert post(client, click()) == (
        503,
        {"status": "error", "message": "No signing secret can be had here; see the log."},
    )
    assert 'secret not readable kind="signing secret" reason="env:SIGNING' in caplog.text
    assert events.bodies == {}


def test_a_click_that_could_not_be_stored_is_not_accepted_and_may_come_again(client, events):
    events.broken = True
    assert post(client, click())[0] == 503
    events.broken = False
    assert post(client, click()) == (200, {})
    assert len(events.bodies) == 1


def test_a_body_that_is_too_large_is_refused_before_it_is_looked_at(client, events):
    assert post(client, click(b"x" * (MAX_BODY + 1)))[0] == 413
    assert post(client, click(b"payload=" + b"x" * (MAX_BODY - 8)))[0] == 400
    assert events.bodies == {}


def test_the_age_counts_by_the_clock_of_each_request(events):
    moment = [START]
    client = create_app(events, list, lambda: moment[0], dict, lambda: SECRETS).test_client()
    request = click()
    moment[0] += timedelta(seconds=MAX_AGE)
    assert post(client, request)[0] == 200
    moment[0] += timedelta(seconds=1)
    assert post(client, request) == REFUSED


FIELDS = (
    *("type", "actions", "user", "channel", "container", "action_id", "value", "id", "message_ts", "name"),
    *("block_id", "selected_option", "view", "callback_id", "private_metadata", "state", "values"),
)
WORDS = (
    "block_actions",
    "acknowledge",
    "create-issue",
    "close",
    "benign",
    CASE,
    "U012AB3CD",
    "C0123456789",
    "1764000000.000001",
)
leaves = st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS) | st.text(max_size=8)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6),
    max_leaves=20,
)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, derandomize=True)
@given(
    interaction=anything, raw=st.binary(max_size=60), changed=st.sampled_from(list(payload())), value=anything
)
def test_any_payload_is_a_click_or_nothing_or_malformed(interaction, raw, changed, value):
    for body in (
        form(interaction),
        raw,
        b"payload=" + raw,
        form(payload(**{changed: value})),
        form(submitted(state={"values": value})),
        *(form(with_value(field, value)) for field in ("scope", "days", "why", "malicious")),
    ):
        try:
            clicked = read_interaction(body)
        except Malformed:
            continue
        if isinstance(clicked, Chosen):
            assert 0 < len(clicked.case_key) <= MAX_VALUE
        elif clicked is not None:
            assert clicked.action in (ACKNOWLEDGE, CREATE_ISSUE, CLOSE)
            assert all(isinstance(text, str) for text in vars(clicked).values())
            assert 0 < len(clicked.value) <= MAX_VALUE
            assert re.fullmatch(r"[UW][A-Z0-9]{2,20}", clicked.user, re.ASCII)
