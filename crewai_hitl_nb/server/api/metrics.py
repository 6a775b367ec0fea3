"""Metrics for Prometheus: the counters of the other modules, read at each scrape.

Nothing is counted here. The broker, its readers, the store, the webhooks and the limits keep
their own numbers; this module shows them in Prometheus' format. No label has a value that a caller
can choose, and no label is an id.

In a Jupyter server they appear among the host's own at its ``/metrics``, which shows the
process's registry; several servers in one process are added up there. ``GET metrics`` below
the prefix, and so at the root of a standalone server, shows one server's own metrics to callers
without a scope who may read.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, Final, get_args

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.protocol.errors import Forbidden
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.server.services import Services
from crewai_hitl_nb.store.coordination import Duty
from crewai_hitl_nb.store.histograms import Histogram

PREFIX: Final = "crewai_hitl_"


class ServicesCollector(Collector):
    """Collects the numbers of some servers, added up."""

    def __init__(self) -> None:
        self._all: list[Services] = []

    def add(self, services: Services) -> None:
        """Include this server's numbers."""
        self._all.append(services)

    def remove(self, services: Services) -> None:
        """Leave this server's numbers out."""
        self._all = [other for other in self._all if other is not services]

    def __len__(self) -> int:
        return len(self._all)

    def collect(self) -> Iterator[Metric]:
        """Return the current value of every metric."""
        brokers = [services.broker for services in self._all if services.broker is not None]
        yield _gauge("up", "Whether the log is open.", len(brokers))
        yield _gauge("log_offset", "Place of the last event.", sum(b.top for b in brokers))
        yield from _requests(brokers)
        yield from _readers(brokers)
        yield from _store(brokers)
        yield from _shared(brokers)
        yield _counter(
            "webhook_deliveries",
            "Calls to webhooks, by the outcome for the event.",
            ("result",),
            (s.webhooks.results for s in self._all if s.webhooks is not None),
        )
        yield _counter(
            "rate_limited",
            "Refusals by a limit of one caller, by the limited action.",
            ("limit",),
            (services.limiter.refused for services in self._all),
        )


def _requests(brokers: list[Broker]) -> Iterator[Metric]:
    pending = GaugeMetricFamily(f"{PREFIX}pending_requests", "Open requests.", labels=["kind"])
    for kind, number in sum((b.pending_by_kind() for b in brokers), Counter()).items():
        pending.add_metric([kind], number)
    yield pending
    counted = [broker.request_counters for broker in brokers]
    yield _counter("asked", "Questions asked.", ("kind",), (t.asked for t in counted))
    yield _counter(
        "answered",
        "Questions answered.",
        ("kind", "decision", "via"),
        (t.answered for t in counted),
    )
    yield _counter(
        "cancelled", "Questions cancelled.", ("kind", "reason"), (t.cancelled for t in counted)
    )
    yield _counter("expired", "Questions expired.", ("kind",), (t.expired for t in counted))
    yield _histogram(
        "answer_seconds", "From question to answer.", [t.answer_seconds for t in counted]
    )


def _readers(brokers: list[Broker]) -> Iterator[Metric]:
    now: Counter[str] = Counter()
    for broker in brokers:
        now.update(broker.readers.by_transport)
    gauge = GaugeMetricFamily(f"{PREFIX}subscribers", "Open streams.", labels=["transport"])
    for transport in ("websocket", "sse", "poll", "inside"):
        gauge.add_metric([transport], now[transport])
    yield gauge
    yield _histogram(
        "fanout_seconds",
        "From a commit to the last send to live readers.",
        [broker.fanout_seconds for broker in brokers],
    )
    yield _counter(
        "streams_closed",
        "Streams that ended, and why.",
        ("transport", "reason"),
        (broker.readers.endings for broker in brokers),
    )


def _store(brokers: list[Broker]) -> Iterator[Metric]:
    figures = [f for broker in brokers if (f := broker.commit_figures) is not None]
    yield _histogram("store_commit_seconds", "Duration of a commit.", [f.seconds for f in figures])
    yield _histogram("store_commit_events", "Events in one commit.", [f.events for f in figures])
    failures = CounterMetricFamily(f"{PREFIX}store_failures", "Commits that failed.")
    failures.add_metric([], sum(f.failures for f in figures))
    yield failures


def _shared(brokers: list[Broker]) -> Iterator[Metric]:
    """Return how the servers stand among those that share their log; nothing for a log alone."""
    figures = [f for broker in brokers if (f := broker.share_figures) is not None]
    if not figures:
        return
    behind = sum(f.events_behind for f in figures)
    yield _gauge("events_behind", "Events of the log that are not announced here yet.", behind)
    duty = GaugeMetricFamily(
        f"{PREFIX}duty", "Whether this server does this work for all.", labels=["duty"]
    )
    for name in get_args(Duty):
        duty.add_metric([name], any(name in f.duties for f in figures))
    yield duty
    pool = GaugeMetricFamily(
        f"{PREFIX}database_connections", "Connections that read.", labels=["state"]
    )
    used = sum(f.connections_used for f in figures)
    pool.add_metric(["used"], used)
    pool.add_metric(["idle"], sum(f.connections for f in figures) - used)
    yield pool
    waiting = sum(f.reads_waiting for f in figures)
    yield _gauge("database_reads_waiting", "Reads that wait for a connection.", waiting)


def _gauge(name: str, said: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, said, value=value)


def _counter(
    name: str, said: str, labels: tuple[str, ...], counts: Iterable[dict[Any, int]]
) -> Metric:
    metric = CounterMetricFamily(PREFIX + name, said, labels=labels)
    total: Counter[Hashable] = Counter()
    for count in counts:
        total.update(count)
    for values, number in sorted(total.items(), key=str):
        metric.add_metric(values if isinstance(values, tuple) else (str(values),), number)
    return metric


def _histogram(name: str, said: str, histograms: list[Histogram]) -> Metric:
    metric = HistogramMetricFamily(PREFIX + name, said)
    if histograms:
        bounds = [bound for bound, _ in histograms[0].buckets()]
        columns = zip(*(h.buckets() for h in histograms), strict=True)
        sums = [sum(number for _, number in column) for column in columns]
        total = sum(histogram.sum for histogram in histograms)
        metric.add_metric([], list(zip(bounds, sums, strict=True)), total)
    return metric


_EXPOSED: Final = ServicesCollector()
"""The only state of the process here. It must be one per process like the registry that holds it:
the host shows that at ``/metrics``, and it accepts each metric name only once."""


def expose(services: Services) -> Callable[[], None]:
    """Show a server's numbers at the host's ``/metrics``; calling the result removes them."""
    if not len(_EXPOSED):
        REGISTRY.register(_EXPOSED)
    _EXPOSED.add(services)

    def take_back() -> None:
        shown = len(_EXPOSED)
        _EXPOSED.remove(services)
        if shown and not len(_EXPOSED):
            REGISTRY.unregister(_EXPOSED)

    return take_back


class MetricsHandler(HitlHandler):
    """Serves the metrics of one server."""

    _track_activity = False

    @needs("read")
    async def get(self) -> None:
        """Return the metrics in Prometheus' format."""
        if getattr(self.current_user, "key_scope", None) is not None:
            raise Forbidden(
                "metrics cover every execution, so a limited key cannot read them; use a key"
                " without limits"
            )
        own, registry = ServicesCollector(), CollectorRegistry()
        own.add(self.services)
        registry.register(own)
        body = generate_latest(registry)
        self.finish(body, set_content_type=CONTENT_TYPE_LATEST)
