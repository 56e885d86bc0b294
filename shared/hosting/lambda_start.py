"""Prepares a Lambda function before its first invocation, so that the first event need not wait.

This module imports little, because the web function starts with it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

log = logging.getLogger(__name__)


def prepare(prepare: Callable[[], None]) -> None:
    """Call `prepare` if Lambda started this process. If it fails, the first invocation does the same work
    again and fails with the reason."""
    if not os.environ.get("AWS_LAMBDA_FUNCTION_NAME"):
        return
    try:
        prepare()
    except Exception:  # a function that does not start could not report the reason
        log.exception("function not prepared")
