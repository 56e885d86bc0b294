"""Keeps what an action says until the next page shows it: `flash` of Flask, in a signed cookie of its own.

The cookie says nothing about who the user is. Its key is new with every start of the console.
"""

from __future__ import annotations

import secrets

from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from console.sign_in import SignIn


class _Notices(SecureCookieSessionInterface):
    def __init__(self, sign: SignIn) -> None:
        self._sign = sign

    def get_cookie_name(self, app: Flask) -> str:
        return f"{self._sign.cookie_name()}-notices"

    def get_cookie_secure(self, app: Flask) -> bool:
        return self._sign.is_secure()

    def get_cookie_samesite(self, app: Flask) -> str:
        return "Lax"

    def get_cookie_httponly(self, app: Flask) -> bool:
        return True


def add_to(app: Flask, sign: SignIn) -> None:
    app.secret_key = secrets.token_bytes(32)
    app.session_interface = _Notices(sign)
