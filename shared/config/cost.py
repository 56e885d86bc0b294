"""The sections `cost` and `prices`: what the cost of a hunt is estimated with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.config.suggestions import advice, quoted
from shared.config.types import Section, check_region
from shared.models.prices import price_ids


def _check_price(id: str) -> str:
    if id not in price_ids():
        meant = advice(id, price_ids()) or "; docs/cost.md lists the prices"
        raise ValueError(f"there is no price {quoted(id)}{meant}")
    return id


_Id = Annotated[str, AfterValidator(_check_price)]
_Usd = Annotated[float, Field(ge=0, strict=False, allow_inf_nan=False)]
PricesConfig = dict[_Id, _Usd]


class CostConfig(Section):
    """The assumptions behind the cost of a hunt."""

    keep_days: float = Field(
        7,
        ge=0,
        le=3_650,
        allow_inf_nan=False,
        description="days after which the platform’s snapshots are deleted",
    )
    store_days: float = Field(
        30,
        ge=0,
        le=3_650,
        allow_inf_nan=False,
        description="days for which the platform’s bucket keeps an image or a collection",
    )
    ratio: float = Field(
        0.5, gt=0, le=1, allow_inf_nan=False, description="size of a compressed image, as a share of the data"
    )
    nat: bool = Field(
        default=False, strict=True, description="whether the platform reads snapshots through a NAT gateway"
    )
    region: Annotated[str, AfterValidator(check_region)] | None = Field(
        None, description="the AWS region of the platform; data of other regions costs its transfer"
    )
    paid_by: Literal["self_hosted", "saas"] | None = Field(
        None,
        description="saas: the vendor pays for the workers and the bucket; by default the platform is asked",
    )
