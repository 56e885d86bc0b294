"""Every metric of huntbridge. docs/operate/metrics.md says more about each; a test compares the two.

Names have base units. A moment is in epoch seconds (`_timestamp_seconds`), and never an age, since an age is
wrong as soon as it is stored.
"""

from __future__ import annotations

from shared.metrics.instruments import OTHER, Counter, Gauge, Histogram, Label, Metric
from shared.models.event_kinds import (
    OWN_KINDS,
    PLATFORM_KINDS,
    RECOVERED,
    TEST,
    UNKNOWN_EVENT,
    is_audit,
)
from shared.models.severity import Severity
from shared.models.states import CaptureState, HuntState

# Kinds of event that are counted together, since few people tell them apart.
AUDIT, DETECTION = "audit", "detection"
_SINGLE_KINDS = sorted(
    {*OWN_KINDS, RECOVERED, TEST, UNKNOWN_EVENT}
    | {kind for kind in PLATFORM_KINDS if not is_audit(kind) and not kind.startswith("detection_")}
)


def kind_label(kind: str) -> str:
    """The value of the label `kind` for an event. `kind` may be any text that a webhook held."""
    if is_audit(kind):
        return AUDIT
    return DETECTION if kind.startswith("detection_") else kind


SEVERITIES = tuple(Severity)
_DESTINATION = Label("destination")
_QUEUE = Label("queue", ("captures", "events", "deliveries"))
_SEVERITY = Label("severity", tuple(severity.value for severity in SEVERITIES))
_SOURCE = Label("source", ("ledger", "platform", "ec2"))
_TIMER_JOB = Label("timer_job")

# Webhooks

ACCEPTED, UNAUTHORIZED, TOO_LARGE, TOO_SLOW = "accepted", "unauthorized", "too_large", "too_slow"
NO_TOKEN, QUEUE_FULL, NOT_STORED = "no_token", "queue_full", "not_stored"
WEBHOOKS = Counter(
    "webhooks_total",
    "Webhooks of the platform, by outcome.",
    (
        Label(
            "outcome",
            (ACCEPTED, UNAUTHORIZED, TOO_LARGE, TOO_SLOW, NO_TOKEN, QUEUE_FULL, NOT_STORED, OTHER),
        ),
    ),
)

# Events

EVENTS_HANDLED = Counter(
    "events_total",
    "Events that were handled, by kind and severity.",
    (Label("kind", (*_SINGLE_KINDS, AUDIT, DETECTION, OTHER)), _SEVERITY),
)
ANSWERED, FAILED, TIMED_OUT, NOT_ASKED = "answered", "failed", "timed_out", "not_asked"
ENRICHMENT_QUERIES = Counter(
    "enrichment_queries_total",
    "Queries about an alarm, by source and outcome.",
    (_SOURCE, Label("outcome", (ANSWERED, FAILED, TIMED_OUT, NOT_ASKED))),
)
ENRICHMENT_SECONDS = Histogram(
    "enrichment_query_seconds", "Time until a source answered a query about an alarm.", (_SOURCE,)
)

# The platform

PLATFORM_REQUESTS = Counter(
    "platform_requests_total",
    "Requests to the platform's API by their outcome.",
    (Label("outcome", ("ok", "unauthorized", "not_found", "conflict", "refused", "unavailable")),),
)
WEBHOOK_BROKEN = Gauge(
    "platform_webhook_broken",
    "1 while the platform's webhooks do not lead to huntbridge; 0 if they do, or if nobody can check it.",
)

# Deliveries

DELIVERED, RETRIED, REJECTED, GIVEN_UP = "delivered", "retried", "rejected", "given_up"
DELIVERY_ATTEMPTS = Counter(
    "delivery_attempts_total",
    "Attempts to send a message, by destination and outcome.",
    (_DESTINATION, Label("outcome", (DELIVERED, RETRIED, REJECTED, GIVEN_UP))),
)
RATE_LIMITED, SERVER_ERROR, TIMEOUT, CONNECTION = "rate_limited", "server_error", "timeout", "connection"
DELIVERY_RETRIES = Counter(
    "delivery_retries_total",
    "Attempts to send a message that are repeated, by destination and by what went wrong.",
    (_DESTINATION, Label("error_type", (RATE_LIMITED, SERVER_ERROR, TIMEOUT, CONNECTION, OTHER))),
)
RATE_LIMIT_WAITS = Counter(
    "rate_limit_waits_total",
    "How often a message was told to wait for its turn, since a destination takes no more for now.",
    (_DESTINATION,),
)
RATE_LIMIT_WAIT_SECONDS = Counter(
    "rate_limit_wait_seconds_total",
    "Time that messages were told to wait for their turn.",
    (_DESTINATION,),
)
EVENT_TO_MESSAGE = Histogram(
    "event_to_message_seconds",
    "Time from a webhook, or from an event that huntbridge raised, to the delivery of its message.",
    (_DESTINATION,),
)
LAST_DELIVERED = Gauge(
    "destination_last_delivered_timestamp_seconds",
    "When a message was last delivered to a destination, to the minute; 0 for never.",
    (_DESTINATION,),
)
WAITING_DELIVERIES = Gauge(
    "destination_waiting_deliveries",
    "Messages that failed at least once and are tried again.",
    (_DESTINATION,),
)
DEAD_DELIVERIES = Gauge(
    "destination_dead_deliveries", "Messages that were given up for a destination.", (_DESTINATION,)
)
FAILING_SINCE = Gauge(
    "destination_failing_since_timestamp_seconds",
    "Since when a destination has accepted nothing while messages are tried again; 0 if it works.",
    (_DESTINATION,),
)

