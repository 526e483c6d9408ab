"""Who is behind each listener: the kernel's sockets joined with their processes.

Looking up a socket's process takes milliseconds, so each socket is looked up once, by its cookie,
and forgotten when it is gone. A socket may outlive the process that was found for it (a server
forks and its parent exits), so the result counts only while that very process is alive.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from styxy.adapters.kernel import KernelLook
    from styxy.adapters.processes import Processes
    from styxy.adapters.sock_diag import Listener
    from styxy.core.model.leases import Holder
    from styxy.core.model.ports import Port

Transport = Literal["tcp", "udp"]


class GuestReport(Struct, frozen=True, kw_only=True):
    """What a guest reported about its listener: its project, its repo, its type.

    `image_id` is the id of the program image that made it listen, `asked` the number that this
    image bound, if it knows.
    """

    image_id: str
    project: str | None
    repo: int
    service_type: str | None
    asked: Port | None = None


class Sighting(Struct, frozen=True, kw_only=True):
    """A listener with its process; None if the process is not visible.

    `since` is in seconds since the epoch, None if unknown.
    """

    listener: Listener
    holder: Holder | None
    since: float | None
    report: GuestReport | None = None

    @property
    def pid(self) -> int | None:
        """The process, if it is visible."""
        return self.holder.pid if self.holder else None


class _Sockets:
    """The sockets of one transport, remembered from look to look."""

    def __init__(self) -> None:
        self.by_port: dict[Port, list[Listener]] = {}
        self.since: dict[int, float | None] = {}
        self.owners: dict[int, Holder | None] = {}
        self.report: dict[int, GuestReport] = {}
        self._shown: list[Listener] | None = None
        self.has_looked = False

    def update(self, listeners: list[Listener], now: float) -> set[Port]:
        """Replace the sockets with those that the kernel showed at `now`; return the ports whose
        sockets are others now.
        """
        if listeners == self._shown:
            return set()  # the common case, with identical objects: they are compared in no time
        self._shown = listeners
        before, self.by_port = self.by_port, defaultdict(list)
        for listener in listeners:
            self.by_port[listener.port].append(listener)
        cookies = {listener.cookie for listener in listeners}
        for gone in self.since.keys() - cookies:
            del self.since[gone]
            self.owners.pop(gone, None)
            self.report.pop(gone, None)
        # What exists at the first look is older than the daemon, by an unknown time.
        began = now if self.has_looked else None
        for cookie in cookies - self.since.keys():
            self.since[cookie] = began
        self.has_looked = True
        ports = before.keys() | self.by_port.keys()
        return {port for port in ports if before.get(port) != self.by_port.get(port)}

    def update_port(self, port: Port, listeners: list[Listener], now: float) -> set[Port]:
        """Replace the sockets of one port with those that the kernel showed at `now`; return the
        port if they are others now.
        """
        before = self.by_port.get(port, [])
        if listeners == before:
            return set()
        self._shown = None  # the cached view is no longer accurate
        cookies = {listener.cookie for listener in listeners}
        for gone in {listener.cookie for listener in before} - cookies:
            self.since.pop(gone, None)
            self.owners.pop(gone, None)
            self.report.pop(gone, None)
        for cookie in cookies:
            self.since.setdefault(cookie, now)
        if listeners:
            self.by_port[port] = listeners
        else:
            del self.by_port[port]
        return {port}


class Listeners:
    """What is known about the listeners of this machine. Times are seconds since the epoch."""

    def __init__(self, *, kernel: KernelLook, processes: Processes) -> None:
        self._kernel = kernel
        self._processes = processes
        self._sockets: dict[Transport, _Sockets] = {"tcp": _Sockets(), "udp": _Sockets()}
        self._on_change: Callable[[Transport, set[Port]], None] = lambda _transport, _ports: None

    def on_change(self, call: Callable[[Transport, set[Port]], None]) -> None:
        """Call back after each look that has shown other sockets, with their ports."""
        self._on_change = call

    def look(self, now: float) -> frozenset[Port]:
        """Ask the kernel for all TCP listeners; return their ports."""
        return self._look("tcp", now)

    def look_at_udp(self, now: float) -> frozenset[Port]:
        """Ask the kernel for all UDP sockets that are bound and not connected."""
        return self._look("udp", now)

    def look_at(self, port: Port, now: float, *transports: Transport) -> None:
        """Ask the kernel for one port, of some transports or of both; the cost does not depend on
        other ports.
        """
        for transport in transports or ("tcp", "udp"):
            sockets = self._sockets[transport]
            if sockets.has_looked:
                found = self._kernel.listeners(udp=transport == "udp", port=port)
                self._tell(transport, sockets.update_port(port, found, now))
            else:
                self._look(transport, now)

    def listeners(self, port: Port | None = None) -> list[Listener]:
        """List the TCP sockets of the last look, all or those of one port."""
        if port is not None:
            return self.sockets(port)
        return [each for found in self._sockets["tcp"].by_port.values() for each in found]

    def ports(self, transport: Transport) -> Collection[Port]:
        """Return the ports that are in use, as of the last look."""
        return self._sockets[transport].by_port.keys()

    def sockets(self, port: Port, transport: Transport = "tcp") -> list[Listener]:
        """List the sockets of one port, as of the last look. No process is searched."""
        return self._sockets[transport].by_port.get(port, [])

    def has_socket(self, pid: int, cookie: int, port: Port, transport: Transport) -> bool:
        """Return whether a process has the socket that `cookie` names, and the kernel showed it on
        `port` at the last look."""
        shown = self._sockets[transport].by_port.get(port, ())
        inode = next((each.inode for each in shown if each.cookie == cookie), None)
        return inode is not None and self._processes.has_socket(pid, inode)

    def add_report(
        self, cookie: int, *, holder: Holder, report: GuestReport, transport: Transport
    ) -> None:
        """Record a guest's report about a socket of the last look, so that its owner need not be
        searched for.
        """
        sockets = self._sockets[transport]
        if cookie in sockets.since:
            sockets.owners[cookie] = holder
            sockets.report[cookie] = report

    def sightings(self, port: Port, transport: Transport = "tcp") -> list[Sighting]:
        """Return who is listening on `port`, as of the last look."""
        return self.sightings_of([port], transport)

    def sightings_of(self, ports: Iterable[Port], transport: Transport = "tcp") -> list[Sighting]:
        """Return who is listening on `ports`, as of the last look; one search for all."""
        sockets = self._sockets[transport]
        found = [each for port in ports for each in sockets.by_port.get(port, ())]
        self._find_owners(sockets, found)
        return [self._sighting(sockets, each) for each in found]

    def image_ids(self, port: Port, transport: Transport = "tcp") -> set[str | None]:
        """Return the program images listening on `port`, as of the last look; None is a stranger.

        Processes are not searched.
        """
        sockets = self._sockets[transport]
        report = (sockets.report.get(each.cookie) for each in sockets.by_port.get(port, ()))
        return {each.image_id if each else None for each in report}

    def is_in_use(self, port: Port, transport: Transport = "tcp") -> bool:
        """Tell whether anybody listens on `port`, as of the last look. No process is searched."""
        return bool(self._sockets[transport].by_port.get(port))

    def heir(self, port: Port, transport: Transport = "tcp") -> Holder | None:
        """Return a process that has the socket of `port`, as of the last look."""
        holders = (sighting.holder for sighting in self.sightings(port, transport))
        return next((holder for holder in holders if holder is not None), None)

    def _look(self, transport: Transport, now: float) -> frozenset[Port]:
        sockets = self._sockets[transport]
        found = self._kernel.listeners(udp=transport == "udp")
        self._tell(transport, sockets.update(found, now))
        return frozenset(sockets.by_port)

    def _tell(self, transport: Transport, changed: set[Port]) -> None:
        if changed:
            self._on_change(transport, changed)

    def _sighting(self, sockets: _Sockets, listener: Listener) -> Sighting:
        holder = sockets.owners[listener.cookie]
        since = sockets.since[listener.cookie]
        if since is None and holder is not None:
            since = self._processes.started_at(holder)
        report = sockets.report.get(listener.cookie)
        return Sighting(listener=listener, holder=holder, since=since, report=report)

    def _find_owners(self, sockets: _Sockets, listeners: Iterable[Listener]) -> None:
        alive: dict[Holder, bool] = {}
        unknown: dict[int, int] = {}
        for each in listeners:
            owner = sockets.owners.get(each.cookie)
            if owner is not None and owner not in alive:
                alive[owner] = self._processes.is_alive(owner)
            if each.cookie not in sockets.owners or (owner and not alive[owner]):
                unknown[each.inode] = each.cookie
        if not unknown:
            return
        owners = self._processes.socket_owners(unknown)
        holders = {pid: self._processes.holder(pid) for pid in set(owners.values())}
        for inode, cookie in unknown.items():
            pid = owners.get(inode)
            sockets.owners[cookie] = holders[pid] if pid is not None else None
