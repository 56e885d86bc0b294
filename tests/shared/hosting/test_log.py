"""What is written, and that no secret is ever among it."""

from __future__ import annotations

import ast
import base64
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import log_context
from shared.hosting import log, log_redaction
from shared.secrets import Secret

ROOT = Path(__file__).resolve().parents[3]
WEBHOOK = "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/c0cccccccccccccccccccccc"
TEAMS = (
    "https://prod-01.westeurope.logic.azure.com:443/workflows/0a1b2c3d4e5f/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=Zm9v-YmFy_cXV4"
)
KEY = 'quote" back\\slash ünï/key+='
Read = Callable[[], str]


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging and the registry of secrets are the process's; other tests get them back as they were."""
    monkeypatch.setattr(log_redaction, "_registry", log_redaction._Registry())
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    levels = {name: logging.getLogger(name).level for name in log._TALKATIVE}
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture(params=[False, True], ids=["text", "json"])
def read(request: pytest.FixtureRequest) -> Read:
    stream = io.StringIO()
    log.setup("DEBUG", json=request.param, stream=stream)
    return stream.getvalue


def hide(*values: str) -> None:
    for value in values:
        log_redaction.redact(Secret(value))


def fail(text: str) -> None:
    try:
        try:
            raise ValueError(f"inner {text}")
        except ValueError as error:
            raise RuntimeError(f"outer {text}") from error
    except RuntimeError:
        logging.getLogger("huntbridge").exception("it failed for %s", text)


@pytest.mark.parametrize(
    ("secret", "parts"),
    [
        (KEY, [KEY, quote(KEY, safe=""), quote(KEY), json.dumps(KEY)[1:-1], repr(KEY)[1:-1]]),
        (WEBHOOK, [WEBHOOK, "/services/T0AAAAAAA/B0BBBBBBB/c0cccccccccccccccccccccc", quote(WEBHOOK)]),
        (TEAMS, [TEAMS, TEAMS.partition(":443")[2], TEAMS.partition("?")[2]]),
        ("line one\nline two", ["line one\nline two", "line one", "line two"]),
    ],
)
def test_a_registered_secret_gets_past_nowhere(read: Read, secret: str, parts: list[str]) -> None:
    hide(secret)
    logger = logging.getLogger("huntbridge")
    logger.info("%s and %r", secret, secret)
    logger.info("%s", {"deep": [secret]})
    logger.info("%(name)s", {"name": secret})
    logger.info("extra", extra={"where": secret, "deep": {"also": secret}})
    logger.warning("stack", stack_info=True)
    for part in parts:
        logger.info(part)
        fail(part)
        logging.getLogger("urllib3.connectionpool").warning('%s "POST %s HTTP/1.1"', "host", part)
    written = read()
    for part in parts:
        assert part not in written
        assert json.dumps(part)[1:-1] not in written
    assert "<secret>" in written


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"posting to {WEBHOOK} now", "posting to https://hooks.slack.com/<secret> now"),
        (
            '"POST /services/T0AAAAAAA/B0BBBBBBB/ccc HTTP/1.1" 200',
            '"POST /services/<secret> HTTP/1.1" 200',
        ),
        ("/x?sp=%2Fa&sig=Zm9v-YmFy_cXV4&sv=1", "/x?sp=%2Fa&sig=<secret>&sv=1"),
        ("sig%3DZm9v-YmFy", "sig%3D<secret>"),
        ("token xoxb-123456-abcdef!", "token <secret>!"),
        ("{'Authorization': 'Bearer abc.def-ghi'}", "{'Authorization': 'Bearer <secret>'}"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic <secret>"),
        ("https://user:pass@host/path", "https://<secret>@host/path"),
        ("ATATT3xFfGF0abcdefghij=1A2B", "<secret>"),
        ("a design with basic care, the bearer of news", "a design with basic care, the bearer of news"),
    ],
)
def test_what_looks_like_a_secret(read: Read, text: str, left: str) -> None:
    logging.getLogger("huntbridge").info("%s", text)
    written = read()
    assert (left in written) or (json.dumps(left)[1:-1] in written)