# Queues and the store

QUEUE_ITEMS = Gauge(
    "queue_items",
    "Items of a queue that are not finished, by state: ready, delayed, or leased by a worker.",
    (_QUEUE, Label("state", ("ready", "delayed", "leased"))),
)
QUEUE_OLDEST = Gauge(
    "queue_oldest_item_timestamp_seconds",
    "When the oldest item of a queue came in; not there if the queue is empty.",
    (_QUEUE,),
)
QUEUE_DEAD = Gauge(
    "queue_dead_items", "Items that were given up, until somebody retries or discards them.", (_QUEUE,)
)
STORE_UP = Gauge("store_up", "1 if the store can be read and written, else 0.")

# Cases

CASES = Gauge(
    "cases",
    "Cases that are not closed, by state (open, acknowledged) and severity.",
    (Label("state", ("open", "acknowledged")), _SEVERITY),
)
OLDEST_CASE = Gauge(
    "cases_oldest_timestamp_seconds", "When the oldest case that is not closed was opened; not there if none."
)
CASES_BY_AGE = Gauge(
    "cases_by_age",
    "Cases that are not closed, by age: less than a day, up to a week, more than a week.",
    (Label("age", ("day", "week", "older")),),
)

# Hunts, captures, coverage

_RESULTS: dict[HuntState, str] = {
    state: "nothing_captured" if state is HuntState.EMPTY else state.value
    for state in HuntState
    if state not in (HuntState.PLANNED, HuntState.RUNNING)
}
HUNTS = Counter("hunts_total", "Hunts that ended, by result.", (Label("result", tuple(_RESULTS.values())),))
OPEN_HUNTS = Gauge("open_hunts", "Hunts that are planned or running.")
LAST_HUNT_FINISHED = Gauge(
    "hunt_last_finished_timestamp_seconds",
    "When a hunt last finished; before the first one, when huntbridge was first asked.",
)
CAPTURES = Counter(
    "captures_total",
    "Captures that entered a state.",
    (Label("state", tuple(state.value for state in CaptureState)),),
)
COVERED_SYSTEMS = Gauge("coverage_captured_systems", "Systems that were captured in the last 30 days.")
KNOWN_SYSTEMS = Gauge("coverage_known_systems", "Systems that a hunt has selected before.")
LISTED_SYSTEMS = Gauge(
    "coverage_listed_systems", "Systems that EC2 listed; not there while that is not known."
)
UNSELECTED_SYSTEMS = Gauge("coverage_unselected_systems", "Systems that EC2 listed and no hunt selects.")
FAILED_LISTINGS = Gauge(
    "coverage_failed_listings",
    "Accounts, regions and organizational units that could not be listed when the machines of EC2 were last "
    "compared with the hunts.",
)

# The process

JOB_LAST_RUN = Gauge(
    "timer_job_last_run_timestamp_seconds",
    "When a job of the timer last ended in this process; 0 for never.",
    (_TIMER_JOB,),
)
JOB_LAST_SUCCESS = Gauge(
    "timer_job_last_success_timestamp_seconds",
    "When a job of the timer last succeeded in this process; 0 for never.",
    (_TIMER_JOB,),
)
JOB_FAILURES = Counter("timer_job_failures_total", "Runs of a timer's job that failed.", (_TIMER_JOB,))
PROBLEM_THREADS = Gauge(
    "problem_threads", "Threads of the server that ended, keep failing or give no sign of life."
)
STARTED = Gauge("start_timestamp_seconds", "When this process started.")
BUILD = Gauge(
    "build_info",
    "The version of huntbridge and of Python, as labels; the value is 1.",
    (Label("version"), Label("python_version")),
)

ALL: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))


def refusal_of(status: int) -> str:
    """The value of the label `outcome` of WEBHOOKS for a refusal with this HTTP status."""
    return {401: UNAUTHORIZED, 408: TOO_SLOW, 413: TOO_LARGE}.get(status, OTHER)


def hunt_result(state: HuntState) -> str:
    """The value of the label `result` for a state in which a hunt ends."""
    return _RESULTS.get(state, OTHER)
