"""How long the console's screens take, with the documents of `bench.documents`.

The figure is the server's time for a page, at the 95th percentile. `python -m bench.console` prints it for
every screen, with 2,000 documents and with a million.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from werkzeug.test import Client

from bench.documents import NOW, fill
from console.app import create_app
from console.assemble import sign_in
from console.context import ConsoleContext
from console.identity import Role, User
from shared.config.config import Config
from shared.hosting.runtime import DATABASE, Runtime
from shared.local.database import Database
from shared.local.queue import SqliteQueue
from shared.local.store import SqliteStore
from shared.secrets import Secrets

SCREENS = ("/", "/cases", "/hunts", "/coverage", "/deliveries", "/rules", "/settings")
LOOKS = 40  # at each screen
LIMIT = 0.1  # seconds, at the 95th percentile
CONFIG = {
    "platform": {"url": "https://cado.example", "api_key": "env:KEY"},
    "destinations": {
        "soc": {"type": "slack", "webhook_url": "env:KEY"},
        "office": {"type": "teams", "webhook_url": "env:KEY"},
    },
    "default": ["soc"],
    "hunts": {
        "weekly": {
            "schedule": "cron(0 2 ? * SUN *)",
            "targets": [{"instance": "i-0aaaaaaaaaaaaaaa1", "region": "us-east-1"}],
        }
    },
}


def client_of(runtime: Runtime, folder: Path) -> Client:
    sign = sign_in(runtime, folder, operator="ada")
    client = create_app(ConsoleContext(runtime, "bench"), sign).test_client()
    client.set_cookie("huntbridge-80", sign.sessions.start(User("ada", Role("administrator"), "the bench")))
    return client


def screens(client: Client) -> list[str]:
    """Every screen, also one case and one run."""
    more = []
    for path, prefix in (("/cases", 'href="/cases/'), ("/hunts", 'href="/hunts/')):
        text = client.get(path).get_data(as_text=True)
        more += [prefix[6:] + part.partition('"')[0] for part in text.split(prefix)[1:2]]
    return [*SCREENS, *more]


def times(folder: Path) -> dict[str, float]:
    """The 95th percentile of the seconds for each screen, of a data directory."""
    database = Database(folder / DATABASE)
    runtime = Runtime(
        config=Config.model_validate(CONFIG),
        store=SqliteStore(database),
        captures=SqliteQueue(database, "captures"),
        events=SqliteQueue(database, "events"),
        deliveries=SqliteQueue(database, "deliveries"),
        secrets=Secrets({"KEY": "key"}),
        now=lambda: NOW,
    )
    client, result = client_of(runtime, folder), {}
    for path in screens(client):
        taken = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            answer = client.get(path)
            taken.append(time.perf_counter() - began)
            assert answer.status_code == 200, (path, answer.status_code)
        result[path] = statistics.quantiles(taken, n=20)[-1]
    database.close()
    return result


def filled_times(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database = Database(folder / DATABASE)
        fill(database, count)
        database.close()
        return times(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    options = parser.parse_args()
    few, many = filled_times(2_000), filled_times(options.documents)
    print(f"{'screen':<50} {'2,000':>10} {options.documents:>10,}   ratio")
    for path, slow in zip(many, many.values(), strict=True):
        quick = list(few.values())[list(many).index(path)]
        print(f"{path[:50]:<50} {quick * 1e3:>7.1f} ms {slow * 1e3:>7.1f} ms   {slow / quick:.2f}")
    late = {path: round(seconds, 3) for path, seconds in many.items() if seconds > LIMIT}
    sys.exit(f"slower than {LIMIT * 1e3:.0f} ms: {late}" if late else 0)


if __name__ == "__main__":
    main()
