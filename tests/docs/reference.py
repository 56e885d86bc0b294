"""`make reference`: writes the parts of docs/reference that are made from the code.

Such a part stands between two comments. What is before and after it is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs import api_page, commands_page, keys_page

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference"
BEGIN = "<!-- Made by `make reference`: change the code, not this text. -->"
END = "<!-- The end of what is made. -->"
PAGES: Mapping[str, Callable[[], str]] = {
    "keys.md": keys_page.generated,
    "commands.md": commands_page.generated,
    "api.md": api_page.generated,
}


def with_part(page: str, part: str) -> str:
    """The page with this text between its two comments."""
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"the page has not the two comments {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{part.strip()}\n\n{END}{after}"


def main() -> None:
    for name, generated in PAGES.items():
        path = REFERENCE / name
        path.write_text(with_part(path.read_text(encoding="utf-8"), generated()), encoding="utf-8")


if __name__ == "__main__":
    main()
