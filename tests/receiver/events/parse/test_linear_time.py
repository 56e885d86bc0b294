"""Parsing takes linear time, whatever the body. The tests need half a minute of CPU: `make fuzz` does it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
pytestmark = pytest.mark.slow


HOSTILE = r"""
import sys
from receiver.events.parse.webhook import parse
size = 64 * 1024
pieces = [
    '\\', '"', '\\"', "{'", "\\'", "'", '[', '(', '{"', '"} ', '{"title":', '"title": "', '"token": "',
    'token"', 'token="', 'payload=', 'a=b&', '=', '1', '1,', '-', ' ', '\n', '\0', '*', 'a', 'i-', 'None',
    '\\u0041', '$Event\n', '/', 'a/', '/a ', '\\a', '.', 'a.', 'a.b ', '<a', '`', '“', " 'a", "a'", 'A:A/.',
    'file: ', 'file a ', '1 malicious ', 'arn:aws:ec2:', '**', 'severity: ',
    'project ', 'project "', 'project(id ', '_project_', 'malicious ',
    'high severity ', 'detection ', 'processing finished with ',
]
for piece in pieces:
    for head, tail in [('', ''), ('{"title": "', ''), ('{"message": "{', '"}'), ('["', '"]'), ('x=', '')]:
        parse((head + piece * (size // len(piece)) + tail).encode(), id="e1", received_at=None)
"""


def test_hostile_bodies_take_linear_time():
    """Quadratic work on any of these takes minutes; all of them together take seconds."""
    subprocess.run([sys.executable, "-c", HOSTILE], cwd=ROOT, check=True, timeout=120)


SHAPES = r"""
import json, resource
from receiver.events.parse.webhook import parse
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
size = 512 * 1024
def many(make, of):
    return [make(number) for number in range(size // of)]
detection = {"event": "detection_created", "title": "DETECTION CREATED"}
shapes = {
    "titles beside texts": {"title": many("t{} x".format, 12), "z": many("y {}".format, 12)},
    "titles beside messages": {"title": many("t{} x".format, 12), "message": many("y {}".format, 12)},
    "a long key of many": {"k" * (size // 2): {f"a{n}": 1 for n in range(size // 20)}},
    "a long key of a list": {"k" * (size // 2): [{"a": 1}] * (size // 20)},
    "strings that are JSON": [json.dumps({"a": "b"})] * (size // 20),
    "JSON in JSON in JSON": json.dumps(json.dumps(json.dumps({"a": ["x y"] * (size // 20)}))),
    "tokens": {"x": [{"token": token} for token in many("t-t-t-t-{}".format, 30)], "message": "m " * 1000},
    "a long token": {"token": "t" * (size // 2), "message": "t" * (size // 2)},
    "names": detection | {"message": json.dumps(many(lambda n: {"name": f"x{n}", "severity": "?"}, 50))},
    "severities": detection | {"message": [{"severity": {"normalized": n}} for n in range(size // 40)]},
    "lines of severities": detection | {"message": "severity: x\n" * (size // 14)},
    "resources": {"resource": many("i-{:017x}".format, 24)},
    "instances": {"message": " ".join(many("i-{:017x}".format, 24))},
    "ids": {"message": " ".join(many("project id {}".format, 18))},
    "ids as values": many(lambda n: {"project_id": n, "evidence_id": n}, 30),
    "counts": many(lambda n: {"malicious": n, "message": "3 malicious"}, 40),
    "paths": {"message": " ".join(many("/tmp/{}".format, 12))},
    "lines of paths": {"message": "\n".join(many("file: /tmp/{} x".format, 20))},
    "quotes": {"message": " ".join(many("'{}'".format, 12))},
    "apostrophes": {"message": " ".join(many("'it's {}".format, 12))},
    "file names": {"message": " ".join(many("a.b{}".format, 12))},
}
for name, shape in shapes.items():
    print(name, flush=True)
    parse(json.dumps(shape).encode(), id="e1", received_at=None)
"""


def test_bodies_of_many_parts_take_linear_time():
    """Quadratic work on any of these takes minutes, or memory that is not there; all together take seconds.
    The limit is of the processor's time, so that a busy machine does not count."""
    subprocess.run([sys.executable, "-c", SHAPES], cwd=ROOT, check=True, timeout=600)
