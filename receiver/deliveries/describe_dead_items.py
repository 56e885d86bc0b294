"""What a dead item was about, in words: the message that it would have become, as far as there is one."""

from __future__ import annotations

from receiver.events.parse.webhook import parse
from receiver.messages.compose import compose
from receiver.messages.message import Message
from shared.models.alarms import Alarm
from shared.models.codec import load
from shared.models.events import Event
from shared.models.severity import Severity
from shared.queues import items
from shared.queues.dead_items import DeadEntry


def message_of(entry: DeadEntry) -> Message | None:
    """The message of the item, composed from what the item holds. None if the item has no message."""
    try:
        match entry.content:
            case items.DeliverAlarm(alarm=alarm):
                return compose(load(Alarm, alarm))
            case items.OwnEvent(event):
                return compose(Alarm(load(Event, event), Severity.UNKNOWN))
            case items.Webhook(body, received_at):
                parsed = parse(body, id=entry.item.id, received_at=received_at)
                return compose(Alarm(parsed, Severity.UNKNOWN))
    except ValueError:  # another version wrote the item, so it is shown as it is
        return None
    return None


def title_of(entry: DeadEntry) -> str:
    """What the item was about, in one line."""
    if message := message_of(entry):
        return message.title
    match entry.content:
        case items.RequestCapture(hunt_id, system):
            return f"capture of {system.get('instance')} for {hunt_id}"
        case items.DeliverDigest(digest_id=digest_id):
            return f"a digest of alarms ({digest_id})"
        case items.OpenProject(hunt_id):
            return f"start of {hunt_id}"
        case items.DeadLetterNotice(about):
            return f"notice about {about}"
        case items.SlackClick(click=clicked):
            return f"a click in Slack, {clicked.action}: {clicked.value}"
        case items.SlackTerms(case_key):
            return f"the terms of a closing, chosen in Slack: {case_key}"
        case items.AcknowledgeCase(case_key):
            return f"an acknowledgement of the case: {case_key}"
        case items.DecideCase(case_key, decision):
            return f"a decision about the case, {decision.get('action')}: {case_key}"
        case items.LookAtIssues(destination):
            return f"a look at the issues of {destination}"
        case items.Reminder(case_key):
            return f"a reminder of the case: {case_key}"
        case items.Escalation(case_key, number):
            return f"step {number} of the escalation of the case: {case_key}"
        case items.RefreshCase(case_key=case_key):
            return f"an edit of the message of the case: {case_key}"
        case items.Ephemeral(text=text):
            return f"an answer to one person: {text}"
    return "not an item of huntbridge"
