"""A configuration that is loaded again and again under load: nothing is refused, lost or told twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import yaml

from tests.durability.world import eventually, senders

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_under_load_many_reloads_refuse_no_webhook_and_tell_every_alarm_once(make_served):
    served = make_served()
    served.start()
    web, file = served.web(), Path(served.environ["HUNTBRIDGE_CONFIG"])
    config, fresh = yaml.safe_load(file.read_text()), file.with_suffix(".fresh")
    with senders(served, threads=8) as answered:

        def more(than: int) -> bool:
            return answered() > than

        for number in range(8):
            eventually(partial(more, answered() + 30))
            config["follow"] = {"interval": 60 + number}
            # In one step: serve may still be loading the one before, and must not read half a file.
            fresh.write_text(yaml.safe_dump(config))
            fresh.replace(file)
            if number % 4:
                os.kill(served.process.pid, signal.SIGHUP)
            else:
                command = [sys.executable, "-m", "cli.main", "config", "reload"]
                done = subprocess.run(
                    command, env=served.environ, capture_output=True, text=True, check=False
                )
                assert (done.returncode, done.stderr) == (0, "")
        eventually(lambda: served.log.read_text().count("the configuration was loaded again") == 8, 30)
        eventually(partial(more, answered() + 30))
    assert served.refused == []
    assert served.web() == web
    served.check()
    assert set(served.told()) == set(served.accepted)
    assert "Traceback" not in served.log.read_text()
