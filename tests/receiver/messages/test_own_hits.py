"""What one's own rules and indicators hit is named first, with the feed of each."""

from __future__ import annotations

from dataclasses import replace

from receiver.messages.compose import compose
from receiver.messages.together import together
from shared.models.alarms import Alarm
from shared.models.codec import dump, load
from shared.models.evidence import Finding
from shared.models.hunts import Hunt
from shared.models.intelligence import Force, Hit, InForce
from shared.models.severity import Severity
from shared.queues.sizes import fitted_alarm
from tests.receiver.destinations.sample_alarms import ALARMS, HOSTILE, NIGHT

RICH = ALARMS["rich"]
HUNT = Hunt(
    "weekly", NIGHT, project_id=12, intelligence=InForce(Force.IN_FORCE, "ab", 1, 1, ("abuse_ch", "ch"))
)
OWN = Finding("Suspicious File Detected: hb_abuse_ch_xmrig", 1, Severity.SUSPICIOUS, path="/tmp/x")
C2 = Hit("case_7", "evil.example", "indicator", "C2 of case 7")


def test_a_rule_is_named_in_title_first_fact_and_first_finding():
    message = compose(replace(RICH, hunt=HUNT, findings=(*RICH.findings, OWN)))
    assert message.title == (
        "Your rule hb_abuse_ch_xmrig of feed abuse_ch: 7 malicious, 8 suspicious on web-01 "
        "(prod, i-0123456789abcdef0)"
    )
    assert (message.facts[0].label, message.facts[0].value) == (
        "Your intelligence",
        "rule hb_abuse_ch_xmrig of feed abuse_ch",
    )
    assert message.findings[0].description == OWN.description


def test_an_indicator_is_named_with_its_description_and_is_no_link():
    message = compose(replace(RICH, hunt=HUNT, hits=(C2,)))
    assert message.title.startswith("Your indicator evil[.]example of feed case_7: 7 malicious")
    assert message.facts[0].value == "indicator evil[.]example of feed case_7 (C2 of case 7)"


def test_several_hits_and_an_unknown_feed():
    message = compose(replace(RICH, findings=(OWN,), hits=(C2, replace(C2, named="203.0.113.7"))))
    assert message.title.startswith("Your rule hb_abuse_ch_xmrig and 2 more of yours: ")
    assert message.facts[0].value.startswith("rule hb_abuse_ch_xmrig; indicator evil[.]example of feed")


def test_without_hits_nothing_is_said():
    message = compose(replace(RICH, hunt=HUNT))
    assert "Your" not in message.title
    assert "Your intelligence" not in [fact.label for fact in message.facts]


def test_hits_of_several_alarms_are_told_together():
    other = replace(RICH, event=replace(RICH.event, id="b", evidence_id=32), hits=(C2,))
    assert together([RICH, other]).hits == (C2,)


def test_hostile_texts_of_hits():
    message = compose(replace(RICH, hits=(Hit(HOSTILE, HOSTILE, "indicator", HOSTILE),)))
    assert "https://evil.example" not in message.title + message.facts[0].value


def test_a_hit_is_not_cut_from_an_alarm_with_thousands_of_findings():
    worse = (Finding(f"Malicious File Detected: {'x' * 200}{n}", 9, Severity.MALICIOUS) for n in range(2_000))
    whole = replace(RICH, findings=(*worse, OWN))
    kept = load(Alarm, fitted_alarm(dump(whole)))
    assert len(kept.findings) < 2_000
    assert compose(kept).findings[0].description == OWN.description
