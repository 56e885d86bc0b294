"""The console: the operator's pages, one application for one machine and for a stack on AWS.

It reads through `runtime.queries` and acts through the functions that the commands use. Each screen is a
blueprint of its own; `pages.registry` lists them.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask, g, request, url_for

from console import errors, filters, guard, notices, sign_in, urls
from console.access import current_user
from console.context import ConsoleContext
from console.frame import Frames
from console.guard import Guard
from console.pages.registry import PAGES
from console.sign_in import SignIn

MAX_FORM = 64 * 1024  # bytes


def create_app(context: ConsoleContext, sign: SignIn) -> Flask:
    """Make the application. `sign` decides who the user of a request is."""
    app = Flask("console", root_path=str(Path(__file__).parent), static_url_path="/static")
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MAX_FORM
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    # No redirect to an address that is made from the request's: what is not a page is a 404.
    app.url_map.merge_slashes = app.url_map.strict_slashes = False
    app.jinja_env.autoescape = True
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters.add_to(app)
    notices.add_to(app, sign)
    guard.protect(app, Guard(sign.only_loopback, context.readonly, sign.hosts), sign)
    errors.add_to(app)
    app.register_blueprint(sign_in.blueprint(sign))
    for page in PAGES:
        app.register_blueprint(page.blueprint(context))
    frames = Frames(context)

    @cache
    def digest(name: str) -> str:
        content = (Path(__file__).parent / "static" / name).read_bytes()
        return hashlib.sha256(content).hexdigest()[:12]

    def asset(name: str) -> str:
        """The address of a static file. It changes with the file, so browsers may keep it for ever."""
        return url_for("static", filename=name, v=digest(name))

    def page_url(token: str) -> str:
        """The address of this page with the token of another page of its list."""
        arguments = {key: value for key, value in request.args.items() if key != "page"}
        # Not `url_for`, to which some of what a browser may send means something, such as `_external`.
        return urls.with_query(urls.quoted(request.path), arguments | {"page": token})

    app.jinja_env.globals |= {"asset": asset, "page_url": page_url, **urls.FOR_TEMPLATES}

    @app.context_processor
    def common() -> dict[str, Any]:
        user = current_user()
        return {
            "now": g.now,
            "user": user,
            "version": context.version,
            "readonly": context.readonly,
            "can_sign_out": sign.has_sessions,
            "frame": frames.current() if user else None,
        }

    return app
