"""Bytes that other processes wrote, mutated: every parser of them answers, or refuses in its words.

Files of git, of programs and of earlier daemons, messages of the kernel, what a process calls
itself, answers that may come from anybody: a traceback is never one of the outcomes. Those that C
reads are in tests/native/test_fuzz.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from styxy.adapters import sock_diag
from styxy.adapters.paths import Paths
from styxy.adapters.portmap import file as mapfile
from styxy.adapters.portmap import layout as maplayout
from styxy.adapters.processes import Processes
from styxy.adapters.projects import git
from styxy.client.daemon import connection
from styxy.client.daemon import http_reply as reply
from styxy.client.inspection import containers as engines
from styxy.client.interception import binary_format as program
from styxy.core.errors import InvalidInput
from styxy.core.model.ports import Port
from styxy.core.protocol import wire
from styxy.server.net.sockets import read_daemon_file
from tests.examples import share_of

DEEP = b"[" * 60_000
"""JSON that no parser that calls itself gets through."""


def mutated(*seeds: bytes, spice: bytes = b"") -> st.SearchStrategy[bytes]:
    """Bytes that begin as one of the seeds and have been cut, overwritten and added to."""
    pieces = st.sampled_from([bytes([each]) for each in {*spice, 0, 10, 32, 47, 255}])
    changes = st.lists(st.tuples(st.integers(0, 400), pieces | st.binary(max_size=8)), max_size=5)
    cut = st.integers(0, 400) | st.none()

    def spoil(drawn: tuple[bytes, list[tuple[int, bytes]], int | None]) -> bytes:
        data, edits, end = drawn
        for at, piece in edits:
            at %= len(data) + 1
            data = data[:at] + piece + data[at + len(piece) :]
        return data if end is None else data[: end % (len(data) + 1)]

    return st.tuples(st.sampled_from(seeds), changes, cut).map(spoil) | st.binary(max_size=300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One place for all examples: each writes its file anew."""
    return tmp_path_factory.mktemp("foreign")


# ---- daemon.json, and what anybody may answer ----


RECORD = b'{"pid": 4321, "port": 3999, "socket": "/run/s", "started_at": 1.5, "map": "/m"}'
records = mutated(RECORD, b'{"pid": true, "started_at": 1e999}', b"{}", spice=b'{}[]":,-0.9e')


def places_in(folder: Path) -> Paths:
    return Paths({"STYXY_HOME": str(folder)})


@given(content=records)
@example(content=DEEP)
@example(content=b'{"pid": ' + b"9" * 400 + b', "started_at": ' + b"9" * 400 + b"}")
def test_any_daemon_file_is_a_record_or_none(folder: Path, content: bytes) -> None:
    (folder / "daemon.json").write_bytes(content)
    read_daemon_file(str(folder / "daemon.json"))
    record = connection.read_record(places_in(folder))
    if record is not None:
        assert record.pid is None or 0 < record.pid < 2**31
        assert record.port is None or 0 < record.port < 2**16
        assert record.started_at is None or 0 <= record.started_at < 2**40
        assert record.socket is None or "\0" not in record.socket


@given(content=mutated(b'[{"Id": "a", "Names": ["/n"], "Ports": [{"PublicPort": 80}]}]',
                       spice=b'{}[]":,-0.9e'))  # fmt: skip
@example(content=DEEP)
def test_any_answer_of_an_engine_is_a_list_of_containers(content: bytes) -> None:
    assert all(each.id for each in engines._read("docker", content))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: y\r\n\r\n{}"


@given(pieces=st.lists(mutated(HEAD, spice=b"\r\n:0123456789"), max_size=4))
def test_any_bytes_are_an_answer_or_malformed(pieces: list[bytes]) -> None:
    reader = reply.ReplyReader()
    try:
        for piece in pieces:
            reader.feed(piece)
        reader.end()
    except reply.MalformedReply:
        return
    assert reader.reply is not None
    assert 0 <= reader.reply.status <= 999


# ---- the guest's datagram ----


NOTE = (
    b"styxy/1 listen tcp 4 3000 127.0.0.1 00000000000000ff 0123456789abcdef default - /p 0 3000"
)  # fmt: skip


NAME = b"styxy/1 name 3000 0123456789abcdef"


