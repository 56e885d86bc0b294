"""Asks in Slack for the terms of a closing, and changes a closing to the terms that were chosen.

The case is closed before anybody is asked. Slack opens a dialog only within three seconds after the choice
from the menu. If that is too late, or if nobody answers, the verdict stands with its usual terms.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from receiver.cases.deciding import Deciding, terms_error
from receiver.cases.lifecycle import CaseLifecycle
from receiver.cases.terms import form_of, terms_of
from receiver.destinations.contract import AsksForTerms, Delivered, Destination, TermsForm
from receiver.intake.slack_request import MAX_WHY
from shared.http.deadlines import DeadlineExceeded, within
from shared.models.case_states import DecisionRefused, made
from shared.models.cases import Case
from shared.models.decisions import CaseDecision
from shared.models.known_good import latest_end
from shared.queues.items import SlackClick, SlackTerms
from shared.storage import audit
from shared.storage.ledger.ledger import Ledger
from shared.storage.ports import Store
from shared.text import one_line

log = logging.getLogger(__name__)

_SECONDS = 2.8  # for which a dialog can be opened: Slack's three seconds begin before its request arrives
_STAND = "The usual terms stand."


@dataclass(eq=False, repr=False)
class ClosingTerms:
    deciding: Deciding
    cases: CaseLifecycle
    ledger: Ledger
    store: Store
    dialogs: Mapping[str, Destination]  # the destinations; some can open a dialog
    now: Callable[[], datetime]

    def ask(self, case_key: str, item: SlackClick, closing_id: str, destination: str) -> str:
        """Open the dialog for the person who closed the case. Returns the answer to the person if that is not
        possible; empty if the dialog is open."""
        case = self.ledger.cases.get(case_key)
        closing = made(case, closing_id) if case else None
        if case is None or closing is None or closing.verdict is None:
            return ""
        if self._opened(self._form(case_key, case, closing), item, destination):
            return ""
        return (
            f"You closed “{self.cases.title(case_key)}” as {closing.verdict.words}, with the usual terms "
            "and without a reason. Slack's dialog for both could not be opened in time. To choose them, "
            "reopen the case and close it again, on its page in the console or with huntbridge cases."
        )

    def _form(self, case_key: str, case: Case, closing: CaseDecision) -> TermsForm:
        found = self.ledger.findings.of_system(case.system.lasting).findings if case.system else {}
        return form_of(case_key, case, closing, found.items(), self.deciding.known_good_days)

    def _opened(self, form: TermsForm, item: SlackClick, name: str) -> bool:
        destination = self.dialogs.get(name)
        left = _SECONDS - (self.now() - item.at).total_seconds()
        if not isinstance(destination, AsksForTerms) or not item.click.trigger or left <= 0:
            return False
        try:
            with within(left):
                outcome = destination.ask_for_terms(item.click.trigger, form)
        except DeadlineExceeded:
            return False
        if not isinstance(outcome, Delivered):
            log.warning("dialog not opened", extra={"destination": name, "reason": outcome.reason})
        return isinstance(outcome, Delivered)

    def choose(self, id: str, item: SlackTerms) -> str:
        """Change the closing to the chosen terms. Returns the answer to the person who chose; empty if the
        messages about the case say what changed. Raises DecisionRefused if somebody else
        closed the case."""
        case = self.ledger.cases.get(item.case_key)
        closing = made(case, item.closure_id) if case else None
        title = self.cases.title(item.case_key)
        if case is None or closing is None:
            return f"“{title}” was decided anew since you closed it. The terms were not changed."
        if closing.slack != item.user:
            raise DecisionRefused("only the person who closed a case in Slack can choose the terms there")
        try:
            terms = terms_of(case, closing, item)
            wrong = terms_error(terms, case, self.now(), latest_end(self.now())) if terms else ""
            if wrong:
                raise ValueError(wrong)
        except ValueError as error:
            return f"“{title}”: {error}. {_STAND}"
        try:
            refined = self.deciding.refine(item.case_key, item.closure_id, terms, one_line(item.why, MAX_WHY))
        except DecisionRefused as refused:
            return f"“{title}”: {refused}. The terms were not changed."
        told = replace(refined, id=id, at=item.at, refines=True)
        audit.decided(self.store, item.case_key, told)
        after = self.ledger.cases.get(item.case_key) or case
        self.cases.announce_decision(item.case_key, after, told)
        log.info("terms of a closing chosen", extra={"case": item.case_key})
        return ""