def test_basic_credentials_are_hidden_in_their_encoded_form(read: Read) -> None:
    encoded = base64.b64encode(b"hunt@acme.example:token-of-jira").decode()
    fail(f"Basic {encoded}")
    assert encoded not in read()


def test_a_record_that_cannot_be_formatted_leaks_nothing(
    read: Read, capsys: pytest.CaptureFixture[str]
) -> None:
    class Odd:
        def __str__(self) -> str:
            raise RuntimeError(KEY)

    hide(KEY)
    root = logging.getLogger()
    root.handlers = [one for one in root.handlers if isinstance(one, log._Handler)]  # not pytest's own
    logging.getLogger("huntbridge").info("%s %s", KEY)
    logging.getLogger("huntbridge").info("%s", Odd())
    shown = read() + "".join(capsys.readouterr())
    assert "is lost: RuntimeError" in shown
    assert "its arguments do not fit" in shown
    assert KEY not in shown
    assert "ünï" not in shown


def test_a_very_short_secret_is_left_because_it_would_hide_the_log(read: Read) -> None:
    hide("t", "")
    logging.getLogger("huntbridge").info("the text")
    assert "the text" in read()


def test_lines_for_people() -> None:
    stream = io.StringIO()
    log.setup("INFO", json=False, stream=stream)
    logger = logging.getLogger("huntbridge.web")
    logger.debug("not shown")
    logger.info("forged\n2026-01-01 ERROR \x1b[31mred\u2028", extra={"hunt": "weekly"})
    (line,) = stream.getvalue().splitlines()
    time, _, rest = line.partition(" ")
    assert (len(time), time[-1]) == (24, "Z")
    assert rest == r"INFO    huntbridge.web: forged\n2026-01-01 ERROR \x1b[31mred\u2028 hunt=weekly"


def test_keys_follow_the_sentence() -> None:
    stream = io.StringIO()
    log.setup("INFO", json=False, stream=stream)
    keys = {"event": 42, "case": None, "reason": 'said "no"\nevent=43', "ref": ""}
    logging.getLogger("a").info("event delivered", extra=keys)
    expected = r'a: event delivered event=42 reason="said \"no\"\nevent=43" ref=""'
    assert stream.getvalue().rstrip("\n").endswith(expected)


def keys_of_log_lines() -> Iterator[tuple[str, str]]:
    """The keys in `extra=…`, and in dictionaries whose name begins with `keys`."""
    for room in ("shared", "receiver", "scheduler", "cli", "demo"):
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (isinstance(node, ast.keyword) and node.arg == "extra") or (
                    isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("keys")
                ):
                    for key in ast.walk(node.value):
                        if isinstance(key, ast.Dict):
                            for name in key.keys:
                                if isinstance(name, ast.Constant):
                                    yield f"{path.relative_to(ROOT)}:{name.lineno}", str(name.value)


def test_no_key_of_a_log_line_is_reserved() -> None:
    reserved = {*vars(logging.makeLogRecord({})), "message", "asctime", "time", "level", "logger"}
    keys = list(keys_of_log_lines())
    assert {"status", "reason", "sender"} <= {key for _, key in keys}
    assert [(where, key) for where, key in keys if key in reserved] == []


def test_a_traceback_for_people_is_indented() -> None:
    stream = io.StringIO()
    log.setup("INFO", json=False, stream=stream)
    fail("x")
    first, *rest = stream.getvalue().splitlines()
    assert first.endswith("ERROR   huntbridge: it failed for x")
    assert rest[-1] == "    RuntimeError: outer x"
    assert all(line.startswith("    ") for line in rest)


