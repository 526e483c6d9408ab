"""The library for macOS, as far as it can be tried where no Mac is.

It is compiled for both kinds of Mac, and read as dyld reads it. What it takes apart that a Mac's
kernel says is taken apart here. And its way to the system, by libc's functions in place of system
calls, is put under the guest's decisions on Linux, and moves and leads servers here.
"""

from __future__ import annotations

import importlib.util
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from native.build import (
    COMPILE_FLAGS,
    DARWIN_FLAGS,
    DARWIN_SOURCES,
    HERE,
    INTERPOSED,
    LIBRARY_FLAGS,
    darwin_command,
    darwin_hook_command,
    sources_in,
    zig_target,
)
from scripts.release import macho
from scripts.release.targets import MACOS_ARCHITECTURES, OLDEST_MACOS
from tests.fakes import free_port
from tests.native.clients import cookie_of, key_text, port_of, reach, server
from tests.native.guest import (
    BINDER,
    NOTICE,
    FakeDaemon,
    compiled,
    linked,
    listener,
    move,
    run,
    say,
)
from tests.scratch import once, scratch

needs_zig = pytest.mark.skipif(
    not importlib.util.find_spec("ziglang"), reason="zig is not here; try: make release-tools"
)
ZIG = (sys.executable, "-m", "ziglang", "cc")
DYLIB, PROGRAM = 6, 2


# ---- what a Mac's kernel says ----

RECORDS = "darwin/kernel/sysctl_records.c"

LISTER = r"""
#include "darwin/kernel/sysctl_records.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Say what is in a list; then read each beginning of it, for the sanitizers to see. */
int main(int argc, char **argv)
{
    static unsigned char bytes[8192];
    size_t length = fread(bytes, 1, sizeof bytes, stdin);
    struct pcb pcb;
    for (size_t cut = length + 1; cut-- > 0;) {
        unsigned char *copy = malloc(cut + 1);
        memcpy(copy, bytes, cut);
        struct pcb_list list = {.bytes = copy, .length = cut, .is_udp = argc > 1};
        while (pcb_list_next(&list, &pcb))
            if (cut == length)
                printf("%d%d %u %u.%u %llu %d\n", pcb.is_v4, pcb.is_v6, pcb.port, pcb.address[12],
                       pcb.address[15], (unsigned long long)pcb.number, pcb.state);
        free(copy);
    }
    return argv[0] == NULL;
}
"""


def record(kind: int, length: int, **fields: tuple[int, bytes]) -> bytes:
    """A record of the kernel's: its length, its kind, and what lies where in it."""
    content = bytearray(struct.pack("<II", length, kind) + bytes(length - 8))
    for at, value in fields.values():
        content[at : at + len(value)] = value
    return bytes(content) + bytes(-length % 8)


def control_block(port: int, families: int, address: bytes, number: int) -> bytes:
    """A struct xinpcb_n, 104 bytes as of macOS 11, and the records of its socket behind it."""
    block = record(
        0x10, 104, port=(18, struct.pack(">H", port)), number=(28, struct.pack("<Q", number)),
        families=(44, bytes([families])), address=(64, address),
    )  # fmt: skip
    return block + record(0x1, 104) + record(0x2, 28) + record(0x4, 28) + record(0x8, 136)


def tcp_state(state: int) -> bytes:
    """A struct xtcpcb_n."""
    return record(0x20, 204, state=(36, struct.pack("<i", state)))


ENDS = struct.pack("<IIQQ", 24, 2, 9, 9)
"""A struct xinpgen, which the list begins and ends with."""

V4_LOOPBACK = bytes(12) + bytes([127, 0, 0, 1])


def test_a_macs_list_of_tcp_sockets_is_read() -> None:
    text = (
        ENDS
        + control_block(3000, 1, V4_LOOPBACK, 41) + tcp_state(1)
        + record(0x40, 32)  # of a kind that nobody knows yet
        + control_block(8080, 3, bytes(16), 42) + tcp_state(4)
        + ENDS
    )  # fmt: skip
    assert read_records(text) == ["10 3000 127.1 41 1", "11 8080 0.0 42 4"]


def test_a_macs_list_of_udp_sockets_is_read() -> None:
    text = ENDS + control_block(5353, 2, bytes(15) + b"\1", 7) + ENDS
    assert read_records(text, "udp") == ["01 5353 0.1 7 0"]


