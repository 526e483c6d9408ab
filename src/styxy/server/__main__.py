"""The composition root: build, wire, serve, stop. Every default is chosen here and nowhere else."""

from __future__ import annotations

import os
import signal

if __name__ == "__main__":
    # What follows takes a while, and until the loop listens to signals Ctrl-C just ends it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # No library of ours, and no other, belongs into the daemon itself.
    os.environ.pop("LD_PRELOAD", None)

import argparse
import asyncio
import contextlib
import gc
import logging
import secrets
import sys
import time
from functools import partial
from typing import TYPE_CHECKING

from styxy import __version__
from styxy.adapters.config_file import ConfigFile
from styxy.adapters.git import repo_of
from styxy.adapters.journal.backups import Backups
from styxy.adapters.kernel import KernelLook, ephemeral_ports
from styxy.adapters.paths import Paths
from styxy.adapters.portmap.file import Remains
from styxy.adapters.processes import Processes
from styxy.adapters.settings import (
    Settings,
    load_overrides,
    load_settings,
    private_directory,
    private_home,
)
from styxy.core.commands.programs import service_type_of_program
from styxy.core.errors import StyxyError
from styxy.server.guests.bind_socket import IDLE_SECONDS, BindSocket
from styxy.server.guests.notify_socket import NotifySocket
from styxy.server.http.app import OPEN_PATHS, UNCOUNTED_PATHS, HttpApi
from styxy.server.http.request_metrics import RequestMetrics
from styxy.server.http.server import WebServer
from styxy.server.net.auth import Auth
from styxy.server.net.connection_limit import ConnectionLimit
from styxy.server.net.rate_limit import RateLimiter
from styxy.server.net.readiness import Readiness
from styxy.server.net.responses import error_body
from styxy.server.net.sockets import Sockets, open_sockets
from styxy.server.reports.fd_exhaustion import FdExhaustion
from styxy.server.reports.health import backups_part, document_part, files_part, make_health
from styxy.server.reports.instruments import Instruments
from styxy.server.service.event_stream import EventStream
from styxy.server.service.service import Service
from styxy.server.upkeep.config_reload import ConfigReload
from styxy.server.upkeep.discovery_files import DiscoveryFiles, discovery_files_of
from styxy.server.upkeep.loop_watchdog import LoopWatchdog, Stalls, TimedSelector
from styxy.server.upkeep.maintenance import Maintenance
from styxy.server.upkeep.recovery import Recovery
from styxy.server.upkeep.startup import (
    check_logs,
    open_books,
    open_configuration,
    open_map,
    open_token,
    raise_descriptor_limit,
)
from styxy.server.upkeep.watch import Watch
from styxy.server.world.context import Context
from styxy.server.world.listeners import Listeners
from styxy.server.world.live_config import LiveConfig
from styxy.server.world.port_map_sync import PortMapSync
from styxy.server.world.port_usage import PortUsage
from styxy.server.world.projects import Projects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from styxy.adapters.journal.recovery import Opened
    from styxy.adapters.portmap.map import PortMap
    from styxy.core.decisions.desk import Desk

