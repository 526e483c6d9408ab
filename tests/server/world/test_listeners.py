"""How listeners are remembered from look to look: when each began, and who has it."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from styxy.adapters.kernel import KernelLook, ephemeral_ports
from styxy.adapters.processes import Processes
from styxy.adapters.projects.projects import Projects
from styxy.adapters.sock_diag import Listener
from styxy.core.model.ports import Port
from styxy.server.world.listeners import Listeners
from styxy.server.world.port_usage import PortUsage


@pytest.fixture
def kernel() -> Iterator[KernelLook]:
    """The kernel of this machine."""
    with closing(KernelLook()) as kernel:
        yield kernel


def listener(kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[socket.socket, Port]:
    server = socket.socket(socket.AF_INET, kind)
    server.bind(("127.0.0.1", 0))
    if kind == socket.SOCK_STREAM:
        server.listen()
    return server, Port(server.getsockname()[1])


def test_a_socket_began_at_the_look_that_saw_it_first(kernel: KernelLook) -> None:
    processes = Processes()
    listeners = Listeners(kernel=kernel, processes=processes)
    old, old_port = listener()
    with old:
        assert old_port in listeners.look(1000.0)
        new, new_port = listener()
        with new:
            listeners.look(1001.0)
            listeners.look(1002.0)
            (seen,) = listeners.sightings(new_port)
            assert (seen.since, seen.pid) == (1001.0, os.getpid())
            (seen,) = listeners.sightings(old_port)
            me = processes.holder(os.getpid())
            assert me is not None
            assert seen.since == processes.started_at(me)
        assert new_port not in listeners.look(1003.0)
        assert listeners.sightings(new_port) == []


def test_a_process_began_in_the_past() -> None:
    processes = Processes()
    me = processes.holder(os.getpid())
    assert me is not None
    assert 0 <= time.time() - processes.started_at(me) + 1.5 < 24 * 3600


def test_udp_is_looked_at_apart(kernel: KernelLook) -> None:
    listeners = Listeners(kernel=kernel, processes=Processes())
    server, port = listener(socket.SOCK_DGRAM)
    with server:
        assert port in listeners.look_at_udp(1.0)
        assert port not in listeners.look(1.0)
        assert listeners.heir(port) is None
        heir = listeners.heir(port, "udp")
        assert heir is not None
        assert heir.pid == os.getpid()


def test_a_survey_names_what_it_cannot_see_as_nothing(kernel: KernelLook) -> None:
    processes = Processes()
    listeners = Listeners(kernel=kernel, processes=processes)
    port_usage = PortUsage(
        listeners=listeners,
        processes=processes,
        projects=Projects(processes=processes, user_home="/"),
        ephemeral=ephemeral_ports(),
    )
    server, port = listener()
    with server:
        usage = port_usage.port(port, now=1.0)
        assert usage is not None
        assert (usage.protocol, usage.addresses, usage.pid) == ("tcp", ("127.0.0.1",), os.getpid())
        assert port in {each.port for each in asyncio.run(port_usage.ports(leased=(), now=2.0))}
    assert port_usage.port(port, now=3.0) is None


class Quiet(KernelLook):
    """The kernel of a machine on which nobody uses UDP but on one port."""

    only: Port | None = None

    def listeners(self, *, udp: bool = False, port: Port | None = None) -> list[Listener]:
        """List what the kernel shows of that port."""
        return [each for each in super().listeners(udp=udp, port=port) if each.port == self.only]


def test_the_last_socket_of_a_machine_is_seen_to_go() -> None:
    with closing(Quiet()) as kernel:
        listeners = Listeners(kernel=kernel, processes=Processes())
        assert listeners.look_at_udp(1.0) == frozenset()
        server, kernel.only = listener(socket.SOCK_DGRAM)
        with server:
            listeners.look_at(kernel.only, 2.0)
            assert len(listeners.sightings(kernel.only, "udp")) == 1
        assert listeners.look_at_udp(3.0) == frozenset()
        assert listeners.sightings(kernel.only, "udp") == []
