"""Container engines: which containers publish ports, according to Docker's and Podman's own
sockets.

Nothing is started, and there is no error if no engine exists or answers in time. The API is
Docker's, which Podman implements too (GET /containers/json). HTTP/1.0, so that the response is not
chunked.
"""

from __future__ import annotations

import _socket
import json
import os
import time

from styxy.client.daemon.http_reply import MalformedReply, ReplyReader
from styxy.core.reports.who_report import Container, Engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PATIENCE = 0.3
"""Seconds for all engines together; a healthy one answers in 5 ms."""

_REQUEST = b"GET /containers/json HTTP/1.0\r\nHost: localhost\r\n\r\n"
_COMPOSE = ("com.docker.compose.", "io.podman.compose.")


def containers(
    engines: Iterable[tuple[Engine, str]], *, patience: float = PATIENCE
) -> list[Container]:
    """List the running containers of every engine that answers within `patience` seconds."""
    deadline = time.monotonic() + patience
    found: dict[str, Container] = {}
    for engine, path in engines:
        for each in _read(engine, _asked(path, deadline)):
            found.setdefault(each.id, each)
    return list(found.values())


def sockets(env: Mapping[str, str]) -> list[tuple[Engine, str]]:
    """Return the engines and their sockets, as their own command lines look for them."""
    host = env.get("DOCKER_HOST", "")
    runtime = env.get("XDG_RUNTIME_DIR", "")
    home = env.get("HOME", "")
    named: list[tuple[Engine, str]] = []
    if host.startswith("unix://"):
        path = host.removeprefix("unix://")
        named.append(("podman" if "podman" in path else "docker", path))
    named.append(("docker", "/var/run/docker.sock"))
    if runtime:
        named += [("docker", f"{runtime}/docker.sock"), ("podman", f"{runtime}/podman/podman.sock")]
    if home:
        named.append(("docker", f"{home}/.docker/run/docker.sock"))
    named.append(("podman", "/run/podman/podman.sock"))
    by_file: dict[str, tuple[Engine, str]] = {}
    for engine, path in named:
        by_file.setdefault(os.path.realpath(path), (engine, path))
    return list(by_file.values())


def _asked(path: str, deadline: float) -> bytes:
    reader = ReplyReader()
    try:
        with _Link(path, deadline) as link:
            link.sendall(_REQUEST)
            while reader.reply is None:
                link.settimeout(max(deadline - time.monotonic(), 0.001))
                data = link.recv(65536)
                if data:
                    reader.feed(data)
                else:
                    reader.end()
    except (OSError, MalformedReply):
        return b""  # ENOENT, ECONNREFUSED: no engine; EACCES: not ours; late, or something else
    return reader.reply.body if reader.reply.status == 200 else b""


class _Link:
    """A connection to a Unix socket; the module `socket` costs more than all the rest."""

    def __init__(self, path: str, deadline: float) -> None:
        self._link = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._link.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            self._link.connect(path)
        except OSError:
            self._link.close()
            raise

    def __enter__(self) -> _socket.socket:
        return self._link

    def __exit__(self, *_: object) -> None:
        self._link.close()


def _read(engine: Engine, body: bytes) -> Iterator[Container]:
    try:
        listed = json.loads(body)
    except (ValueError, RecursionError):
        return  # empty, truncated, or not an engine's answer
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("Id"), str):
            yield _container(engine, each)


def _container(engine: Engine, data: Mapping[str, object]) -> Container:
    names, ports, labels = data.get("Names"), data.get("Ports"), data.get("Labels")
    name = str(names[0]).removeprefix("/") if isinstance(names, list) and names else None
    listed = [each for each in ports if isinstance(each, dict)] if isinstance(ports, list) else []
    public = {each.get("PublicPort") for each in listed}
    said = labels if isinstance(labels, dict) else {}
    return Container(
        engine=engine,
        id=str(data["Id"]),
        name=name or str(data["Id"])[:12],
        image=str(data.get("Image", "")),
        ports=tuple(sorted(port for port in public if isinstance(port, int) and port)),
        compose_project=_label(said, "project"),
        compose_service=_label(said, "service"),
        compose_directory=_label(said, "project.working_dir"),
    )


def _label(labels: Mapping[str, object], name: str) -> str | None:
    found = (labels.get(prefix + name) for prefix in _COMPOSE)
    return next((str(each) for each in found if each), None)
