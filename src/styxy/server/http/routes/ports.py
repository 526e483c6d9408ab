"""The truth about ports: what is free, who has it, what was moved."""

from __future__ import annotations

from styxy.core.errors import InvalidInput
from styxy.core.model.ports import Port, PortRange
from styxy.core.protocol import leases as lease_codec
from styxy.core.protocol import ports as port_codec
from styxy.server.http.routes.call import Call, Route, path_port


def check(call: Call) -> port_codec.CheckAnswer:
    """Tell the truth about a port: leases and kernel."""
    report = call.service.check(path_port(call))
    usage = port_codec.system_usage(report.usage) if report.usage else None
    lease = lease_codec.allocation(report.lease) if report.lease else None
    return port_codec.CheckAnswer(
        port=report.port,
        available=report.is_available,
        reason=_reason(lease, usage, is_bound=report.is_bound),
        allocated_to=lease,
        system_usage=usage,
    )


async def scan(call: Call) -> port_codec.ScanAnswer:
    """List the ports of a range that are on lease or in use."""
    asked: port_codec.ScanQuery = call.query
    if asked.start > asked.end:
        raise InvalidInput(f"the range {asked.start}-{asked.end} ends before it begins")
    found = await call.service.scan(PortRange(Port(asked.start), Port(asked.end)))
    return port_codec.ScanAnswer(
        scan_range=(asked.start, asked.end),
        ports_in_use=[
            port_codec.PortInUse(
                port=port,
                allocated_to=lease_codec.allocation(lease) if lease else None,
                system_usage=port_codec.system_usage(usage) if usage else None,
            )
            for port, lease, usage in found
        ],
    )


def suggest(call: Call) -> port_codec.SuggestAnswer:
    """List ports that are neither leased nor listened on."""
    asked = call.path["service_type"].lower()
    kind, ports = call.service.suggest(asked, count=call.query.count)
    fallback = kind != asked
    note = f"; there is no service type {asked!r}, so these are for {kind}" if fallback else ""
    return port_codec.SuggestAnswer(
        service_type=kind,
        suggestions=list(ports),
        count=len(ports),
        message=f"{len(ports)} free ports for {kind}{note}",
        fallback=fallback,
    )


def _reason(
    lease: lease_codec.Allocation | None, usage: port_codec.SystemUsage | None, *, is_bound: bool
) -> str:
    if lease is not None:
        whose = lease.project_path or f"instance {lease.instance_id}"
        return f"leased to {lease.service_name} ({lease.service_type}) of {whose}"
    who = f"{usage.process} (pid {usage.pid})" if usage and usage.pid else "another user's process"
    if usage is not None and usage.protocol != "udp":
        return f"{who} listens on it"
    if is_bound:
        return "bound by a socket that does not listen"
    return f"free for TCP; {who} has it for UDP" if usage is not None else "free"


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/check/{port}",
        handler=check,
        summary="Tell whether a port is free, and who has it",
        answer=port_codec.CheckAnswer,
    ),
    Route(
        method="GET",
        path="/scan",
        handler=scan,
        summary="List the ports of a range that are on lease or in use",
        query=port_codec.ScanQuery,
        example="/scan?start=3000&end=9999",
        answer=port_codec.ScanAnswer,
    ),
    Route(
        method="GET",
        path="/suggest/{service_type}",
        handler=suggest,
        summary="List free ports of a service type",
        query=port_codec.SuggestQuery,
        answer=port_codec.SuggestAnswer,
    ),
)
