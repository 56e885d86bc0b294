"""Whether the platform's settings let custom rules and indicators hit anything at all."""

from __future__ import annotations

from shared.hosting.runtime import Runtime
from shared.platform.errors import CadoError

RULES, INDICATORS = "custom YARA rules", "custom indicators"


def switched_off(runtime: Runtime) -> tuple[str, ...]:
    """Which of RULES and INDICATORS are switched off. Empty if the platform does not say."""
    try:
        settings = runtime.cado.readiness.settings()
    except CadoError:
        return ()
    switches = {RULES: settings.custom_yara, INDICATORS: settings.custom_iocs}
    return tuple(name for name, is_on in switches.items() if is_on is False)
