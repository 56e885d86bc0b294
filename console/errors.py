"""What the console answers when something goes wrong. Each answer says what to do next, and no detail that
only the log should have."""

from __future__ import annotations

import logging
import secrets

from flask import Flask, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.wrappers import Response

from console.access import current_user
from shared.storage.ports import NotNow
from shared.storage.queries.pages import BadToken

log = logging.getLogger(__name__)

_TITLES = {
    400: "This request cannot be understood",
    401: "Not signed in",
    403: "Not allowed",
    404: "There is nothing here",
    405: "Not possible this way",
    409: "Somebody was faster",
    413: "This is too long",
    429: "Too many attempts",
    500: "Something went wrong here",
    503: "Not possible at the moment",
}
_TEXTS = {
    400: "Nothing was changed. Go back and try again.",
    404: "It may have been removed after its retention, or the address has a mistake.",
    405: "Open the page and use its buttons.",
    413: "Nothing was saved. Go back and shorten the text.",
}


def add_to(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        if error.response is not None:
            return error.get_response()  # a redirect
        status = error.code or 500
        own = error.description if error.description != type(error).description else None
        response = answer(status, own or _TEXTS.get(status, ""))
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    @app.errorhandler(BadToken)
    def bad_token(error: BadToken) -> Response:
        return answer(400, "The address of this page of the list is no longer valid. Open the list again.")

    @app.errorhandler(NotNow)
    def unavailable(error: NotNow) -> Response:
        """The store or a queue does not answer. Its text is for people and contains no secret."""
        log.error("a page could not be shown", extra={"path": request.path, "reason": error})
        text = (
            f"{error}. Nothing was changed. Webhooks are stored by themselves and are not lost while this "
            "lasts. Run `huntbridge check` on the machine to see what is wrong, then reload this page."
        )
        response = answer(503, text, "The ledger does not answer")
        response.headers["Retry-After"] = "10"
        return response

    @app.errorhandler(InternalServerError)
    def failed(error: InternalServerError) -> Response:
        reference = secrets.token_hex(4)
        cause = error.original_exception or error
        log.error("a page failed", extra={"path": request.path, "reference": reference}, exc_info=cause)
        return answer(500, f"The log of huntbridge says more, with the reference {reference}.")


def answer(status: int, text: str, title: str = "") -> Response:
    title = title or _TITLES.get(status, "This did not work")
    if request.path.startswith("/api/"):
        response: Response = jsonify({"status": status, "title": title, "detail": text})
        response.content_type = "application/problem+json"
    else:
        template = "error.html" if current_user() else "error_gate.html"
        response = Response(render_template(template, title=title, text=text), mimetype="text/html")
    response.status_code = status
    return response
