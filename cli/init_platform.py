"""The part of `huntbridge init` about the platform: its address, its certificate, and the API key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import click

from cli.init_draft import Draft
from cli.init_questions import Interview
from scheduler.check_platform import certificate, key_rights
from shared.config.environment import platform_url
from shared.config.errors import ConfigError
from shared.http.client import Http
from shared.http.errors import NetworkError, TlsFailed
from shared.models.checks import CheckResult, failed, passed, warned
from shared.platform.errors import CadoError
from shared.secrets import SecretError

_NOT_ASKED = ("fingerprint", "ca_bundle", "api_version")
_ASKED = ("platform_url", "api_key", "fingerprint")
_WHAT = "platform"


def ask_platform(ask: Interview, draft: Draft) -> None:
    while True:
        url = ask.text("platform_url", "Address of the platform, such as https://cado.corp.example")
        key = ask.secret(draft, "api_key", "API key of a user with the role Lead Analyst", "CADO_API_KEY")
        draft.data["platform"] = {
            **draft.data.get("platform", {}),
            "url": platform_url(url),
            "api_key": str(key),
            **{name: value for name in _NOT_ASKED if (value := ask.option(name))},
        }
        if ask.is_valid(draft, *_ASKED):
            _offer_pin(ask, draft)
            click.echo("Trying the platform …")
            if ask.accepts(_findings(draft), *_ASKED):
                return
        draft.data["platform"].pop("fingerprint", None)


def _offer_pin(ask: Interview, draft: Draft) -> None:
    """Asks whether the certificate is right, if it is from an authority that this machine does not trust."""
    section = draft.data["platform"]
    if not ask.terminal or section.get("fingerprint") or section.get("ca_bundle"):
        return
    with suppress(NetworkError):  # the try that follows reports them
        runtime = draft.runtime()
        if shown := _untrusted(runtime.http(), runtime.config.platform.url):
            click.echo(f"This machine does not trust the platform's certificate. Its SHA-256 is\n  {shown}")
            if ask.yes("Have you compared it on the platform itself, and is it the same?", default=False):
                section["fingerprint"] = shown


def _untrusted(http: Http, url: str) -> str:
    """The fingerprint of a certificate that this machine does not trust; empty if it trusts it. Raises
    NetworkError."""
    try:
        http.request("GET", url)
    except TlsFailed:
        return http.certificate_fingerprint(url)
    return ""


def _findings(draft: Draft) -> Iterator[CheckResult]:
    try:
        runtime = draft.runtime()
        if not runtime.config.platform.fingerprint and not runtime.config.platform.ca_bundle:
            yield from _certificate(runtime.http(), runtime.config.platform.url)
        yield key_rights(runtime, _WHAT)
        version = runtime.cado.version()
        yield (
            passed(_WHAT, f"its version is {version}")
            if version
            else warned(_WHAT, "it does not tell its version to this key")
        )
        yield from certificate(runtime)
    except (CadoError, SecretError) as error:
        yield failed(_WHAT, str(error))
    except ConfigError as error:
        for problem in error.problems:
            yield failed(_WHAT, problem)


def _certificate(http: Http, url: str) -> Iterator[CheckResult]:
    """What to do about a certificate that this machine does not trust. Other failures are reported by the
    call that follows."""
    with suppress(NetworkError):
        if shown := _untrusted(http, url):
            yield failed(
                "platform certificate",
                f"this machine does not trust it; if its SHA-256 on the platform is {shown}, give that as "
                "--fingerprint, or give the file of its authority as --ca-bundle",
            )
