"""The dollars of the bench: the arithmetic, and that its prices are those of docs/operate/aws.md."""

from __future__ import annotations

import json

import pytest

from bench.aws import PRICES, Spent, dollars
from bench.processes import ROOT


@pytest.mark.parametrize(
    ("spent", "memory_mb", "web", "usd"),
    [
        (Spent({}, 0, {}), 512, 0, 0.0),
        # A function with a whole core costs what it took; a smaller one takes longer by its share of a core.
        (Spent({"edge": 400.0, "receiver": 600.0}, 0, {}), 1_769, 0, 1_000 * 1_769 / 1_024 * 0.0000133334),
        (Spent({"edge": 400.0, "receiver": 600.0}, 0, {}), 512, 0, 1_000 * 1_769 / 1_024 * 0.0000133334),
        (Spent({}, 1_000_000, {}), 512, 0, 0.20),
        (Spent({}, 0, {"sqs:SendMessage": 1_000_000}), 512, 0, 0.40),
        (Spent({}, 0, {"dynamodb:PutItem": 1_000_000}), 512, 0, 0.625),
        (Spent({}, 0, {"dynamodb:TransactWriteItems": 1_000_000}), 512, 0, 1.25),
        (Spent({}, 0, {"dynamodb:Query": 1_000_000}), 512, 0, 0.125),
        (Spent({}, 0, {}), 512, 1_000_000, 1.00),
    ],
)
def test_what_was_used_has_its_price(spent, memory_mb, web, usd):
    assert dollars(spent, memory_mb, web=web) == pytest.approx(usd)


def test_what_was_used_before_does_not_count():
    spent = Spent({"edge": 3.0, "receiver": 1.0}, 5, {"sqs:SendMessage": 4, "dynamodb:Query": 1})
    assert spent.since(Spent({"edge": 1.0}, 2, {"sqs:SendMessage": 3})) == Spent(
        {"edge": 2.0, "receiver": 1.0}, 3, {"sqs:SendMessage": 1, "dynamodb:Query": 1}
    )


def test_the_page_about_aws_has_the_same_prices():
    text = (ROOT / "docs/operate/aws.md").read_text(encoding="utf-8")
    listed = json.loads(PRICES.read_text(encoding="utf-8"))
    assert listed["source"]
    assert listed["date"]
    for price in listed["prices"]:
        usd = f"{price['usd']:.10f}".rstrip("0")
        assert any(f"${form}" in text for form in (usd, f"{price['usd']:.2f}")), price
