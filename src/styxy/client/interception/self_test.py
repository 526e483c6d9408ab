"""Does interception work on this machine? One real bind, in a child with the library, shows it.

A library that cannot be loaded breaks every program that uses it, so it is not used before it has
moved a bind here: `styxy run` and `styxy env` test it once for each library and boot, and a file
beside the library records the result. That test has a stand-in for the daemon that answers "move",
and needs none running; `ask_daemon` does the same bind against the real one.
"""

from __future__ import annotations

import os

from styxy.adapters.home import open_regular
from styxy.client.daemon import preloading
from styxy.client.interception.run import own_library
from styxy.core.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from socket import socket

    from styxy.adapters.paths import Paths

PATIENCE = 3.0
"""Seconds for the child; it takes 30 ms on an idle machine."""

TRIES = 3
"""A program waits at most 250 ms for an answer, which a very busy machine may exceed once."""

_CHILD = """
import _socket, os, sys
if os.path.exists("/proc/self/comm"):
    open("/proc/self/comm", "w").write("styxy-proof")
def images():
    if os.path.exists("/proc/self/maps"):
        return open("/proc/self/maps", errors="replace").read()
    import ctypes
    dyld = ctypes.CDLL(None)
    dyld._dyld_get_image_name.restype = ctypes.c_char_p
    names = [os.fsdecode(dyld._dyld_get_image_name(i)) for i in range(dyld._dyld_image_count())]
    return [sys.argv[2]] if os.path.realpath(sys.argv[2]) in map(os.path.realpath, names) else []
server = _socket.socket()
try:
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    port = server.getsockname()[1]
except OSError as error:
    port = 0
print(port, sys.argv[2] in images())
"""


class Bind:
    """The result of one bind: the port asked for, and the one it got (0: none).

    `was_loaded`: the library was in the child. `complaint`: what its loader printed to standard
    error.
    """

    __slots__ = ("asked", "complaint", "got", "was_loaded")

    def __init__(self, asked: int, got: int, *, was_loaded: bool, complaint: str) -> None:
        self.asked = asked
        self.got = got
        self.was_loaded = was_loaded
        self.complaint = complaint

    @property
    def was_moved(self) -> bool:
        """Return whether the bind got a port other than the busy one that it asked for."""
        return self.got not in (0, self.asked)


