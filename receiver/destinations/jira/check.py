"""Checks whether huntbridge may create issues as they are configured, without creating one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from receiver.destinations.contract import Check
from receiver.destinations.jira.client import JiraApi
from receiver.destinations.jira.field_values import Fields, allowed_names, shaped
from receiver.destinations.jira.issues import Issue
from receiver.destinations.jira.project import fields, issue_types, resolutions
from shared.config.destinations.jira import JiraConfig
from shared.text import one_line

_NEEDED_PERMISSIONS = ("CREATE_ISSUES", "ADD_COMMENTS")
_USEFUL_PERMISSIONS = {
    "TRANSITION_ISSUES": "reopen an issue",
    "LINK_ISSUES": "link the platform",
    "CREATE_ATTACHMENTS": "attach the alarms that a message has no room for",
}
# Fields that huntbridge always sets, and the reporter, which Jira sets.
_ALWAYS_SET = frozenset({"project", "issuetype", "summary", "description", "reporter"})
_SHOWN = 160  # characters of a list in a sentence


def check_jira(api: JiraApi, config: JiraConfig) -> Check:
    """Raises Stopped if Jira refuses a query or cannot be asked now."""
    kind = "Jira Cloud" if api.cloud() else "Jira Data Center"
    myself = api.ask("myself")
    who = one_line(str(myself.get("displayName") or myself.get("name") or "an account"), 60)
    permissions = ",".join((*_NEEDED_PERMISSIONS, *_USEFUL_PERMISSIONS))
    held = api.ask("mypermissions", projectKey=config.project, permissions=permissions)
    for name in _NEEDED_PERMISSIONS:
        if not _has(held, name):
            return Check(
                False, f"{kind} knows {who}, who lacks the permission {name} in project {config.project}"
            )
    types = issue_types(api, config.project)
    if config.issue_type not in types:
        shown = one_line(", ".join(types), 200)
        return Check(False, f"project {config.project} has no issue type {config.issue_type}, but: {shown}")
    known = fields(api, config.project, types[config.issue_type])
    mistakes = list(problems(config, known, cloud=api.cloud()))
    names = resolutions(api)
    about_resolutions, wrong = unknown_resolutions(config, names)
    mistakes += [about_resolutions] if wrong else []
    mistakes += unknown_verdicts(config, names)
    if mistakes:
        where = f"{config.issue_type} in project {config.project}"
        return Check(False, f"{kind}: {where}: {'; '.join(mistakes)}")
    may = f"{kind}: {who} may create {config.issue_type} in project {config.project}"
    may_not = [
        f"may not {what} ({name})" for name, what in _USEFUL_PERMISSIONS.items() if not _has(held, name)
    ]
    return Check(True, "; ".join(filter(None, [may, *may_not, about_resolutions, *_hints(api, config)])))


def _hints(api: JiraApi, config: JiraConfig) -> list[str]:
    if not config.gateway or config.site:
        return []
    site = one_line(str(api.server_info().get("baseUrl") or "https://….atlassian.net"), 100)
    return [f"messages can link an issue once site is set: {site}"]


def _has(held: Mapping[str, Any], name: str) -> bool:
    permissions = held.get("permissions")
    permission = permissions.get(name) if isinstance(permissions, dict) else None
    return isinstance(permission, dict) and permission.get("havePermission") is True


def unknown_resolutions(config: JiraConfig, names: list[str]) -> tuple[str, bool]:
    """A sentence about respect_resolutions, and whether the configuration is wrong. In a Jira of another
    language all default names of resolutions may be unknown."""
    absent = [
        name for name in config.respect_resolutions if not Issue("", resolution=name).is_resolved_as(names)
    ]
    if not names or not absent:
        return "", False
    if "respect_resolutions" in config.model_fields_set:
        return f"respect_resolutions: there is no {_listed(absent)}; allowed: {_listed(names)}", True
    if len(absent) < len(config.respect_resolutions):
        return "", False
    return f"no resolution stands: name those in respect_resolutions that do, of {_listed(names)}", False


def unknown_verdicts(config: JiraConfig, names: list[str]) -> list[str]:
    """A sentence if `verdicts` has resolutions that Jira does not have."""
    absent = [name for name in config.verdicts if not Issue("", resolution=name).is_resolved_as(names)]
    if not names or not absent:
        return []
    return [f"verdicts: there is no {_listed(absent)}; allowed: {_listed(names)}"]


def problems(config: JiraConfig, known: Fields, *, cloud: bool) -> Iterator[str]:
    """A sentence for each configured value that Jira would refuse or huntbridge would leave out."""
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
        elif mistake := _mistake(value, known[id], cloud):
            yield f"fields: {id} ({_name(known[id])}): {mistake}"


def _required(config: JiraConfig, known: Fields) -> Iterator[str]:
    """Fields that every issue must have, but that the configuration does not set for every issue."""
    has = _ALWAYS_SET | config.fields.keys() | {"labels"}
    has |= {name for name in ("components", "security") if getattr(config, name)}
    if config.priorities.keys() >= {"malicious", "suspicious", "info", "unknown"}:
        has |= {"priority"}
    for id, field in known.items():
        if field.get("required") is not True or field.get("hasDefaultValue") is True or id in has:
            continue
        allowed = _listed(allowed_names(field))
        also = f"; allowed: {allowed}" if allowed else ""
        if id == "assignee":
            yield "it must have an assignee, and only systems whose owner has one in owners get one"
        elif id == "priority":
            yield f"it must have a priority: name one for each severity in priorities{also}"
        elif id in ("components", "security"):
            yield f"it must have {_name(field)}: set {id}{also}"
        else:
            yield f"it must have {id} ({_name(field)}): set it in fields{also}"


def _values(key: str, id: str, wanted: Iterable[str | None], known: Fields) -> Iterator[str]:
    if not (wanted := [name for name in wanted if name]):
        return
    if id not in known:
        lack = "no issue would be made" if id == "security" else "it would be left out"
        yield f"{key}: {id} is not on its screen: {lack}"
        return
    allowed = allowed_names(known[id])
    # An empty list means that Jira does not say what is allowed.
    if absent := [name for name in wanted if name not in allowed] if allowed else []:
        yield f"{key}: there is no {_listed(absent)}; allowed: {_listed(allowed)}"


def _mistake(value: Any, field: Mapping[str, Any], cloud: bool) -> str:
    """What is wrong with a configured value; empty if that depends on the alarm."""
    texts = [entry for entry in (value if isinstance(value, list) else [value]) if isinstance(entry, str)]
    if isinstance(value, dict) or any("{{" in text or "{%" in text for text in texts):
        return ""
    try:
        shape = shaped(value, field, cloud=cloud)
    except ValueError as error:
        return str(error)
    allowed = allowed_names(field)
    chosen = [entry.get("value") or entry.get("name") for entry in _mappings(shape)]
    absent = [str(name) for name in chosen if name and name not in allowed] if allowed else []
    return f"there is no {_listed(absent)}; allowed: {_listed(allowed)}" if absent else ""


def _mappings(shape: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in (shape if isinstance(shape, list) else [shape]) if isinstance(entry, Mapping)]


def _name(field: Mapping[str, Any]) -> str:
    return one_line(str(field.get("name") or "no name"), 60)


def _listed(words: Iterable[str]) -> str:
    return one_line(", ".join(words), _SHOWN)
