"""The forms of Jira's keys and ids."""

from __future__ import annotations

import re

# The key of an issue. An administrator may allow keys of projects that are longer than ten characters.
KEY = re.compile(r"[A-Z][A-Z0-9_]{0,79}-\d{1,12}", re.ASCII)
ID = re.compile(r"\d{1,18}", re.ASCII)  # of a transition, or of a type of issue
