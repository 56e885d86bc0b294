"""The dashboard, the rules and the tests of the rules name only what `/metrics` really shows: series, labels,
and values of labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from shared.metrics.definitions import ALL
from tests.prometheus.exposed import OF_THE_TARGET, Series, exposed
from tests.prometheus.rules import DASHBOARD, RULE_TESTS, metric_names, panel_queries, rules

Exposed = dict[str, Series]
_SELECTOR = re.compile(r"(?<![\w:\"])((?:\w+:)?(?:huntbridge|process)_\w+(?::\w+)?|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
# Their values come from the configuration, or differ between releases.
_ANY_VALUE = {"instance", "destination", "version", "python_version"}


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Exposed:
    found = exposed(tmp_path_factory.mktemp("page"))
    return found | {"up": Series()}  # Prometheus itself makes this one


@dataclass(frozen=True)
class Query:
    """One query, and the labels that the text beside it shows."""

    where: str
    text: str
    shown: tuple[str, ...] = ()


def queries() -> Iterator[Query]:
    for rule in rules():
        shown = re.findall(r"\$labels\.(\w+)", json.dumps(rule.get("annotations", {})))
        yield Query(rule.get("alert") or rule["record"], rule["expr"], tuple(shown))
    legends = [
        target.get("legendFormat") or ""
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]
    for (title, text), legend in zip(panel_queries(), legends, strict=True):
        yield Query(title, text, tuple(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)))
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            assert variable["query"]["query"] == variable["definition"]
            named = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"])
            assert named
            yield Query(variable["name"], f"max by ({named[2]}) ({named[1]})", (named[2],))


def grouped(text: str) -> list[set[str]]:
    return [{name.strip() for name in found.split(",")} for found in _GROUPED.findall(text)]


def with_records(page: Exposed) -> Exposed:
    """The page, and what the recording rules make of it: they keep the labels that they group by."""
    found = dict(page)
    for rule in rules():
        if name := rule.get("record"):
            groups = grouped(rule["expr"])
            kept = groups[0] - {"le"} if groups else set(OF_THE_TARGET)
            of = [page[one] for one, _ in _SELECTOR.findall(rule["expr"])]
            values = {label: {v for one in of for v in one.values.get(label, ())} for label in kept}
            found[name] = Series(kept, values)
    return found


def mistakes(query: Query, page: Exposed) -> list[str]:
    """What a query names and nobody shows."""
    selectors = _SELECTOR.findall(query.text)
    if not selectors:
        return ["it names no series"]
    found = []
    labels = set[str]()
    for name, matchers in selectors:
        if name not in page:
            found.append(f"there is no {name}")
            continue
        labels |= page[name].labels
        for label, operator, value in _MATCHER.findall(matchers):
            found += _mismatch(page[name], name, label, operator, value)
    groups = grouped(query.text)
    for group in groups:
        found += [f"no series has {label}" for label in group - labels]
    kept = set.union(*groups) if groups else labels
    return found + [f"its result has no {label}" for label in set(query.shown) - kept]


def _mismatch(series: Series, name: str, label: str, operator: str, value: str) -> Iterable[str]:
    if label not in series.labels:
        yield f"{name} has no {label}"
    elif label not in _ANY_VALUE and label != "job":
        for one in value.split("|") if "~" in operator else [value]:
            if one not in series.values[label]:
                yield f"{name} has no {label} {one}"


def test_the_page_shows_every_metric_with_its_labels(page: Exposed) -> None:
    assert metric_names(" ".join(page)) == {metric.full_name for metric in ALL}
    for metric in ALL:
        shown = page.get(metric.full_name) or page[f"{metric.full_name}_bucket"]
        assert shown.labels - OF_THE_TARGET - {"le"} == {label.name for label in metric.labels}
        for label in metric.labels:
            assert shown.values[label.name] >= set(label.values), metric.name


@pytest.mark.parametrize("query", list(queries()), ids=lambda query: f"{query.where} {query.text[:40]}")
def test_a_query_names_what_the_page_shows(query: Query, page: Exposed) -> None:
    assert mistakes(query, with_records(page)) == []


@pytest.mark.parametrize(
    ("text", "shown", "said"),
    [
        ("huntbridge_webhook_total > 0", (), "there is no huntbridge_webhook_total"),
        ("rate(huntbridge_event_to_message_seconds[5m])", (), "there is no huntbridge_event_to_message_sec"),
        ('huntbridge_webhooks_total{result="ok"}', (), "huntbridge_webhooks_total has no result"),
        ('huntbridge_webhooks_total{outcome="ok"}', (), "huntbridge_webhooks_total has no outcome ok"),
        (
            'huntbridge_webhooks_total{outcome=~"accepted|ok"}',
            (),
            "huntbridge_webhooks_total has no outcome ok",
        ),
        ("sum by (queue) (huntbridge_store_up)", (), "no series has queue"),
        ("sum by (job) (huntbridge_queue_dead_items)", ("queue",), "its result has no queue"),
        ("source:huntbridge_enrichment:rate", (), "there is no source:huntbridge_enrichment:rate"),
        ('source:huntbridge_enrichment_query_seconds:p90_15m{source="azure"}', (), "has no source azure"),
        ("process_memory_bytes", (), "there is no process_memory_bytes"),
        ("vector(1)", (), "it names no series"),
    ],
)
def test_a_query_about_what_nobody_shows_is_found(
    text: str, shown: tuple[str, ...], said: str, page: Exposed
) -> None:
    assert said in "; ".join(mistakes(Query("made up", text, shown), with_records(page)))


def test_every_query_is_looked_at() -> None:
    """No metric of the rules and panels escapes the pattern of a selector."""
    for query in queries():
        names = {name for name, _ in _SELECTOR.findall(query.text)}
        assert metric_names(query.text) <= {
            re.sub(r"_seconds_(bucket|sum|count)$", "_seconds", n) for n in names
        }
        assert len(_MATCHER.findall(query.text)) == len(re.findall(r'[=~]"', query.text))


def input_series() -> Iterator[str]:
    for path in RULE_TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for series in test["input_series"]:
                yield series["series"]


@pytest.mark.parametrize("series", sorted(set(input_series())))
def test_a_series_in_the_tests_of_the_rules_is_as_the_page_shows_it(series: str, page: Exposed) -> None:
    (name, matchers), *more = _SELECTOR.findall(series)
    assert not more
    labels: dict[str, Any] = {label: value for label, _, value in _MATCHER.findall(matchers)}
    shown = page[name]

    assert labels.keys() == shown.labels
    for label in labels.keys() - OF_THE_TARGET - _ANY_VALUE - {"le"}:
        assert labels[label] in shown.values[label]
    if "le" in labels:
        assert float(labels["le"]) in map(float, shown.values["le"])
