"""Who is on a port, as seen from a session: the books, the kernel and the sessions joined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from styxy.core.advice.occupants import Occupant
from styxy.core.commands.programs import program_of
from styxy.core.reports.ownership import has_started, ownership, session_of
from styxy.server.agents.sessions import shown

if TYPE_CHECKING:
    from styxy.core.advice.occupants import Whose
    from styxy.core.model.ports import Port
    from styxy.core.reports.port_report import PortReport
    from styxy.server.agents.sessions import Session, Sessions
    from styxy.server.service.service import Service


class Occupants:
    """Looks at ports with the eyes of a session."""

    def __init__(self, service: Service, sessions: Sessions) -> None:
        self._service = service
        self._sessions = sessions

    def on(self, port: Port, session: Session) -> Occupant | None:
        """Return what is on a port now; None if it is free and promised to nobody."""
        report = self._service.report(port)
        if report.usage is None and report.lease is None:
            return None
        return self.of(report, session)

    async def all(self, session: Session) -> list[Occupant]:
        """Return what is on every port, in ascending order."""
        return [self.of(report, session) for report in await self._service.reports()]

    def of(self, report: PortReport, session: Session) -> Occupant:
        """Judge one report."""
        usage = report.usage
        since = usage.since if usage is not None else None
        context = self._service.context
        whose, started_by, is_live = self._owner(report, session)
        return Occupant(
            port=report.port,
            whose=whose,
            program=self._program(report),
            pid=usage.pid if usage is not None else None,
            project=context.projects.shown(report.project) if report.project else None,
            session=shown(started_by) if started_by is not None else None,
            seconds=context.clock() - since if since is not None else None,
            is_listening=usage is not None,
            is_left=started_by is not None and not is_live,
        )

    def _owner(self, report: PortReport, session: Session) -> tuple[Whose, str | None, bool]:
        """Return whose a port is, which session's, and whether that one is live."""
        usage, lease = report.usage, report.lease
        if usage is None:
            # A reservation belongs to the project: its sessions share it.
            is_own = report.project is not None and report.project == session.project
            is_mine = lease is not None and lease.owner.instance_id == session.instance_id
            return ("own" if is_own or is_mine else "other project"), None, False
        if usage.pid is None:
            return "unknown", None, False
        server = self._sessions.party(
            usage.pid,
            project=report.project,
            leased_to=lease.owner.instance_id if lease is not None else None,
        )
        at_work = self._sessions.at_work()
        started_by, is_live = session_of(server, at_work)
        if has_started(session.party, server, at_work):
            return "own", started_by, is_live
        return ownership(server, session.party, at_work).relation, started_by, is_live

    def _program(self, report: PortReport) -> str:
        usage = report.usage
        if usage is None:
            return report.lease.service_name if report.lease is not None else ""
        words = self._service.context.processes.command(usage.pid) if usage.pid else None
        name = program_of(words) if words else ""
        # `python -c CODE`: the code is no name.
        return name if name and len(name.split()) == 1 else usage.process or name
