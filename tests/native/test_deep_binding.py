"""Programs whose extensions call libc past any preloaded library (RTLD_DEEPBIND), as PHP's do."""

from __future__ import annotations

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import cookie_of, key_text, port_of, project, server
from tests.native.guest import NOTICE, FakeDaemon, compiled, library, listener, move, run, say
from tests.native.host_programs import HEAD
from tests.native.supervised import library_beside, needs_seccomp

pytestmark = [needs_seccomp, pytest.mark.slow]

EXTENSION = HEAD + "int serve_it(int port) { return serve(port); }\n"

PROGRAM = r"""
    #include <dlfcn.h>
    #include <stdio.h>
    #include <stdlib.h>
    /* php EXTENSION PORT: serve at the port by what the extension calls, and print where. */
    int main(int argc, char **argv)
    {
        void *extension = dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL | RTLD_DEEPBIND);
        int (*serve)(int) = extension == NULL ? NULL : (int (*)(int))dlsym(extension, "serve_it");
        return serve == NULL || printf("%d %s\n", serve(atoi(argv[2])), getenv("LD_PRELOAD")) < 0;
    }
"""


def program_of(folder: Path, name: str) -> list[Path]:
    """The program under a name, and its extension."""
    extension = compiled(EXTENSION, "-shared", "-fPIC")
    path = folder / name
    shutil.copy(compiled(PROGRAM), path)
    return [path, extension]


def environment(daemon: FakeDaemon, **more: str) -> dict[str, str]:
    return daemon.environment(LD_PRELOAD=str(library_beside()), STYXY_STATIC="supervise") | more


@pytest.mark.parametrize("name", ["php", "php8.2", "php-cgi8.2", "php-fpm", "phpdbg7"])
@pytest.mark.parametrize("preload", ["{}", "libm.so.6:{}"])
def test_what_an_extension_binds_is_moved(tmp_path: Path, name: str, preload: str) -> None:
    free = free_port()
    program, extension = program_of(tmp_path, name)
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free))) as daemon:
        env = environment(daemon, LD_PRELOAD=preload.format(library_beside()))
        done = run(["sh", "-c", f"{program} {extension} {taken}; true"], env)
    others = preload.format("").rstrip(":") or "(null)"
    assert (done.stdout, done.stderr) == (f"{free} {others}\n", NOTICE.format(taken, free))


@pytest.mark.parametrize("name", ["phpize", "php2", "python"])
def test_where_no_supervisor_is_wanted_the_library_stays(tmp_path: Path, name: str) -> None:
    program, extension = program_of(tmp_path, name)
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free_port()))) as daemon:
        mode = "leave" if name == "php2" else "supervise"
        env = environment(daemon, STYXY_STATIC=mode)
        done = run(["sh", "-c", f"{program} {extension} {taken}; true"], env)
    assert (done.stdout, done.stderr) == (f"-98 {library_beside()}\n", "")


NO_SUPERVISOR = r"""
    #include <linux/filter.h>
    #include <linux/seccomp.h>
    #include <stddef.h>
    #include <sys/prctl.h>
    #include <sys/syscall.h>
    #include <unistd.h>
    /* refuse PROGRAM ...: execute it where seccomp(2) says ENOSYS. */
    int main(int argc, char **argv)
    {
        struct sock_filter filter[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 38),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {4, filter};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
            execvp(argv[1], argv + 1);
        return 1;
    }
"""


def test_where_no_supervisor_is_to_be_had_the_library_stays(tmp_path: Path) -> None:
    program, extension = program_of(tmp_path, "php")
    with listener() as taken, FakeDaemon(tmp_path / "home", say(move(free_port()))) as daemon:
        words = ["sh", "-c", f"{program} {extension} {taken}; true"]
        done = run([compiled(NO_SUPERVISOR), *words], environment(daemon))
    assert (done.stdout, done.stderr) == (f"-98 {library_beside()}\n", "")


PHP = r"""<?php
    $port = (int)$argv[1];
    $server = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
    $bound = @socket_bind($server, '127.0.0.1', $port) && socket_listen($server);
    socket_getsockname($server, $address, $at);
    $client = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
    @socket_connect($client, '127.0.0.1', $port);
    socket_getpeername($client, $address, $reached);
    $stream = stream_socket_client("tcp://127.0.0.1:$port");
    $streamed = explode(':', stream_socket_get_name($stream, true))[1];
    echo $bound ? $at : 'EADDRINUSE', " $reached $streamed\n";
"""


CURL = r"""<?php
    $handle = curl_init("http://127.0.0.1:$argv[1]/");
    curl_setopt($handle, CURLOPT_CONNECTTIMEOUT, 5);
    curl_setopt($handle, CURLOPT_CONNECT_ONLY, true);
    curl_exec($handle);
    echo curl_getinfo($handle, CURLINFO_LOCAL_PORT), "\n";
"""


def has_extension(name: str) -> bool:
    """Whether there is a PHP here that has an extension."""
    php = shutil.which("php")
    if php is None:
        return False
    words = [php, "-r", f"exit(extension_loaded('{name}') ? 0 : 1);"]
    return subprocess.run(words, capture_output=True).returncode == 0


def client_of(listener: socket.socket) -> int:
    """Accept the connection that a server has got; the client's port."""
    listener.settimeout(10)
    link, address = listener.accept()
    link.close()
    return int(address[1])


@pytest.mark.skipif(not has_extension("curl"), reason="there is no PHP with curl here")
def test_phps_curl_reaches_the_own_server(tmp_path: Path) -> None:
    script = tmp_path / "script.php"
    script.write_text(CURL)
    with server() as taken, server() as own, FakeDaemon(tmp_path / "home") as daemon:
        asked, at = port_of(taken), port_of(own)
        daemon.entries.move(asked, at, project=key_text(daemon, "mine"), cookie4=cookie_of(own))
        env = environment(daemon, STYXY_PROJECT=project(daemon, "mine"))
        done = run(["sh", "-c", f"php {script} {asked}; true"], env)
        assert (done.stdout, done.stderr) == (f"{client_of(own)}\n", "")
        # Without a supervisor: what the supervisor is for.
        plain = run(["php", script, str(asked)], env | {"LD_PRELOAD": str(library())})
        assert plain.stdout == f"{client_of(taken)}\n"


@pytest.mark.skipif(not has_extension("sockets"), reason="there is no PHP with sockets here")
def test_phps_sockets_and_streams_reach_the_same_server(tmp_path: Path) -> None:
    free = free_port()
    script = tmp_path / "script.php"
    script.write_text(PHP)
    with (
        server() as taken,
        server() as own,
        FakeDaemon(tmp_path / "home", say(move(free))) as daemon,
    ):
        asked, at = port_of(taken), port_of(own)
        daemon.entries.move(asked, at, project=key_text(daemon, "mine"), cookie4=cookie_of(own))
        env = environment(daemon, STYXY_PROJECT=project(daemon, "mine"))
        done = run(["sh", "-c", f"php {script} {asked}; true"], env)
        plain = run(["php", script, str(asked)], env | {"LD_PRELOAD": str(library())})
    assert done.stdout == f"{free} {at} {at}\n", done.stderr
    assert done.stderr == NOTICE.format(asked, free)
    # Without a supervisor: what the supervisor is for.
    assert plain.stdout == f"EADDRINUSE {asked} {at}\n"
