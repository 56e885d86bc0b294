"""Reopens a closed issue, by one of the transitions that its workflow offers to the account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from receiver.destinations.classify import classify_network_error
from receiver.destinations.contract import Delivered, Retry
from receiver.destinations.jira.client import JiraApi, answer_of
from receiver.destinations.jira.issues import Issues, mapping
from receiver.destinations.jira.keys import ID
from receiver.destinations.stopped import Stopped
from shared.http.errors import NetworkError
from shared.text import one_line

MAX_TRIED = 5  # transitions
# Names of a transition that reopens, or parts of such names, in the most used languages of Jira.
_REOPENING = frozenset(
    {
        *("reopen", "open", "to do", "todo", "backlog"),
        *("öffnen", "offen", "rouvrir", "ouvr", "abrir", "apri"),
    }
)


@dataclass(frozen=True)
class _Transition:
    """A step of the issue's workflow."""

    id: str
    # Why huntbridge cannot use this transition: the required fields of its screen, as a sentence; empty if it
    # can.
    missing: str
    rank: tuple[bool, bool]  # the lowest is tried first


def reopen(api: JiraApi, issues: Issues, key: str) -> str:
    """Reopen the issue. Returns an empty text if that worked, else why not.

    Tries the best of the offered transitions that lead to a status that is not done, whatever their names.
    Changes nothing but the status. Raises Stopped if Jira cannot be asked now.
    """
    answer = api.look(f"issue/{key}/transitions", params={"expand": "transitions.fields"})
    transitions = list(_transitions(answer_of(answer)))
    failures = [transition.missing for transition in transitions if transition.missing][:MAX_TRIED]
    for id in [transition.id for transition in transitions if not transition.missing][:MAX_TRIED]:
        try:
            answer = api.send("POST", f"issue/{key}/transitions", {"transition": {"id": id}})
        except NetworkError as error:
            # Jira may have carried the transition out. The message was not sent; its next attempt checks the
            # status.
            raise Stopped(replace(classify_network_error(error), ambiguous=False)) from None
        outcome = api.classify(answer)
        if isinstance(outcome, Delivered):
            return ""
        # 500 is not retried, since a broken workflow always answers it. The comment is then added to the
        # closed issue.
        if isinstance(outcome, Retry) and answer.status != 500:
            raise Stopped(replace(outcome, ambiguous=False))
        failures.append(f"answered {answer.status}{api.quoted(answer)}")
    issue = issues.issue(key)
    if issue is not None and not issue.done:
        return ""  # in the meantime somebody else has reopened it
    return "; ".join(dict.fromkeys(failures)) or "this account is offered no transition out of it"


def _transitions(body: Mapping[str, Any]) -> list[_Transition]:
    """The offered transitions to a status that is not done. Transitions to the category `new` (to do) come
    first, and in each category those whose name means "reopen"."""
    listed = body.get("transitions")
    transitions = []
    for transition in map(mapping, listed if isinstance(listed, list) else ()):
        category = mapping(mapping(transition.get("to")).get("statusCategory")).get("key")
        id = str(transition.get("id"))
        offered = category in ("new", "indeterminate") and transition.get("isAvailable") is not False
        if offered and ID.fullmatch(id):
            required = ", ".join(
                one_line(str(mapping(field).get("name") or key), 40)
                for key, field in mapping(transition.get("fields")).items()
                if mapping(field).get("required") is True and not mapping(field).get("hasDefaultValue")
            )
            name = one_line(str(transition.get("name", "")), 40)
            missing = f"the transition {name} asks for {required}" if required else ""
            reopens = any(word in name.casefold() for word in _REOPENING)
            transitions.append(_Transition(id, missing, (category != "new", not reopens)))
    return sorted(transitions, key=lambda transition: transition.rank)
