"""Decides how many captures of a hunt may be under way at once.

If the definition of the hunt does not say, the platform is asked how many pipelines it runs at once.
"""

from __future__ import annotations

import logging

from shared.config.hunts import HuntConfig
from shared.hosting.runtime import Runtime
from shared.platform.errors import CadoError, Unavailable

log = logging.getLogger(__name__)


def max_in_flight(runtime: Runtime, definition: HuntConfig | None) -> int | None:
    """How many captures may be under way at once; None if there is no limit. Raises Unavailable,
    SecretError."""
    if definition and definition.max_in_flight:
        return definition.max_in_flight
    try:
        return runtime.cado.pipelines_status().limit
    except Unavailable as error:
        if error.retryable:
            raise
    except CadoError as error:
        log.debug("limit of the platform not known", extra={"reason": str(error)})
    return None
