"""What a message says about an event that huntbridge itself raises, other than those of hunts and cases.

The comments say what the event's `title` and `text` hold, since each kind uses them in its own way.
"""

from __future__ import annotations

from receiver.messages.content import Content
from receiver.messages.counts import counts_in_words
from receiver.messages.message import Line
from receiver.messages.safe_text import copyable, harmless_line, quoted_text
from receiver.messages.subject import where
from receiver.messages.wording import capitalised, joined, sentences
from shared.models.alarms import Alarm
from shared.phrases import counted


def webhook_broken(alarm: Alarm) -> Content:
    if alarm.event.mended:
        return Content(
            title="The platform's webhook reaches huntbridge again",
            summary="The earlier problem is solved. Alarms arrive when the platform finds them.",
        )
    return Content(
        title="The platform's webhook does not reach huntbridge",
        summary="Alarms arrive late until this is repaired on the platform. Until then huntbridge finds them "
        "only in the projects that it checks.",
        quote=quoted_text(alarm.event.text),
    )


def webhooks_refused(alarm: Alarm) -> Content:
    """The text has a line for each reason: how many webhooks were refused, and from which addresses."""
    count = alarm.event.alarms or 0
    return Content(
        title=f"{counted(count, 'webhook')} {'was' if count == 1 else 'were'} refused",
        summary="Each may have been an alarm, and the platform does not send it again: huntbridge finds it "
        "only by looking, in the projects that it looks at. Where the sender is not the platform, somebody "
        "else tries to get in.",
        quote=quoted_text(alarm.event.text),
    )


def job_failing(alarm: Alarm) -> Content:
    """The title names the jobs. The text has a line for each job: since when it fails, and why."""
    jobs = copyable(alarm.event.title, 100)
    if alarm.event.mended:
        return Content(
            title=f"huntbridge's own work goes on again: {jobs}",
            summary="The work that had to wait is done.",
            quote=quoted_text(alarm.event.text),
        )
    return Content(
        title=f"huntbridge's own work has failed for long: {jobs}",
        summary="huntbridge tries again each time. Until it works, its results come late. You get "
        "this message once, and one more when it works again.",
        quote=quoted_text(alarm.event.text),
    )


def destination_broken(alarm: Alarm) -> Content:
    """The title is the destination. The text has a line for each problem."""
    name = copyable(alarm.event.title, 60)
    return Content(
        title=f"The destination {name} does not accept alarms",
        summary="The daily check found this without sending anything. Solve the problem, then run "
        f"`huntbridge check`; `huntbridge send-test {name}` sends a message marked TEST.",
        quote=quoted_text(alarm.event.text),
    )


def destination_mended(alarm: Alarm) -> Content:
    return Content(
        title=f"The destination {copyable(alarm.event.title, 60)} accepts alarms again",
        summary="The daily check found that the earlier problem is solved.",
        quote=quoted_text(alarm.event.text),
    )


def check_failed(alarm: Alarm) -> Content:
    """The title says what was checked. The text has a line for each problem, or for each that is mended."""
    about = copyable(alarm.event.title, 60)
    if alarm.event.mended:
        return Content(
            title=f"Works again by the daily check: {about}",
            summary="The earlier problem is solved.",
            quote=quoted_text(alarm.event.text),
        )
    return Content(
        title=f"The daily check found a problem: {about}",
        summary="Nothing is lost yet. Solve the problem, then run `huntbridge check`.",
        quote=quoted_text(alarm.event.text),
    )


def preflight_found(alarm: Alarm) -> Content:
    """The title is the name of a hunt. The first line of the text says when it begins, and each further line
    is one notice."""
    hunt = copyable(alarm.event.title, 60)
    begins, _, notices = alarm.event.text.partition("\n")
    return Content(
        title=f"The next run of hunt {hunt} will meet problems",
        summary=sentences(
            harmless_line(begins, 150),
            "These problems are new since the last message. "
            f"`huntbridge hunt plan {hunt}` shows all known problems.",
        ),
        quote=quoted_text(notices),
    )


