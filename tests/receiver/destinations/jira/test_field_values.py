"""Every configured value takes the form of its field, or is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.jira.fields import Field
from receiver.destinations.jira.field_values import shaped

USERS = frozenset({"jdoe"})
KINDS = (
    Field("customfield_1", "Line"),
    Field("customfield_2", "Paragraph", custom="textarea"),
    Field("customfield_3", "Number", "number", custom="float"),
    Field("customfield_4", "Date", "date", custom="datepicker"),
    Field("customfield_5", "Time", "datetime", custom="datetime"),
    Field("customfield_6", "Labels", "array", "string", "labels"),
)


@pytest.mark.parametrize("cloud", [True, False], ids=["cloud", "data center"])
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from(KINDS),
    st.one_of(
        st.text(max_size=40),
        st.text(max_size=400).map(lambda text: text * 20),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.datetimes().map(str),
        st.lists(st.text(max_size=8), max_size=4),
    ),
)
def test_what_is_sent_is_what_jira_takes(cloud: bool, field: Field, value: Any) -> None:
    try:
        sent = shaped(value, field.meta(), cloud=cloud)
    except ValueError:
        return  # left out, with a reason
    json.dumps(sent, allow_nan=False)
    if sent not in ("", [], None):
        assert field.error(sent, datacenter=not cloud, users=USERS) == ""


OPTIONS = Field("customfield_7", "Options", "array", "option", "multiselect", allowed=("Prod", "Test"))
REFUSED = [
    (KINDS[2], "many", "“many” is not a number"),
    (KINDS[2], "1e99", "“1e99” is not a number that Jira takes"),
    (KINDS[3], "tomorrow", "“tomorrow” is not a date such as 2026-11-24"),
    (KINDS[4], "noon", "“noon” is not a time such as 2026-11-24T12:00:00Z"),
    (KINDS[0], ["a", "b"], "it is a list, and the field takes one value"),
]


@pytest.mark.parametrize(("field", "value", "words"), REFUSED)
def test_what_does_not_fit_is_said(field: Field, value: Any, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        shaped(value, field.meta(), cloud=True)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("prod,  TEST", [{"value": "Prod"}, {"value": "Test"}]),
        (["prod", {"id": "10001"}], [{"value": "Prod"}, {"id": "10001"}]),
        ({"id": "10001"}, {"id": "10001"}),
        ("new", [{"value": "new"}]),  # may have been added since Jira was asked
    ],
)
def test_options_are_written_as_jira_writes_them(value: Any, expected: Any) -> None:
    assert shaped(value, OPTIONS.meta(), cloud=True) == expected


@pytest.mark.parametrize(
    ("custom", "cloud", "expected"),
    [
        ("textfield", True, "hxxps://evil[.]example/ [x|hxxp://evil[.]example]"),
        ("url", True, "https://evil.example/ [x|http://evil.example]"),
        ("textarea", False, "hxxps://evil\\[.\\]example/ \\[x\\|hxxp://evil\\[.\\]example\\]"),
    ],
)
def test_no_text_becomes_a_link_but_in_a_field_of_links(custom: str, cloud: bool, expected: str) -> None:
    field = Field("customfield_1", "Text", custom=custom)
    assert shaped("https://evil.example/ [x|http://evil.example]", field.meta(), cloud=cloud) == expected


def test_a_field_that_is_not_known_is_sent_as_it_is_written() -> None:
    for value in ("x", 5, ["a"], {"value": "x"}):
        assert shaped(value, None, cloud=True) == value
