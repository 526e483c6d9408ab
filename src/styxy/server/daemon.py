"""One daemon: starts the parts that were wired, serves, stops them in reverse order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy import __version__
from styxy.server.guests.bind_socket import IDLE_SECONDS, BindSocket, Questions
from styxy.server.http.server import WebServer
from styxy.server.net.acceptor import Acceptor
from styxy.server.net.connection_limit import ConnectionLimit
from styxy.server.net.turns import Turns

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from styxy.adapters.paths import Paths
    from styxy.adapters.settings import Settings
    from styxy.server.guests.notify_socket import NotifySocket
    from styxy.server.net.service_manager import ServiceManager
    from styxy.server.net.sockets import Sockets
    from styxy.server.net.starter import Starter
    from styxy.server.reports.fd_exhaustion import FdExhaustion
    from styxy.server.reports.instruments import Instruments
    from styxy.server.service.service import Service
    from styxy.server.upkeep.config_reload import ConfigReload
    from styxy.server.upkeep.discovery_files import DiscoveryFiles
    from styxy.server.upkeep.loop_watchdog import LoopWatchdog
    from styxy.server.upkeep.maintenance import Maintenance
    from styxy.server.upkeep.watch import Watch

log = logging.getLogger("styxy")

_FAULTS = {
    signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV,
    signal.SIGSYS,
}  # fmt: skip
_NOT_ENDING = {
    signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGPIPE, signal.SIGXFSZ,
    signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGSTOP, signal.SIGKILL, signal.SIGHUP,
}  # fmt: skip
ENDING = sorted(signal.valid_signals() - _FAULTS - _NOT_ENDING)
"""Signals that would end the process at once (signal(7)), and end the daemon in good order."""


class Parts(Struct, frozen=True, kw_only=True):
    """What a daemon starts and stops; `token` is None if none is needed."""

    service: Service
    sockets: Sockets
    instruments: Instruments
    app: ASGIApp
    watch: Watch
    config_reload: ConfigReload
    maintenance: Maintenance
    loop_watchdog: LoopWatchdog
    fd_exhaustion: FdExhaustion
    notify_socket: NotifySocket
    discovery_files: DiscoveryFiles
    paths: Paths
    settings: Settings
    token: str | None


class Daemon:
    """Runs the parts of one daemon in the loop that they were made for.

    `is_lost`: at the end, clients could no longer find this daemon, or its successor the journal.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._warming: asyncio.Task[None] | None = None
        self.is_lost = False

    async def serve(self, starter: Starter) -> None:
        """Serve until a signal that ends it; SIGHUP rereads the configuration."""
        parts = self._parts
        loop, manager = asyncio.get_running_loop(), starter.manager
        self._start(loop)
        guests = ConnectionLimit()
        questions = Questions(loop)
        bind_socket = partial(
            BindSocket,
            parts.service,
            parts.notify_socket.read,
            questions=questions,
            limit=guests,
            patience=IDLE_SECONDS,
        )
        guests_acceptor = Acceptor(parts.sockets.line, lambda _: bind_socket)
        web = WebServer(
            parts.app,
            on_ready=lambda: self._announce(starter),
            on_stop=lambda: self._on_stop(manager),
            owner_of=parts.service.context.kernel.connection_owner,
            turns=Turns(loop, is_hurried=lambda: questions.are_waiting),
        )
        for number in ENDING:
            loop.add_signal_handler(number, _stop, web)
        hang_up = partial(self._on_hang_up, web, manager, had_terminal=has_terminal())
        loop.add_signal_handler(signal.SIGHUP, hang_up)
        parts.watch.with_sweep(partial(self._look_at_files, web))
        manager.start_beating(loop)
        try:
            await web.serve(sockets=parts.sockets.http)
        finally:
            manager.stop_beating()
            guests_acceptor.close()
            guests.hang_up()
            await self._finish(loop)
            log.info("stopped")

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        parts, recovery = self._parts, self._parts.instruments.recovery
        recovery.run(parts.service)
        # What exists now stays for good: the collector need not traverse ten thousand leases again
        # and again, at 25 to 45 ms each time.
        gc.freeze()
        # Before those that commit, for the order of what it tells.
        parts.service.committer.subscribe(parts.instruments.stream.on_events)
        parts.service.committer.subscribe(parts.instruments.overview.on_events)
        loop.set_exception_handler(parts.fd_exhaustion.handle)
        parts.watch.start()
        parts.watch.with_sweep(parts.service.context.live_config.refresh)
        parts.watch.with_sweep(parts.instruments.overview.on_sweep)
        parts.watch.with_sweep(partial(recovery.catch_up, parts.service))
        parts.config_reload.start()
        parts.maintenance.start()
        parts.loop_watchdog.start()
        parts.notify_socket.open(loop)

    async def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        parts = self._parts
        parts.notify_socket.close(loop)
        parts.watch.stop()
        parts.instruments.overview.stop()
        if self._warming is not None:
            self._warming.cancel()
        await parts.config_reload.finish()
        await parts.maintenance.finish()
        parts.loop_watchdog.stop()

    def _announce(self, starter: Starter) -> None:
        parts = self._parts
        parts.discovery_files.tell()
        for note in parts.sockets.notes:
            log.warning(note)
        log.info("styxy %s answers on %s", __version__, parts.paths.socket())
        if parts.token is not None and len(parts.sockets.http) > 1:
            key = parts.settings.loggable(parts.token)
            log.info(
                "it also answers on port %d, with the token %s", parts.settings.listen_port, key
            )
        starter.reached()
        self._warming = asyncio.create_task(parts.instruments.hooks.warm())

    def _on_stop(self, manager: ServiceManager) -> None:
        if self.is_lost:
            manager.reloading()  # everything is reopened, by this very process
        else:
            manager.stopping()
        self._parts.instruments.stream.close()

    def _on_hang_up(self, web: WebServer, manager: ServiceManager, *, had_terminal: bool) -> None:
        if had_terminal and not has_terminal():
            _stop(web)  # the terminal was closed (termios(3)), and nobody asked for a reload
        else:
            manager.reloading()
            self._parts.service.context.live_config.reload()
            manager.ready()

    def _look_at_files(self, web: WebServer) -> None:
        discovery_files = self._parts.discovery_files
        discovery_files.look()
        if discovery_files.is_lost:
            self.is_lost = not web.should_exit and os.path.isdir(self._parts.paths.home)
            _stop(web)


def has_terminal() -> bool:
    """Return whether this process has a controlling terminal (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _stop(web: WebServer) -> None:
    web.should_exit = True
