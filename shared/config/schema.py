"""The JSON Schema of the configuration file, for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from shared.config.config import Config
from shared.config.load import DEFAULT_FILE

# Each release publishes the schema here. Editors find it by the first line of a configuration.
ADDRESS = "https://github.com/huntbridge/huntbridge/releases/latest/download/huntbridge.schema.json"


class _Schema(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False  # it would only repeat the key


def schema() -> dict[str, Any]:
    generated = Config.model_json_schema(by_alias=True, schema_generator=_Schema)
    return {"$schema": _Schema.schema_dialect, "$id": ADDRESS, **generated, "title": DEFAULT_FILE}
