"""NO_PROXY: what Python's urllib reads, and networks."""

from __future__ import annotations

from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

import pytest

from shared.http.proxies import excepted

# What urllib says yes to, and what it says no to.
CASES = [
    ("example.com", "example.com", True),
    ("www.example.com", "example.com", True),
    ("www.example.com", ".example.com", True),
    ("example.com", ".example.com", True),
    ("notexample.com", "example.com", False),
    ("example.com.evil.example", "example.com", False),
    ("example.com", "www.example.com", False),
    ("EXAMPLE.com", "Example.COM", True),
    ("example.com", "a.example, example.com ,b.example", True),
    ("example.com:8443", "example.com:8443", True),
    ("www.example.com:8443", "example.com:8443", True),
    ("www.example.com:8443", ".example.com:8443", True),
    ("example.com:9443", "example.com:8443", False),
    ("example.com:8443", "example.com", True),
    ("10.1.2.3", "10.1.2.3", True),
    ("10.1.2.3:8443", "10.1.2.3:8443", True),
    ("10.1.2.3:9443", "10.1.2.3:8443", False),
    ("anything.example", "*", True),
    ("example.com", "", False),
    ("example.com", ",", False),
    ("example.com", ".", False),
    ("example.com", "*.example.com", False),
]


@pytest.mark.parametrize(("netloc", "exceptions", "expected"), CASES)
def test_as_urllib_reads_it(netloc: str, exceptions: str, expected: bool) -> None:
    host, _, port = netloc.partition(":")
    assert excepted(host, int(port or 443), exceptions) is expected
    assert proxy_bypass_environment(netloc, {"no": exceptions}) is expected


@pytest.mark.parametrize(
    ("host", "exceptions", "expected"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.1.2.3", "192.168.0.0/16, 10.1.2.0/24", True),
        ("10.1.2.3", "10.1.2.9/24", True),
        ("fd00::1", "fd00::/8", True),
        ("fd00::1", "10.0.0.0/8", False),
        ("ten.example", "10.0.0.0/8", False),
        ("10.1.2.3", "10.0.0.0/99", False),
        ("fd00::1", "fd00:0:0::1", True),
        ("fd00::1", "[fd00::1]", True),
        ("fd00::1", "[fd00::1]:443", True),
        ("fd00::1", "[fd00::1]:444", False),
        ("example.com", "x.example, *", True),
        ("example.com.", "example.com", True),
        ("example.com", "example.com:443", True),  # the port of https, which the URL need not write
        ("example.com", "example.com:x", False),
    ],
)
def test_networks_ports_and_addresses_of_ipv6(host: str, exceptions: str, expected: bool) -> None:
    assert excepted(host, 443, exceptions) is expected
