"""Whether the `serve` of this container is healthy, as exit code 0 or 1."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.request import urlopen

from shared.local.data_directory import address

url = address(Path(os.environ["HUNTBRIDGE_DATA"]))
if url is None:
    sys.exit("serve has not started")
try:
    with urlopen(f"{url}/health", timeout=8):  # noqa: S310  the scheme is that of `serve`
        pass
except OSError as error:  # also an answer of 4xx or 5xx
    sys.exit(f"{url}/health: {error}")
