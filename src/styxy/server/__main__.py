"""The composition root: build, wire, serve, stop. All defaults are chosen here and nowhere else."""

from __future__ import annotations

import os
import signal

if __name__ == "__main__":
    # What follows takes a while; until the loop handles signals, Ctrl-C simply kills the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The daemon itself must not be intercepted.
    os.environ.pop("LD_PRELOAD", None)
    os.environ.pop("DYLD_INSERT_LIBRARIES", None)

import argparse
import asyncio
import contextlib
import faulthandler
import logging
import sys
import time
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy import __version__
from styxy.adapters.config_file import ConfigFile
from styxy.adapters.home import private_directory, private_home
from styxy.adapters.journal.backups import Backups
from styxy.adapters.paths import Paths, network_namespace
from styxy.adapters.portable.choice import open_kernel
from styxy.adapters.portmap.file import Remains
from styxy.adapters.projects.lookups import Lookups
from styxy.adapters.settings import Settings, load_overrides, load_settings
from styxy.core.errors import StyxyError
from styxy.server.agents.loading import HooksLoader
from styxy.server.assembly import make_context
from styxy.server.daemon import Daemon, Parts
from styxy.server.guests.notify_socket import NotifySocket
from styxy.server.http.app import OPEN_OPERATIONS, UNCOUNTED_PATHS, HttpApi
from styxy.server.http.request_metrics import RequestMetrics
from styxy.server.net.auth import Auth
from styxy.server.net.browser_sessions import BrowserSessions
from styxy.server.net.rate_limit import RateLimiter
from styxy.server.net.responses import error_body
from styxy.server.net.sockets import Sockets, open_sockets
from styxy.server.net.starter import Starter
from styxy.server.reports.fd_exhaustion import FdExhaustion
from styxy.server.reports.health import (
    auth_part,
    backups_part,
    document_part,
    files_part,
    make_health,
)
from styxy.server.reports.installation import Installation
from styxy.server.reports.instruments import Instruments
from styxy.server.reports.overview import Overview
from styxy.server.reports.warnings import Warnings, examine
from styxy.server.service.event_stream import EventStream
from styxy.server.service.service import Service
from styxy.server.service.stopping import Stopping
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
from styxy.server.world.live_config import LiveConfig
from styxy.server.world.probes import KINDS
from styxy.server.world.steady_clock import SteadyClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


