"""The configuration in force, in the words of `config.json`, and changes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from styxy.core.config.configuration import AutoAllocation, RateLimit, Recovery
from styxy.core.config.patch import leaves
from styxy.core.model.templates import OFFSETS, template_port
from styxy.core.protocol.scalars import rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from styxy.core.config.configuration import Configuration
    from styxy.core.config.problems import Problem
    from styxy.core.model.service_types import Catalogue, ServiceType

MOST_NAMED = 5
"""Keys in one message."""


class ConfigChange(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The body of PATCH /config: a merge patch (RFC 7396); null removes a key."""

    changes: dict[str, Any]
    dry_run: bool = False


class ServiceTypeAnswer(msgspec.Struct, kw_only=True):
    """One service type. Ranges are first and last port, both included."""

    range: tuple[int, int]
    additional_ranges: list[tuple[int, int]]
    preferred_ports: list[int]
    description: str
    instance_behavior: str
    auto_allocated: str | None


class TemplateAnswer(msgspec.Struct, kw_only=True):
    """One instance template: its offset, and its preferred port for each service type."""

    offset: int
    ports: dict[str, int]


class ProblemAnswer(msgspec.Struct, kw_only=True):
    """One thing that is wrong with config.json: with a key, or at a line and column where the file
    is not JSON; both begin at 1."""

    key: str
    message: str
    file: str | None
    line: int | None
    column: int | None


class ConfigAnswer(msgspec.Struct, kw_only=True):
    """The answer of GET /config: the configuration in force, and where it comes from.

    `origins` names the source of each key that is not built in; `problems` are those of the current
    file. While there are any, the previous configuration stays in force.
    """

    listen_port: int
    listen_host: str
    log_level: str
    cleanup_interval: float
    enforce_ranges: bool
    fair_share: float
    port_document: str | None
    service_types: dict[str, ServiceTypeAnswer]
    auto_allocation: AutoAllocation
    auto_allocation_rules: dict[str, dict[str, Any]]
    programs: dict[str, dict[str, Any]]
    recovery: Recovery
    rate_limit: RateLimit
    instance_templates: dict[str, TemplateAnswer]
    file: str
    source: str
    loaded_at: str
    origins: dict[str, str]
    problems: list[ProblemAnswer]


class ConfigChanged(msgspec.Struct, kw_only=True):
    """The answer of PATCH /config. `copy` is the previous file; `needs_restart` lists keys."""

    success: bool
    message: str
    changed: bool
    dry_run: bool
    file: str
    copy: str | None
    needs_restart: list[str]
    problems: list[ProblemAnswer]


def config(
    configuration: Configuration,
    catalogue: Catalogue,
    *,
    file: str,
    source: str,
    loaded_at: float,
    origins: Mapping[str, str],
    problems: Iterable[Problem],
) -> ConfigAnswer:
    """Convert a configuration to the API's shape; `catalogue` has the service types in force.

    `source` is where it was read, `loaded_at` when, in seconds since the epoch.
    """
    rules = configuration.auto_allocation_rules
    return ConfigAnswer(
        listen_port=configuration.listen_port,
        listen_host=configuration.listen_host,
        log_level=configuration.log_level,
        cleanup_interval=configuration.cleanup_interval,
        enforce_ranges=configuration.enforce_ranges,
        fair_share=configuration.fair_share,
        port_document=configuration.port_document,
        service_types={kind.name: service_type(kind) for kind in catalogue},
        auto_allocation=configuration.auto_allocation,
        auto_allocation_rules={rule.pattern: rule.entry() for rule in rules},
        programs={rule.name: rule.entry() for rule in configuration.programs},
        recovery=configuration.recovery,
        rate_limit=configuration.rate_limit,
        instance_templates=_templates(catalogue),
        file=file,
        source=source,
        loaded_at=rfc3339(loaded_at),
        origins=dict(origins),
        problems=problem_answers(problems),
    )


def service_type(kind: ServiceType) -> ServiceTypeAnswer:
    """Convert a service type to its form in config.json."""
    return ServiceTypeAnswer(
        range=(kind.ports.first, kind.ports.last),
        additional_ranges=[(each.first, each.last) for each in kind.more],
        preferred_ports=list(kind.preferred_ports),
        description=kind.description,
        instance_behavior=kind.behavior,
        auto_allocated=kind.auto_allocated,
    )


def problem_answers(found: Iterable[Problem]) -> list[ProblemAnswer]:
    """Convert problems to the API's shape."""
    return [
        ProblemAnswer(
            key=each.key,
            message=each.sentence,
            file=each.file,
            line=each.line,
            column=each.column,
        )
        for each in found
    ]


def changed(
    patch: Mapping[str, object],
    *,
    file: str,
    has_changed: bool,
    dry_run: bool,
    copy: str | None,
    overrides: Mapping[str, str],
    problems: tuple[Problem, ...],
) -> ConfigChanged:
    """Convert the result of a merge patch to the API's shape, with what it needs to take effect.

    `overrides` names what overrides the file, by key.
    """
    named = {".".join(names): setting for names, setting in leaves(patch)}
    late = [key for key, setting in named.items() if setting.needs_restart]
    helped = [key for key in late if not _is_variable(overrides.get(key, ""))]
    shown = ", ".join([*named][:MOST_NAMED]) + (" ..." if len(named) > MOST_NAMED else "")
    if dry_run:
        sentences = [f"Would change {shown or 'nothing'} in {file}"]
    else:
        sentences = [f"Changed {shown} in {file}" if has_changed else f"{file} already says so"]
    sentences += [_overridden(key, overrides[key]) for key in named if key in overrides]
    if has_changed and helped:
        sentences.append(f"{', '.join(helped)}: takes effect after: styxy daemon restart")
    if problems:
        sentences.append("the file takes effect once it is valid; see: styxy config validate")
    return ConfigChanged(
        success=True,
        message="; ".join(sentences),
        changed=has_changed,
        dry_run=dry_run,
        file=file,
        copy=copy,
        needs_restart=late,
        problems=problem_answers(problems),
    )


def _is_variable(origin: str) -> bool:
    return bool(origin) and not origin.startswith("-")


def _overridden(key: str, origin: str) -> str:
    """Say what overrides a setting, and what a user can do about a variable."""
    if _is_variable(origin):
        return f"{origin} overrides {key}; unset it, or set it to the new value"
    return f"{origin} overrides {key}"


def encoded(answer: msgspec.Struct) -> bytes:
    """Encode an answer as the daemon does, for a command that works without one."""
    return msgspec.json.encode(answer)


def _templates(catalogue: Catalogue) -> dict[str, TemplateAnswer]:
    return {
        name: TemplateAnswer(
            offset=offset,
            ports={
                kind.name: port
                for kind in catalogue
                if (port := template_port(name, kind)) is not None
            },
        )
        for name, offset in OFFSETS.items()
    }
