"""The rows of the table, in its order, and those that are calculated from others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.figures import Figures, Row

# Three quarters of the time that the queue's function took to its first answer before, beside the same lower
# bound.
_QUEUE_READY = 0.75 * 5.88

ROWS = (
    Row("ingest_1", "webhooks accepted, 1 connection, workers busy", "a second", "more", 900),
    Row("ingest_8", "webhooks accepted, 8 connections, workers busy", "a second", "more", 2_500),
    Row("delivered_meanwhile_1", "messages delivered meanwhile, 1 connection", "a second", "more", 60),
    Row("delivered_meanwhile_8", "messages delivered meanwhile, 8 connections", "a second", "more", 60),
    Row("ingest_1_share", "accepted ÷ Alertmanager, 1 connection", "", "more", 0.3),
    Row("ingest_8_share", "accepted ÷ Alertmanager, 8 connections", "", "more", 0.3),
    Row("through_20_p50", "webhook to message at 20 a second, p50", "ms"),
    Row("through_20_p99", "webhook to message at 20 a second, p99", "ms"),
    Row("through_100_p50", "webhook to message at 100 a second, p50", "ms", target=6),
    Row("through_100_p99", "webhook to message at 100 a second, p99", "ms", target=25),
    Row("through_300_p50", "webhook to message at 300 a second, p50", "ms", target=10),
    Row("through_300_p99", "webhook to message at 300 a second, p99", "ms", target=100),
    Row("burst_1", "a burst to one destination, end to end", "alarms a second", "more", 350),
    Row("burst_3", "a burst to three destinations, end to end", "alarms a second", "more", 180),
    Row("cpu_per_alarm", "processor time of an alarm", "ms"),
    Row("enriched", "a platform at 200 ms, every alarm enriched", "alarms a second", "more", 100),
    Row("enriched_share", "of those, alarms that were enriched", "%", "more", 100),
    Row("accept_growth_10000", "accept with 10⁴ documents ÷ 10³"),
    Row("accept_growth_100000", "accept with 10⁵ documents ÷ 10³"),
    Row("accept_growth_1000000", "accept with 10⁶ documents ÷ 10³", target=1.1),
    Row("console_page", "the slowest page of the console, most documents, p95", "ms", target=100),
    Row("bytes_per_alarm", "database, a burst", "bytes an alarm", target=2_000),
    Row("bytes_per_alarm_year", "database, a simulated year", "bytes an alarm", target=2_000),
    Row("hunt_first", "a hunt's start to its first capture", "s", target=0.8),
    Row("hunt_100", "a hunt of 100 systems at 200 ms", "s"),
    Row("hunt_1000", "a hunt of 1,000 systems at 200 ms", "s", target=5),
    Row("hunt_10000", "a hunt of 10,000 systems at 200 ms", "s"),
    Row("hunt_linear", "10,000 systems ÷ ten times 1,000", "", target=1.1),
    Row("hunt_memory_1000", "memory of a hunt of 1,000 systems", "MB"),
    Row("hunt_memory_10000", "memory of a hunt of 10,000 systems", "MB"),
    Row("hunt_memory_growth", "its memory at the last request ÷ at the thousandth", target=1.1),
    Row("hunt_mixed", "a hunt of 1,000 systems of five kinds at 200 ms", "s"),
    Row("hunt_limit", "the same with 32 requests in flight ÷ the least time for it", "", target=1.2),
    Row("loop_1000", "the original loop over 1,000 systems, from 100 or fewer", "s"),
    Row("idle_cpu", "`serve` with nothing to do", "% of a core", target=0.5),
    Row("idle_wake_ups", "its wake-ups", "a second"),
    Row("idle_memory", "its memory", "MB"),
    Row("init_web", "import of the web function ÷ Flask and an SQS client", "", target=1.1),
    Row("init_queue", "import of the queue's function ÷ the same"),
    Row("init_floor_ms", "import of Flask and an SQS client", "ms"),
    Row("init_queue_ms", "import of the queue's function", "ms"),
    Row("modules_web", "modules that the web function imports"),
    Row("modules_queue", "modules that the queue's function imports"),
    Row("cold_start_edge", "the web function's start to its first answer, emulated", "ms"),
    Row("cold_start_receiver", "the queue's function's start to its first answer, emulated", "ms"),
    Row("queue_ready", "the same ÷ import of Flask and an SQS client", "", target=_QUEUE_READY),
    Row("lambda_ms_web", "time of an alarm in the web function, emulated", "ms"),
    Row("lambda_ms_queue", "time of an alarm in the queue's function, emulated", "ms"),
    Row("usd_per_1000_alarms", "1,000 alarms on AWS, calculated", "US dollars"),
    Row("usd_per_1000_systems", "1,000 systems of a hunt on AWS, calculated", "US dollars"),
    Row("sink", "the bench's sink alone", "messages a second", "more"),
    Row("client", "the bench's client and sink alone", "requests a second", "more"),
    Row("alertmanager_ingest_1", "Alertmanager: alerts accepted, 1 connection", "a second", "more"),
    Row("alertmanager_ingest_8", "Alertmanager: alerts accepted, 8 connections", "a second", "more"),
    Row("alertmanager_through_20_p50", "Alertmanager: through at 20 a second, p50", "ms"),
    Row("alertmanager_through_20_p99", "Alertmanager: through at 20 a second, p99", "ms"),
    Row("alertmanager_through_100_p50", "Alertmanager: through at 100 a second, p50", "ms"),
    Row("alertmanager_through_100_p99", "Alertmanager: through at 100 a second, p99", "ms"),
    Row("alertmanager_through_300_p50", "Alertmanager: through at 300 a second, p50", "ms"),
    Row("alertmanager_through_300_p99", "Alertmanager: through at 300 a second, p99", "ms"),
)


@dataclass(frozen=True)
class _Ratio:
    key: str
    above: str
    below: str
    times: float = 1.0  # of what is below


_RATIOS = (
    _Ratio("ingest_1_share", "ingest_1", "alertmanager_ingest_1"),
    _Ratio("ingest_8_share", "ingest_8", "alertmanager_ingest_8"),
    _Ratio("queue_ready", "cold_start_receiver", "init_floor_ms"),
    _Ratio("hunt_linear", "hunt_10000", "hunt_1000", 10),
)


def ratios(measured: Mapping[str, float]) -> Figures:
    """The rows that are a ratio of two others, where both were measured."""
    return {
        ratio.key: measured[ratio.above] / (measured[ratio.below] * ratio.times)
        for ratio in _RATIOS
        if measured.get(ratio.above) and measured.get(ratio.below)
    }
