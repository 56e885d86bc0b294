"""URLs that the configuration may hold."""

import pytest

from shared.config.urls import https_url

NOT_HTTPS = "must be https; http is only for this machine (127.0.0.1, ::1, localhost)"
NO_CHARACTER = "holds a space or another character that no URL has"
NO_QUERY = "must end with the host or path: remove what begins with ? or #"


@pytest.mark.parametrize(
    ("text", "path", "normal"),
    [
        ("https://Cado.Example", "none", "https://cado.example"),
        ("https://cado.example/", "none", "https://cado.example"),
        ("https://cado.example:8443//", "none", "https://cado.example:8443"),
        ("https://10.0.0.1/api/v3/", "api", "https://10.0.0.1"),
        ("https://10.0.0.1/api/v2", "api", "https://10.0.0.1"),
        ("https://[fd00::1]:8443", "none", "https://[fd00::1]:8443"),
        ("https://cado_1", "none", "https://cado_1"),
        ("http://127.0.0.1:8080", "none", "http://127.0.0.1:8080"),
        ("http://127.8.9.1", "none", "http://127.8.9.1"),
        ("http://localhost:8080", "none", "http://localhost:8080"),
        ("http://[::1]:8080", "none", "http://[::1]:8080"),
        ("https://jira.example/Jira/", "any", "https://jira.example/Jira"),
    ],
)
def test_what_a_url_becomes(text, path, normal):
    assert https_url(text, path=path) == normal


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("http://10.0.0.1", NOT_HTTPS),
        ("http://127.0.0.1.evil.example", NOT_HTTPS),
        ("http://localhost.evil.example", NOT_HTTPS),
        ("http://[::ffff:127.0.0.1]", NOT_HTTPS),
        ("cado.example", "must begin with https://"),
        ("ftp://cado.example", "must begin with https://"),
        ("", "must begin with https://"),
        ("https://", "has no host"),
        ("https:///path", "has no host"),
        ("https://-x", "has no host"),
        ("https://a..@b", "must not hold a user name or password"),
        ("https://user:SECRET@cado.example", "must not hold a user name or password"),
        ("https://cado.example:99999", "is not a URL"),
        ("https://cado.example:x", "is not a URL"),
        ("https://[fd00::1", "is not a URL"),
        ("https://cado.example\n", NO_CHARACTER),
        ("https://cado.example\\@evil.example", NO_CHARACTER),
        ("https://cädo.example", NO_CHARACTER),
        ("https://cado.example/?a=SECRET", NO_QUERY),
        ("https://cado.example/#", NO_QUERY),
        ("https://cado.example/api/v3/x", "must end with the host: remove the path"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_url(text, wrong):
    with pytest.raises(ValueError) as caught:
        https_url(text, path="api")
    assert str(caught.value) == wrong
