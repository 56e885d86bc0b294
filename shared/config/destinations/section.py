"""What the sections of all destinations share."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, ValidationInfo, model_validator

from shared.config.errors import KeyProblem, KeysError, with_keys_error
from shared.config.types import Section
from shared.secrets import SecretRef

Pace = Annotated[
    float | None,
    Field(
        gt=0,
        le=10_000,
        strict=True,
        allow_inf_nan=False,
        description="messages a second at most; by default the vendor's limit",
    ),
]
LONGEST_LINK = 2_000  # characters of a link's URL: three such links stay far below the size limit of Teams


class DestinationSection(Section):
    longest_link: ClassVar[int] = LONGEST_LINK  # a message leaves out a link with a longer URL

    @property
    def secret_url(self) -> tuple[str, SecretRef] | None:
        """The key that holds a URL as a secret reference, and the reference; None if there is none."""
        return None

    @classmethod
    def check_url(cls, url: str) -> str | None:
        """What is wrong with the URL behind `secret_url` and what to do instead; None if it is right."""
        return None

    @classmethod
    def check_keys(cls, given: Set[str]) -> Iterator[KeyProblem]:
        """Keys that are missing or do not fit together. `given` are the keys that have a value."""
        return iter(())

    @model_validator(mode="wrap")
    @classmethod
    def _with_fitting_keys(
        cls, data: Any, validate: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Runs `check_keys` on a section of a document, also if a value in the section is wrong."""
        if info.context is None or not isinstance(data, dict):
            return validate(data)
        problems = list(cls.check_keys({key for key, value in data.items() if value is not None}))
        try:
            section = validate(data)
        except ValidationError as error:
            raise with_keys_error(error, problems) from None
        if problems:
            raise KeysError(problems)
        return section
