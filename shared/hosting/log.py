"""Logging to stderr, as text for people or as one JSON object per line for machines.

A log line is a fixed sentence with keys. The sentence has no values in it, so that it can be searched for and
counted; each value has a key of its own:

    log = logging.getLogger(__name__)
    log.info("event delivered", extra={"event": event.id, "destination": name})

Text form: `2027-01-31T02:00:00.000Z INFO receiver.deliveries.send: event delivered event=42 destination=soc`
JSON form: `{"event": 42, "destination": "soc", "time": …, "level": …, …, "message": "event delivered"}`
The text form leaves out keys whose value is None, and quotes values with spaces or quotation marks.

Keys with a dot are names of OpenTelemetry's semantic conventions, and only the JSON form has them:
service.name, service.version, exception.type, exception.message, exception.stacktrace, error.type,
http.response.status_code.

Every line about an item of a queue also has the keys of shared/log_context.py: `event` is the id of the event
from the web room to the destination.

The usual keys: event, destination, case, hunt, system, project, item, queue, attempt, seconds, reason, error.
These names cannot be keys: `logging` uses `name`, `module`, `process`, `thread`, `args`, `msg` and `message`
itself and raises KeyError; `time`, `level` and `logger` are fields of each line. A test looks for them.

Secrets are removed as the last step before a line is written (log_redaction.py). Libraries that would log
URLs are kept at WARNING.
"""

from __future__ import annotations

import json as jsonlib
import logging
import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

from shared import log_context
from shared.hosting.log_redaction import scrub

_TALKATIVE = (
    "boto3",
    "botocore",
    "httpx",
    "moto",
    "requests",
    "s3transfer",
    "slack_sdk",
    "urllib3",
    "waitress",
    "werkzeug",
)
_PLAIN_VALUE = re.compile(r'[^\s"=]+')
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def setup(level: str | int, *, json: bool, stream: TextIO | None = None, version: str = "") -> None:
    """Write the log records of this process from `level` up to stderr, or to `stream`. `version`: of
    huntbridge, for the lines in JSON.

    This replaces every earlier set-up, including that of Lambda's runtime.
    """
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(_Json(version) if json else _Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


class OnceAMinute(logging.Filter):
    """For a logger whose warnings anybody may cause: writes the same warning at most once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        text = sentence(record, clean=str)
        if record.created - self._written.get(text, -math.inf) < 60:
            return False
        if len(self._written) >= 1_000:
            self._written.clear()
        self._written[text] = record.created
        return True


@contextmanager
def once_a_minute(*names: str) -> Iterator[None]:
    """Write each warning of these loggers at most once a minute while the block runs."""
    filters = [(logging.getLogger(name), OnceAMinute()) for name in names]
    for logger, once in filters:
        logger.addFilter(once)
    try:
        yield
    finally:
        for logger, once in filters:
            logger.removeFilter(once)


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:
        """Report that a record was lost. The method of the base class would print the record's arguments with
        their secrets. If the disk is full, the report is lost as well."""
        kind = type(sys.exc_info()[1]).__name__
        with suppress(OSError):
            self.stream.write(f"a log record of {record.name}, line {record.lineno}, is lost: {kind}\n")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} (its arguments do not fit)"


def sentence(record: logging.LogRecord, clean: Callable[[str], str] = scrub) -> str:
    """The message and its keys, as they stand in a line of text. `clean` removes secrets."""
    keys = (
        (name, clean(str(value)))
        for name, value in _extras(record).items()
        if value is not None and "." not in name
    )
    return clean(_message(record)) + "".join(f" {name}={_quoted(value)}" for name, value in keys)


def _quoted(value: str) -> str:
    """Quoted where necessary, so that a value cannot look like another key."""
    return value if _PLAIN_VALUE.fullmatch(value) else jsonlib.dumps(value, ensure_ascii=False)


def _traceback(record: logging.LogRecord, formatter: logging.Formatter) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    return "\n".join([*parts, *([record.stack_info] if record.stack_info else [])])


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    own = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return {**own, **{name: value for name, value in log_context.current().items() if name not in own}}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


class _Text(logging.Formatter):
    """`time level logger: message key=value …`. A newline in a message is written as an escape, so that no
    text can look like a line of the log. Tracebacks are indented."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_time(record)} {record.levelname:<7} {record.name}: {_visible(sentence(record))}"
        trace = scrub(_traceback(record, self))
        return "\n    ".join([line, *map(_visible, trace.splitlines())])


def _visible(text: str) -> str:
    """Control characters are escaped, because logs are read in terminals."""
    return re.sub("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]", lambda match: repr(match[0])[1:-1], text)


class _Json(logging.Formatter):
    def __init__(self, version: str) -> None:
        super().__init__()
        self._service = {"service.name": "huntbridge"} | ({"service.version": version} if version else {})

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": scrub(_message(record)),
        }
        if trace := _traceback(record, self):
            line["traceback"] = scrub(trace)
        if record.exc_info and (error := record.exc_info[1]):
            line["exception.type"] = _class_name(type(error))
            line["exception.message"] = scrub(str(error))
            line["exception.stacktrace"] = line["traceback"]
        fields = {name: _plain(value) for name, value in _extras(record).items()}
        return jsonlib.dumps({**fields, **line, **self._service})


def _class_name(kind: type[BaseException]) -> str:
    module = kind.__module__
    return kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}"


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int | float) else scrub(str(value))