log = logging.getLogger("styxy")

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The directory of the package that this daemon runs from."""

SWITCH_SECONDS = 0.0002
"""How long a thread that computes may keep the loop waiting. After each of the hundred files of
/proc that a hook may read, the loop waits this long while another thread reads a long command line;
with Python's 5 ms, every answer came too late."""


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a daemon until it is told to stop; return its exit status."""
    options = _parser().parse_args(argv)
    faulthandler.enable()  # a service manager ends a daemon that hangs with SIGABRT: say where
    starter = Starter(options.ready_fd, env)
    lookups = Lookups()
    lookups.start()  # forks, so before there are sockets, locks and threads
    clock = SteadyClock()
    raise_descriptor_limit()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        known: Remains | None = Remains()
        while known is not None:
            known = _run(options, env, starter, known, lookups=lookups, clock=clock)
    except StyxyError as error:
        starter.failed(error)
        said = error_body(error).decode() if options.json else f"styxy: {error.message}"
        print(said, file=sys.stdout if options.json else sys.stderr)
        return error.exit_code
    return 0


def _run(
    options: argparse.Namespace,
    env: Mapping[str, str],
    starter: Starter,
    known: Remains,
    *,
    lookups: Lookups,
    clock: SteadyClock,
) -> Remains | None:
    """Run until told to stop. If the sockets or the journal are lost and everything has to be
    reopened, return what was known of the journal at startup; `known` is what the previous run
    knew.
    """
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
        opened = _open(
            stack,
            paths,
            settings,
            live_config=live_config,
            user_home=user_home,
            known=known,
            lookups=lookups,
            clock=clock,
            starter=starter,
        )
        selector = TimedSelector()
        with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
            daemon = runner.run(_serve(opened, starter, selector))
    if not daemon.is_lost:
        return None
    log.warning("the sockets or the journal were deleted; reopening everything")
    return opened.recovery.remains


class _Opened(Struct, frozen=True, kw_only=True):
    """What is opened before there is a loop, and closed after it."""

    paths: Paths
    settings: Settings
    service: Service
    sockets: Sockets
    token: str | None
    recovery: Recovery
    is_managed: bool


async def _serve(opened: _Opened, starter: Starter, selector: TimedSelector) -> Daemon:
    """Wire a daemon in the running loop, and serve until told to stop."""
    daemon = Daemon(_wired(opened, asyncio.get_running_loop(), selector))
    await daemon.serve(starter)
    return daemon


def _wired(opened: _Opened, loop: asyncio.AbstractEventLoop, selector: TimedSelector) -> Parts:
    """Make the parts that need a loop, and register each with `/health`."""
    service, sockets, recovery = opened.service, opened.sockets, opened.recovery
    context = service.context
    stalls = Stalls()
    installation = Installation(PACKAGE, version=__version__)
    health, stream = make_health(service, sockets, recovery, stalls), EventStream(context.journal)
    instruments = Instruments(
        health=health,
        recovery=recovery,
        stream=stream,
        stalls=stalls,
        installation=installation,
        hooks=HooksLoader(service, installation.load),
        overview=Overview(service, stream, Warnings(health, examine, clock=time.monotonic)),
        sessions=_sessions(opened),
        stopping=Stopping(),
    )
    watch = Watch(service, loop)
    fd_exhaustion = FdExhaustion(time.monotonic, lambda: watch.unwatched)
    config_reload = ConfigReload(service, loop)
    maintenance = Maintenance(
        service,
        Backups(opened.paths.backups),
        opened.paths,
        each_minute=instruments.installation.log_problem,
    )
    discovery_files = _discovery_files(opened)
    requires_token = opened.settings.requires_token
    instruments.health.register("installation", instruments.installation.part)
    instruments.health.register("authentication", auth_part(requires_token=requires_token))
    instruments.health.register("descriptors", fd_exhaustion.part)
    instruments.health.register("port document", document_part(config_reload.document))
    instruments.health.register("backups", backups_part(maintenance))
    instruments.health.register("files", files_part(discovery_files))
    return Parts(
        service=service,
        sockets=sockets,
        instruments=instruments,
        app=_app(service, instruments, token=opened.token),
        watch=watch,
        config_reload=config_reload,
        maintenance=maintenance,
        loop_watchdog=LoopWatchdog(stalls, selector, clock=context.clock),
        fd_exhaustion=fd_exhaustion,
        notify_socket=NotifySocket(
            sockets.note, service.on_listen, on_name=service.interception.learning.on_name
        ),
        discovery_files=discovery_files,
        paths=opened.paths,
        settings=opened.settings,
        token=opened.token,
    )


def _sessions(opened: _Opened) -> BrowserSessions:
    port = opened.settings.listen_port
    has_tcp = len(opened.sockets.http) > 1
    origin = f"http://localhost:{port}" if has_tcp else None
    return BrowserSessions(port, time.monotonic, origin=origin)


def _app(service: Service, instruments: Instruments, *, token: str | None) -> RequestMetrics:
    api = HttpApi(service, instruments)
    auth = Auth(
        api.app(),
        token=token,
        limiter=RateLimiter(lambda: service.desk.settings.rate_limit, time.monotonic),
        sessions=instruments.sessions,
        open_operations=OPEN_OPERATIONS,
        uncounted_paths=UNCOUNTED_PATHS,
        refuse=api.refuse,
    )
    return RequestMetrics(auth, service.context.counts)


def _discovery_files(opened: _Opened) -> DiscoveryFiles:
    context, paths, settings = opened.service.context, opened.paths, opened.settings
    facts: dict[str, object] = {
        "pid": context.pid,
        "port": settings.listen_port if len(opened.sockets.http) > 1 else None,
        "host": settings.hosts[0],
        "socket": paths.socket(),
        "line_socket": paths.line_socket(),
        "map": paths.port_map(),
        "network": network_namespace(),
        "version": __version__,
        "started_at": context.started_at,
        "managed": opened.is_managed,
    }
    return DiscoveryFiles(
        discovery_files_of(
            paths,
            facts=facts,
            token=opened.token,
            port_map=context.port_map,
            journal=context.journal,
        ),
        home=paths.home,
        sockets=opened.sockets,
        journal=context.journal,
        recovery=opened.recovery,
    )


def _open(
    stack: contextlib.ExitStack,
    paths: Paths,
    settings: Settings,
    *,
    live_config: LiveConfig,
    user_home: str,
    known: Remains,
    lookups: Lookups,
    clock: SteadyClock,
    starter: Starter,
) -> _Opened:
    """Open everything that a daemon needs; `stack` closes it again, in reverse order."""
    private_home(paths.home)
    if paths.socket_override is None:
        # Its parent too: the owner of /tmp/styxy-UID could replace the directory.
        # The directory of a socket that the user named is the user's responsibility.
        for directory in (os.path.dirname(paths.runtime_dir()), paths.runtime_dir()):
            private_directory(directory, fix="unset XDG_RUNTIME_DIR")
    recovery = Recovery()
    opened = open_books(paths, Backups(paths.backups), recovery, known=known, now=clock())
    stack.callback(opened.journal.close)
    open_configuration(live_config, opened.read, recovery)
    kernel = open_kernel()
    stack.callback(kernel.close)
    sockets = open_sockets(paths, settings, kernel, starter.sockets)
    stack.callback(sockets.close)
    port_map = open_map(paths, recovery)
    stack.callback(port_map.retire)
    if not sockets.lent:  # else clients go on to find the sockets that the service manager has
        stack.callback(_remove_daemon_file, paths.daemon_file)
    check_logs(paths, recovery)
    is_new_home = opened.journal.last_seq == 0 and opened.damage is None
    token = open_token(paths, recovery, is_new_home=is_new_home)
    context = make_context(
        opened,
        kernel=kernel,
        port_map=port_map,
        live_config=live_config,
        user_home=user_home,
        lookups=lookups,
        clock=clock,
    )
    service = Service(opened.read, context)
    _subscribe_world(service)
    return _Opened(
        paths=paths,
        settings=settings,
        service=service,
        sockets=sockets,
        token=token if settings.requires_token else None,
        recovery=recovery,
        is_managed=starter.manager.is_there,
    )


def _subscribe_world(service: Service) -> None:
    """Subscribe first of all, and before the recovery commits: everything else may look there."""
    context = service.context
    service.committer.subscribe(context.counts.on_events)
    service.committer.subscribe(context.port_map_sync.on_events)
    service.committer.subscribe(context.former_holders.on_events)
    service.committer.subscribe(context.probes.on_events, *KINDS)


def _remove_daemon_file(path: str) -> None:
    with contextlib.suppress(OSError):  # ENOENT, or a home that cannot be written
        os.unlink(path)


def _start_logging(settings: Settings) -> None:
    level = logging.getLevelNamesMapping().get(settings.log_level.upper(), logging.INFO)
    # Its warnings are about invalid requests, which anybody can send by the thousand.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m styxy.server", description="Run the Styxy daemon in the foreground."
    )
    parser.add_argument("--port", type=int, help="TCP port to listen on (default: 9876)")
    parser.add_argument("--ready-fd", type=int, help="file descriptor to report readiness on")
    parser.add_argument("--json", action="store_true", help="report a failure as JSON")
    parser.add_argument(
        "--insecure-no-auth",
        action="store_true",
        help="for testing: let STYXY_SKIP_AUTH=1 turn the token off",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