def read_records(text: bytes, *words: str) -> list[str]:
    """What the library reads in a list."""
    program = linked(LISTER, RECORDS)
    done = subprocess.run([program, *words], input=text, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode().splitlines()


WORDS = r"""
#include "darwin/kernel/sysctl_records.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    static char bytes[4096];
    size_t length = fread(bytes, 1, sizeof bytes, stdin);
    for (size_t cut = length + 1; cut-- > 0;) {
        struct process_words words;
        char *copy = malloc(cut + 1);
        memcpy(copy, bytes, cut);
        if (process_words_find(copy, cut, &words) && cut == length) {
            fwrite(words.arguments, 1, words.arguments_length, stdout);
            printf("|");
            fwrite(words.environment, 1, words.environment_length, stdout);
        }
        free(copy);
    }
    return 0;
}
"""


def test_the_words_of_a_process_are_found_in_what_a_mac_says() -> None:
    said = struct.pack("<i", 2) + b"/opt/node\0\0\0\0\0node\0a b\0HOME=/x\0A=1\0\0"
    done = subprocess.run(
        [linked(WORDS, RECORDS)], input=said, capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b"node\0a b\0|HOME=/x\0A=1\0\0"


# ---- what is built ----


@pytest.mark.slow
@needs_zig
@pytest.mark.parametrize("arch", MACOS_ARCHITECTURES)
def test_the_library_for_macos_is_one_that_dyld_inserts(arch: str, tmp_path: Path) -> None:
    out = tmp_path / "libstyxy.dylib"
    command = darwin_command(str(out), target=zig_target(arch), extra=("-Werror",))
    subprocess.run([*ZIG, *command[1:]], check=True, timeout=300)
    found = macho.read(out.read_bytes())
    assert (found.cpu, found.kind) == (macho.CPUS[arch][0], DYLIB)
    assert found.install_name == "@rpath/libstyxy.dylib"
    assert found.oldest_macos == OLDEST_MACOS
    assert found.libraries == [macho.SYSTEM]
    assert sorted(found.interposed()) == sorted(INTERPOSED)
    assert {"bind", "connect", "listen", "getsockname", "connectx", "execve"} <= {*INTERPOSED}


@pytest.mark.slow
@needs_zig
@pytest.mark.parametrize("arch", MACOS_ARCHITECTURES)
def test_the_hook_for_macos_needs_the_system_alone(arch: str, tmp_path: Path) -> None:
    out = tmp_path / "styxy-hook"
    command = darwin_hook_command(str(out), target=zig_target(arch), extra=("-Werror",))
    subprocess.run([*ZIG, *command[1:]], check=True, timeout=300)
    found = macho.read(out.read_bytes())
    assert (found.cpu, found.kind) == (macho.CPUS[arch][0], PROGRAM)
    assert (found.oldest_macos, found.libraries) == (OLDEST_MACOS, [macho.SYSTEM])


# ---- the guest over libc's functions, here ----

FACTS = """
/* darwin/kernel/socket_facts.h, as Linux knows it. */
#include "darwin/kernel/socket_facts.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

static int number_of(int fd, int option)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

bool socket_facts(int fd, struct socket_facts *facts)
{
    struct tcp_info info = {.tcpi_state = TCP_CLOSE};
    socklen_t length = sizeof info, cookie = sizeof facts->cookie;
    *facts = (struct socket_facts){.domain = number_of(fd, 39 /* SO_DOMAIN */),
                                   .type = number_of(fd, SO_TYPE),
                                   .protocol = number_of(fd, 38 /* SO_PROTOCOL */)};
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length);
    facts->is_connected = info.tcpi_state != TCP_CLOSE && info.tcpi_state != TCP_LISTEN;
    return getsockopt(fd, SOL_SOCKET, 57 /* SO_COOKIE */, &facts->cookie, &cookie) == 0;
}

bool socket_fact(int fd, int name, void *value)
{
    struct socket_facts facts;
    if (name == SO_NETNS_COOKIE || name == SO_PEERCRED || !socket_facts(fd, &facts))
        return false;
    if (name == SO_COOKIE)
        *(uint64_t *)value = facts.cookie;
    else
        *(int *)value = name == SO_DOMAIN ? facts.domain : facts.protocol;
    return true;
}

void socket_keep_quiet(int fd)
{
    (void)fd; /* MSG_NOSIGNAL */
}
"""

NAMES = """
/* What dyld does by a section: our functions under the names of libc's. */
#include <sys/socket.h>

int styxy_bind(int fd, const struct sockaddr *address, socklen_t length);
int styxy_connect(int fd, const struct sockaddr *address, socklen_t length);
int styxy_listen(int fd, int backlog);
int styxy_getsockname(int fd, struct sockaddr *address, socklen_t *length);

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return styxy_bind(fd, address, length);
}

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return styxy_connect(fd, address, length);
}

int listen(int fd, int backlog)
{
    return styxy_listen(fd, backlog);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    return styxy_getsockname(fd, address, length);
}
"""

RENAMED = [f"-D{name}=real_{name}" for name in ("bind", "connect", "listen", "getsockname")]
"""In a library of macOS the guest's own calls are the real ones."""

OF_LINUX = [
    *(name for name in sources_in("guest/kernel")),
    "guest/calls/options.c",
    "guest/image.c",  # shares the status of a file with the host
    *(name for name in sources_in("preload") if name not in {
        "preload/exec.c", "preload/getsockname.c", "preload/environment.c",
        "preload/needs_supervisor.c", "preload/other_libraries.c",
    }),
]  # fmt: skip
OF_MACOS = [
    name for name in DARWIN_SOURCES if not name.startswith("darwin/") and name not in OF_LINUX
]


def library_over_libc() -> Path:
    """The guest that calls the system as on macOS, with the preload library's host, for Linux."""

    def build(out: Path) -> None:
        flags = [each for each in DARWIN_FLAGS if each != "-fvisibility=hidden"]
        named = "-DINTERCEPTED(name)=styxy_##name"
        macos = ["cc", "-D_DEFAULT_SOURCE", "-fPIC", *flags, *LIBRARY_FLAGS, named]
        out.parent.joinpath("facts.c").write_text(FACTS)
        out.parent.joinpath("names.c").write_text(NAMES)
        objects(out.parent / "macos", [*macos, *RENAMED], [str(HERE / name) for name in OF_MACOS])
        objects(out.parent / "facts", macos, [str(out.parent / "facts.c")])
        linux = ["cc", *COMPILE_FLAGS, *LIBRARY_FLAGS]
        sources = [*(str(HERE / name) for name in OF_LINUX), str(out.parent / "names.c")]
        objects(out.parent / "linux", linux, sources)
        files = [str(path) for path in out.parent.rglob("*.o")]
        subprocess.run(["cc", "-shared", "-o", str(out), *files], check=True, timeout=60)

    return once(scratch() / "over-libc" / "libstyxy.so", build)


def objects(folder: Path, command: list[str], sources: list[str]) -> None:
    """Compile some sources into a folder."""
    folder.mkdir(exist_ok=True)
    subprocess.run([*command, "-c", *sources], cwd=folder, check=True, timeout=120)


@pytest.mark.slow
def test_a_taken_port_is_moved_by_calls_of_libc(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        env = daemon.environment(LD_PRELOAD=str(library_over_libc()))
        done = run([compiled(BINDER), f"127.0.0.1,{taken},listen"], env)
        assert (done.returncode, done.stdout) == (0, f"{free}\n")
        assert done.stderr == NOTICE.format(taken, free)
        (note,) = daemon.notes()
        assert str(free) in note


@pytest.mark.slow
def test_a_free_port_asks_nobody_by_calls_of_libc(tmp_path: Path) -> None:
    free = free_port()
    with FakeDaemon(tmp_path) as daemon:
        env = daemon.environment(LD_PRELOAD=str(library_over_libc()))
        done = run([compiled(BINDER), f"127.0.0.1,{free},listen"], env)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{free}\n", "")
        assert daemon.questions == []


@pytest.mark.slow
@pytest.mark.parametrize("way", ["blocking", "nonblocking"])
def test_a_connection_is_led_by_calls_of_libc(tmp_path: Path, way: str) -> None:
    with server("0.0.0.0") as stranger, server("127.0.0.1") as own, FakeDaemon(tmp_path) as daemon:
        asked, there = port_of(stranger), port_of(own)
        daemon.entries.move(
            asked, there, project=key_text(daemon, "mine"), cookie4=cookie_of(own), cookie6=0
        )
        preload = str(library_over_libc())
        assert reach(daemon, way, "127.0.0.1", asked, LD_PRELOAD=preload) == f"127.0.0.1 {there}"