def test_lines_for_machines() -> None:
    stream = io.StringIO()
    log.setup("INFO", json=True, stream=stream)
    logging.getLogger("a").info("one\ntwo", extra={"n": 3, "list": [1], "message_id": None})
    fail("x")
    first, second = map(json.loads, stream.getvalue().splitlines())
    del first["time"]
    assert first == {
        "level": "INFO",
        "logger": "a",
        "message": "one\ntwo",
        "n": 3,
        "list": "[1]",
        "message_id": None,
        "service.name": "huntbridge",
    }
    assert second["traceback"].endswith("RuntimeError: outer x")


def test_libraries_are_kept_quiet_and_a_second_set_up_takes_the_place_of_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    log.setup("DEBUG", json=False, stream=first)
    log.setup("DEBUG", json=False, stream=second)
    for name in (
        "urllib3.connectionpool",
        "requests",
        "slack_sdk.webhook",
        "botocore.auth",
        "boto3",
        "waitress",
    ):
        logging.getLogger(name).info("https://h/%s", "path")
        logging.getLogger(name).debug("https://h/%s", "path")
    logging.getLogger("huntbridge").debug("shown")
    assert first.getvalue() == ""
    assert second.getvalue().endswith("huntbridge: shown\n")
    assert len(second.getvalue().splitlines()) == 1


@given(st.text())
def test_scrub_takes_anything_and_settles(text: str) -> None:
    once = log_redaction.scrub(text)
    assert log_redaction.scrub(once) == once


@pytest.mark.parametrize(
    "text", ["sig=" * 50_000, "://" * 60_000, "bearer " * 30_000, "/services/AAAAAA" * 9_000]
)
def test_scrub_is_quick_on_long_text(text: str) -> None:
    log_redaction.scrub(text)


def test_a_log_on_a_full_disk_stops_no_work():
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    log.setup("INFO", json=False, stream=Full())
    logging.getLogger("x").warning("not to be written")


def test_a_warning_that_anybody_may_cause_is_written_once_a_minute(read):
    logger = logging.getLogger("a room for everybody")
    only = log.OnceAMinute()
    logger.addFilter(only)
    try:
        for number in range(2_000):
            logger.warning("a click was refused: %s", "it is too old")
            logger.warning("a body was refused", extra={"status": 400 + number % 2})
        for _ in range(2):
            logger.info("a webhook was accepted")
        only._written = {text: at - 61 for text, at in only._written.items()}
        logger.warning("a click was refused: %s", "it is too old")
    finally:
        logger.removeFilter(only)
    said = read()
    assert said.count("it is too old") == 2
    assert said.count("a body was refused") == 2
    assert said.count("a webhook was accepted") == 2


def test_an_error_has_the_names_of_opentelemetry():
    stream = io.StringIO()
    log.setup("INFO", json=True, stream=stream, version="1.2.3")
    hide("a-secret-in-an-error")
    try:
        raise json.JSONDecodeError("a-secret-in-an-error", "", 0)
    except ValueError:
        logging.getLogger("x").exception("it failed")
    line = json.loads(stream.getvalue())

    assert line["exception.type"] == "json.decoder.JSONDecodeError"
    assert line["exception.message"] == "<secret>: line 1 column 1 (char 0)"
    assert line["exception.stacktrace"] == line["traceback"]
    assert (line["service.name"], line["service.version"]) == ("huntbridge", "1.2.3")


def test_the_keys_of_a_scope_are_in_every_line_and_not_outside(read: Read):
    def written(sentence: str) -> str:
        logging.getLogger("x").info(sentence)
        return read().splitlines()[-1]

    with log_context.scope(queue="events"):
        log_context.add(event="event-42")
        assert "event-42" in written("inside")
        assert "events" in written("inside")
        with log_context.scope():
            log_context.add(event="event-43")
            assert "event-43" in written("further inside")
        assert "event-42" in written("inside again")
    assert "event-42" not in written("outside")
    log_context.add(event="event-44")
    assert "event-44" not in written("outside")
