"""What a template of the configuration may do, and that there is nothing else it can do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.config.templates import MAX_OUTPUT, MAX_TEMPLATE, NAMES, Template

WEB = {"host": "web-01", "malicious": 7, "tags": {"Env": "prod", "Cost Center": "42"}}


@pytest.mark.parametrize(
    ("text", "values", "found"),
    [
        ("plain text", {}, "plain text"),
        ("{{ malicious }} on {{ host | upper }}", WEB, "7 on WEB-01"),
        ("{{ tags.Env }}/{{ tags['Cost Center'] }}", WEB, "prod/42"),
        ("{{ tags }}", WEB, "Cost Center=42, Env=prod"),
        ("[{{ tags.Absent }}{{ owner }}{{ tags }}]", {}, "[]"),
        ("{{ owner | default('nobody') }}", {"owner": ""}, "nobody"),
        ("{{ owner | default(host) | truncate(4) }}", WEB, "web…"),
        ("{{ host | replace('-', ' ') | capitalize }}", WEB, "Web 01"),
        ("{{ malicious + suspicious }}", WEB, "7"),
        ("{% if malicious > 5 and 'Env' in tags %}much{% else %}little{% endif %}", WEB, "much"),
        ("{% if malicious > 5 %}much{% elif not host %}where?{% endif %}", {}, "where?"),
        ("{{ 'prod' if tags.Env == 'prod' else 'other' }}{# said once #}", {"host": "x"}, "other"),
        ("{{ '{{ host }}' ~ host }}", {"host": "{{ malicious }}"}, "{{ host }}{{ malicious }}"),
        ("\n  {% if host %}\n  at {{ host }}\n  {% endif %}\n", WEB, "at web-01"),
        ("{{ host }}", {"host": "<b>&\u202e\x00"}, "<b>&"),
        ("{{ host }}", {"host": None}, ""),
    ],
)
def test_fills_in(text: str, values: Mapping[str, object], found: str) -> None:
    assert Template(text).render(values) == found


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{{ hots }}", "'hots' is not a name for a template; did you mean host?"),
        ("{{ xyzzy }}", "docs/reference/configuration.md lists them"),
        ("{{ host | uper }}", "there is no filter 'uper'; did you mean upper?"),
        ("{{ host | replace('a') }}", "the filter replace takes 2 values in brackets"),
        ("{{ host | truncate(host) }}", "truncate takes a number of characters"),
        ("{{ host", "this is not a template of Jinja: unexpected end of template"),
        ("{% iff host %}", "this is not a template of Jinja: Encountered unknown tag 'iff'"),
        ("{{ host > 3 }}", "it compares a text with a number, or adds one to the other"),
        ("{{ tags.Count > 3 }}", "it compares a text with a number"),
        ("{{ host.upper }}", "only tags has parts"),
        ("{{ tags.__class__ }}", "only tags has parts"),
        ("{{ tags[host] }}", "only tags has parts"),
        ("{{ ''.__class__ }}", "only tags has parts"),
        ("{{ tags.Env.x }}", "only tags has parts"),
        ("{% for key in tags %}x{% endfor %}", "a template may not hold 'for'"),
        ("{% set host = 'x' %}", "a template may not hold 'assign'"),
        ("{% macro m() %}{% endmacro %}", "a template may not hold 'macro'"),
        ("{% include '/etc/passwd' %}", "a template may not hold 'include'"),
        ("{% import 'os' as os %}", "a template may not hold 'import'"),
        ("{{ host() }}", "a template may not hold 'call'"),
        ("{{ range(9) }}", "a template may not hold 'call'"),
        ("{{ 'x' * 999999999 }}", "a template may not hold 'mul'"),
        ("{{ 9 ** 999999 }}", "a template may not hold 'pow'"),
        ("{{ '%999999999d' % 1 }}", "a template may not hold 'mod'"),
        ("{% filter upper %}x{% endfilter %}", "a template may not hold 'filterblock'"),
        ("{{ host | default(instead='x') }}", "write the arguments of a filter as"),
        ("{{ host | replace(*tags) }}", "write the arguments of a filter as"),
        ("{{" + "(" * 900, "nested too deep"),
        ("{{ " + "not " * 300 + "host }}", "nested too deep"),
        ("{{ " + "host + " * 200 + "host }}", "nested too deep"),
        ("x" * (MAX_TEMPLATE + 1), "a template has at most 2,000 characters, and this one 2,001"),
    ],
)
def test_says_what_cannot_be_used(text: str, wrong: str) -> None:
    with pytest.raises(ValueError) as error:
        Template(text)
    assert wrong in str(error.value)
    assert "\n" not in str(error.value)


def test_a_branch_that_was_not_tried_fails_with_a_reason() -> None:
    template = Template("{% if host == 'web-02' %}{{ malicious + 'x' }}{% endif %}")
    assert template.render(WEB) == ""
    with pytest.raises(ValueError, match="it compares a text with a number"):
        template.render({**WEB, "host": "web-02"})


def test_stays_bounded_however_the_filters_are_chained() -> None:
    longer = "{{ host" + " | replace('a', 'aaaaaaaaaa')" * 30 + " }}"
    assert Template(longer).render({"host": "a" * 10_000}) == "a" * MAX_OUTPUT
    assert len(Template("{{ host }}" * 200).render({"host": "ab" * 50_000})) == MAX_OUTPUT
    assert len(Template("{{ host | upper }}").render({"host": "ß" * 50_000})) == MAX_OUTPUT


@given(st.text(st.sampled_from("{}%|() '\"ahost.tags+~-_=if<>01*,"), max_size=40).map(lambda t: "{{" + t))
def test_whatever_is_written_works_or_is_refused(text: str) -> None:
    with suppress(ValueError):
        assert len(Template(text).render(NAMES)) <= MAX_OUTPUT
