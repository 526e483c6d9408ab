"""Counters and gauges in Prometheus's form.

Loaded only when metrics are requested for the first time, by `server.http.routes.metrics`.
"""

from __future__ import annotations

from collections import Counter as Tally
from typing import TYPE_CHECKING

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from styxy import __version__
from styxy.core.protocol.daemon import Metric, MetricSample, MetricsAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric as Family

    from styxy.server.reports.instruments import Instruments
    from styxy.server.service.service import Service
    from styxy.server.world.counts import Counter, Counts, Histogram

CONTENT_TYPE = CONTENT_TYPE_LATEST


def families(service: Service, instruments: Instruments) -> list[Family]:
    """Collect every metric; the last are the process's own, which all of Prometheus's clients have.

    Those come from /proc, and are missing where there is none.
    """
    service.context.counts.begin(kind.name for kind in service.desk.catalogue)
    return [
        *_counters(service, instruments),
        *_gauges(service, instruments),
        *_histograms(service.context.counts),
        *ProcessCollector(registry=None).collect(),
    ]


def as_text(gathered: Iterable[Family]) -> bytes:
    """Format metrics as Prometheus text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(gathered))
    return generate_latest(registry)


def as_json(gathered: Iterable[Family]) -> MetricsAnswer:
    """Convert metrics to values for JSON."""
    return MetricsAnswer(
        [
            Metric(
                name=family.name,
                type=family.type,
                help=family.documentation,
                samples=[
                    MetricSample(name=each.name, labels=dict(each.labels), value=each.value)
                    for each in family.samples
                ],
            )
            for family in gathered
        ]
    )


class _Given(Collector):
    """Presents collected metrics as a registry."""

    def __init__(self, gathered: Iterable[Family]) -> None:
        self._gathered = gathered

    def collect(self) -> Iterable[Family]:
        return self._gathered


def _counters(service: Service, instruments: Instruments) -> list[Family]:
    counts = service.context.counts
    stalls = CounterMetricFamily("styxy_loop_stalls", "Stalls of the event loop.")
    stalls.add_metric([], instruments.stalls.count)
    return [
        _counter("styxy_leases_granted", "Leases granted.", ["service_type"], counts.granted),
        _counter("styxy_leases_released", "Leases ended.", ["reason"], counts.released),
        _counter("styxy_reassignments", "Binds moved.", ["service_type"], counts.moved),
        _counter(
            "styxy_port_conflicts_detected",
            "Candidate ports found in use when they were probed.",
            [],
            counts.conflicts,
        ),
        _counter(
            "styxy_http_requests",
            "HTTP requests answered.",
            ["method", "route", "status"],
            counts.requests,
        ),
        _counter("styxy_refusals", "HTTP requests refused.", ["code"], counts.refusals),
        _counter("styxy_rate_limited", "Requests over the rate limit.", [], counts.rate_limited),
        stalls,
    ]


def _gauges(service: Service, instruments: Instruments) -> list[Family]:
    context, desk = service.context, service.desk
    leases = GaugeMetricFamily("styxy_leases", "Live leases.", labels=["service_type", "state"])
    for labels, count in sorted(
        Tally((each.service_type, each.state) for each in desk.lease_index).items()
    ):
        leases.add_metric(labels, count)
    ranges = GaugeMetricFamily("styxy_range_ports", "Ports of a range.", labels=["service_type"])
    for kind in desk.catalogue:
        ranges.add_metric([kind.name], sum(len(span) for span in kind.ranges))
    version = GaugeMetricFamily("styxy_info", "The running version.", labels=["version"])
    version.add_metric([__version__], 1)
    now = context.clock()
    return [
        leases,
        ranges,
        _gauge("styxy_instances", "Registered instances.", len(desk.instances)),
        _gauge("styxy_listeners", "Listening ports.", len(context.listeners.look(now))),
        _gauge("styxy_event_followers", "Clients of /events.", len(instruments.stream)),
        _gauge("styxy_uptime_seconds", "Seconds since startup.", context.clock.uptime()),
        version,
    ]


def _histograms(counts: Counts) -> list[Family]:
    return [
        _histogram(
            "styxy_http_request_duration_seconds",
            "Seconds from a request to the end of its response; streams are not counted.",
            ["method", "route"],
            counts.request_seconds,
        ),
        _histogram(
            "styxy_journal_commit_duration_seconds",
            "Seconds to write a batch of events.",
            [],
            counts.commit_seconds,
        ),
        _histogram(
            "styxy_line_question_duration_seconds",
            "Seconds to answer an intercepted program.",
            [],
            counts.question_seconds,
        ),
    ]


def _counter(name: str, meaning: str, labels: Sequence[str], counter: Counter) -> Family:
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, count in counter:
        family.add_metric(values, count)
    if not labels and not family.samples:
        family.add_metric([], 0)  # a missing counter looks the same as a wrong name
    return family


def _gauge(name: str, meaning: str, value: float) -> Family:
    return GaugeMetricFamily(name, meaning, value=value)


def _histogram(name: str, meaning: str, labels: Sequence[str], histogram: Histogram) -> Family:
    family = HistogramMetricFamily(name, meaning, labels=labels)
    for values, distribution in histogram:
        family.add_metric(values, distribution.cumulative(), distribution.total)
    return family
