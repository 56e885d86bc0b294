"""Every price has its source and its date, and docs/cost.md lists them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.models.prices import Prices, dates, price_ids, source

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cost.md"
MAKE_IT_AGAIN = "docs/cost.md lists other prices; write between its two comments:\n"


def test_every_price_has_a_source_and_a_date():
    for price in Prices():
        assert re.fullmatch(r"20\d\d(-\d\d)?", price.date), price
        assert price.source
        assert price.source in source() or price.source.capitalize() in source(), price


def test_the_page_lists_every_price():
    rows = "".join(
        f"| `{price.id}` | {price.usd:g} | {price.unit} | {price.what} | {price.where} | {price.date} |\n"
        for price in Prices()
    )
    found = re.search(r"<!-- prices -->\n(.*?)<!-- end of prices -->", PAGE.read_text(), re.S)
    assert found is not None
    assert found[1] == rows, MAKE_IT_AGAIN + rows


@pytest.mark.parametrize(
    ("origin", "to", "usd"),
    [
        ("eu-west-1", "eu-west-1", 0.0),
        ("us-east-1", "us-east-2", 0.01),
        ("us-east-2", "us-east-1", 0.01),
        ("us-east-1", "us-west-2", 0.02),
        ("eu-west-1", "us-east-1", 0.02),
        ("ap-northeast-1", "us-east-1", 0.09),
        ("sa-east-1", "us-east-1", 0.138),
        ("cn-north-1", "us-east-1", None),
    ],
)
def test_transfer_costs_what_the_origin_says(origin, to, usd):
    assert Prices().transfer(origin, to) == usd


def test_a_price_of_the_configuration_replaces_the_known_one_for_every_type_of_worker():
    assert Prices().worker("i4i.2xlarge") == 0.686
    assert Prices().worker("m9.huge") == Prices().worker("") == 1.248
    own = Prices({"worker": 0.5})
    assert own.worker("i4i.2xlarge") == 0.5
    assert [(price.id, price.own) for price in own.used] == [("worker", True)]
    assert dates(own.used) == ""


def test_the_dates_are_those_of_the_prices_that_were_used():
    prices = Prices()
    prices.usd("snapshot")
    assert dates(prices.used) == "2024-07"
    prices.transfer("eu-west-1", "us-east-1")
    assert dates(prices.used) == "2024-07 to 2024-09"


def test_the_ids_are_unique():
    assert len(price_ids()) == len({*price_ids()}) == len([*Prices()])