def ensure(library: str) -> None:
    """Make sure that the library has moved a bind since boot. Raises `Unavailable`, which says why
    not.

    If it has, this costs one read of a small file.
    """
    note = f"{library}.proof"
    try:
        seal = _seal(library)
        with open(open_regular(note), encoding="ascii", errors="replace") as file:
            if file.read() == seal:
                return
    except OSError:
        seal = ""  # mostly ENOENT: not tested yet
    bind = stand_in(library)
    if not bind.was_moved:
        raise Unavailable(f"interception does not work here: {why_not(bind, library)}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with open(open_regular(note, flags), "w", encoding="ascii") as file:
            file.write(seal or _seal(library))
    except OSError:
        pass  # EROFS, ENOSPC: it works all the same, and is tested again next time


def why_not(bind: Bind, library: str) -> str:
    """Explain why a bind was not moved."""
    if not bind.was_loaded:
        reason = bind.complaint.splitlines()[0] if bind.complaint else "the loader skipped it"
        return f"{library} cannot be loaded ({reason})"
    if bind.complaint:
        return bind.complaint.splitlines()[-1]
    return f"{library} is loaded, and a bind of the busy port {bind.asked} was not moved"


def stand_in(library: str) -> Bind:
    """Bind a busy port in a child, with a stand-in for the daemon. Raises `Unavailable`."""
    return _tried(lambda: _beside_asker(library))


def _beside_asker(library: str) -> Bind:
    import tempfile

    try:
        # Not TMPDIR, which may be too long for a socket path (unix(7)).
        with tempfile.TemporaryDirectory(prefix="styxy-proof-", dir="/tmp") as directory:
            return _with_asker(library, os.path.join(directory, "s"))
    except OSError as error:
        raise Unavailable(f"interception cannot be tested here: {error}") from None


def ask_daemon(library: str, env: Mapping[str, str], *, project: str) -> Bind:
    """Bind a busy port in a child that asks the running daemon, on behalf of `project`."""
    return _tried(lambda: _beside_daemon(library, env, project))


def _tried(attempt: Callable[[], Bind]) -> Bind:
    bind = attempt()
    for _ in range(TRIES - 1):
        if bind.was_moved or not bind.was_loaded:
            break
        bind = attempt()
    return bind


def _beside_daemon(library: str, env: Mapping[str, str], project: str) -> Bind:
    from socket import create_server

    own = {**env, "STYXY_SERVICE_TYPE": "coordination"}
    with create_server(("127.0.0.1", 0)) as busy:
        with _Child(library, _port_of(busy), own, project=project) as child:
            return child.result()


def _with_asker(library: str, path: str) -> Bind:
    import select
    import socket

    from styxy.adapters.kernel import netns_cookie
    from styxy.adapters.portmap.map import PortMap

    line, note = path + ".line", path + ".note"
    PortMap(path + ".map", line_socket=line, note_socket=note, netns=netns_cookie()).reveal()
    with (
        socket.create_server(("127.0.0.1", 0)) as busy,
        socket.create_server(("127.0.0.1", 0)) as place,
        socket.socket(socket.AF_UNIX) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes,
    ):
        listener.bind(line)
        listener.listen()
        notes.bind(note)
        free = _port_of(place)
        place.close()
        env = {**os.environ, "STYXY_SOCKET": path}
        with _Child(library, _port_of(busy), env, project=os.path.dirname(path)) as child:
            poll = select.poll()
            for waited in (listener.fileno(), child.output.fileno()):
                poll.register(waited, select.POLLIN)
            while any(ready == listener.fileno() for ready, _ in poll.poll(PATIENCE * 1000)):
                _answer(listener, free)
            return child.result()


def _answer(listener: socket, port: int) -> None:
    link, _ = listener.accept()
    with link:
        link.settimeout(PATIENCE)
        try:
            link.recv(8192)
            link.sendall(f"styxy/1 move {port} dev same 2000-01-01T00:00:00\n".encode("ascii"))
        except OSError:
            return  # EPIPE, or nothing was asked: the result will show


class Trial:
    """The outcome, as a sentence and in parts.

    `active`: this shell passes the library to what it starts. `asked` and `got` are ports.
    """

    def __init__(
        self,
        *,
        works: bool,
        message: str,
        active: bool = False,
        daemon: bool = False,
        library: str | None = None,
        bind: Bind | None = None,
    ) -> None:
        self.works = works
        self.message = message
        self.active = active
        self.daemon = daemon
        self.library = library
        self.bind = bind

    def as_dict(self) -> dict[str, object]:
        """Return it as plain data."""
        return {
            "works": self.works,
            "message": self.message,
            "active": self.active,
            "daemon": self.daemon,
            "library": self.library,
            "asked": self.bind.asked if self.bind else None,
            "got": (self.bind.got or None) if self.bind else None,
        }


def try_bind(env: Mapping[str, str], paths: Paths, *, runs: bool) -> Trial:
    """Bind a busy port as a program of this shell would, with the daemon where one `runs`.

    Raises `Unavailable` where that cannot be done.
    """
    library = own_library(paths)
    home = paths.home
    bind = ask_daemon(library, env, project=home) if runs else stand_in(library)
    works, message = _verdict(bind, library, env, runs=runs)
    return Trial(
        works=works,
        message=message,
        active=is_active(env),
        daemon=runs,
        library=library,
        bind=bind,
    )


def is_active(env: Mapping[str, str]) -> bool:
    """Return whether an environment passes the library to what it starts."""
    return bool(preloading.HERE.ours(env))


def _verdict(bind: Bind, library: str, env: Mapping[str, str], *, runs: bool) -> tuple[bool, str]:
    from styxy.core.config.environment import switch  # every `styxy run` loads this module

    if switch(word := env.get("STYXY_DISABLE_REASSIGN")):
        return False, f"STYXY_DISABLE_REASSIGN={word} turns interception off; unset it"
    if not bind.was_moved:
        return False, f"a bind is not moved: {why_not(bind, library)}; try: styxy doctor"
    if not runs:
        return False, (
            "the library works, but no daemon is running, so binds are not moved; "
            "try: styxy daemon start -d"
        )
    moved = f"a bind of the busy port {bind.asked} was moved to {bind.got}"
    if is_active(env):
        return True, f"{moved}, and this shell is activated"
    return True, f'{moved}; for this shell: eval "$(styxy env)"'


class _Child:
    """The child that binds."""

    def __init__(self, library: str, port: int, env: Mapping[str, str], *, project: str) -> None:
        import subprocess
        import sys

        from styxy.core.model.leases import TRIAL_INSTANCE

        own = {
            **{name: env[name] for name in _KEPT if name in env},
            preloading.HERE.variable: library,
            "STYXY_NOTIFY": "off",
            "STYXY_REASSIGNMENT_LOG": os.devnull,
            "STYXY_PROJECT": project,
            "STYXY_INSTANCE_ID": TRIAL_INSTANCE,
        }
        self._asked = port
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD, str(port), library],
            env=own,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        assert self._process.stdout is not None
        self.output = self._process.stdout

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def result(self) -> Bind:
        """Wait for the child and read its output."""
        import subprocess

        try:
            out, err = self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            return Bind(
                self._asked, 0, was_loaded=True, complaint=f"no result within {PATIENCE:g} s"
            )
        words = out.split()
        got = int(words[0]) if len(words) == 2 and words[0].isdigit() else 0
        return Bind(self._asked, got, was_loaded=words[1:] == ["True"], complaint=err.strip())


_KEPT = (
    "HOME",
    "XDG_RUNTIME_DIR",
    "STYXY_HOME",
    "STYXY_SOCKET",
    "STYXY_SERVICE_TYPE",
    "PYTHONHOME",
)
"""Variables that the child needs; any others could change what it does."""


def _port_of(server: socket) -> int:
    return int(server.getsockname()[1])


def _seal(library: str) -> str:
    status = os.stat(library)
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except FileNotFoundError:
        boot = os.uname().version  # macOS: tried again when the system is another
    # The inode, too: another library may have the size and the time of the old one.
    return f"{boot} {status.st_size} {status.st_mtime_ns} {status.st_ino} {status.st_ctime_ns}\n"