log = logging.getLogger("styxy")


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a daemon until it is told to stop; return its exit status."""
    options = _parser().parse_args(argv)
    ready = Readiness(options.ready_fd)
    raise_descriptor_limit()
    try:
        known: Remains | None = Remains()
        while known is not None:
            known = _run(options, env, ready, known)
    except StyxyError as error:
        ready.failed(error)
        said = error_body(error).decode() if options.json else f"styxy: {error.message}"
        print(said, file=sys.stdout if options.json else sys.stderr)
        return error.exit_code
    return 0


def _run(
    options: argparse.Namespace, env: Mapping[str, str], ready: Readiness, known: Remains
) -> Remains | None:
    """Run until told to stop. Where nobody can find us, and it is all to be done again, return what
    was known of the journal at the start; `known` is what the run before this one knew."""
    paths = Paths(env)
    live_config = LiveConfig(
        ConfigFile(paths.config_file, backups=paths.backups),
        load_overrides(env, port=options.port),
        clock=time.time,
    )
    settings = load_settings(
        env,
        port=options.port,
        insecure=options.insecure_no_auth,
        configuration=live_config.configuration,
    )
    _start_logging(settings)
    with contextlib.ExitStack() as stack:
        user_home = env.get("HOME", "/")
        daemon = _build(
            stack, paths, settings, live_config=live_config, user_home=user_home, known=known
        )
        selector = TimedSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            runner.run(daemon.serve(ready, selector))
    if not daemon.is_lost:
        return None
    log.warning("the sockets or the journal were removed; opening everything anew")
    return daemon.remains


class Daemon:
    """Hold the parts of a running daemon."""

    def __init__(
        self,
        *,
        paths: Paths,
        settings: Settings,
        service: Service,
        sockets: Sockets,
        token: str | None,
        recovery: Recovery,
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._service = service
        self._sockets = sockets
        self._token = token
        self._recovery = recovery
        self.is_lost = False

    @property
    def remains(self) -> Remains:
        """What was known of the journal as this daemon started."""
        return self._recovery.remains

    async def serve(self, ready: Readiness, selector: TimedSelector) -> None:
        """Answer until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        context = self._service.context
        self._recovery.run(self._service)
        # What is there now stays for good: the collector need not walk ten thousand leases again
        # and again, which costs 25 to 45 ms each time.
        gc.freeze()
        stalls = Stalls()
        instruments = Instruments(
            health=make_health(self._service, self._sockets, self._recovery, stalls),
            recovery=self._recovery,
            stream=EventStream(context.journal),
            stalls=stalls,
        )
        # Before anybody else subscribes, for the order of what it tells.
        self._service.subscribe(instruments.stream.on_events)
        watch = Watch(self._service, loop)
        fd_exhaustion = FdExhaustion(time.monotonic, lambda: watch.unwatched)
        loop.set_exception_handler(fd_exhaustion.handle)
        instruments.health.register("descriptors", fd_exhaustion.part)
        watch.start()
        watch.with_sweep(context.live_config.refresh)
        watch.with_sweep(partial(self._recovery.catch_up, self._service))
        config_reload = ConfigReload(self._service, loop)
        config_reload.start()
        instruments.health.register("port document", document_part(config_reload.document))
        upkeep = Maintenance(self._service, Backups(self._paths.backups), self._paths)
        upkeep.start()
        instruments.health.register("backups", backups_part(upkeep))
        loop_watchdog = LoopWatchdog(stalls, selector, clock=context.clock)
        loop_watchdog.start()
        notify_socket = NotifySocket(self._sockets.note, self._service.interception.on_listen)
        notify_socket.open(loop)
        guests = ConnectionLimit()
        bind_socket = partial(
            BindSocket, self._service, notify_socket.read, limit=guests, patience=IDLE_SECONDS
        )
        line_server = await loop.create_unix_server(bind_socket, sock=self._sockets.line)
        discovery_files = self._discovery_files()
        instruments.health.register("files", files_part(discovery_files))
        web = WebServer(
            self._app(instruments),
            on_ready=lambda: self._announce(ready, discovery_files),
            on_stop=instruments.stream.close,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, web)
        watch.with_sweep(partial(self._look_at_files, discovery_files, web))
        try:
            await web.serve(sockets=self._sockets.http)
        finally:
            line_server.close()
            guests.hang_up()
            notify_socket.close(loop)
            watch.stop()
            await config_reload.finish()
            await upkeep.finish()
            loop_watchdog.stop()
            log.info("stopped")

    def _app(self, instruments: Instruments) -> RequestMetrics:
        service = self._service
        api = HttpApi(service, instruments)
        guard = Auth(
            api.app(),
            token=self._token,
            limiter=RateLimiter(lambda: service.desk.state.settings.rate_limit, time.monotonic),
            open_paths=OPEN_PATHS,
            uncounted_paths=UNCOUNTED_PATHS,
            refuse=api.refuse,
        )
        return RequestMetrics(guard, service.counts)

    def _announce(self, ready: Readiness, discovery_files: DiscoveryFiles) -> None:
        discovery_files.tell()
        for note in self._sockets.notes:
            log.warning(note)
        log.info("styxy %s answers on %s", __version__, self._paths.socket())
        if self._token is not None and len(self._sockets.http) > 1:
            key = self._settings.loggable(self._token)
            log.info("and on port %d, with the token %s", self._settings.listen_port, key)
        ready.reached()

    def _discovery_files(self) -> DiscoveryFiles:
        context = self._service.context
        facts: dict[str, object] = {
            "pid": context.pid,
            "port": self._settings.listen_port if len(self._sockets.http) > 1 else None,
            "host": self._settings.hosts[0],
            "socket": self._paths.socket(),
            "line_socket": self._paths.line_socket(),
            "map": self._paths.port_map(),
            "version": __version__,
            "started_at": context.started_at,
        }
        marks = discovery_files_of(
            self._paths, facts=facts, token=self._token, port_map=context.port_map
        )
        return DiscoveryFiles(
            marks,
            home=self._paths.home,
            sockets=self._sockets,
            journal=context.journal,
            recovery=self._recovery,
        )

    def _look_at_files(self, discovery_files: DiscoveryFiles, web: WebServer) -> None:
        discovery_files.look()
        if discovery_files.is_lost:
            self.is_lost = not web.should_exit and os.path.isdir(self._paths.home)
            _stop(web)


