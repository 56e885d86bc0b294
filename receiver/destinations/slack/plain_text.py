"""A message → plain text, for a Slack that refuses the layout of the message.

Such a refusal is a fault in huntbridge or a change at Slack. No alarm may be lost by it: the alarm is sent
once more without blocks, and says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from receiver.destinations.size import fit
from receiver.destinations.slack.escape import safe
from receiver.destinations.wording import MARKS, REPEAT, safe_links
from receiver.messages.message import Message
from shared.models.owners import Owner
from shared.text import defang, escape_slack

MAX_LENGTH = 3_500  # characters, after escaping; chat.update takes 4,000

# What Slack answers where it does not take the form or the size of a message, beside invalid_blocks… and
# msg_…: docs.slack.dev, chat.postMessage, chat.update, and "Sending messages using incoming webhooks".
_LAYOUT = frozenset(
    {
        *("invalid_attachments", "too_many_attachments", "attachment_payload_limit_exceeded"),
        *(
            "invalid_payload",
            "invalid_arguments",
            "invalid_array_arg",
            "invalid_arg_name",
            "invalid_form_data",
        ),
        *("no_text", "invalid_charset", "too_many_contact_cards"),
    }
)

_LAYOUT_WORD = re.compile(
    r"(invalid_(block|text|attachment)|msg_|too_many_(block|attachment)|blocks?_too_)[a-z_]{0,40}", re.ASCII
)


def is_about_layout(word: str) -> bool:
    """Whether this error says that the form or the size of the message is at fault."""
    return word in _LAYOUT or _LAYOUT_WORD.fullmatch(word) is not None


def plain(message: Message, why: str) -> dict[str, Any]:
    """The message without blocks. `why`: what Slack said of its layout."""
    lines = fit(message, lambda kept: list(_lines(kept, why)), _length, MAX_LENGTH)
    while _length(lines) > MAX_LENGTH and len(lines) > 3:
        del lines[-2]  # the last one names the event; escaped, a text may take five times its length
    return {"text": "\n".join(lines), "unfurl_links": False, "unfurl_media": False}


def _length(lines: list[str]) -> int:
    return len("\n".join(lines))


def call(owner: Owner) -> str:
    """A mention, of an id and nothing else: the configuration took no other, and this is the last look."""
    if not re.fullmatch(r"[UWS][A-Z0-9]{8,20}", owner.slack, re.ASCII):
        return ""
    return f"<!subteam^{owner.slack}>" if owner.slack.startswith("S") else f"<@{owner.slack}>"


def _lines(message: Message, why: str) -> Iterator[str]:
    yield f"{MARKS[message.severity]} {_line(message.title, 150)}"
    if message.summary:
        yield _line(message.summary, 300)
    if message.maybe_repeat:
        yield REPEAT
    if message.owner and (mention := call(message.owner)):
        yield mention
    yield f"Slack refused the layout of this message ({_line(why, 60)}), so it is plain text."
    yield from (f"{_line(fact.label, 60)}: {_line(fact.value, 300)}" for fact in message.facts)
    for finding in message.findings:
        described = _line(f"{finding.description} {finding.path}", 400)
        yield f"{MARKS[finding.severity]} {finding.count:,} × {described}"
    yield from (f"• {_line(line, 300)}" for line in message.lines)
    if message.quote:
        yield _line(message.quote, 1_500)
    if message.left_out:
        yield _line(message.left_out, 300)
    yield from (
        f"<{escape_slack(link.url)}|{_line(link.text, 75)}>" for link in safe_links(message, longest=1_000)
    )
    if message.footer:
        yield _line(message.footer, 500)
    yield from (f"Note: {_line(gap, 300)}" for gap in message.gaps)
    yield f"Event {_line(message.id, 200)}"


def _line(text: str, limit: int) -> str:
    """Slack makes a link of every host name in a plain text: here none keeps its dots."""
    return safe(defang(text), limit)
