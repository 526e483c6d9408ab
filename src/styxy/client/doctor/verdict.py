"""What a check comes to: a verdict, a sentence, and a command that fixes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warning", "error"]

RANK: dict[Verdict, int] = {"ok": 0, "warning": 1, "error": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hold what one check found."""

    verdict: Verdict
    message: str
    fix: str | None = None


def ok(message: str) -> Outcome:
    """Say that it is as it should be."""
    return Outcome(verdict="ok", message=message)


def warning(message: str, *, fix: str | None) -> Outcome:
    """Say that something may be missed, and what helps."""
    return Outcome(verdict="warning", message=message, fix=fix)


def error(message: str, *, fix: str | None) -> Outcome:
    """Say that something does not work, and what mends it."""
    return Outcome(verdict="error", message=message, fix=fix)


def worst(outcomes: list[Outcome]) -> Outcome:
    """Make one of several: the worst verdict, every sentence that has it, the first fix."""
    verdict = max((each.verdict for each in outcomes), key=lambda each: RANK[each])
    said = [each for each in outcomes if each.verdict == verdict]
    return Outcome(
        verdict=verdict,
        message="; ".join(each.message for each in said),
        fix=next((each.fix for each in said if each.fix), None),
    )
