"""What the platform says about itself before a hunt: its license, settings, workers, and cloud accounts.

What an answer does not say is None or empty: it is not known. Every role may read the license, the settings
and the platform's own facts; the other calls say who may not.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from shared.platform.readiness_answers import (
    AccountChecked,
    License,
    PlatformFacts,
    PlatformSettings,
    Worker,
)
from shared.platform.transport import Transport
from shared.platform.wire import JsonObject, parse, unwrap
from shared.platform.wire_readiness import (
    AccountJson,
    FactsJson,
    LicenseJson,
    SettingsJson,
    WorkerJson,
    account_from,
    facts_from,
    license_from,
    settings_from,
    worker_from,
)


class Readiness:
    """Safe to use from several threads. Every method raises CadoError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def license(self) -> License:
        return license_from(parse(LicenseJson, self._data("license")))

    def settings(self) -> PlatformSettings:
        return settings_from(parse(SettingsJson, self._data("settings")))

    def facts(self) -> PlatformFacts:
        return facts_from(parse(FactsJson, self._data("platform")))

    def workers(self) -> Iterator[Worker]:
        """The platform's workers, of every state. Not for the role Platform Administrator."""
        for json in self._listed("workers", {}, WorkerJson):
            if worker := worker_from(json):
                yield worker

    def accounts(self, *, failing: bool = False) -> Iterator[AccountChecked]:
        """The cloud accounts that the platform knows, without their issues. `failing`: those that failed its
        last check. Not for the role Read Only Analyst."""
        params = {"account_check_result": "failure"} if failing else {}
        for json in self._listed("accounts", params, AccountJson):
            if account := account_from(json):
                yield account

    def account(self, name: str) -> AccountChecked | None:
        """One account with its issues; None if the answer names none. Not for the role Read Only Analyst."""
        path = f"accounts/{quote(name, safe='')}"
        return account_from(parse(AccountJson, self._data(path, what=f"the account {name}")))

    def _data(self, path: str, *, what: str = "") -> Any:
        return unwrap(self._transport.read(f"/api/v3/{path}", what=what))

    def _listed(self, path: str, params: dict[str, str], kind: type[JsonObject]) -> Iterator[Any]:
        for item in self._transport.pages(f"/api/v3/{path}", params):
            yield parse(kind, item)
