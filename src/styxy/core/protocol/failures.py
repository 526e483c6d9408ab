"""The one shape of every error."""

from __future__ import annotations

from typing import Any

import msgspec


class ErrorAnswer(msgspec.Struct, kw_only=True):
    """Every error; `code` is stable, `error` is for people."""

    error: str
    code: str
    context: dict[str, Any]
    success: bool = False
