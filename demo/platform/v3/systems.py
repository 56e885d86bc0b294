"""API v3: what the browse calls and the imports of all kinds but EC2 have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from demo.platform.calls import Call, Field, Refused
from demo.platform.records import Import, Pipeline, SimSystem
from demo.platform.v3.answers import Answer
from demo.platform.v3.imports import cursor_page
from demo.platform.v3.projects import known_project

HOST_OPTIONS = {
    "collection_type": Field(str, choices=("balanced", "custom")),
    "light_mode": Field(bool),
    "skip_scan": Field(bool),
    "skip_ssl_verification": Field(bool),
    "additional_files_only": Field(bool),
    "groups": Field(list),
    "additional_files": Field(list),
}


def account_of(call: Call, provider: str, name: str = "account_name", *, required: bool = True) -> str:
    """The account that the query names; without one, if it need not, the platform's own."""
    return call.account(call.text(name, required=required) or "Default", provider)


def seen(call: Call, account: str, kinds: Iterable[str], **parts: str | None) -> list[SimSystem]:
    """The systems of these kinds in an account whose parts are these. Azure ignores upper and lower case."""
    return [
        system
        for system in call.world.systems.values()
        if system.account == account
        and system.kind in kinds
        and all(_same(system, part, wanted) for part, wanted in parts.items() if wanted is not None)
    ]


def _same(system: SimSystem, part: str, wanted: str) -> bool:
    has = system.parts.get(part, "")
    return has.lower() == wanted.lower() if system.provider == "azure" else has == wanted


def each_once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def labelled(system: SimSystem, wanted: Iterable[str]) -> bool:
    """Whether it has all these tags, each written as `key:value`."""
    return all(system.tags.get(tag.partition(":")[0]) == tag.partition(":")[2] for tag in wanted)


def tags_of(system: SimSystem) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in system.tags.items()]


def paged(call: Call, rows: list[Any], *, required: bool = True) -> Answer:
    part, page = call.page(rows, required=required)
    return Answer(part, page)


def by_cursor(call: Call, rows: list[Any]) -> Answer:
    size = call.number("per_page") or 10
    part, cursor = cursor_page(call, rows, min(size, 100))
    return Answer(part, cursor=cursor)


def imported(
    call: Call,
    kind: str,
    fields: Mapping[str, str],
    *,
    account: str = "account_name",
    project: str = "investigation_id",
    more: Mapping[str, Field] | None = None,
    account_required: bool = True,
    asked: Callable[[SimSystem, dict[str, Any]], Import],
) -> list[Pipeline]:
    """Start the acquisition of the system that the body names. `fields`: the names of the parts in the body.
    `asked` makes the request from the system and the body. Raises Refused."""
    body = call.body(
        {
            account: Field(str, required=account_required),
            project: Field(int, required=True),
            **{name: Field(str, required=name != "region" or kind == "lambda") for name in fields.values()},
            **(more or {}),
        }
    )
    if "host_options" in body:
        call.checked("host_options", body["host_options"], HOST_OPTIONS)
    provider = {"azure_vm": "azure", "aks": "azure", "gce": "gcp", "gke": "gcp"}.get(kind, "aws")
    of = call.account(body.get(account, "Default"), provider)
    into = known_project(call, body[project])
    found = seen(call, of, (kind,), **{part: body.get(name) for part, name in fields.items()})
    if not found:
        raise Refused(404, "The resource was not found")
    return call.world.acquire(into, asked(found[0], body), call.user, call.now)


def several(started: list[Pipeline]) -> Answer:
    return Answer({"pipeline_ids": [{"id": pipeline.id} for pipeline in started]})


def single(started: list[Pipeline]) -> Answer:
    (pipeline,) = started
    return Answer({"pipeline_id": pipeline.id})
