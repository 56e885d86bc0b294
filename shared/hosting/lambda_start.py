"""What a Lambda function does before its first invocation, so that the first event need not wait for it.

Light on purpose: the web room starts with it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

log = logging.getLogger(__name__)


def prepare(prepare: Callable[[], None]) -> None:
    """Calls `prepare`, but only in a process that Lambda started. Where it fails, the first invocation does
    the same work again and fails with the reason."""
    if not os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return
    try:
        prepare()
    except Exception:  # a function that cannot start tells nobody why
        log.exception("the function could not be prepared")
