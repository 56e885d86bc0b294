"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# A busy machine makes no example wrong, and what lands is judged by the same examples each time.
settings.register_profile("house", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("house")
