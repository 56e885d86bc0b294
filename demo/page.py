"""The demo's page: the hunt, and its messages as people see them in Slack, Teams and Jira.

The state holds hostile text. So the page may load only its own files, and its scripts insert text as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, request

PAGES = Path(__file__).parent / "pages"
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_app(state: Callable[[], dict[str, Any]], click: Callable[[str, str], None] | None = None) -> Flask:
    """`GET /` is the page, `GET /state` the result of `state` as JSON. `POST /click` calls `click` with the
    `ts` of a message in Slack and the `action` of its button; LookupError becomes 404. Only the page itself
    can click, since a browser refuses to send JSON from another site.

    `state` is called once for each `GET /state`, from any thread, and returns
    `{"hunt": {"name", "project_id", "scheduled_at", "state"}, "captures": [{"instance", "name", "region",
    "state", "malicious", "suspicious", "reason"}], "slack": [{"at", "body"}], "teams": [{"at", "body"}],
    "jira": [{"at", "key", "fields", "comments"}], "summary": {…} or None}`, with the oldest message first.
    `hunt` is None before the hunt begins. A message in Slack may have "replies", and a reply may be a
    "broadcast".
    """
    app = Flask(__name__, static_folder=None)
    files = {path.name: path for path in PAGES.iterdir() if path.suffix in KINDS}

    @app.get("/")
    def index() -> Response:
        return _file(files["index.html"])

    @app.get("/state")
    def tell() -> Response:
        return Response(json.dumps(state()), mimetype="application/json")

    @app.post("/click")
    def clicked() -> tuple[str, int]:
        body = request.get_json(silent=True)  # None for any other Content-Type
        if not isinstance(body, dict) or click is None:
            abort(400)
        try:
            click(str(body.get("ts")), str(body.get("action")))
        except LookupError:
            abort(404)
        return "", 204

    @app.get("/<name>")
    def file(name: str) -> Response:
        return _file(files[name]) if name in files else abort(404)

    @app.after_request
    def guard(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return app


def _file(path: Path) -> Response:
    return Response(path.read_bytes(), mimetype=KINDS[path.suffix])
