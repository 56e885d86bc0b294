"""Certificates, proxies and pages of proxies, for every destination and for the platform's client.

Each is made from a configuration and called at its real address, through a company's proxy that inspects TLS.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from receiver.assemble import destinations
from receiver.destinations.contract import NEW_CASE, Delivered, Outcome, Rejected, Retry
from receiver.messages.message import Message
from shared.config.config import Config
from shared.hosting.runtime import Runtime, local
from shared.http import sockets
from shared.http.deadlines import within
from shared.models.severity import Severity
from shared.platform.errors import CadoError, Unavailable
from tests.corporate_proxy import CorporateProxy, Reply, corporate_proxy

MESSAGE = Message("e", "test", Severity.INFO, "t", "s")
TEAMS_HOST = "default01.02.environment.api.powerplatform.com"
VALUES = {
    "API_KEY": "the-key-of-the-platform",
    "SLACK": "https://hooks.slack.com/services/T0SECRET01/B0SECRETB02/s3cr3tS3cr3tS3cr3tS3cr",
    "BOT": "xoxb-0123-4567-b0tS3cr3tb0tS3cr3t",
    "TEAMS": f"https://{TEAMS_HOST}/powerautomate/automations/direct/workflows/0123456789abcdef0123456789abcdef"
    "/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=SigSecretSigSecretSigSecret",
    "JIRA": "ATATT3xFfGF0SecretTokenOfJira",
    "SIEM": "SigningSecretOfTheSiem0123456789",
    "PAGERDUTY": "R0uT1ngK3yR0uT1ngK3yR0uT1ngK3y01",
    "JSM": "GenieKeyS3cr3t-1111-2222-3333",
}
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Kind:
    host: str
    section: Mapping[str, Any]  # of the configuration
    success: Reply


KINDS = {
    "platform": Kind(
        "cado.example",
        {"url": "https://cado.example", "api_key": "env:API_KEY"},
        Reply(200, '{"data": {"pipeline_ids": [{"id": 7}]}}'),
    ),
    "slack": Kind("hooks.slack.com", {"type": "slack", "webhook_url": "env:SLACK"}, Reply(200, "ok")),
    "bot": Kind(
        "slack.com",
        {"type": "slack", "token": "env:BOT", "channel": "C0123456789"},
        Reply(200, '{"ok": true, "channel": "C0123456789", "ts": "1763812800.000100"}'),
    ),
    "teams": Kind(TEAMS_HOST, {"type": "teams", "webhook_url": "env:TEAMS"}, Reply(202)),
    "jira": Kind(
        "acme.atlassian.net",
        {
            "type": "jira",
            "url": "https://acme.atlassian.net",
            "project": "SEC",
            "email": "hunt@acme.example",
            "api_token": "env:JIRA",
        },
        Reply(201, '{"id": "1", "key": "SEC-1"}'),
    ),
    "webhook": Kind(
        "siem.example",
        {"type": "webhook", "url": "https://siem.example/in", "secrets": "env:SIEM"},
        Reply(202),
    ),
    "pagerduty": Kind(
        "events.eu.pagerduty.com",
        {"type": "pagerduty", "routing_key": "env:PAGERDUTY", "region": "eu"},
        Reply(202, '{"status": "success", "message": "Event processed", "dedup_key": "a case"}'),
    ),
    "jsm": Kind(
        "api.atlassian.com",
        {"type": "jsm", "api_key": "env:JSM"},
        Reply(202, '{"requestId": "r-1", "data": {"isSuccess": true, "alertId": "alert-1"}}'),
    ),
}


class Caller:
    """A destination, or the client of the platform, as the configuration makes it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.kind, self._folder = name, KINDS[name], folder
        self.section = "platform" if name == "platform" else f"destinations.{name}"
        self._runtime: Runtime | None = None

    def configure(self, **keys: str) -> None:
        section = {**self.kind.section, **keys}
        platform = section if self.name == "platform" else KINDS["platform"].section
        told = {} if self.name == "platform" else {self.name: section}
        config = Config.model_validate({"platform": platform, "destinations": told})
        self._runtime = local(config, self._folder / "data", VALUES)
        self._runtime.sleep = lambda _: None
        self._destinations = destinations(self._runtime)

    def call(self) -> Outcome:
        """The outcome of a call. An error of the platform's client becomes the outcome that callers use."""
        if self._runtime is None:
            self.configure()
        assert self._runtime is not None
        if self.name != "platform":
            return self._destinations[self.name].deliver(MESSAGE, NEW_CASE)
        try:
            self._runtime.cado.capture_ec2(1, "i-0123456789abcdef0", "eu-west-1")
        except Unavailable as error:
            return Retry(str(error), ambiguous=error.ambiguous)
        except CadoError as error:
            return Rejected(str(error))
        return Delivered()


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CorporateProxy]:
    with corporate_proxy(tmp_path_factory.mktemp("company")) as proxy:
        yield proxy