@given(datagram=mutated(NOTE, NOTE + b" 77", NAME, NAME + b" 77", spice=b" %-/0f"))
def test_any_datagram_is_a_note_or_invalid(datagram: bytes) -> None:
    try:
        note = wire.parse_note(datagram)
    except InvalidInput:
        return
    assert 0 < note.port < 2**16
    if isinstance(note, wire.ListenNote):
        assert note.project is None or note.project.startswith("/")


# ---- git ----


CONFIG = b'[core]\n\tbare = false\n[remote "origin"]\n\turl = git@h:a/b.git\n'
POINTER, COMMON = b"gitdir: ../.git/worktrees/w\n", b"../..\n"


configs = mutated(CONFIG, spice=b'[]"=\n\tul')
pointers = mutated(POINTER, COMMON, b".\n", spice=b"./")
heads = mutated(b"ref: refs/heads/a\n")


@given(config=configs, pointer=pointers, common=pointers, head=heads)
@example(config=CONFIG, pointer=b"gitdir: a\0b\n", common=b"", head=b"")
@example(config=CONFIG, pointer=b"gitdir: .\n", common=b"a\0b\n", head=b"")
def test_any_files_of_git_are_a_repo_or_none(
    folder: Path, config: bytes, pointer: bytes, common: bytes, head: bytes
) -> None:
    (folder / ".git").write_bytes(pointer)
    for name, content in (("config", config), ("commondir", common), ("HEAD", head)):
        (folder / name).write_bytes(content)
    for worktree in (folder, folder / ".git"):
        assert 0 <= git.repo_of(str(worktree)) < 2**64
        git.branch_of(str(worktree))
        git.is_linked(str(worktree))
    git.origin_of(str(folder / "config"))


# ---- programs ----


