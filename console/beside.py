"""The console beside the webhooks, at one address: one WSGI application with both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

App = Callable[..., Any]

# What the application for webhooks answers. Everything else is the console's.
WEBHOOK_PATHS = ("/webhooks", "/slack", "/health", "/metrics")


def is_page(path: str) -> bool:
    """Whether a request with this path is for the console. Slashes count once, as the application for
    webhooks reads them, so that no spelling of a webhook's path leads to the console."""
    first = next(filter(None, path.split("/")), "")
    return f"/{first}" not in WEBHOOK_PATHS


def beside(webhooks: App, console: App) -> App:
    def both(environ: dict[str, Any], start_response: App) -> Any:
        app = console if is_page(environ.get("PATH_INFO", "")) else webhooks
        return app(environ, start_response)

    return both
