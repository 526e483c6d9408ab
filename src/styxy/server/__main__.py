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
from styxy.adapters.paths import Places
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
from styxy.server.guests.bind_socket import IDLE_SECONDS, LineDoor
from styxy.server.guests.notify_socket import NoteDoor
from styxy.server.http.app import OPEN_PATHS, UNCOUNTED_PATHS, HttpApi
from styxy.server.http.request_metrics import Meter
from styxy.server.http.server import WebServer
from styxy.server.net.auth import Guard
from styxy.server.net.connection_limit import Crowd
from styxy.server.net.rate_limit import RateLimiter
from styxy.server.net.readiness import Readiness
from styxy.server.net.responses import error_body
from styxy.server.net.sockets import Doors, open_doors
from styxy.server.reports.fd_exhaustion import Shortage
from styxy.server.reports.health import backups_part, document_part, files_part, make_health
from styxy.server.reports.instruments import Instruments
from styxy.server.service.event_stream import EventStream
from styxy.server.service.service import Service
from styxy.server.upkeep.config_reload import Caretaker
from styxy.server.upkeep.discovery_files import Landmarks, landmarks_of
from styxy.server.upkeep.loop_watchdog import Stalls, StallWatch, TimedSelector
from styxy.server.upkeep.maintenance import Upkeep
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
from styxy.server.world.context import World
from styxy.server.world.listeners import Observer
from styxy.server.world.live_config import Configured
from styxy.server.world.port_map_sync import Mirror
from styxy.server.world.port_usage import Survey
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
    places = Places(env)
    configured = Configured(
        ConfigFile(places.config_file, backups=places.backups),
        load_overrides(env, port=options.port),
        clock=time.time,
    )
    settings = load_settings(
        env,
        port=options.port,
        insecure=options.insecure_no_auth,
        configuration=configured.configuration,
    )
    _start_logging(settings)
    with contextlib.ExitStack() as stack:
        user_home = env.get("HOME", "/")
        daemon = _build(
            stack, places, settings, configured=configured, user_home=user_home, known=known
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
        places: Places,
        settings: Settings,
        service: Service,
        doors: Doors,
        token: str | None,
        recovery: Recovery,
    ) -> None:
        self._places = places
        self._settings = settings
        self._service = service
        self._doors = doors
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
        world = self._service.world
        self._recovery.run(self._service)
        # What is there now stays for good: the collector need not walk ten thousand leases again
        # and again, which costs 25 to 45 ms each time.
        gc.freeze()
        instruments = Instruments(
            health=make_health(self._service, self._doors, self._recovery),
            recovery=self._recovery,
            stream=EventStream(world.journal),
        )
        # Before anybody else subscribes, for the order of what it tells.
        self._service.subscribe(instruments.stream.heed)
        watch = Watch(self._service, loop)
        shortage = Shortage(time.monotonic, lambda: watch.unwatched)
        loop.set_exception_handler(shortage.handle)
        instruments.health.register("descriptors", shortage.part)
        watch.start()
        watch.with_sweep(world.configured.refresh)
        watch.with_sweep(partial(self._recovery.catch_up, self._service))
        caretaker = Caretaker(self._service, loop)
        caretaker.start()
        instruments.health.register("port document", document_part(caretaker.document))
        upkeep = Upkeep(self._service, Backups(self._places.backups), self._places)
        upkeep.start()
        instruments.health.register("backups", backups_part(upkeep))
        stall_watch = StallWatch(world.stalls, selector, clock=world.clock)
        stall_watch.start()
        note_door = NoteDoor(self._doors.note, self._service.guests.heard)
        note_door.open(loop)
        guests = Crowd()
        line_door = partial(
            LineDoor, self._service, note_door.read, crowd=guests, patience=IDLE_SECONDS
        )
        line_server = await loop.create_unix_server(line_door, sock=self._doors.line)
        landmarks = self._landmarks()
        instruments.health.register("files", files_part(landmarks))
        web = WebServer(
            self._app(instruments),
            on_ready=lambda: self._announce(ready, landmarks),
            on_stop=instruments.stream.close,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, web)
        watch.with_sweep(partial(self._look_at_files, landmarks, web))
        try:
            await web.serve(sockets=self._doors.http)
        finally:
            line_server.close()
            guests.hang_up()
            note_door.close(loop)
            watch.stop()
            await caretaker.finish()
            await upkeep.finish()
            stall_watch.stop()
            log.info("stopped")

    def _app(self, instruments: Instruments) -> Meter:
        service = self._service
        api = HttpApi(service, instruments)
        guard = Guard(
            api.app(),
            token=self._token,
            limiter=RateLimiter(lambda: service.desk.state.settings.rate_limit, time.monotonic),
            open_paths=OPEN_PATHS,
            uncounted_paths=UNCOUNTED_PATHS,
            refuse=api.refuse,
        )
        return Meter(guard, service.counts)

    def _announce(self, ready: Readiness, landmarks: Landmarks) -> None:
        landmarks.tell()
        for note in self._doors.notes:
            log.warning(note)
        log.info("styxy %s answers on %s", __version__, self._places.socket())
        if self._token is not None and len(self._doors.http) > 1:
            key = self._settings.loggable(self._token)
            log.info("and on port %d, with the token %s", self._settings.listen_port, key)
        ready.reached()

    def _landmarks(self) -> Landmarks:
        world = self._service.world
        facts: dict[str, object] = {
            "pid": world.pid,
            "port": self._settings.listen_port if len(self._doors.http) > 1 else None,
            "host": self._settings.hosts[0],
            "socket": self._places.socket(),
            "line_socket": self._places.line_socket(),
            "map": self._places.port_map(),
            "version": __version__,
            "started_at": world.started_at,
        }
        marks = landmarks_of(self._places, facts=facts, token=self._token, port_map=world.port_map)
        return Landmarks(
            marks,
            home=self._places.home,
            doors=self._doors,
            journal=world.journal,
            recovery=self._recovery,
        )

    def _look_at_files(self, landmarks: Landmarks, web: WebServer) -> None:
        landmarks.look()
        if landmarks.is_lost:
            self.is_lost = not web.should_exit and os.path.isdir(self._places.home)
            _stop(web)


