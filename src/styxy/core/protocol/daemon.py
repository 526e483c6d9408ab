"""The daemon about itself."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["ok", "warning", "error"]


class StatusAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /status. `uptime` is in seconds.

    `warnings` say what was lost or cannot be written, a sentence each; mostly there are none.
    Without the token it is told how many there are, and no more.
    """

    status: str
    version: str
    uptime: float
    allocations: int
    instances: int
    pid: int
    warnings: list[str]


class HealthPart(msgspec.Struct, kw_only=True):
    """How one part of the daemon is."""

    state: Severity
    message: str


class HealthAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /health; `status` is the worst state of all parts.

    `uptime` is in seconds, `response_time_ms` in milliseconds.
    """

    status: Severity
    version: str
    uptime: float
    parts: dict[str, HealthPart]
    warnings: list[str]
    response_time_ms: float


class MetricSample(msgspec.Struct, kw_only=True):
    """One number of a metric. Infinite bounds of buckets are the text `+Inf`."""

    name: str
    labels: dict[str, str]
    value: float


class Metric(msgspec.Struct, kw_only=True):
    """One metric as Prometheus has it."""

    name: str
    type: str
    help: str
    samples: list[MetricSample]


class MetricsAnswer(msgspec.Struct):
    """The answer of GET /metrics?format=json."""

    metrics: list[Metric]


class MetricsQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The query of GET /metrics."""

    format: Literal["prometheus", "json"] = "prometheus"
