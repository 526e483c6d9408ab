"""psutil's answers beside the kernel's own: what both show is the same.

Tests `choice`, `sockets`, `kernel`, `processes`, `handles` and `peers`.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from styxy.adapters.kernel import KernelLook
from styxy.adapters.portable.choice import is_portable, open_kernel, open_processes
from styxy.adapters.portable.handles import Handle, _Compared, pin, wait_any
from styxy.adapters.portable.kernel import PortableKernel
from styxy.adapters.portable.peers import peer_of
from styxy.adapters.portable.processes import PortableProcesses
from styxy.adapters.processes import Processes
from styxy.core.model.ports import Port

IDLE = [sys.executable, "-IS", "-c", "input()"]


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits."""
    with subprocess.Popen(IDLE, stdin=-1, env={"STYXY_TEST": "a=b", "HOME": "/"}, cwd="/") as child:
        yield child
        child.kill()


def test_linux_is_asked_itself() -> None:
    assert not is_portable()
    kernel = open_kernel()
    assert type(kernel) is KernelLook
    assert type(open_processes()) is Processes
    kernel.close()


@pytest.mark.parametrize(
    ("family", "address"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::1")],
)
@pytest.mark.parametrize("udp", [False, True], ids=["tcp", "udp"])
def test_a_listener_is_shown_as_the_kernel_shows_it(family: int, address: str, udp: bool) -> None:
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    with socket.socket(family, kind) as server:
        server.bind((address, 0))
        if not udp:
            server.listen()
        port = Port(server.getsockname()[1])
        kernel, portable = KernelLook(), PortableKernel()
        (theirs,) = kernel.listeners(udp=udp, port=port)
        (ours,) = portable.listeners(udp=udp, port=port)
        kernel.close()
        facts = [(each.port, each.protocol, each.address, each.uid) for each in (theirs, ours)]
        assert facts[0] == facts[1]
        assert PortableProcesses().socket_owners([ours.inode]) == {ours.inode: os.getpid()}
        assert PortableProcesses().has_socket(os.getpid(), ours.inode)
        assert not portable.is_free(port, "udp" if udp else "tcp")
    assert PortableKernel().listeners(udp=udp, port=port) == []


def test_a_listener_keeps_its_number_and_another_one_gets_another() -> None:
    kernel = PortableKernel()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = Port(server.getsockname()[1])
        first = kernel.listeners(port=port)
        assert PortableKernel().listeners(port=port) == first
    script = f"import socket; s = socket.create_server(('127.0.0.1', {port})); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-IS", "-u", "-c", script], stdin=-1, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        (second,) = PortableKernel().listeners(port=port)
        assert second.cookie != first[0].cookie
        other.kill()


def test_connections_are_found_at_both_ends() -> None:
    kernel = PortableKernel()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = Port(server.getsockname()[1])
        assert PortableKernel().connected_ago(port) is None
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0] as accepted:
            assert len(kernel.connections(port)) == 2
            assert kernel.connected_ago(port) == 0
            assert kernel.connection_owner(accepted) is None


def test_a_process_is_as_proc_shows_it(child: subprocess.Popen[bytes]) -> None:
    theirs, ours = Processes(), PortableProcesses()
    pid = child.pid
    assert ours.boot == theirs.boot
    for question in ("name", "command", "uid", "executable", "directory", "group", "terminal"):
        assert getattr(ours, question)(pid) == getattr(theirs, question)(pid), question
    assert ours.variables(pid, "STYXY_TEST", "PATH") == {"STYXY_TEST": "a=b"}
    assert list(ours.parents(pid)) == list(theirs.parents(pid))
    mine, shown = ours.table()[pid], theirs.table()[pid]
    for field in ("parent", "group", "session", "uid", "name", "words", "directory"):
        assert getattr(mine, field) == getattr(shown, field), field
    assert set(ours.trees([os.getpid()])) >= {os.getpid(), pid}
    holder, other = ours.holder(pid), theirs.holder(pid)
    assert holder is not None
    assert other is not None
    assert holder.start_time == mine.started
    assert abs(ours.started_at(holder) - theirs.started_at(other)) < 2
    with pytest.raises(OSError, match="not implemented") as refused:
        ours.pidfd(pid)
    assert refused.value.errno == errno.ENOSYS


def test_a_process_that_has_ended_is_not_there(child: subprocess.Popen[bytes]) -> None:
    ours = PortableProcesses()
    holder = ours.holder(child.pid)
    assert holder is not None
    assert ours.is_alive(holder)
    child.kill()
    pin(child.pid).wait(60)
    assert ours.holder(child.pid) is None  # a zombie has ended, too
    child.wait()
    assert not ours.is_alive(holder)
    assert (ours.name(child.pid), ours.command(child.pid)) == (None, None)
    assert ours.variables(child.pid, "HOME") == {}


@pytest.mark.parametrize("pinned", [pin, _Compared], ids=["pidfd", "compared"])
def test_a_pinned_process_is_reached_until_it_has_ended(
    child: subprocess.Popen[bytes], pinned: type[Handle]
) -> None:
    handle = pinned(child.pid)  # type: ignore[call-arg] # a protocol has no arguments
    assert not handle.wait(0)
    assert wait_any({1: handle}, 0) == set()
    handle.send(signal.SIGTERM)
    assert handle.wait(60)
    assert wait_any({1: handle}, 60) == {1}
    child.wait()
    with pytest.raises(ProcessLookupError):
        handle.send(signal.SIGTERM)
    handle.close()
    with pytest.raises(ProcessLookupError):
        pinned(child.pid)  # type: ignore[call-arg] # likewise


def test_the_kernel_names_who_is_at_the_other_end() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert peer_of(ours) == (os.getpid(), os.getuid(), os.getgid())
