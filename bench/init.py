"""How long the function that receives webhooks takes to start in a fresh Lambda environment.

The lower bound, with which it is compared, is the time to import Flask and create one SQS client. Both run in
turn, in processes of their own, with the packages of `make build ARCH=x86_64` and the functions' version of
Python. Prints the fastest time of each, since a busy machine only slows a run down, and their ratio. Exit
code 1 if the ratio is above the limit.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / ".aws-sam/build-x86_64/EdgeFunction"
LIMIT, PAIRS = 1.2, 25

_TIMED = """
import time
began = time.perf_counter()
{}
print(time.perf_counter() - began)
"""
LEAST = _TIMED.format("import flask, boto3\nboto3.client('sqs')")
OURS = _TIMED.format("from receiver import edge\nedge._web()\nedge._clients().get('sqs')")


def main() -> int:
    python = runpy.run_path(str(ROOT / "deploy/build.py"))["target_executable"]()
    if python is None:
        sys.exit("the functions run on Python 3.13, and there is none here")
    if not BUILT.is_dir():
        sys.exit("nothing was built: make build ARCH=x86_64")
    # In turn, so that both run on an equally busy machine. The first runs read the disk and are slowest.
    pairs = [(seconds(python, LEAST), seconds(python, OURS)) for _ in range(PAIRS)]
    least, ours = (min(times) * 1000 for times in zip(*pairs, strict=True))
    ratio = ours / least
    print(
        json.dumps(
            {
                "web_way_ms": round(ours, 1),
                "flask_and_sqs_ms": round(least, 1),
                "ratio": round(ratio, 3),
                "limit": LIMIT,
            }
        )
    )
    return int(ratio > LIMIT)


def seconds(python: str, script: str) -> float:
    queues = {
        f"HUNTBRIDGE_{name}{dead}": f"https://sqs.us-east-1.amazonaws.com/1/{name}"
        for name in ("CAPTURES", "EVENTS", "DELIVERIES")
        for dead in ("", "_DLQ")
    }
    done = subprocess.run(
        [python, "-S", "-c", script],  # -S: the function's packages and no others
        cwd=BUILT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(BUILT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "HUNTBRIDGE_WEBHOOK_TOKENS": "aws-secretsmanager:huntbridge/webhook#current",
            **queues,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return float(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