def muted(alarm: Alarm) -> Content:
    """The title says what is muted. The text has a line for its end, its author, its reason and its id."""
    return Content(
        title=f"Muted: {copyable(alarm.event.title, 160)}",
        summary="Such alarms send no messages until the mute ends. They are recorded and counted. "
        "`huntbridge mute list` shows it, and `huntbridge mute end` ends it.",
        quote=quoted_text(alarm.event.text),
    )


def mute_ending(alarm: Alarm) -> Content:
    """The title and the text are those of `muted`, with how many alarms it has covered."""
    return Content(
        title=f"A mute ends within a day: {copyable(alarm.event.title, 160)}",
        summary="Its findings send messages when they are found again. `huntbridge mute add` adds a mute.",
        quote=quoted_text(alarm.event.text),
    )


def undelivered(alarm: Alarm) -> Content:
    """The title is a destination, or a queue in words. The text is the reason of the last failure. `alarms`
    is the number of messages; None: the notice is about this one alarm."""
    about, count, malicious = copyable(alarm.event.title, 60), alarm.event.alarms, alarm.event.malicious
    is_queue = about.startswith("the queue ")
    selection = "--all" if is_queue else f"--destination {about}"
    if count is None:
        what = joined(counts_in_words(alarm) or "A malicious alarm", where(alarm))
        title = f"{what} could not be sent" + ("" if is_queue else f" to {about}")
    elif is_queue:
        title = f"{counted(count, 'item')} of {about} could not be worked"
    else:
        title = f"{counted(count, 'message')} could not be delivered to {about}"
    if count and malicious:
        title += f", {malicious:,} of them malicious"
    return Content(
        title=title,
        summary="Nothing is lost. `huntbridge dead list` shows what is kept. When the cause is gone, "
        f"`huntbridge dead retry {selection}` tries again.",
        quote=quoted_text(alarm.event.text),
    )


def report(alarm: Alarm) -> Content:
    """The first line of the text is the situation in one sentence, and each further line is one figure."""
    summary, *lines = alarm.event.text.split("\n")
    return Content(
        title=harmless_line(alarm.event.title, 150),
        summary=harmless_line(summary, 300),
        lines=tuple(Line(harmless_line(line, 150)) for line in lines),
        lines_total=len(lines),
    )


def coverage_old(alarm: Alarm) -> Content:
    """The title is how many machines, and for how long they were not captured. The text has a line for each
    account and reason."""
    lines = alarm.event.text.split("\n")
    return Content(
        title=harmless_line(alarm.event.title, 150) or "Machines were not captured for long",
        summary="They run, and no hunt has captured them for long. `huntbridge coverage --uncovered` lists "
        "every such machine. Each machine is in one such message only.",
        lines=tuple(Line(harmless_line(line, 400)) for line in lines),
        lines_total=len(lines),
    )


def vulnerabilities_found(alarm: Alarm) -> Content:
    """`alarms` is how many are new. The title says on how many systems of which hunt. The text has a line for
    each system."""
    count, lines = alarm.event.alarms or 0, alarm.event.text.split("\n")
    noun = "new vulnerability" if count == 1 else "new vulnerabilities"
    return Content(
        title=f"{count:,} {noun} {harmless_line(alarm.event.title, 120)}",
        summary="The platform found them in the packages of captured systems. The hunt before did not find "
        "them.",
        lines=tuple(Line(harmless_line(line, 400)) for line in lines),
        lines_total=len(lines),
    )


def heartbeat(alarm: Alarm) -> Content:
    """The text says for how long nothing was sent."""
    return Content(
        title="huntbridge is alive",
        summary=sentences(
            harmless_line(alarm.event.text, 100),
            "There is no alarm, and nothing to do: this keeps the workflow on, which Microsoft switches off "
            "after 90 days without use.",
        ),
    )


def connection_test(alarm: Alarm) -> Content:
    """A test by the platform has a note that says so; for `send-test` the title is the destination."""
    event = alarm.event
    if event.note:
        return Content(
            title="TEST: the platform's webhook reaches huntbridge",
            summary=f"{capitalised(harmless_line(event.note, 250))}. There is no alarm, and nothing to do.",
            quote=quoted_text(f"{event.title}\n{event.text}"),
        )
    return Content(
        title=f"TEST: a message for {copyable(alarm.event.title, 60)}",
        summary="Sent by `huntbridge send-test`. There is no alarm, and nothing to do.",
    )
