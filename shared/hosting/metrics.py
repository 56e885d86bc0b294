"""Emits metrics without a call: CloudWatch reads them from a line on stdout.

The line is in the embedded metric format (docs.aws.amazon.com/AmazonCloudWatch, "Embedded metric format").
"""

from __future__ import annotations

import json
import sys
from datetime import datetime

NAMESPACE = "huntbridge"


def emit(function: str, at: datetime, **values: float) -> None:
    """Emit each value as a metric of its name, with the dimension Function that template.yaml's alarms
    use."""
    line = {
        "_aws": {
            "Timestamp": int(at.timestamp() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Function"]],
                    "Metrics": [{"Name": name, "Unit": "None"} for name in values],
                }
            ],
        },
        "Function": function,
        **values,
    }
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()
