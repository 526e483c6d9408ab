"""What the daemon reports about itself."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["ok", "warning", "error"]


class StatusAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /status. `uptime` is in seconds.

    `warnings` are sentences about what was lost or cannot be written; usually there are none.
    Without the token, only their number is shown.
    """

    status: str
    version: str
    uptime: float
    allocations: int
    instances: int
    pid: int
    warnings: list[str]


class HealthPart(msgspec.Struct, kw_only=True):
    """The state of one part of the daemon."""

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
    """One value of a metric. Infinite bucket bounds are the string `+Inf`."""

    name: str
    labels: dict[str, str]
    value: float


class Metric(msgspec.Struct, kw_only=True):
    """One metric, as in Prometheus."""

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
