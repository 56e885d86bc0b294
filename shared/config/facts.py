"""The facts that a message shows about an alarm: by the name that the configuration has for each, in
the order in which they are shown, with the label that people see."""

from __future__ import annotations

from collections.abc import Mapping

FACTS: Mapping[str, str] = {
    "history": "History",
    "host": "Host",
    "instance": "Instance",
    "account": "Account",
    "region": "Region",
    "type": "Type",
    "state": "State",
    "private_address": "Private address",
    "public_address": "Public address",
    "owner": "Owner",
    "tags": "Tags",
    "network": "VPC / subnet",
    "security_groups": "Security groups",
    "iam_profile": "IAM profile",
    "image": "Image",
    "launched": "Launched",
    "hunt": "Hunt",
    "project": "Project",
    "evidence": "Evidence",
    "captured": "Captured",
    "processed": "Processed",
    "received": "Received",
}
OTHERS = "others"  # in a list of them: all that it does not name
