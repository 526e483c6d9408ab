"""Who has a port that cannot be seen: on kernels before 6.8, a bound and silent socket."""

from __future__ import annotations

import os
import socket
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from styxy.adapters.kernel import KernelLook
from styxy.adapters.processes import Processes
from styxy.core.decisions.desk import Desk
from styxy.core.decisions.requests import MoveRequest
from styxy.core.model.leases import Owner
from styxy.core.model.ports import Port
from styxy.core.model.service_types import Catalogue
from styxy.server.service.same_program import SameProgram
from styxy.server.world.listeners import Listeners
from tests.fakes import free_port

if TYPE_CHECKING:
    from styxy.server.world.context import Context


class OldKernel(KernelLook):
    """A kernel that does not show bound sockets (before Linux 6.8)."""

    @cached_property
    def shows_bound(self) -> bool:
        return False

    def bound_inactive(self, port: Port) -> list[int]:
        return []


def is_lock(kernel: KernelLook, port: int) -> bool:
    """Tell whether a port that this process asks for counts as a lock."""
    processes = Processes()
    listeners = Listeners(kernel=kernel, processes=processes)
    listeners.look_at(Port(port), 0.0)
    parts = SimpleNamespace(
        kernel=kernel,
        processes=processes,
        listeners=listeners,
        projects=SimpleNamespace(of=lambda _pid: "/here"),
    )
    holder = processes.holder(os.getpid())
    assert holder is not None
    request = MoveRequest(
        asked=Port(port),
        owner=Owner(project="/here"),
        holder=holder,
        image_id="0" * 16,
        reason="inuse",
    )
    return SameProgram(cast("Context", parts), Desk(Catalogue())).is_lock(request)


@pytest.mark.parametrize(("kernel", "is_locked"), [(OldKernel, True), (KernelLook, False)])
def test_an_unseen_holder_counts_as_the_same_program_on_an_old_kernel(
    kernel: type[KernelLook], is_locked: bool
) -> None:
    look, port = kernel(), free_port()
    if kernel is KernelLook and not look.shows_bound:
        pytest.skip("this kernel does not show bound sockets")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", port))
        assert is_lock(look, port) == is_locked  # this process is not another one of its program
        silent.listen()
        assert not is_lock(look, port)
    look.close()


def test_a_port_in_a_range_is_no_lock_on_an_old_kernel_either() -> None:
    look = OldKernel()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", port := free_port(range(8000, 8100))))
        assert not is_lock(look, port)
    look.close()
