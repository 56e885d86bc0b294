"""How long the functions on AWS take to start, and how many modules they import.

The lower bound, with which they are compared, is the time to import Flask and create one SQS client. All run
in turn, in processes of their own, with the packages of `make build ARCH=x86_64` and the functions' version
of Python. The fastest time of each counts, since a busy machine only slows a run down.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess

from bench.figures import Figures
from bench.processes import ROOT

_BUILT = ROOT / ".aws-sam/build-x86_64"
_SCRIPT = """
import sys, time
began = time.perf_counter()
{}
print([time.perf_counter() - began, len(sys.modules)])
"""
# What each of them imports and makes, and the function whose packages it uses.
_FLOOR = ("import flask, boto3\nboto3.client('sqs')", "EdgeFunction")
_WEB = ("from receiver import edge\nedge._web()\nedge._clients().get('sqs')", "EdgeFunction")
_QUEUE = ("from receiver import handler", "ReceiverFunction")


def missing() -> str:
    if _python() is None:
        return "the functions run on Python 3.13, and there is none here"
    if not all((_BUILT / function).is_dir() for _, function in (_WEB, _QUEUE)):
        return "nothing was built: make build ARCH=x86_64"
    return ""


def measure(quick: bool) -> Figures:
    least: dict[str, float] = {}
    modules: dict[str, int] = {}
    # In turn, so that all run on an equally busy machine. The first runs read the disk and are slowest.
    for _ in range(4 if quick else 12):
        for name, (script, function) in (("floor", _FLOOR), ("web", _WEB), ("queue", _QUEUE)):
            seconds, modules[name] = _run(script, function)
            least[name] = min(seconds, least.get(name, seconds))
    return {
        "init_web": least["web"] / least["floor"],
        "init_queue": least["queue"] / least["floor"],
        "init_floor_ms": least["floor"] * 1000,
        "init_queue_ms": least["queue"] * 1000,
        "modules_web": modules["web"],
        "modules_queue": modules["queue"],
    }


def _python() -> str | None:
    found: str | None = runpy.run_path(str(ROOT / "deploy/build.py"))["target_executable"]()
    return found


def _run(script: str, function: str) -> tuple[float, int]:
    """Seconds and the number of imported modules."""
    queues = {
        f"HUNTBRIDGE_{name}{dead}": f"https://sqs.us-east-1.amazonaws.com/1/{name}"
        for name in ("CAPTURES", "EVENTS", "DELIVERIES")
        for dead in ("", "_DLQ")
    }
    python = _python()
    assert python
    done = subprocess.run(
        [python, "-S", "-c", _SCRIPT.format(script)],  # -S: the function's packages and no others
        cwd=_BUILT / function,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(_BUILT / function),
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
    seconds, modules = json.loads(done.stdout)
    return float(seconds), int(modules)
