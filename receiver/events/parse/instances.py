"""Finds the EC2 instance that the body names, and its region."""

from __future__ import annotations

import re

from receiver.events.parse.detections import RESOURCE_KEYS
from receiver.events.parse.reading import Reading
from shared.models.systems import System

_INSTANCE_ID = r"i-(?:[0-9a-f]{17}|[0-9a-f]{8})"
_INSTANCE = re.compile(rf"(?<![\w-]){_INSTANCE_ID}(?![\w-])")
_RESOURCE = re.compile(
    rf"\s*+(?:arn:aws[a-z-]{{0,12}}:ec2:([a-z0-9-]{{1,30}}):[0-9]{{0,12}}:instance/)?({_INSTANCE_ID})\s*"
)
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]")
_RESOURCES = frozenset(RESOURCE_KEYS)


def instance_of(reading: Reading, resource: str) -> tuple[str, System | None]:
    """The instance id, and the system if its region is known too. Empty and None if the body names no
    instance.

    These sources are read in this order:

    1. `resource` of a detection, and the values of keys that name a resource.
    2. The sentences.
    3. Any other value that is the id of an instance and nothing else.

    If one source names two instances, the result is none. To describe the wrong machine is worse than to
    describe none.
    """
    fields = [field for field in reading.fields if not (field.untrusted or field.summary)]
    resources = [field.value for field in fields if _RESOURCES & {*field.names}]
    by_resource, by_value = (
        [match for value in values if (match := _RESOURCE.fullmatch(str(value)))]
        for values in ((*resources, resource), (field.value for field in fields))
    )
    instances = (
        {match[2] for match in by_resource}
        or set(_INSTANCE.findall(reading.prose.own))
        or {match[2] for match in by_value}
    )
    if len(instances) != 1:
        return "", None
    instance = instances.pop()
    in_arns = {match[1] for match in (*by_resource, *by_value) if match[1] and match[2] == instance}
    regions = in_arns or {
        str(field.value)
        for field in reading.fields
        if field.key in ("region", "awsregion") and _REGION.fullmatch(str(field.value))
    }
    return instance, System(instance, regions.pop()) if len(regions) == 1 else None