@pytest.fixture(params=KINDS)
def caller(request: pytest.FixtureRequest, tmp_path: Path) -> Caller:
    return Caller(request.param, tmp_path)


@pytest.fixture(autouse=True)
def proxy(caller: Caller, company: CorporateProxy, monkeypatch: pytest.MonkeyPatch) -> CorporateProxy:
    """The proxy is the only way out, and only public authorities are trusted."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", company.url)
    resolve = socket.getaddrinfo

    def only_this_machine(host: Any, *args: Any, **more: Any) -> Any:
        if host != "127.0.0.1":
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return resolve(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", only_this_machine)
    company.connects.clear()
    company.requests.clear()
    company.reply = caller.kind.success
    return company


@pytest.fixture
def trusting(proxy: CorporateProxy, monkeypatch: pytest.MonkeyPatch) -> CorporateProxy:
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.authority.path))
    return proxy


# --- trusted authorities


@pytest.mark.parametrize("variable", VARIABLES)
def test_an_authority_of_the_environment_is_trusted(
    caller: Caller, proxy: CorporateProxy, variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(proxy.authority.path)
    monkeypatch.setenv(variable, hashed(path, tmp_path) if variable == "SSL_CERT_DIR" else path)
    assert isinstance(caller.call(), Delivered)
    assert {request.host for request in proxy.requests} == {caller.kind.host}


def hashed(certificate: str, folder: Path) -> str:
    """A folder of authorities as OpenSSL reads it."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not here")
    name = subprocess.run(
        ["openssl", "x509", "-noout", "-hash", "-in", certificate], check=True, capture_output=True, text=True
    ).stdout.strip()
    shutil.copy(certificate, folder / f"{name}.0")
    return str(folder)


def test_an_authority_of_the_configuration_is_trusted(caller: Caller, proxy: CorporateProxy) -> None:
    caller.configure(ca_bundle=str(proxy.authority.path))
    assert isinstance(caller.call(), Delivered)


def test_with_a_bundle_no_other_authority_is_trusted(
    caller: Caller, trusting: CorporateProxy, tmp_path: Path
) -> None:
    other = CorporateProxy(tmp_path)
    other.server.server_close()
    caller.configure(ca_bundle=str(other.authority.path))
    assert not isinstance(caller.call(), Delivered)
    assert trusting.requests == []


def test_advice_about_a_certificate_names_keys_that_exist(caller: Caller, proxy: CorporateProxy) -> None:
    outcome = caller.call()
    assert isinstance(outcome, Retry)
    assert not outcome.ambiguous
    assert proxy.requests == []
    assert f"write the file of that authority as {caller.section}.ca_bundle" in outcome.reason
    assert "SSL_CERT_FILE" in outcome.reason
    assert ("platform.fingerprint" in outcome.reason) is (caller.name == "platform")
    assert ("fingerprint" in outcome.reason) is (caller.name == "platform")


