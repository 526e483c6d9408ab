"""A small service manager for tests, with a `systemctl` that speaks to it.

It reads the units as they were written, opens the sockets, runs the service with LISTEN_FDS,
LISTEN_PID and NOTIFY_SOCKET, and starts it again when it has died or missed a WATCHDOG=1, as
systemd does. It needs nothing but the standard library, and runs as a program of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SYSTEMCTL = """\
#!{python} -IS
import json, socket, sys
with socket.socket(socket.AF_UNIX) as link:
    try:
        link.connect({control!r})
    except OSError:
        sys.exit("Failed to connect to bus: No medium found")
    link.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    code, text = json.loads(link.makefile().readline())
print(text, end="", file=sys.stderr if code else sys.stdout)
sys.exit(code)
"""

RESTART_SECONDS = 0.1
"""The default of RestartSec= (systemd.service(5))."""

Unit = dict[str, list[str]]


def read_unit(path: Path) -> Unit:
    """Read a unit: every key with all its values, whatever the section."""
    found: Unit = {}
    for line in path.read_text().splitlines():
        key, is_pair, value = line.partition("=")
        if is_pair and not line.startswith(("#", ";")):
            found.setdefault(key, []).append(value)
    return found


def words_of(line: str) -> list[str]:
    """Split a line as systemd.syntax(7) does, as far as our units use it."""
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(line)]


class Manager:
    """Runs `styxy.service` and `styxy.socket` of one directory."""

    def __init__(self, units: Path, control: Path, *, watchdog: float) -> None:
        self._units = units
        self._packaged = control.parent / "packaged" / "styxy.service"
        self._watchdog = watchdog
        self._control = socket.socket(socket.AF_UNIX)
        self._control.bind(str(control))
        self._control.listen()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify_name = f"{control}.notify"
        self._notify.bind(self._notify_name)
        self._sockets: list[socket.socket] = []
        self._pid = 0
        self._death = -1
        self._is_ready = False
        self._is_wanted = False
        self._deadline = float("inf")
        self._waiting: list[socket.socket] = []
        self.history: list[str] = []

    def run(self) -> None:
        """Serve for ever."""
        while True:
            self._turn()

    def _turn(self) -> None:
        watched = [self._control.fileno(), self._notify.fileno()]
        watched += [self._death] if self._death >= 0 else []
        patience = max(0.0, min(self._deadline - time.monotonic(), 60.0))
        ready, _, _ = select.select(watched, [], [], patience)
        if self._notify.fileno() in ready:
            self._hear(self._notify.recv(4096).decode().split("\n"))
        if self._death in ready:
            self._bury()
        if time.monotonic() >= self._deadline:
            self._be_late()
        if self._control.fileno() in ready:
            link, _ = self._control.accept()
            line = link.makefile().readline()
            self._obey(link, json.loads(line)) if line else link.close()

    # --- the service -----------------------------------------------------------------------------

    def _hear(self, lines: list[str]) -> None:
        self.history += [line for line in lines if line != "WATCHDOG=1"]
        if "WATCHDOG=1" in lines and self._pid:
            self._deadline = time.monotonic() + self._watchdog
        if "READY=1" in lines:
            self._is_ready = True
            self._answer_all(0, "")

    def _open(self) -> None:
        unit = read_unit(self._units / "styxy.socket")
        mode = int(unit["SocketMode"][0], 8)
        kinds = {"ListenStream": socket.SOCK_STREAM, "ListenDatagram": socket.SOCK_DGRAM}
        for key, kind in kinds.items():
            for address in unit.get(key, ()):
                self._sockets.append(opened(address.replace("%%", "%"), kind, mode))

    def _spawn(self) -> None:
        unit = read_unit(self._fragment())
        command = words_of(unit["ExecStart"][0])
        env = dict(words_of(each)[0].split("=", 1) for each in unit.get("Environment", ()))
        (output,) = unit.get("StandardOutput", [f"append:{self._packaged}.log"])
        log = output.removeprefix("append:").replace("%%", "%")
        self._is_ready = False
        self._pid = os.fork()
        if self._pid == 0:
            self._become(command, {**inherited(), **env}, log)
        self._death = os.pidfd_open(self._pid)
        self._deadline = float("inf")  # until READY=1, TimeoutStartSec= would count

    def _fragment(self) -> Path:
        """The unit of the user, or that of a package (systemd.unit(5), the search path)."""
        own = self._units / "styxy.service"
        return own if own.exists() else self._packaged

    def _has_sockets(self) -> bool:
        return (self._units / "styxy.socket").exists()

    def _become(self, command: list[str], env: dict[str, str], log: str) -> None:
        try:
            output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            high = [os.dup(sock.fileno()) for sock in self._sockets]
            above = [os.dup2(each, 100 + number) for number, each in enumerate(high)]
            os.dup2(output, 1)
            os.dup2(output, 2)
            for number, each in enumerate(above):
                os.dup2(each, 3 + number)
            os.closerange(3 + len(above), 300)
            env |= {
                "LISTEN_PID": str(os.getpid()),
                "LISTEN_FDS": str(len(above)),
                "NOTIFY_SOCKET": self._notify_name,
                "WATCHDOG_USEC": str(int(self._watchdog * 1_000_000)),
                "WATCHDOG_PID": str(os.getpid()),
            }
            os.execve(command[0], command, env)
        except OSError as error:
            print(f"cannot run {command[0]}: {error}", file=sys.stderr, flush=True)
        finally:
            os._exit(203)  # EXIT_EXEC of systemd.exec(5)

    def _bury(self) -> None:
        _, status = os.waitpid(self._pid, 0)
        self.history.append(f"ended {status}")
        os.close(self._death)
        self._pid, self._death = 0, -1
        self._deadline = time.monotonic() + RESTART_SECONDS if self._is_wanted else float("inf")
        if not self._is_wanted:
            self._answer_all(0, "")
        elif not self._is_ready:
            self._answer_all(1, "Job for styxy.service failed.")

    def _be_late(self) -> None:
        self._deadline = float("inf")
        if self._pid:
            self.history.append("missed a WATCHDOG=1")
            os.kill(self._pid, signal.SIGABRT)
            os.kill(self._pid, signal.SIGCONT)
        elif self._is_wanted:
            self._spawn()

    # --- systemctl -------------------------------------------------------------------------------

    def _obey(self, link: socket.socket, words: list[str]) -> None:
        verb = words[1] if words[:1] == ["--user"] else ""
        if verb == "stop" and "styxy.socket" in words and not self._has_sockets():
            answer(link, 5, "Failed to stop styxy.socket: Unit styxy.socket not loaded.")
        elif verb in ("start", "stop", "restart"):
            self._waiting.append(link)
            getattr(self, f"_{verb}")()
        elif verb == "show":
            answer(link, 0, self._shown())
        elif verb == "history":
            answer(link, 0, "\n".join(self.history))
        else:
            links = self._units / "default.target.wants"
            if verb == "enable":
                links.mkdir(exist_ok=True)
                (links / "styxy.service").unlink(missing_ok=True)
                (links / "styxy.service").symlink_to(self._fragment())
            elif verb == "disable":
                (links / "styxy.service").unlink(missing_ok=True)
            answer(link, 0, "")

    def _start(self) -> None:
        if not self._fragment().exists():
            self._answer_all(5, "Unit styxy.service not found.")
            return
        self._is_wanted = True
        if self._pid:
            if self._is_ready:
                self._answer_all(0, "")
            return
        try:
            if not self._sockets and self._has_sockets():
                self._open()
        except OSError as error:
            self._close()
            if "Requires" in read_unit(self._fragment()):
                self._answer_all(1, f"styxy.socket: {error.strerror}")
                return
        self._spawn()

    def _stop(self) -> None:
        self._is_wanted = False
        self._close()
        if self._pid:
            os.kill(self._pid, signal.SIGTERM)
        else:
            self._answer_all(0, "")

    def _close(self) -> None:
        for sock in self._sockets:
            name = sock.getsockname()
            sock.close()
            if isinstance(name, str):
                Path(name).unlink(missing_ok=True)
        self._sockets = []

    def _restart(self) -> None:
        self._is_wanted = True
        os.kill(self._pid, signal.SIGTERM)

    def _shown(self) -> str:
        state = "active" if self._is_ready else "activating"
        active = state if self._is_wanted else "inactive"
        facts = {"ActiveState": active, "SubState": "test", "MainPID": self._pid}
        facts |= {"UnitPath": self._units, "FragmentPath": self._fragment()}
        if self._fragment().exists():
            facts["Environment"] = " ".join(read_unit(self._fragment()).get("Environment", ()))
        else:
            facts["FragmentPath"] = ""
        return "".join(f"{name}={value}\n" for name, value in facts.items())

    def _answer_all(self, code: int, text: str) -> None:
        for link in self._waiting:
            answer(link, code, text)
        self._waiting = []


def opened(address: str, kind: int, mode: int) -> socket.socket:
    """Open one socket of a unit (systemd.socket(5))."""
    if address.startswith("/"):
        os.makedirs(os.path.dirname(address), 0o700, exist_ok=True)
        sock = socket.socket(socket.AF_UNIX, kind)
        sock.bind(address)
        os.chmod(address, mode)
    else:
        host, port = address.rsplit(":", 1)
        sock = socket.socket(socket.AF_INET6 if "[" in host else socket.AF_INET, kind)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host.strip("[]"), int(port)))
    if kind == socket.SOCK_STREAM:
        sock.listen(2048)
    return sock


def inherited() -> dict[str, str]:
    """What a user's manager gives to every service."""
    names = ("HOME", "PATH", "XDG_RUNTIME_DIR", "PYTHONPATH")
    return {name: os.environ[name] for name in names if name in os.environ}


