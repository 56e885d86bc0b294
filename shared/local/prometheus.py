"""The page /metrics: the figures of this process in the formats that Prometheus reads."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from shared.metrics.definitions import ALL
from shared.metrics.instruments import BUCKETS, Counter, Histogram, Metric, Reading
from shared.metrics.memory import Distribution, Labels, Memory
from shared.secrets import Secret

log = logging.getLogger(__name__)

METRICS = "/metrics"
OPENMETRICS = "application/openmetrics-text"
_BOUNDARIES = (*map(str, BUCKETS), "+Inf")

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class MetricsPage:
    """A WSGI application that answers `GET /metrics`. Every other path is a 404.

    The figures name the destinations and tell how much is found, so not everybody may see them.
    """

    def __init__(
        self,
        memory: Memory,
        readings: Callable[[], Sequence[Reading]],
        tokens: Callable[[], Collection[Secret]] | None,
    ) -> None:
        """`readings` returns the gauges that are read at each request. `tokens` returns the tokens of which
        one must be sent as `Authorization: Bearer`; it is None if everybody who reaches the page may see it.
        """
        self._tokens = tokens
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(memory, readings))
        ProcessCollector(registry=self._registry)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, kind, body = self._answer(environ)
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
        if status.startswith("401"):
            headers.append(("WWW-Authenticate", "Bearer"))
        if status.startswith("405"):
            headers.append(("Allow", "GET, HEAD"))
        start_response(status, headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def _answer(self, environ: dict[str, Any]) -> tuple[str, str, bytes]:
        if environ.get("PATH_INFO", "") != METRICS:
            return _text("404 Not Found", "There is nothing here but /metrics.")
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            return _text("405 Method Not Allowed", "Metrics are read with GET.")
        if self._tokens is not None:
            tokens = self._tokens()
            if not tokens:
                return _text("503 Service Unavailable", "No metrics token can be read here; see the log.")
            if not _is_authorized(environ.get("HTTP_AUTHORIZATION", ""), tokens):
                return _text("401 Unauthorized", "Send the token as Authorization: Bearer.")
        if OPENMETRICS in environ.get("HTTP_ACCEPT", ""):
            body = openmetrics.generate_latest(self._registry, version="1.0.0")  # type: ignore[no-untyped-call]
            return "200 OK", f"{OPENMETRICS}; version=1.0.0; charset=utf-8", body
        return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)


def beside(app: WsgiApp, page: MetricsPage) -> WsgiApp:
    """The application with the page /metrics in it."""

    def either(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        return (page if environ.get("PATH_INFO") == METRICS else app)(environ, start_response)

    return either


def _text(status: str, sentence: str) -> tuple[str, str, bytes]:
    return status, "text/plain; charset=utf-8", f"{sentence}\n".encode()


def _is_authorized(authorization: str, tokens: Collection[Secret]) -> bool:
    """Takes the same time for a wrong token as for a missing one."""
    scheme, _, given = authorization.partition(" ")
    given = given.strip() if scheme.lower() == "bearer" else ""
    digest = hashlib.sha256(given.encode("utf-8", "surrogateescape")).digest()
    matches = [
        hmac.compare_digest(digest, hashlib.sha256(token.reveal().encode()).digest()) for token in tokens
    ]
    return any(matches)


class _Figures(Collector):
    def __init__(self, memory: Memory, readings: Callable[[], Sequence[Reading]]) -> None:
        self._memory, self._readings = memory, readings

    def describe(self) -> list[Family]:
        return []  # nothing is read before the first request

    def collect(self) -> Iterator[Family]:
        values = self._memory.with_readings(self._readings())
        for metric in ALL:
            if isinstance(metric, Histogram):
                yield _histogram(metric, self._memory.distributions(metric))
            elif of_metric := values.get(metric):
                yield _family(metric, of_metric)


def _family(metric: Metric, values: dict[Labels, float]) -> Family:
    names = [label.name for label in metric.labels]
    if metric.name.endswith("_info"):
        info = InfoMetricFamily(metric.full_name.removesuffix("_info"), metric.help)
        for labels in values:
            info.add_metric([], dict(zip(names, labels, strict=True)))
        return info
    family: CounterMetricFamily | GaugeMetricFamily
    if isinstance(metric, Counter):
        name = metric.full_name.removesuffix("_total")
        family = CounterMetricFamily(name, metric.help, labels=names, unit=metric.unit)
    else:
        family = GaugeMetricFamily(metric.full_name, metric.help, labels=names, unit=metric.unit)
    for labels, value in sorted(values.items()):
        family.add_metric(labels, value)
    return family


def _histogram(metric: Histogram, found: dict[Labels, Distribution]) -> Family:
    names = [label.name for label in metric.labels]
    family = HistogramMetricFamily(metric.full_name, metric.help, labels=names, unit=metric.unit)
    for labels, one in sorted(found.items()):
        buckets = list(zip(_BOUNDARIES, map(float, one.cumulative()), strict=True))
        family.add_metric(labels, buckets, one.sum)
    return family
