"""The kernel's truth, on real sockets: who listens, and whether a bind would pass."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from styxy.adapters.kernel import KernelLook, bind_passes, has_ipv6, netns_cookie
from styxy.adapters.sock_diag import Listener
from styxy.core.model.leases import Protocol
from styxy.core.model.ports import Port, PortRange
from tests.fakes import leave_old_connection
from tests.network import own_network

SO_COOKIE = 57
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on loopback here")
LINUX = tuple(int(part) for part in os.uname().release.split(".")[:2])


@pytest.fixture
def kernel() -> Iterator[KernelLook]:
    look = KernelLook()
    yield look
    look.close()


def bound(
    address: str,
    *,
    port: int = 0,
    kind: socket.SocketKind = socket.SOCK_STREAM,
    v6only: bool = True,
    reuse: bool = False,
) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found = socket.socket(family, kind)
    if family == socket.AF_INET6:
        found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
    if reuse:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.bind((address, port))
    return found


def port_of(sock: socket.socket) -> Port:
    return Port(sock.getsockname()[1])


def seen(kernel: KernelLook, port: Port, *, udp: bool = False) -> list[Listener]:
    return [each for each in kernel.listeners(udp=udp) if each.port == port]


ADDRESSES = [
    pytest.param("127.0.0.1", True, "127.0.0.1"),
    pytest.param("0.0.0.0", True, "0.0.0.0"),
    pytest.param("127.0.0.53", True, "127.0.0.53"),
    pytest.param("::1", True, "::1", marks=needs_ipv6),
    pytest.param("::", True, "::", marks=needs_ipv6),
    pytest.param("::", False, "::", marks=needs_ipv6),
    pytest.param("::ffff:127.0.0.1", False, "::ffff:127.0.0.1", marks=needs_ipv6),
]


@pytest.mark.parametrize(("address", "v6only", "shown"), ADDRESSES)
def test_a_listener_is_seen_and_its_port_is_not_free(
    kernel: KernelLook, address: str, v6only: bool, shown: str
) -> None:
    with bound(address, v6only=v6only) as server:
        port = port_of(server)
        server.listen()
        (listener,) = seen(kernel, port)
        assert (listener.address, listener.protocol) == (shown, "tcp")
        assert listener.uid == os.getuid()
        assert listener.inode == os.fstat(server.fileno()).st_ino
        cookie = server.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
        assert listener.cookie == int.from_bytes(cookie, "little")
        assert not kernel.is_free(port)
        assert not kernel.is_free(port, "both")
        assert kernel.is_free(port, "udp")
    assert seen(kernel, port) == []
    assert kernel.is_free(port)
    assert kernel.is_free(port, "both")


@pytest.mark.parametrize(("address", "v6only", "shown"), ADDRESSES)
def test_a_listener_that_allows_reuse_is_no_less_there(
    kernel: KernelLook, address: str, v6only: bool, shown: str
) -> None:
    with bound(address, v6only=v6only, reuse=True) as server:
        server.listen()
        assert not kernel.is_free(port_of(server)), shown


@needs_ipv6
def test_two_listeners_on_one_number_are_both_seen(kernel: KernelLook) -> None:
    with bound("127.0.0.1") as four, bound("::1", port=port_of(four)) as six:
        four.listen()
        six.listen()
        assert {each.address for each in seen(kernel, port_of(four))} == {"127.0.0.1", "::1"}


@pytest.mark.parametrize(("address", "v6only", "shown"), ADDRESSES)
def test_a_socket_that_is_bound_and_does_not_listen_has_its_port(
    kernel: KernelLook, address: str, v6only: bool, shown: str
) -> None:
    with bound(address, v6only=v6only) as idle:
        assert seen(kernel, port_of(idle)) == [], shown
        assert not kernel.is_free(port_of(idle))


@pytest.mark.skipif(LINUX < (6, 8), reason="this kernel does not show bound sockets that are idle")
@pytest.mark.parametrize(("address", "v6only", "shown"), ADDRESSES)
def test_a_bound_socket_that_allows_reuse_has_its_port_too(
    kernel: KernelLook, address: str, v6only: bool, shown: str
) -> None:
    with bound(address, v6only=v6only, reuse=True) as idle:
        assert kernel.is_bound_inactive(port_of(idle)), shown
        assert not kernel.is_free(port_of(idle))


@pytest.mark.parametrize("reuse", [True, False])
def test_a_port_in_time_wait_is_free_where_a_server_can_have_it(
    kernel: KernelLook, reuse: bool
) -> None:
    port = Port(leave_old_connection(reuse=reuse))
    assert not bind_passes(port, socket.AF_INET, socket.SOCK_STREAM, reuse=False)
    # Only if the one who left had SO_REUSEADDR does the kernel let another in who has it.
    assert kernel.is_free(port) == reuse


def test_the_port_of_a_living_connection_is_not_listened_on(kernel: KernelLook) -> None:
    with bound("127.0.0.1") as server:
        server.listen()
        with socket.create_connection(("127.0.0.1", port_of(server))) as client:
            accepted, _ = server.accept()
            with accepted:
                assert seen(kernel, port_of(client)) == []
                assert len(seen(kernel, port_of(server))) == 1


def test_who_was_connected_to_is_known_for_a_while(kernel: KernelLook) -> None:
    with bound("127.0.0.1") as server:
        server.listen()
        port = port_of(server)
        assert kernel.connected_ago(port) is None
        with socket.create_connection(("127.0.0.1", port)):
            assert kernel.connected_ago(port) == 0
    begun = time.monotonic()
    left = Port(leave_old_connection())
    ago = kernel.connected_ago(left)
    assert ago is not None
    assert 0 <= ago <= time.monotonic() - begun + 0.01


@pytest.mark.parametrize("closes_first", ["client", "server"])
def test_a_connection_leaves_a_trace_at_either_end(kernel: KernelLook, closes_first: str) -> None:
    with bound("127.0.0.1") as server:
        server.listen()
        port = port_of(server)
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        first, second = (client, accepted) if closes_first == "client" else (accepted, client)
        first.close()
        assert second.recv(1) == b""
        second.close()
        assert kernel.connected_ago(port) is not None


@pytest.mark.parametrize(("address", "v6only", "shown"), ADDRESSES)
@pytest.mark.parametrize("reuse", [False, True])
def test_udp_and_tcp_are_asked_apart(
    kernel: KernelLook, address: str, v6only: bool, shown: str, reuse: bool
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:  # a number that TCP does not use either
        probe.bind(("", 0))
        port = port_of(probe)
    kind = socket.SOCK_DGRAM
    with bound(address, port=port, v6only=v6only, kind=kind, reuse=reuse) as service:
        assert port_of(service) == port
        (listener,) = seen(kernel, port, udp=True)
        assert (listener.protocol, listener.address) == ("udp", shown)
        assert not kernel.is_free(port, "udp")
        assert not kernel.is_free(port, "both")
        assert kernel.is_free(port, "tcp")
        assert seen(kernel, port) == []


@pytest.mark.parametrize("protocol", ["tcp", "udp", "both"])
def test_a_privileged_port_can_be_asked_for(kernel: KernelLook, protocol: Protocol) -> None:
    assert kernel.is_free(Port(1), protocol) in (True, False)


def test_a_thousand_questions_leave_no_descriptor_behind(kernel: KernelLook) -> None:
    with bound("127.0.0.1") as server:
        server.listen()
        port = port_of(server)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(1000):
            kernel.is_free(port)
        for _ in range(100):
            kernel.listeners()
            netns_cookie()
        assert len(os.listdir("/proc/self/fd")) == before


def test_every_listener_of_many_is_seen(kernel: KernelLook) -> None:
    servers = [bound("127.0.0.1") for _ in range(300)]
    for server in servers:
        server.listen()
    try:
        wanted = {port_of(server) for server in servers}
        assert wanted <= {each.port for each in kernel.listeners()}
    finally:
        for server in servers:
            server.close()


def test_one_namespace_has_one_cookie() -> None:
    assert netns_cookie() == netns_cookie()


def test_an_error_of_the_probe_that_is_no_conflict_is_raised() -> None:
    with pytest.raises(OSError, match=os.strerror(errno.EAFNOSUPPORT)):
        bind_passes(Port(3000), 999, socket.SOCK_STREAM, reuse=False)


def test_connections_are_found_from_both_ends(kernel: KernelLook) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        accepted, _ = server.accept()
        with accepted:
            found = kernel.connections(Port(server.getsockname()[1]))
            ours = [os.fstat(each.fileno()).st_ino for each in (accepted, client)]
            assert sorted(found) == sorted(ours)
            assert os.fstat(server.fileno()).st_ino not in found


@pytest.mark.parametrize("address", ["127.0.0.1", pytest.param("::1", marks=needs_ipv6)])
def test_the_user_at_the_other_end_of_a_connection_is_known_while_he_has_it(
    kernel: KernelLook, address: str
) -> None:
    with bound(address) as server:
        server.listen()
        with socket.create_connection(server.getsockname()[:2]):
            ours, _ = server.accept()
            assert kernel.connection_owner(ours) == os.geteuid()
        assert kernel.connection_owner(ours) is None, "and not root, whatever the kernel says"
        ours.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_connection_of_another_user_is_his(kernel: KernelLook) -> None:
    script = (
        "import os, socket, sys; os.setuid(65534); "
        "link = socket.socket(); link.connect(('127.0.0.1', int(sys.argv[1]))); link.recv(1)"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        command = [sys.executable, "-IS", "-c", script, str(server.getsockname()[1])]
        with subprocess.Popen(command):
            ours, _ = server.accept()
            with ours:
                assert kernel.connection_owner(ours) == 65534


EPHEMERAL = """
import socket
from styxy.adapters.kernel import ephemeral_ports
with open("/proc/sys/net/ipv4/ip_local_port_range", "w") as file:
    file.write("41000 41003")
with socket.socket() as asking:
    asking.bind(("127.0.0.1", 0))
    print(ephemeral_ports(), asking.getsockname()[1] in range(41000, 41004))
"""


def test_the_ephemeral_ports_are_those_of_the_network_that_one_is_in() -> None:
    words = (*own_network(), sys.executable, "-P", "-c", EPHEMERAL)
    if not own_network():
        pytest.skip("nobody may make a network here")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "Permission denied" in done.stderr or "Read-only" in done.stderr:
        pytest.skip("the range cannot be set here")
    assert (done.stdout, done.stderr) == (f"{PortRange(Port(41000), Port(41003))} True\n", "")
