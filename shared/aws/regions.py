"""The names of all AWS regions, from the endpoint data that botocore ships. Makes no client and no call."""

from __future__ import annotations

from functools import cache


@cache
def known_regions() -> frozenset[str]:
    """The regions of all partitions, China, GovCloud and the isolated ones included.

    Source: botocore's `partitions.json`, which the endpoint rules of EC2 use. `endpoints.json` names the same
    regions of EC2 and takes forty times longer to read.
    """
    from botocore.loaders import Loader  # imported here: only a configuration with systems needs it

    partitions = Loader().load_data("partitions")["partitions"]
    return frozenset(
        region
        for partition in partitions
        for region in partition["regions"]
        if not region.endswith("-global")
    )
