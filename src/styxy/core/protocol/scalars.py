"""The checked scalars shared by all subjects: names, ports, paths, times.

The description of a type says what a value must be; error messages and OpenAPI quote it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec

from styxy.core.model.projects import LONGEST_PATH
from styxy.core.names import INSTANCE, INSTANCE_RULE

Name = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^{INSTANCE.pattern}\Z",
        description=INSTANCE_RULE,
    ),
]
TypeName = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=50,
        description="1 to 50 characters from a-z, 0-9 and '-'",
    ),
]
PortNumber = Annotated[int, msgspec.Meta(ge=1, le=65535, description="a port from 1 to 65535")]
LeasablePort = Annotated[
    int, msgspec.Meta(ge=1024, le=65535, description="a port from 1024 to 65535")
]
Pid = Annotated[
    int,
    msgspec.Meta(ge=1, le=2**31 - 1, description="a process id from 1 to 2147483647"),
]
"""The range of pid_t; whether such a process exists is checked elsewhere."""
AbsolutePath = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^/[^\x00]*\Z",
        max_length=LONGEST_PATH,  # in characters; the bytes are counted where it is encoded
        description=f"an absolute path of at most {LONGEST_PATH} bytes",
    ),
]
Seconds = Annotated[
    float,
    msgspec.Meta(
        gt=0, le=10 * 365 * 86400, description="a number of seconds above 0, at most 10 years"
    ),
]


def rfc3339(at: float) -> str:
    """Format seconds since the epoch as RFC 3339, UTC, with milliseconds."""
    second, rest = divmod(round(at * 1_000_000), 1_000_000)
    return f"{_second(second)}.{rest // 1000:03}Z"


@lru_cache(maxsize=1024)  # a list of ten thousand leases names the same seconds again and again
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