def elf(segments: int, size: int = 56) -> bytes:
    """The head of an ELF file of this machine, with that many segments."""
    own = program._own_kind()
    ident = b"\x7fELF" + own + b"\1" + bytes(9)
    head = ident + struct.pack("=HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, size, segments, 0, 0, 0)
    segment = struct.pack("=IIQQQQQQ", 4, 4, 0, 0, 0, 1 << 40, 0, 0)
    return head + segment * min(segments, 1100)


SCRIPTS = (b"#!/bin/sh\n", b"#!/usr/bin/env -S A=1 node x\n")


@given(content=mutated(elf(3), *SCRIPTS, spice=b"#! /\x7fE"))
@example(content=elf(65535))
@example(content=elf(65535, size=1).ljust(65536, b"\1"))
@example(content=b"#!" + b"/" * 70_000)
def test_any_program_file_is_looked_at(folder: Path, content: bytes) -> None:
    path = folder / "program"
    path.write_bytes(content)
    path.chmod(stat.S_IRWXU)
    found = program.look_at(str(path), {"PATH": str(folder)})
    assert found.path == str(path)
    if content.startswith(b"\x7fELF" + program._own_kind()):
        assert sum(len(part) for _, part in program._segments(content[:65536])) <= 2**22


# ---- the kernel ----


def message(kind: int = sock_diag.SOCK_DIAG_BY_FAMILY, *, length: int | None = None) -> bytes:
    """One socket, as sock_diag tells of it."""
    body = bytes([socket.AF_INET6, 10, 0, 0]) + bytes(68)
    attribute = struct.pack("=HHBxxx", 5, sock_diag.INET_DIAG_SKV6ONLY, 1)
    size = 16 + len(body) + len(attribute)
    return (
        struct.pack("=IHHII", length if length is not None else size, kind, 0, 1, 0)
        + body
        + (attribute)
    )


DONE = struct.pack("=IHHIIi", 20, sock_diag.NLMSG_DONE, 0, 1, 0, 0)
ERROR = struct.pack("=IHHIIi", 20, sock_diag.NLMSG_ERROR, 0, 1, 0, -1)


@given(data=mutated(message() + DONE, ERROR, message() * 2, spice=b"\1\2\3\4\24"))
@example(data=message(length=0))
@example(data=message(length=15))
@example(data=message()[:-10])
@example(data=ERROR[:-2])
def test_any_messages_are_sockets_or_an_error_of_the_kernel(data: bytes) -> None:
    found: list[bytes] = []
    with contextlib.suppress(OSError):
        sock_diag.split_messages(data, found)
    for each in found:
        assert 0 <= sock_diag.listener_of(each, socket.IPPROTO_TCP).port < 2**16
        assert 0 <= sock_diag.connection_of(each).far < 2**16


MAP = maplayout.MAGIC + struct.pack("@I", maplayout.VERSION) + bytes(300)
SIZES = (0, 15, maplayout.SIZE - 1, maplayout.SIZE, maplayout.SIZE + 1)


@given(start=mutated(MAP), size=st.sampled_from(SIZES))
@settings(max_examples=share_of(30))  # of five megabytes each
def test_any_map_that_was_left_is_read(folder: Path, start: bytes, size: int) -> None:
    path = folder / "ports.map"
    path.write_bytes(start[:size])
    os.truncate(path, size)
    remains = mapfile.remains_of(str(path), home=0)
    assert all(0 <= port < 2**16 for port in remains.ports)
    mapfile.moves_left(str(path), Port(3000), project=0)
    mapfile.retire_left_over(str(path), pid=1)


# ---- /proc ----


MASK = r"""
import sys
fields = open("/proc/self/stat", "rb").read().rpartition(b")")[2].split()
places = [(int(fields[at]), int(fields[at + 1])) for at in (45, 47)]  # arguments, environment
memory = open("/proc/self/mem", "r+b", buffering=0)
name = open("/proc/self/comm", "wb", buffering=0)
print("up", flush=True)
for line in sys.stdin:
    title, *texts = [bytes.fromhex(word[1:]) for word in line.split()]
    name.write(title)
    for (start, end), text in zip(places, texts):
        memory.seek(start)
        memory.write(text[: end - start].ljust(end - start, b"\0"))
    print("worn", flush=True)
"""
"""Calls itself what it is told to: name, arguments and environment, each `=` and hex."""


class Mask:
    """A running MASK."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._hear("up\n")

    def wear(self, *texts: bytes) -> None:
        """Call itself so from here on."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(f"={text.hex()}" for text in texts) + "\n")
        self.process.stdin.flush()
        self._hear("worn\n")

    def _hear(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == line


@pytest.fixture(scope="module")
def mask() -> Iterator[Mask]:
    """One process for all examples, with room for 600 bytes of environment."""
    words, room = [sys.executable, "-IS", "-c", MASK], {"PAD": "x" * 600}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=room) as process:
        yield Mask(process)
        assert process.stdin is not None
        process.stdin.close()


ENVIRONMENT = b"STYXY_PROJECT=/p\0HOME=/h\0STYXY_PROJECT=/q\0"


def as_getenv_says(environment: bytes, name: bytes) -> str | None:
    """The rule of getenv(3): the first entry that begins with the name and `=`."""
    entries = environment.split(b"\0")
    values = [each[len(name) + 1 :] for each in entries if each.startswith(name + b"=")]
    return os.fsdecode(values[0]) if values else None


@given(title=mutated(b"server", b"a) S 1 (b", spice=b"()\n \0\\"),
       words=mutated(b"node\0server.js\0--port\0\0003000\0", spice=b"\0()"),
       environment=mutated(ENVIRONMENT, spice=b"=\0"))  # fmt: skip
@example(title=b") Z 1 1 (", words=b"", environment=ENVIRONMENT)
@example(title=b"a\n", words=b"\0\0", environment=b"STYXY_PROJECT\0=\0STYXY_PROJECT=")
@example(title=b"", words=b"\xff", environment=b"")
def test_whatever_a_process_calls_itself_it_is_who_it_is(
    mask: Mask, title: bytes, words: bytes, environment: bytes
) -> None:
    processes, pid = Processes(), mask.process.pid
    holder = processes.holder(pid)
    mask.wear(title, words, environment)
    assert holder is not None
    assert processes.holder(pid) == holder
    looked = processes.table()[pid]
    assert (looked.parent, looked.group, looked.session) == (
        os.getpid(),
        os.getpgid(0),
        os.getsid(0),
    )
    name = title[:15].partition(b"\0")[0]
    assert processes.name(pid) == os.fsdecode(name)
    said = words.rstrip(b"\0")
    assert processes.command(pid) == (os.fsdecode(said).split("\0") if said else None)
    for each in ("STYXY_PROJECT", "HOME"):
        assert processes.variable(pid, each) == as_getenv_says(environment, each.encode())