def _build(
    stack: contextlib.ExitStack,
    places: Places,
    settings: Settings,
    *,
    configured: Configured,
    user_home: str,
    known: Remains,
) -> Daemon:
    """Open everything that a daemon needs; `stack` closes it again, in the opposite order."""
    private_home(places.home)
    if places.socket_override is None:
        # Its parent too: whoever owned /tmp/styxy-UID could put another directory in its place.
        # A socket that the user named lies in a directory that is none of our business.
        for directory in (os.path.dirname(places.runtime_dir()), places.runtime_dir()):
            private_directory(directory, cure="unset XDG_RUNTIME_DIR")
    recovery = Recovery()
    opened = open_books(places, Backups(places.backups), recovery, known=known, now=time.time())
    stack.callback(opened.journal.close)
    open_configuration(configured, opened.read, recovery)
    kernel = KernelLook()
    stack.callback(kernel.close)
    doors = open_doors(places, settings, kernel)
    stack.callback(doors.close)
    port_map = open_map(places, recovery)
    stack.callback(port_map.retire)
    stack.callback(_remove_daemon_file, places.daemon_file)
    check_logs(places, recovery)
    is_new_home = opened.journal.last_seq == 0 and opened.damage is None
    token = open_token(places, recovery, is_new_home=is_new_home)
    world = _world(
        opened,
        kernel=kernel,
        port_map=port_map,
        configured=configured,
        user_home=user_home,
    )
    return Daemon(
        places=places,
        settings=settings,
        service=Service(opened.read, world),
        doors=doors,
        token=token if settings.requires_token else None,
        recovery=recovery,
    )


def _world(
    opened: Opened[Desk],
    *,
    kernel: KernelLook,
    port_map: PortMap,
    configured: Configured,
    user_home: str,
) -> World:
    processes = Processes()
    observer = Observer(kernel=kernel, processes=processes)
    projects = Projects(processes=processes, user_home=user_home)
    passing = ephemeral_ports()
    survey = Survey(observer=observer, processes=processes, projects=projects, passing=passing)
    return World(
        journal=opened.journal,
        kernel=kernel,
        processes=processes,
        observer=observer,
        projects=projects,
        survey=survey,
        passing=passing,
        port_map=port_map,
        mirror=Mirror(
            opened.read,
            port_map=port_map,
            observer=observer,
            project_of=projects.of,
            repo_of=repo_of,
            type_of=lambda pid: service_type_of_program(processes.command(pid) or ()),
        ),
        configured=configured,
        stalls=Stalls(),
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
