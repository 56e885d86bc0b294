"""URLs: what may be shown of them, and loopback hosts."""

from __future__ import annotations

import pytest

from shared.http.urls import host_of, is_loopback


def test_what_may_be_shown_of_a_url() -> None:
    assert host_of("https://u:p@hooks.example:8443/services/T/B/X?sig=1#f") == "https://hooks.example:8443"
    assert host_of("https://hooks.example/services") == "https://hooks.example"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST."])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "localhost.evil.example", "2130706433", ""])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
