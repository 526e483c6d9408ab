"""Servers of TCP and UDP on one number stay together, and UDP clients reach their own."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path

import pytest

from tests.commands import COMMAND
from tests.fakes import free_port
from tests.native.supervised import needs_seccomp
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation
from tests.programs.program import API
from tests.programs.running import Running, running
from tests.programs.sources import command
from tests.programs.test_conflicts import notice, wait_moved

pytestmark = pytest.mark.real

PATIENCE = 10

BOTH = """
import os, selectors, socket, sys

def bound(kind):
    server = socket.socket(socket.AF_INET, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    if kind == socket.SOCK_STREAM:
        server.listen()
    watching.register(server, selectors.EVENT_READ)
    return server

watching = selectors.DefaultSelector()
kinds = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
servers = [bound(kinds[name]) for name in sys.argv[2:]]
print("up at", *(each.getsockname()[1] for each in servers), flush=True)
me = os.path.basename(os.getcwd()).encode()
while True:
    for key, _ in watching.select():
        if key.fileobj.type == socket.SOCK_STREAM:
            with key.fileobj.accept()[0] as link:
                link.sendall(me)
        else:
            key.fileobj.sendto(me, key.fileobj.recvfrom(100)[1])
"""
"""A server that binds one protocol after the other and answers on both with its project's name."""

UDP_CLIENT = """
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(10)
client.connect(("127.0.0.1", int(sys.argv[1])))
client.send(b"who is there?")
print(client.recv(100).decode())
"""

DNSMASQ = command("dnsmasq", "--version", package="dnsmasq-base")


@contextmanager
def under(
    installation: Installation, words: list[str | Path], *, cwd: Path, backend: str
) -> Iterator[Running]:
    """Run a program under one of the two backends."""
    command = [*COMMAND, "run", "--backend", backend, "--", *words]
    with running(command, cwd=cwd, env=installation.env) as program:
        yield program


def answer_of_tcp(port: int) -> str:
    """Return what a server of TCP says to whoever connects."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        return link.recv(100).decode()


def asked_by_udp(port: int, question: bytes) -> bytes:
    """Send one datagram from outside of Styxy, and return the answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(PATIENCE)
        client.sendto(question, ("127.0.0.1", port))
        return client.recv(1000)


def client_of(installation: Installation, project: Path, port: int) -> str:
    """Return what a connected UDP client of a project hears."""
    with installation.run([sys.executable, "-c", UDP_CLIENT, str(port)], cwd=project) as client:
        client.wait()
        return client.stdout.strip()


def wait_client(installation: Installation, project: Path, port: int, name: str) -> None:
    """Wait until the clients of a project meet a server; what guests report takes a moment."""
    wait_until(lambda: client_of(installation, project, port) == name, f"{project} meets {name}")


@pytest.mark.parametrize("order", [("tcp", "udp"), ("udp", "tcp")], ids="-".join)
@pytest.mark.parametrize("backend", ["preload", pytest.param("seccomp", marks=needs_seccomp)])
def test_tcp_and_udp_of_a_server_are_moved_together(
    backend: str,
    order: tuple[str, str],
    installation: Installation,
    ours: Path,
    theirs: Path,
) -> None:
    port = free_port(API)
    words: list[str | Path] = [sys.executable, "-c", BOTH, str(port), *order]
    with under(installation, words, cwd=theirs, backend=backend) as first:
        first.wait_line(f"up at {port} {port}", stream="stdout")
        with under(installation, words, cwd=ours, backend=backend) as second:
            got = wait_moved(second, port)
            second.wait_line(rf"up at {'.*' if order[0] == 'udp' else got} {got}", stream="stdout")
            for place, name in ((port, theirs.name), (got, ours.name)):
                assert answer_of_tcp(place) == name
                assert asked_by_udp(place, b"?").decode() == name
            for project in (ours, theirs):
                wait_client(installation, project, port, project.name)
            said = [line for line in second.stderr.splitlines() if "STYXY" in line]
            assert said == [notice(port, got)]
            assert len(installation.leases(ours)) == 1
        wait_client(installation, ours, port, theirs.name)
    assert "STYXY" not in first.stdout + first.stderr


def dns_question(name: str) -> bytes:
    """Write a question for the address of a name (RFC 1035 section 4)."""
    labels = b"".join(struct.pack("B", len(each)) + each.encode() for each in name.split("."))
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + struct.pack("!BHH", 0, 1, 1)


def dns_over_tcp(port: int, question: bytes) -> bytes:
    """Ask over TCP, where the length comes first."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as link:
        link.sendall(struct.pack("!H", len(question)) + question)
        with link.makefile("rb") as answers:
            (length,) = struct.unpack("!H", answers.read(2))
            return answers.read(length)


def dnsmasq(port: int, address: str) -> list[str | Path]:
    """Spell a name server that knows one name."""
    return [
        "dnsmasq", "--keep-in-foreground", f"--port={port}", "--listen-address=127.0.0.1",
        "--bind-interfaces", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file=",
        f"--user={getuser()}", f"--address=/who.test/{address}", "--log-facility=-",
    ]  # fmt: skip


def test_dnsmasq_answers_for_each_worktree(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    if reason := DNSMASQ.missing():
        pytest.skip(reason)
    port, question = free_port(API), dns_question("who.test")
    places = {theirs: port, ours: 0}
    addresses = {theirs: "192.0.2.1", ours: "192.0.2.2"}
    with installation.run(dnsmasq(port, addresses[theirs]), cwd=theirs) as first:
        first.wait_line(r"dnsmasq\[\d+\]: started.*")
        with installation.run(dnsmasq(port, addresses[ours]), cwd=ours) as second:
            places[ours] = wait_moved(second, port)
            for project, place in places.items():
                end = socket.inet_aton(addresses[project])
                assert dns_over_tcp(place, question).endswith(end)
                assert asked_by_udp(place, question).endswith(end)
            assert second.stderr.count("STYXY") == 1
        wait_until(lambda: not installation.leases(ours), "the second one has left")


GROUP = """
import socket, struct, sys
responder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    responder.bind(("", int(sys.argv[1])))
except OSError as error:
    sys.exit(error.strerror)
group = struct.pack("4s4si", socket.inet_aton("224.0.0.251"), bytes(4), 1)
responder.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
print("at", responder.getsockname()[1], flush=True)
sys.stdin.read() or __import__("signal").pause()
"""
"""A responder that joins its group after the bind, as for mDNS on 5353."""


def test_udp_on_a_number_of_nobody_is_not_moved(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words: list[str | Path] = [sys.executable, "-c", GROUP, str(free_port())]
    with installation.run(words, cwd=theirs) as first:
        first.wait_line(r"at \d+", stream="stdout")
        with installation.run(words, cwd=ours) as second:
            assert second.wait() == 1
            assert second.stderr == "Address already in use\n"
