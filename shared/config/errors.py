"""The errors of a configuration."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import InitErrorDetails

# A key of a section ("" for the section itself) and what is wrong with it. In the sentence, the name of a key
# in braces stands for that key as a person writes it, and {missing} for "missing" or "not set".
KeyProblem = tuple[str, str]


class ConfigError(Exception):
    """The configuration cannot be used. Each problem is a line: `file:line: where: what is wrong`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class KeysError(ValueError):
    """Keys of a section are missing or do not fit together."""

    def __init__(self, problems: Sequence[KeyProblem]) -> None:
        super().__init__("the keys of a section do not fit together")
        self.problems = problems


def with_keys_error(error: ValidationError, problems: Sequence[KeyProblem]) -> ValidationError:
    """The error of a section with a KeysError added to it, if there are such problems."""
    if not problems:
        return error
    details = [
        InitErrorDetails(type=item["type"], loc=item["loc"], input=None, ctx=item.get("ctx", {}))
        for item in error.errors(include_url=False, include_input=False)
    ]
    details.append(
        InitErrorDetails(type="value_error", loc=(), input=None, ctx={"error": KeysError(problems)})
    )
    return ValidationError.from_exception_data(error.title, details)
