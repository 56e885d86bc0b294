"""What holds for every test."""

from __future__ import annotations

import os
from importlib.util import find_spec

# A busy machine makes no example wrong, and what lands is judged by the same examples each time.
# The template's tests run in an environment of their own, which has no hypothesis.
if find_spec("hypothesis"):
    from hypothesis import settings

    settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
    settings.load_profile("house")