def answer(link: socket.socket, code: int, text: str) -> None:
    """Answer a `systemctl`, which may be gone."""
    with contextlib.suppress(OSError):
        link.sendall(json.dumps([code, text]).encode() + b"\n")
    link.close()


@contextlib.contextmanager
def running_manager(folder: Path, env: dict[str, str], *, watchdog: float = 60) -> Iterator[Path]:
    """Run one for the units of an environment; yield the directory of its `systemctl`."""
    control, programs = folder / "control", folder / "bin"
    programs.mkdir()
    systemctl = programs / "systemctl"
    systemctl.write_text(SYSTEMCTL.format(python=sys.executable, control=str(control)))
    systemctl.chmod(0o755)
    units = Path(env["HOME"], ".config", "systemd", "user")
    command = [sys.executable, "-IS", __file__, str(units), str(control), str(watchdog)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield programs
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def history_of(programs: Path) -> list[str]:
    """What the manager has heard and seen."""
    done = subprocess.run(
        [programs / "systemctl", "--user", "history"], capture_output=True, text=True, check=True
    )
    return re.split(r"\n", done.stdout)


if __name__ == "__main__":
    manager = Manager(Path(sys.argv[1]), Path(sys.argv[2]), watchdog=float(sys.argv[3]))
    # As systemd is called, which has the sockets of its services (proc_pid_comm(5)).
    Path("/proc/self/comm").write_text("systemd")
    print("ready", flush=True)
    manager.run()
