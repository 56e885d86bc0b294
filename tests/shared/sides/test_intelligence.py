"""The stored set of rules and indicators, and texts that pushes replaced, on both databases."""

from __future__ import annotations

import random

from shared.models.intelligence import IntelligenceSet
from shared.storage import kinds
from shared.storage.ledger.intelligence import KeptIntelligence


def test_a_set_that_is_larger_than_a_document(side):
    kept = KeptIntelligence(side.store, side.now)
    assert kept.current_set() is None
    digits = random.Random(7).randbytes(600_000).hex()  # hardly to be compressed
    for rules in (digits, digits[::-1]):
        intelligence = IntelligenceSet(
            rules, {"feed": 1}, {"feed": ("evil.example;hb:feed",)}, {"": ("feed",)}
        )
        kept.save_set(intelligence)
        side.forward(1)
    assert kept.current_set() == intelligence
    assert intelligence.indicators_of("weekly") == "evil.example;hb:feed\n"


def test_the_last_three_texts_are_kept(side):
    kept = KeptIntelligence(side.store, side.now)
    for number in range(5):
        kept.keep_text(f"rule r{number} {{}}\r\n")
        side.forward(1)
    texts = kept.kept_texts()
    assert [kept.text(each) for each in texts] == [f"rule r{number} {{}}\r\n" for number in (4, 3, 2)]
    assert len(side.store.groups(kinds.INTELLIGENCE, "", 100)) == 4  # the list, and the parts of each