def _build(
    stack: contextlib.ExitStack,
    paths: Paths,
    settings: Settings,
    *,
    live_config: LiveConfig,
    user_home: str,
    known: Remains,
) -> Daemon:
    """Open everything that a daemon needs; `stack` closes it again, in the opposite order."""
    private_home(paths.home)
    if paths.socket_override is None:
        # Its parent too: whoever owned /tmp/styxy-UID could put another directory in its place.
        # A socket that the user named lies in a directory that is none of our business.
        for directory in (os.path.dirname(paths.runtime_dir()), paths.runtime_dir()):
            private_directory(directory, cure="unset XDG_RUNTIME_DIR")
    recovery = Recovery()
    opened = open_books(paths, Backups(paths.backups), recovery, known=known, now=time.time())
    stack.callback(opened.journal.close)
    open_configuration(live_config, opened.read, recovery)
    kernel = KernelLook()
    stack.callback(kernel.close)
    sockets = open_sockets(paths, settings, kernel)
    stack.callback(sockets.close)
    port_map = open_map(paths, recovery)
    stack.callback(port_map.retire)
    stack.callback(_remove_daemon_file, paths.daemon_file)
    check_logs(paths, recovery)
    is_new_home = opened.journal.last_seq == 0 and opened.damage is None
    token = open_token(paths, recovery, is_new_home=is_new_home)
    context = _context(
        opened,
        kernel=kernel,
        port_map=port_map,
        live_config=live_config,
        user_home=user_home,
    )
    return Daemon(
        paths=paths,
        settings=settings,
        service=Service(opened.read, context),
        sockets=sockets,
        token=token if settings.requires_token else None,
        recovery=recovery,
    )


def _context(
    opened: Opened[Desk],
    *,
    kernel: KernelLook,
    port_map: PortMap,
    live_config: LiveConfig,
    user_home: str,
) -> Context:
    processes = Processes()
    listeners = Listeners(kernel=kernel, processes=processes)
    projects = Projects(processes=processes, user_home=user_home)
    passing = ephemeral_ports()
    port_usage = PortUsage(
        listeners=listeners, processes=processes, projects=projects, passing=passing
    )
    return Context(
        journal=opened.journal,
        kernel=kernel,
        processes=processes,
        listeners=listeners,
        projects=projects,
        port_usage=port_usage,
        passing=passing,
        port_map=port_map,
        port_map_sync=PortMapSync(
            opened.read,
            port_map=port_map,
            listeners=listeners,
            project_of=projects.of,
            repo_of=repo_of,
            type_of=lambda pid: service_type_of_program(processes.command(pid) or ()),
        ),
        live_config=live_config,
        clock=time.time,
        new_id=lambda: secrets.token_hex(16),
        pid=os.getpid(),
        started_at=time.time(),
    )


def _remove_daemon_file(path: str) -> None:
    with contextlib.suppress(OSError):  # ENOENT, or a home that cannot be written
        os.unlink(path)


def _stop(web: WebServer) -> None:
    web.should_exit = True


def _start_logging(settings: Settings) -> None:
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    # Its warnings are about requests that make no sense, which anybody can send by the thousand.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m styxy.server", description="Run the Styxy daemon in the foreground."
    )
    parser.add_argument("--port", type=int, help="TCP port to listen on (default: 9876)")
    parser.add_argument("--ready-fd", type=int, help="descriptor to tell readiness on")
    parser.add_argument("--json", action="store_true", help="tell a failure as JSON")
    parser.add_argument(
        "--insecure-no-auth",
        action="store_true",
        help="for testing: let STYXY_SKIP_AUTH=1 switch the token off",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
