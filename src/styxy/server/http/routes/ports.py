"""The state of ports: what is free, who has it, what was moved."""

from __future__ import annotations

from styxy.core.errors import InvalidInput
from styxy.core.messages import counted
from styxy.core.model.ports import Port, PortRange
from styxy.core.protocol.views import ports as shapes
from styxy.server.http.routes.call import Call, Route, path_port


def check(call: Call) -> shapes.CheckAnswer:
    """Check a port against leases and kernel."""
    return shapes.checked(call.service.report(path_port(call), probe=True))


async def scan(call: Call) -> shapes.ScanAnswer:
    """List the ports in a range that are leased or in use."""
    asked: shapes.ScanQuery = call.query
    if asked.start > asked.end:
        command = f"styxy scan -s {asked.end} -e {asked.start}"
        raise InvalidInput(
            f"the range {asked.start}-{asked.end} ends before it begins; try: {command}",
            suggestions=[command],
        )
    found = await call.service.reports(PortRange(Port(asked.start), Port(asked.end)))
    return shapes.ScanAnswer(
        scan_range=f"{asked.start}-{asked.end}",
        ports_in_use=[shapes.port_in_use(each) for each in found],
    )


def suggest(call: Call) -> shapes.SuggestAnswer:
    """List ports that are neither leased nor in use."""
    asked = call.path["service_type"].lower()
    kind, ports = call.service.suggest(asked, count=call.query.count)
    fallback = kind != asked
    note = f"; service type {asked!r} is unknown, so these are for {kind}" if fallback else ""
    return shapes.SuggestAnswer(
        service_type=kind,
        suggestions=list(ports),
        count=len(ports),
        message=f"{counted(len(ports), 'free port')} for {kind}{note}",
        fallback=fallback,
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/check/{port}",
        handler=check,
        summary="Check whether a port is free, and who has it",
        answer=shapes.CheckAnswer,
    ),
    Route(
        method="GET",
        path="/scan",
        handler=scan,
        summary="List the ports in a range that are leased or in use",
        query=shapes.ScanQuery,
        example="/scan?start=3000&end=9999",
        answer=shapes.ScanAnswer,
    ),
    Route(
        method="GET",
        path="/suggest/{service_type}",
        handler=suggest,
        summary="List free ports of a service type",
        query=shapes.SuggestQuery,
        answer=shapes.SuggestAnswer,
    ),
)
