"""The key `after` of a hunt: it begins when another hunt has ended."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from shared.config.types import Name, Section


class AfterConfig(Section):
    """The hunt that comes before."""

    hunt: Name = Field(description="name of the other hunt")
    even_if: Literal["failed"] | None = Field(
        None, description="failed: also begin if the other hunt failed or was stopped"
    )


def _name_alone(value: Any) -> Any:
    return {"hunt": value} if isinstance(value, str) else value


After = Annotated[
    AfterConfig | None,
    BeforeValidator(_name_alone, json_schema_input_type=AfterConfig),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["hunt"],
                    "properties": {
                        "hunt": {"type": "string", "description": "name of the other hunt"},
                        "even_if": {"const": "failed", "description": "also begin if that hunt failed"},
                    },
                },
            ]
        }
    ),
    Field(description="name of a hunt; this one begins when that one has ended, and has no schedule"),
]
