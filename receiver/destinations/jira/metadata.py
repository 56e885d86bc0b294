"""What a project takes: its types of issue and their fields, and what of the configuration does not fit them.

Asked by `huntbridge check`, and for the types of the fields that the configuration sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from receiver.destinations.jira.client import ID, Ended, JiraApi
from receiver.destinations.jira.fields import Known, names, shaped
from receiver.destinations.jira.issues import Issue
from shared.config.destinations.jira import JiraConfig
from shared.text import one_line

# Without being asked: by huntbridge, and by Jira from who asks.
_ALWAYS_SET = frozenset({"project", "issuetype", "summary", "description", "reporter"})
MAX_ALLOWED = 1_000  # values of one field that are kept
_SHOWN = 160  # characters of a list in words


def issue_types(api: JiraApi, project: str) -> dict[str, str]:
    """The id of each type of issue that may be made, by its name. Raises Ended."""
    found = api.pages(f"issue/createmeta/{quote(project, safe='')}/issuetypes", "issueTypes", "values")
    return {str(one.get("name")): str(one.get("id")) for one in found}


def fields(api: JiraApi, project: str, type_id: str) -> Known:
    """The fields on the screen that makes an issue of this type, by their ids. Raises Ended."""
    path = f"issue/createmeta/{quote(project, safe='')}/issuetypes/{quote(type_id, safe='')}"
    return {str(one.get("fieldId") or one.get("key")): one for one in api.pages(path, "fields", "values")}


def known(api: JiraApi, config: JiraConfig) -> Known:
    """Of the configured type those fields that the configuration sets; none where Jira does not tell this
    account. Raises Ended where it cannot be asked now."""
    try:
        id = issue_types(api, config.project).get(config.issue_type, "")
        found = fields(api, config.project, id) if ID.fullmatch(id) else {}
        return {name: _kept(found[name]) for name in config.fields if name in found}
    except Ended as ended:
        if ended.refused:
            return {}
        raise


def _kept(field: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a field that is needed later, cut to a size that may be kept for an hour."""
    allowed = field.get("allowedValues")
    kept = {key: field[key] for key in ("name", "schema") if key in field}
    return kept | ({"allowedValues": allowed[:MAX_ALLOWED]} if isinstance(allowed, list) else {})


def resolutions(api: JiraApi) -> list[str]:
    """The names of all resolutions; none where Jira does not tell this account. Raises Ended where it cannot
    be asked now."""
    try:
        if api.cloud():
            return [str(one.get("name")) for one in api.pages("resolution/search", "values")]
        found = api.look("resolution").json()  # Data Center has a list, without pages
    except Ended as ended:
        if ended.refused:
            return []
        raise
    except ValueError:
        return []
    return [str(one.get("name")) for one in _sections(found)] if isinstance(found, list) else []


def unknown_resolutions(config: JiraConfig, names: list[str]) -> tuple[str, bool]:
    """What is to be said of those that stand, and whether the configuration is wrong. In a Jira of another
    language the default ones may all be unknown."""
    absent = [name for name in config.respect_resolutions if not Issue("", resolution=name).respects(names)]
    if not names or not absent:
        return "", False
    if "respect_resolutions" in config.model_fields_set:
        return f"respect_resolutions: there is no {_listed(absent)}; allowed: {_listed(names)}", True
    if len(absent) < len(config.respect_resolutions):
        return "", False
    return f"no resolution stands: name those in respect_resolutions that do, of {_listed(names)}", False


def problems(config: JiraConfig, known: Known, *, cloud: bool) -> Iterator[str]:
    """What would be refused or left out, one sentence each."""
    yield from _required(config, known)
    if "priorities" in config.model_fields_set or "priority" in known:
        yield from _values("priorities", "priority", dict.fromkeys(config.priorities.values()), known)
    yield from _values("components", "components", config.components, known)
    yield from _values("security", "security", [config.security] if config.security else [], known)
    if "labels" not in known:
        yield "labels are not on its screen: an issue could not be found again by the label of its case"
    for id, value in config.fields.items():
        if id not in known:
            yield f"fields: {id} is not on its screen, or does not exist: it would be left out"
        elif wrong := _unfit(value, known[id], cloud):
            yield f"fields: {id} ({_name(known[id])}): {wrong}"


def _required(config: JiraConfig, known: Known) -> Iterator[str]:
    """What must be there for every issue and is set for none, or not for all."""
    has = _ALWAYS_SET | config.fields.keys() | {"labels"}
    has |= {name for name in ("components", "security") if getattr(config, name)}
    if config.priorities.keys() >= {"malicious", "suspicious", "info", "unknown"}:
        has |= {"priority"}
    for id, field in known.items():
        if field.get("required") is not True or field.get("hasDefaultValue") is True or id in has:
            continue
        allowed = _listed(names(field))
        also = f"; allowed: {allowed}" if allowed else ""
        if id == "assignee":
            yield "it must have an assignee, and only systems whose owner has one in owners get one"
        elif id == "priority":
            yield f"it must have a priority: name one for each severity in priorities{also}"
        elif id in ("components", "security"):
            yield f"it must have {_name(field)}: set {id}{also}"
        else:
            yield f"it must have {id} ({_name(field)}): set it in fields{also}"


def _values(key: str, id: str, wanted: Iterable[str | None], known: Known) -> Iterator[str]:
    if not (wanted := [name for name in wanted if name]):
        return
    if id not in known:
        lack = "no issue would be made" if id == "security" else "it would be left out"
        yield f"{key}: {id} is not on its screen: {lack}"
        return
    allowed = names(known[id])
    # Where nothing is listed Jira does not say what is allowed.
    if absent := [name for name in wanted if name not in allowed] if allowed else []:
        yield f"{key}: there is no {_listed(absent)}; allowed: {_listed(allowed)}"


def _unfit(value: Any, field: Mapping[str, Any], cloud: bool) -> str:
    """What is wrong with a value that is the same for every alarm; empty where only an alarm can tell."""
    texts = [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    if isinstance(value, dict) or any("{{" in text or "{%" in text for text in texts):
        return ""
    try:
        shape = shaped(value, field, cloud=cloud)
    except ValueError as error:
        return str(error)
    allowed = names(field)
    chosen = [one.get("value") or one.get("name") for one in _sections(shape)]
    absent = [str(name) for name in chosen if name and name not in allowed] if allowed else []
    return f"there is no {_listed(absent)}; allowed: {_listed(allowed)}" if absent else ""


def _sections(shape: Any) -> list[Mapping[str, Any]]:
    return [one for one in (shape if isinstance(shape, list) else [shape]) if isinstance(one, Mapping)]


def _name(field: Mapping[str, Any]) -> str:
    return one_line(str(field.get("name") or "no name"), 60)


def _listed(words: Iterable[str]) -> str:
    return one_line(", ".join(words), _SHOWN)
