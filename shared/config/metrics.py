"""The section `metrics`: who may read the page /metrics, and where."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.config.listen import Listen
from shared.config.types import OneOrMany, Section
from shared.secrets import SecretRef


class MetricsConfig(Section):
    """The page /metrics of serve: its address, and who may read it. Without this section there is none."""

    listen: Listen | None = Field(
        None, description="address and port of a listener for /metrics alone, such as 127.0.0.1:9464"
    )
    token: Annotated[tuple[SecretRef, ...], OneOrMany()] = Field(
        (),
        description="tokens, current and previous, of which a reader sends one as Authorization: Bearer; "
        "without listen, the page is then on the port of the webhooks",
    )
