"""Moto and its credentials, for the tests of functions on AWS."""

from __future__ import annotations

from tests.shared.aws.conftest import credentials, endpoint

__all__ = ["credentials", "endpoint"]
