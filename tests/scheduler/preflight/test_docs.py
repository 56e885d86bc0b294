"""docs/preflight.md lists every notice that there is. UPDATE_DOCS=1 writes its table."""

from __future__ import annotations

import os
import re
from pathlib import Path

from scheduler.preflight.codes import CODES
from shared.aws.inspection import RIGHTS

PAGE = Path(__file__).resolve().parents[3] / "docs/preflight.md"
HEAD = "| code | degree | what | what to do | read with |\n|---|---|---|---|---|\n"


def table() -> str:
    """The words in braces are filled in when a notice is made, so the page shows them in italics."""

    def shown(text: str) -> str:
        text = "as the line says" if text == "{do}" else text.replace("{by}", "")
        return re.sub(r"\{(\w+)\}", r"*\1*", text).replace("|", "\\|")

    return "".join(
        f"| `{code.id}` | {code.degree} | {shown(code.what)} | {shown(code.do)} | {code.read} |\n"
        for code in CODES.values()
    )


def test_the_page_lists_every_notice() -> None:
    before, _, rest = PAGE.read_text().partition(HEAD)
    listed, _, after = rest.partition("\n\n") if not rest.startswith("\n") else ("", "", rest.lstrip("\n"))
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(f"{before}{HEAD}{table()}\n{after}")
        return
    assert listed + "\n" == table(), "write it with UPDATE_DOCS=1"


def test_the_page_names_every_permission() -> None:
    text = PAGE.read_text()
    assert [right for right in RIGHTS if f"`{right}`" not in text] == []


def test_every_notice_is_read_with_a_known_permission_or_call() -> None:
    known = {*RIGHTS, "ec2:DescribeInstances", "ec2:DescribeRegions"}
    for code in CODES.values():
        named = set(re.findall(r"[a-z0-9]+:[A-Za-z]+", code.read))
        assert named <= known, code.id
        assert named or code.read.startswith("GET /") or code.id in ("not-read", "other-cloud")
