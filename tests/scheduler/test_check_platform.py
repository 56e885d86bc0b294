"""The end of the platform's certificate, looked at over TLS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from scheduler import check_platform
from shared.config.daily_check import DailyCheckConfig
from tests.certificates import Certificate
from tests.scheduler.staging import QUIET


@pytest.fixture
def port(tmp_path) -> Iterator[int]:
    """A server whose certificate ends in thirty days."""
    certificate = Certificate(tmp_path, "platform")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            try:
                with certificate.context.wrap_socket(peer, server_side=True) as secure:
                    secure.recv(1)
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def certificate_of(make_stage, url: str, left: int) -> list[tuple[str, str]]:
    runtime = make_stage((QUIET,)).runtime
    platform = runtime.config.platform.model_copy(update={"url": url})
    daily = DailyCheckConfig(certificate_left=left)
    runtime.config = runtime.config.model_copy(update={"platform": platform, "daily_check": daily})
    runtime.now = lambda: datetime.now(UTC)
    return [(result.mark.strip(), result.detail) for result in check_platform.certificate(runtime)]


def test_a_certificate_that_ends_soon_fails_and_another_passes(make_stage, port):
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    url = f"https://127.0.0.1:{port}"
    assert certificate_of(make_stage, url, 14 * 86_400) == [("ok", f"valid until {day}")]
    ((mark, detail),) = certificate_of(make_stage, url, 31 * 86_400)
    assert (mark, detail) == ("FAIL", f"it ends on {day}: renew it on the platform before that day")


def test_a_platform_without_tls_or_without_an_answer(make_stage):
    assert certificate_of(make_stage, "http://127.0.0.1:9", 0) == []
    ((mark, detail),) = certificate_of(make_stage, "https://127.0.0.1:9", 0)
    assert mark == "warn"
    assert detail.startswith("it could not be looked at: ")


@pytest.mark.parametrize(
    ("link", "mark", "said"),
    [
        ("{url}/healthy/{project_id}", "WARN", "status 404: open a project in the browser"),
        ("{url}/api/v3/projects/{project_id}", "ok", "which messages link to, answers with status 401"),
    ],
)
def test_the_page_that_messages_link_to_is_asked_for(make_stage, link, mark, said):
    stage = make_stage((QUIET,))
    platform = stage.runtime.config.platform.model_copy(update={"link": link})
    stage.runtime.config = stage.runtime.config.model_copy(update={"platform": platform})
    assert list(check_platform.page(stage.runtime)) == []  # there is no project yet
    stage.start()
    stage.work()
    (result,) = check_platform.page(stage.runtime)
    assert (result.ok, result.mark.strip().upper()) == (True, mark.upper())
    assert said in result.detail
