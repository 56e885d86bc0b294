"""The platform's list of hits is asked for hunts that had intelligence of one's own in force."""

from __future__ import annotations

from dataclasses import replace

from receiver.messages.compose import compose
from shared.models.alarms import Gap
from shared.models.evidence import Finding
from shared.models.intelligence import Force, Hit, InForce
from shared.models.severity import Severity
from shared.platform.answers import DetectedIndicator
from shared.platform.errors import Unavailable
from tests.receiver.events.stubs import EVENT, FINDINGS, HUNT, Ec2, Platform, enriched, raising

IN_FORCE = InForce(Force.IN_FORCE, "ab" * 32, 1, 1, ("abuse_ch",))
DETECTED = (
    DetectedIndicator("Yara", "hb_abuse_ch_evil", "a rule"),
    DetectedIndicator("Keyword", "evil.example", "hb:abuse_ch:C2: of case 7"),
    DetectedIndicator("Keyword", "other.example", "by hand"),
    DetectedIndicator("Yara", "builtin_rule", "of the platform"),
)
INDICATOR = Hit("abuse_ch", "evil.example", "indicator", "C2: of case 7")


def taking(ledger, in_force=IN_FORCE):
    ledger.hunts.change(HUNT.id, lambda hunt: replace(hunt, intelligence=in_force))
    return ledger


def test_own_rules_and_indicators_are_told_from_others(ledger):
    platform = Platform(detected=lambda project, evidence=None: DETECTED)
    alarm = enriched(EVENT, taking(ledger), platform, Ec2())
    assert alarm.hits == (Hit("abuse_ch", "hb_abuse_ch_evil"), INDICATOR)
    assert compose(alarm).title.startswith(
        "Your rule hb_abuse_ch_evil of feed abuse_ch and 1 more of yours: "
    )


def test_a_rule_that_a_finding_names_is_known_from_it(ledger):
    found = (*FINDINGS, Finding("Malicious File Detected: hb_abuse_ch_evil", 1, Severity.MALICIOUS))
    platform = Platform(
        findings=lambda project, evidence=None: found, detected=lambda project, evidence=None: DETECTED
    )
    alarm = enriched(EVENT, taking(ledger), platform, Ec2())
    assert alarm.hits == (INDICATOR,)
    without = replace(alarm, findings=FINDINGS, hits=())  # the finding is withheld
    assert "Your" not in compose(without).title


def test_without_intelligence_the_platform_is_not_asked(ledger):
    platform = Platform(detected=raising(AssertionError("asked")))
    assert enriched(EVENT, ledger, platform, Ec2()).hits == ()
    assert enriched(EVENT, taking(ledger, InForce()), platform, Ec2()).gaps == ()


def test_a_list_that_cannot_be_had_is_named(ledger):
    platform = Platform(detected=raising(Unavailable("The platform did not answer: timed out.")))
    alarm = enriched(EVENT, taking(ledger), platform, Ec2())
    assert alarm.hits == ()
    assert alarm.gaps == (Gap("Hits of your own indicators", "The platform did not answer: timed out."),)
    assert alarm.findings == FINDINGS
