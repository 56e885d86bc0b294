"""The dialog about the terms of a closing keeps Slack's limits, whatever it offers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models.views import View

from demo.slack.block_kit import check_view
from receiver.destinations.contract import Option, TermsForm
from receiver.destinations.slack.close_menu import MAX_BLOCK_ID
from receiver.destinations.slack.terms_dialog import dialog
from receiver.intake.slack_request import MAX_NAMED
from shared.models.decisions import Verdict

texts = st.text(max_size=300) | st.text("\u202e <!channel>&*`:", max_size=90)
keys = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=MAX_BLOCK_ID)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    key=keys,
    verdict=st.sampled_from(Verdict),
    scopes=st.lists(texts, min_size=1, max_size=93),
    malicious=st.lists(texts, max_size=MAX_NAMED),
)
def test_any_text_fits_and_stays_text(key, verdict, scopes, malicious):
    form = TermsForm(
        key,
        "slack-" + "0" * 24,
        verdict,
        scopes=tuple(Option(f"tag:{number:016}", text) for number, text in enumerate(scopes)),
        days=(Option("7", "For 7 days"), Option("90", "For 90 days")),
        usual_days="90",
        malicious=tuple(Option(f"{number:016}", text) for number, text in enumerate(malicious)),
    )
    view = dialog(form)
    check_view(view)
    View(**view).to_dict()  # the SDK's model raises for a broken limit
    assert '"mrkdwn"' not in json.dumps(view)
    assert "\u202e" not in str(view["blocks"])
    assert json.loads(view["private_metadata"]) == {"case": key, "closure": form.closure_id}


@pytest.mark.parametrize("text", ["", "\u202e", "\x00"])
def test_an_option_without_a_text_shows_its_value(text):
    form = TermsForm("case", "slack-1", Verdict.BENIGN, malicious=(Option("0123456789abcdef", text),))
    (option,) = dialog(form)["blocks"][-1]["element"]["options"]
    assert option["text"]["text"] == "0123456789abcdef"
