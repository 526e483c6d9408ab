"""How rows look: Markdown tables for people, one JSON document for programs."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

from bench.rows import Row
from styxy import __version__


def machine() -> dict[str, str]:
    """Name what was measured on, without naming the machine itself."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.M)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
        "cores": str(os.cpu_count()),
        "processor": cpu[1] if cpu else platform.machine(),
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def shown(value: float | None, unit: str) -> str:
    """Write a number with three digits and the unit that suits it."""
    if value is None or math.isnan(value):
        return ""
    if unit == "bytes":
        return f"{value / 2**20:.1f} MiB"
    if unit == "ratio":
        return f"{value:.2f}"
    if abs(value) < 1e-3:
        return f"{value * 1e6:.3g} µs"
    if abs(value) >= 1:
        return f"{value:.3g} s"
    return f"{value * 1e3:.3g} ms"


def verdict(measured: Row) -> str:
    """The target of a row, and whether it was met."""
    if measured.target is None:
        return ""
    mark = "" if measured.median <= measured.target else ", missed"
    return f"{shown(measured.target, measured.unit)}{mark}"


def markdown(rows: list[Row]) -> str:
    """One table, with the day and the machine below."""
    return f"{lines_of(rows)}\n\n{conditions()}"


def lines_of(rows: list[Row]) -> str:
    """Write a table."""
    lines = ["| | median | 95 % | at most | rounds |", "| --- | ---: | ---: | ---: | ---: |"]
    for one in rows:
        cells = (one.what, shown(one.median, one.unit), shown(one.p95, one.unit), verdict(one))
        lines.append(f"| {' | '.join(cells)} | {one.rounds} |")
    return "\n".join(lines)


def conditions() -> str:
    """Say on which day, with what and on which machine the numbers were measured."""
    about = machine()
    return (
        f"{about['date']}, Styxy {about['version']}, Python {about['python']}, {about['kernel']}, "
        f"{about['cores']} cores ({about['processor']}), load {about['load']}."
    )


def document(rows: list[Row]) -> str:
    """The same for programs; seconds and bytes, unrounded."""
    return json.dumps(
        {"machine": machine(), "rows": [as_json(one) for one in rows]},
        indent=2,
        ensure_ascii=False,
    )


def as_json(one: Row) -> dict[str, object]:
    """Give the fields of a row; JSON has null for what is no number (RFC 8259 section 6)."""
    fields = dataclasses.asdict(one)
    return {**fields, "median": None if math.isnan(one.median) else one.median}
