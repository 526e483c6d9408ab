"""The checked scalars of every subject: names, ports, paths, times."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,100}\Z")]
TypeName = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
PortNumber = Annotated[int, msgspec.Meta(ge=1, le=65535)]
LeasablePort = Annotated[int, msgspec.Meta(ge=1024, le=65535)]
Pid = Annotated[int, msgspec.Meta(ge=1, le=2**22)]
AbsolutePath = Annotated[str, msgspec.Meta(pattern=r"^/[^\x00]*\Z", max_length=4096)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=10 * 365 * 86400)]


def rfc3339(at: float) -> str:
    """Write seconds since the epoch as RFC 3339, UTC, with milliseconds."""
    second, rest = divmod(round(at * 1_000_000), 1_000_000)
    return f"{_second(second)}.{rest // 1000:03}Z"


@lru_cache(maxsize=1024)  # a list of ten thousand leases names the same seconds again and again
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
