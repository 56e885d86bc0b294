"""YARA rules get names of their own, and a broken one is named with its file and line."""

from __future__ import annotations

import pytest
import yara_x
from hypothesis import given
from hypothesis import strategies as st

from scheduler.intelligence.rules import RuleFile, compiled
from scheduler.intelligence.yara_text import names_in, renamed

FILE = r"""import "pe"
/* rule no { condition: true } */
private rule Base : Base tag {
  meta:
    Base = "Base" // rule Base
  strings:
    $Base = { E2 34 /* } */ [4-6] ~A? ( 11 | 22 ) }
    $b = /Base\/x\}"/i
    $c = "rule Base { \" "
  condition:
    $Base and not $b or #c > 1
}
rule Web_one { condition: Base and pe.number_of_sections * 2 > 1 }
global_like_rule_name
""".replace("global_like_rule_name\n", "")
SETS = "rule Web_two { condition: any of (Base, Web_one) and for any i in (1..2) : (i == 1) }\n"


def test_names_change_where_rules_are_declared_and_named_and_nowhere_else():
    text = renamed(FILE + SETS, "hb_feed_")
    assert names_in(text) == {"hb_feed_Base", "hb_feed_Web_one", "hb_feed_Web_two"}
    assert "private rule hb_feed_Base : Base tag {" in text
    assert 'Base = "Base" // rule Base' in text
    assert "condition: hb_feed_Base and pe.number_of_sections * 2 > 1" in text
    assert "any of (hb_feed_Base, hb_feed_Web_one) and for any i in" in text
    assert text.replace("hb_feed_", "") == FILE + SETS
    yara_x.compile(text)


def test_the_rules_of_all_files_become_one_text():
    files = [RuleFile("one", "rules/one.yar", FILE), RuleFile("two", "rules/two.yar", FILE)]
    rules, refused = compiled(files, "hb_")
    assert not refused
    assert rules.by_feed == (("one", 2), ("two", 2))
    assert "hb_one_Base" in rules.text
    assert "hb_two_Base" in rules.text


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("rule a { condition: true }\nrule b {\n  condition:\n    $x\n}", 4, "unknown pattern `$x`"),
        ("\nrule a { condition: tru }", 2, "unknown identifier `tru`"),
        ("rule a {\n condition: true", 2, "syntax error"),
        ('\n\ninclude "other.yar"\nrule a { condition: true }', 3, "include is not possible"),
        ("private\nglobal rule a { condition: true }", 2, "rule a is global"),
        ('import "cuckoo"\nrule a { condition: true }', 1, "the module cuckoo is not allowed"),
        ("rule a { condition: true }\n// huntbridge:begin x", 2, "holds a mark of huntbridge"),
        ("// nothing", 0, "holds no rule"),
        (f"rule {'a' * 125} {{ condition: true }}", 1, "is too long"),
    ],
)
def test_a_broken_file_is_named_with_its_line(text, line, said):
    good = RuleFile("good", "rules/good.yar", "rule a { condition: true }")
    rules, (refusal, *_) = compiled([good, RuleFile("bad", "rules/bad.yar", text)], "hb_")
    assert rules.text == ""
    assert (refusal.file, refusal.line) == ("rules/bad.yar", line)
    assert said in refusal.why


def test_two_feeds_that_give_two_rules_the_same_name():
    files = [
        RuleFile("a_b", "a_b.yar", "rule c { condition: true }"),
        RuleFile("a", "a.yar", "rule b_c { condition: true }"),
    ]
    _, (refusal,) = compiled(files, "hb_")
    assert "the rules do not compile together" in refusal.why
    assert "hb_a_b_c" in refusal.why


def test_a_text_that_does_not_compile_still_shows_its_names():
    assert names_in('include "x"\nrule one { foo }\nprivate rule two { condition: }') == {"one", "two"}


@given(st.text(alphabet="rule a{}/\\*\"'=$:condition\n (#._12)", max_size=200))
def test_any_text_keeps_all_that_is_no_name_of_a_rule(text):
    assert renamed(text, "") == text
    assert renamed(text, "hb_").replace("hb_", "") == text


def test_a_rule_with_the_name_of_a_variable_is_named_with_its_line():
    loop = 'for any name in pe.sections : (name.name == "x")'
    text = f'import "pe"\nrule name {{ condition: true }}\nrule c {{\n  condition: {loop}\n}}'
    good = RuleFile("good", "good.yar", "rule a { condition: true }")
    _, (refusal,) = compiled([good, RuleFile("own", "own.yar", text)], "hb_")
    assert (refusal.file, refusal.line) == ("own.yar", 4)
    assert "with the names that rules have on the platform: unknown identifier `name`" in refusal.why
