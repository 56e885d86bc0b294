"""huntbridge's section of the platform's YARA text: everything outside of it is kept byte for byte."""

from __future__ import annotations

import pytest

from shared.models.marked_section import BrokenSection, read, same, with_body

BODY = "rule hb_feed_a { condition: true }"
TEXTS = [
    "",
    "\n",
    "rule hand { condition: false }",
    "rule hand { condition: false }\n\n",
    "// one\r\nrule hand { condition: false }\r\n",
    'rule x { strings: $a = "huntbridge" condition: $a }\n/* a comment */',
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_was_there_is_kept(text):
    put = with_body(text, "huntbridge", BODY)
    assert read(put, "huntbridge").body == BODY
    assert read(put, "huntbridge").outside == text
    assert with_body(put, "huntbridge", None) == text


def test_whether_somebody_else_changed_the_body():
    text = with_body("", "huntbridge", BODY.replace(" { ", " {\r\n"))
    assert not read(text, "huntbridge").edited
    assert not read(text.replace("\n", "\r\n"), "huntbridge").edited
    assert read(text.replace("true", "false"), "huntbridge").edited


@pytest.mark.parametrize("text", TEXTS)
def test_another_body_takes_its_place(text):
    put = with_body(text, "huntbridge", BODY) + "rule later { condition: false }"
    changed = with_body(put, "huntbridge", "rule hb_feed_b { condition: false }")
    assert changed.count("huntbridge:begin") == 1
    assert read(changed, "huntbridge").outside == text + "rule later { condition: false }"


def test_two_huntbridges_of_different_names_keep_both_sections():
    both = with_body(with_body("rule hand {}", "one", "rule hb_one_a {}"), "two", "rule hb_two_a {}")
    assert (read(both, "one").body, read(both, "two").body) == ("rule hb_one_a {}", "rule hb_two_a {}")
    assert read(with_body(both, "one", None), "two").body == "rule hb_two_a {}"


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace("/* huntbridge:end huntbridge */", ""),
        lambda text: text + text,
        lambda text: text[text.index(BODY) :],
        lambda text: with_body(text, "other", "rule x {}").replace(BODY, "/* huntbridge:begin other x */"),
    ],
)
def test_damaged_marks_are_no_section(damage):
    text = damage(with_body("", "huntbridge", BODY))
    with pytest.raises(BrokenSection, match="section huntbridge"):
        with_body(text, "huntbridge", "rule other {}")


def test_line_ends_do_not_matter_when_texts_are_compared():
    assert same("a\r\nb\n", "a\nb")
    assert not same("a\nb", "a\nc")
