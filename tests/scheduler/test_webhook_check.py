"""The webhook on the platform: disabled, missing, leading elsewhere, and whole."""

from __future__ import annotations

import pytest

from demo.platform.records import User
from receiver.events.enrich import Enricher
from receiver.messages.compose import compose
from scheduler.webhook_check import check_webhook
from shared.hosting.readings import Readings
from shared.metrics.definitions import WEBHOOK_BROKEN as WEBHOOK_BROKEN_NOW
from shared.models.event_kinds import WEBHOOK_BROKEN
from shared.secrets import Secrets
from tests.scheduler.staging import KEY, QUIET

URL = "https://huntbridge.example/webhooks/cado"
ADMIN = "administrators-key"


@pytest.fixture
def stage(make_stage):
    made = make_stage((QUIET,), {"admin_key": "env:ADMIN"})
    made.runtime.secrets = Secrets({"KEY": KEY, "ADMIN": ADMIN})
    made.platform.users[ADMIN] = User(2, "Platform Administrator")
    made.runtime.config = made.runtime.config.model_copy(
        update={"webhook": made.runtime.config.webhook.model_copy(update={"url": URL})}
    )
    return made


def add(stage, event="processing_with_alarms", url=URL, name="huntbridge"):
    return stage.platform.webhooks.add(f"{name} {event}", event, {}, "custom", url)


def look(stage):
    check_webhook(stage.runtime)
    stage.forward(60)
    return [(event.kind, event.text) for event in stage.events()]


def said(text):
    return [(WEBHOOK_BROKEN, text)]


def test_a_webhook_that_is_whole_says_nothing(stage):
    add(stage)
    add(stage, "processing_failed", URL + "/")
    add(stage, "processing_finished", "https://siem.example/in?key=s3cret", "somebody else's")
    assert look(stage) == []


def test_one_that_is_gone_is_told_once(stage):
    hook = add(stage)
    assert look(stage) == []
    del stage.platform.webhooks.by_id[hook.id]
    assert look(stage) == said("There is no webhook for processing_with_alarms.")
    assert [look(stage) for _ in range(3)] == [[], [], []]


def test_one_that_was_never_made_is_not_broken(stage):
    add(stage, "processing_finished", "https://siem.example/in", "somebody else's")
    assert [look(stage) for _ in range(3)] == [[], [], []]
    hook = add(stage)
    assert look(stage) == []
    hook.enabled = False
    assert look(stage) == said("Webhook 2 for processing_with_alarms is disabled.")


def test_that_it_is_mended_is_told_once(stage):
    add(stage).enabled = False
    look(stage)
    stage.platform.webhooks.by_id[1].enabled = True
    check_webhook(stage.runtime)
    (event,) = stage.events()
    assert (event.kind, event.mended) == (WEBHOOK_BROKEN, True)
    message = compose(Enricher(stage.runtime.ledger, None, None, stage.runtime.config).enrich(event))
    assert message.title == "The platform's webhook reaches huntbridge again"
    assert [look(stage) for _ in range(2)] == [[], []]


def test_the_metric_says_it_for_as_long_as_it_lasts(stage):
    hook = add(stage)
    shown = []
    for enabled in (True, False, False, True):
        hook.enabled = enabled
        look(stage)
        shown += [one.value for one in Readings(stage.runtime)() if one.gauge is WEBHOOK_BROKEN_NOW]
    assert shown == [0, 1, 1, 0]


def test_again_only_after_it_was_whole_in_between(stage):
    hook = add(stage)
    hook.enabled = False
    broken = said("Webhook 1 for processing_with_alarms is disabled.")
    assert [look(stage), look(stage)] == [broken, []]
    hook.enabled = True
    assert look(stage) == said("")  # that it is mended
    hook.enabled = False
    assert look(stage) == broken


def test_what_it_says_of_another_address_holds_no_more_than_the_host(stage):
    add(stage, url="https://user:pw@old.example/hooks/s3cret?token=s3cret")
    assert look(stage) == said("Webhook 1 for processing_with_alarms leads elsewhere, to old.example.")


def test_everything_that_is_wrong_is_said_at_once(stage):
    add(stage, "processing_failed", "https://old.example")
    add(stage, "processing_finished", URL, "by hand").enabled = False
    assert look(stage) == said(
        "Webhook 1 for processing_failed leads elsewhere, to old.example.\n"
        "Webhook 2 for processing_finished is disabled.\n"
        "There is no webhook for processing_with_alarms."
    )


def test_without_its_address_those_of_its_name_are_watched(stage):
    stage.runtime.config = stage.runtime.config.model_copy(
        update={"webhook": stage.runtime.config.webhook.model_copy(update={"url": None})}
    )
    hook = add(stage, url="https://anywhere.example")
    assert look(stage) == []
    hook.enabled = False
    assert look(stage) == said("Webhook 1 for processing_with_alarms is disabled.")


@pytest.mark.parametrize("action", [500, 403, "reset"])
def test_a_platform_that_cannot_be_asked_is_no_broken_webhook(stage, action):
    stage.platform.fault("GET", "/webhooks", action, times=None)
    assert look(stage) == []


@pytest.mark.parametrize("settings", [{}, {"admin_key": "env:NOT_HERE"}, {"admin_key": "env:KEY"}])
def test_without_an_administrators_key_nothing_is_said(make_stage, settings):
    stage = make_stage((QUIET,), settings)
    assert look(stage) == []


def test_what_a_person_reads(stage):
    stage.runtime.ledger.notes.save("watch", "webhook", {"broken": False, "times": 0})
    check_webhook(stage.runtime)
    (event,) = stage.events()
    message = compose(Enricher(stage.runtime.ledger, None, None, stage.runtime.config).enrich(event))
    assert (message.title, message.quote, message.gaps) == (
        "The platform's webhook does not reach huntbridge",
        "There is no webhook for processing_with_alarms.",
        (),
    )