def test_a_variable_with_a_missing_file_removes_no_other_authority(
    caller: Caller,
    trusting: CorporateProxy,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", f"/nowhere/{caller.name}.pem")
    assert isinstance(caller.call(), Delivered)
    (warning,) = [record for record in caplog.records if record.name == "shared.http.trust"]
    assert vars(warning)["variable"] == "CURL_CA_BUNDLE"
    assert vars(warning)["path"] == f"/nowhere/{caller.name}.pem"


# --- the proxy


def test_the_variable_in_lower_case_counts_first(
    caller: Caller, trusting: CorporateProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", trusting.url)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert isinstance(caller.call(), Delivered)
    assert set(trusting.connects) == {caller.kind.host}


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("written", ["{}", "http://{}", "http://user:pass%2Fword@{}/"])
def test_a_proxy_is_written_with_a_scheme_or_without(
    caller: Caller, trusting: CorporateProxy, monkeypatch: pytest.MonkeyPatch, variable: str, written: str
) -> None:
    monkeypatch.delenv("HTTPS_PROXY")
    monkeypatch.setenv(variable, written.format(trusting.url.removeprefix("http://")))
    assert isinstance(caller.call(), Delivered)
    assert set(trusting.connects) == {caller.kind.host}


@pytest.mark.parametrize("exception", ["{host}", ".{domain}", "{domain}", "x.example, {host}:443", "*"])
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_a_host_of_no_proxy_is_called_without_the_proxy(
    caller: Caller, trusting: CorporateProxy, monkeypatch: pytest.MonkeyPatch, variable: str, exception: str
) -> None:
    host = caller.kind.host
    domain = host if host.count(".") == 1 else host.partition(".")[2]
    monkeypatch.setenv(variable, exception.format(host=host, domain=domain))
    outcome = caller.call()
    assert trusting.connects == []
    assert isinstance(outcome, Retry)
    assert "the name cannot be resolved" in outcome.reason


def test_a_host_that_no_proxy_does_not_name_is_called_through_the_proxy(
    caller: Caller, trusting: CorporateProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", f"x{caller.kind.host},{caller.kind.host}:8443,10.0.0.0/8,localhost")
    assert isinstance(caller.call(), Delivered)


# --- answers that are no delivery

PAGES = {
    "a page": Reply(
        200, "<!DOCTYPE html><title>Please sign in</title>", {"Content-Type": "text/html; charset=utf-8"}
    ),
    "a page that says it is none": Reply(
        200, "\n<!-- x --><HTML><body>Please sign in", {"Content-Type": "application/json"}
    ),
    "a page without a type": Reply(202, "<html><h1>Please sign in</h1></html>"),
    "a piece of a page": Reply(
        201, '<script>location = "Please sign in"</script>', {"Content-Type": "text/html"}
    ),
    "a piece of a page without a type": Reply(
        200, '<meta http-equiv="refresh" content="0"><p>Please sign in', {"Content-Type": "text/plain"}
    ),
    "XHTML": Reply(200, '<?xml version="1.0"?>\n<html xmlns="x">Please sign in</html>'),
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_the_proxy_is_not_a_delivery(caller: Caller, trusting: CorporateProxy, page: str) -> None:
    trusting.reply = PAGES[page]
    outcome = caller.call()
    assert isinstance(outcome, Retry)
    assert "web page" in outcome.reason
    assert len(trusting.requests) == 1
    trusting.reply = caller.kind.success
    assert isinstance(caller.call(), Delivered)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_a_delivery_and_gets_no_credential(
    caller: Caller, trusting: CorporateProxy, status: int
) -> None:
    trusting.reply = Reply(status, "", {"Location": "https://elsewhere.example/"})
    outcome = caller.call()
    assert not isinstance(outcome, Delivered)
    assert [request.host for request in trusting.requests] == [caller.kind.host]


def test_an_answer_that_drips_ends_with_its_time(caller: Caller, trusting: CorporateProxy) -> None:
    trusting.reply = Reply(200, drips=True)
    with within(1.0):
        outcome = caller.call()
    assert isinstance(outcome, Retry)
    assert outcome.ambiguous
    assert "did not answer within the time" in outcome.reason


# --- connections


def test_a_fresh_connection_is_used_again(
    caller: Caller, trusting: CorporateProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        assert isinstance(caller.call(), Delivered)
    assert len(trusting.connects) == 1
    monkeypatch.setattr(sockets, "MAX_IDLE", -1.0)
    assert isinstance(caller.call(), Delivered)
    assert len(trusting.connects) > 1
