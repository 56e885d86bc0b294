"""`/api/v1`: what the screens show, as JSON, and the OpenAPI document that describes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest, NotFound

from console.access import needs
from console.api.actions import ACTIONS
from console.api.answers import as_json
from console.api.endpoints import ENDPOINTS
from console.api.openapi import PREFIX, Endpoint, document
from console.api.parameters import BadParameter, read_all
from console.context import ConsoleContext
from shared.storage.queries.pages import BadToken

_COOKIE = re.compile(r"(__Host-)?huntbridge(-\d{1,5})?", re.ASCII)


def blueprint(context: ConsoleContext) -> Blueprint:
    pages = Blueprint("api", __name__, url_prefix=PREFIX)

    def view_of(endpoint: Endpoint) -> Callable[[], Response]:
        def view() -> Response:
            try:
                wanted = read_all(endpoint.parameters, request.args)
                found = endpoint.read(context, **wanted)
            except BadParameter as mistake:
                raise BadRequest(str(mistake)) from None
            except BadToken:
                raise NotFound("page is not the token of a page of this list.") from None
            if found is None:
                raise NotFound("There is nothing of this name, or the ledger keeps it no more.")
            return Response(as_json(endpoint.answer, found), mimetype="application/json")

        return view

    for endpoint in (*ENDPOINTS, *ACTIONS):
        view = needs(endpoint.role)(view_of(endpoint)) if endpoint.role else view_of(endpoint)
        pages.add_url_rule(endpoint.path, endpoint.path.strip("/"), view, methods=[endpoint.method])

    @cache
    def described(cookie: str) -> dict[str, object]:
        return document((*ENDPOINTS, *ACTIONS), context.version, cookie)

    @pages.get("/openapi.json")
    def index() -> Response:
        return jsonify(described(_session_cookie()))

    return pages


def _session_cookie() -> str:
    """The name of the cookie with which the present request came. It depends on port and TLS."""
    names = (name for name in sorted(request.cookies) if _COOKIE.fullmatch(name))
    return next(names, "huntbridge")
