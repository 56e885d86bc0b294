"""What `serve` says at its start about a configuration that can never work."""

from __future__ import annotations

from cli.serve_parts import warn
from shared.hosting import runtime
from shared.hosting.configuration import load


def test_an_entry_of_the_environment_that_cannot_be_read_is_told(tmp_path, caplog):
    environ = {
        "PLATFORM_IP": "https://cado.example",
        "API_KEY": "k",
        "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T/B/X",
        "SYSTEM1": '{"region": "us-east-1"}',
    }
    warn(runtime.local(load(None, environ), tmp_path / "data", environ))
    (record,) = [record for record in caplog.records if "SYSTEM1" in vars(record).get("reason", "")]
    assert vars(record)["hunt"] == "default"
