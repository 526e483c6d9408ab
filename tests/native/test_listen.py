"""A server listens: the daemon hears of it, and the user of a move, once."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import free_port
from tests.native.clients import git_project, key_text, project
from tests.native.guest import (
    BINDER,
    GARBLED,
    NOTICE,
    UNMOVED,
    FakeDaemon,
    bind_each,
    compiled,
    listener,
    move,
    run,
    say,
)
from tests.native.host_programs import host
from tests.native.mapfile import HELD, key


@pytest.mark.parametrize("ours", ["127.0.0.1", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"])
def test_a_server_is_told_in_one_datagram(tmp_path: Path, ours: str) -> None:
    free = free_port()
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        env = {"STYXY_PROJECT": project(daemon, "mine"), "STYXY_SERVICE_TYPE": "docs"}
        bind_each(daemon, f"{ours},{free},listen", **env)
        [note] = daemon.notes()
    family = "6" if ":" in ours else "4"
    assert note[:6] == ["styxy/1", "listen", "tcp", family, str(free), ours]
    assert len(note[6]) == len(note[7]) == 16
    assert int(note[6], 16) > 0
    assert note[8:] == ["default", "docs", project(daemon, "mine"), "0", str(free)]
    assert daemon.questions == []


def test_a_note_names_the_repo(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        path = git_project(daemon, "mine", "git@Host.example:team/app.git")
        bind_each(daemon, f"127.0.0.1,{free_port()},listen", STYXY_PROJECT=str(path))
        [note] = daemon.notes()
    assert note[11] == f"{key('origin:host.example/team/app'):016x}"


def test_the_cookie_of_a_note_is_the_sockets_own(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        unsigned long long cookie = 0;
        socklen_t length = sizeof cookie;
        getsockopt(listening(port), SOL_SOCKET, 57 /* SO_COOKIE */, &cookie, &length);
        printf("%016llx", cookie);
        """
    )
    with FakeDaemon(tmp_path) as daemon:
        shown = run([program, str(free_port())], daemon.environment()).stdout
        [note] = daemon.notes()
    assert note[6] == shown


ONE_CLIENT = r"""
    //main
    char byte;
    struct sockaddr_in name = at(port);
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (void *)&name, sizeof name) != 0 || listen(server, 5) != 0 ||
        connect(client, (void *)&name, sizeof name) != 0)
        return errno;
    close(accept(server, NULL, NULL)); /* who closes first waits: TIME_WAIT */
    return (int)read(client, &byte, 1);
"""


def test_a_server_that_frees_no_port_by_itself_is_not_moved_by_its_own_connections(
    tmp_path: Path,
) -> None:
    command: list[str | Path] = [host(ONE_CLIENT), str(free_port())]
    with FakeDaemon(tmp_path, say("styxy/1 error no")) as daemon:
        lives = [run(command, daemon.environment()).returncode for _ in range(3)]
        assert run(command, {}).returncode == errno.EADDRINUSE  # which it would have met
    assert (lives, daemon.questions) == ([0, 0, 0], [])


def test_without_a_daemon_no_option_of_a_server_is_touched(tmp_path: Path) -> None:
    command: list[str | Path] = [host(ONE_CLIENT), str(free_port())]
    with FakeDaemon(tmp_path) as daemon:
        daemon.write_map(retired=1)
        lives = [run(command, daemon.environment()).returncode for _ in range(2)]
    assert lives == [0, errno.EADDRINUSE]


def test_a_socket_that_was_never_bound_is_told_too(tmp_path: Path) -> None:
    program = host(
        r"""
        //main
        struct sockaddr_in name;
        socklen_t length = sizeof name;
        int fd = socket(AF_INET, SOCK_STREAM, port);
        errno = 77;
        int result = listen(fd, 5);
        printf("%d %d ", result, errno);
        getsockname(fd, (void *)&name, &length);
        printf("%d", ntohs(name.sin_port));
        """
    )
    with FakeDaemon(tmp_path) as daemon:
        result, error, port = run([program, "0"], daemon.environment()).stdout.split()
        [note] = daemon.notes()
    assert (result, error, note[4]) == ("0", "77", port)


def test_nobody_is_told_of_a_bind_that_never_listens(tmp_path: Path) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        done = run([compiled(BINDER), f"127.0.0.1,{taken}"], daemon.environment())
        assert daemon.notes() == []
    assert (done.stdout, done.stderr) == (f"{free}\n", "")
    assert not (tmp_path / "reassignments.log").exists()


@pytest.mark.parametrize("state", ["absent", "full", "retired", "no socket"])
def test_nobody_waits_for_the_daemon_to_hear(tmp_path: Path, state: str) -> None:
    with FakeDaemon(tmp_path) as daemon:
        if state == "absent":
            (tmp_path / "note.sock").unlink()
        elif state == "retired":
            daemon.write_map(retired=1)
        elif state == "no socket":
            daemon.entries.put(192, bytes(128))
        binds = [f"127.0.0.1,{free_port()},listen" for _ in range(40 if state == "full" else 1)]
        got = bind_each(daemon, *binds, TIMED="1")
    assert int(got[-1]) < 300
    assert not any(each.startswith("E") for each in got)


STRANGE = r"""
    #define SHOW(call) (errno = 0, printf("%d %d\n", (int)(call), errno))
    //main
    struct sockaddr_in name = at(port);
    int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
    int local = socket(AF_UNIX, SOCK_STREAM, 0), file = open("/dev/null", O_RDONLY);
    SHOW(listen(-1, 1)), SHOW(listen(file, 1)), SHOW(listen(udp, 1)), SHOW(listen(local, 1));
    SHOW(bind(tcp, (void *)&name, sizeof name));
    SHOW(listen(tcp, -1)), SHOW(listen(tcp, 0)), SHOW(listen(tcp, 1000000));
    int other = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(other, (void *)&name, sizeof name)), SHOW(listen(other, 1));
"""


def test_strange_calls_fail_as_they_always_did(tmp_path: Path) -> None:
    program, free = host(STRANGE), free_port()
    with FakeDaemon(tmp_path) as daemon:
        bare = run([program, str(free)], {})
        guest = run([program, str(free)], daemon.environment())
    assert (guest.returncode, guest.stdout, guest.stderr) == (0, bare.stdout, "")


WORKERS = r"""
    static void worker(int fd, int port)
    {
        char byte;
        read(0, &byte, 1); /* all at once */
        if (fd < 0)
            fd = listening(port);
        else
            listen(fd, 5);
        _exit(fd < 0);
    }
    //main
    int before = strcmp(argv[1], "before") == 0, fd = -1, good = 0, status, gate[2];
    if (before) {
        struct sockaddr_in name = at(port);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        bind(fd, (void *)&name, sizeof name);
    }
    pipe(gate);
    dup2(gate[0], 0);
    for (int i = 0; i < 6; i++)
        if (fork() == 0)
            worker(fd, port);
    write(gate[1], "123456", 6);
    while (wait(&status) > 0)
        good += status == 0;
    printf("%d", good);
"""


@pytest.mark.parametrize("bound", ["before", "after"])
def test_of_many_workers_one_tells(tmp_path: Path, bound: str) -> None:
    program = host(WORKERS.replace("SOCK_STREAM | SOCK_CLOEXEC", "SOCK_STREAM"))
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free, told="same"))) as daemon:
        done = run([program, bound, str(taken)], daemon.environment())
    # Of those that bind for themselves, one gets the place.
    assert int(done.stdout) == 6 or bound == "after"
    assert done.stderr == NOTICE.format(taken, free)
    assert len((tmp_path / "reassignments.log").read_text().splitlines()) == 1


RELOADER = """
import socket, subprocess, sys
server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.set_inheritable(True)
listen = "import socket, sys; socket.socket(fileno=int(sys.argv[1])).listen()"
for _ in range(2):
    subprocess.run([sys.executable, "-c", listen, str(server.fileno())], close_fds=False)
print(server.getsockname()[1])
"""


@pytest.mark.parametrize("committed", [False, True])
def test_a_child_that_listens_on_its_parents_socket_tells_once(
    tmp_path: Path, committed: bool
) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        mine = key_text(daemon, "mine")
        daemon.promise(free, mine, asked=taken, committed=committed)
        daemon.entries.move(taken, free, project=mine, server=0xFEED, state=HELD)
        done = subprocess.run(
            [sys.executable, "-c", RELOADER, str(taken)], capture_output=True, text=True,
            env=daemon.environment(STYXY_PROJECT=project(daemon, "mine")), timeout=60,
        )  # fmt: skip
        notes, questions = daemon.notes(), daemon.questions
    assert done.stdout == f"{free}\n"
    assert done.stderr == ("" if committed else NOTICE.format(taken, free))
    assert [note[4] for note in notes] == [str(free)] * 2
    if not committed:
        # What the log wants to know is the answer that the parent had.
        assert [question[8] for question in questions[1:]] == [f"{0xFEED:016x}"]
        assert (tmp_path / "reassignments.log").read_text().endswith("(service: api)\n")


INHERITING = r"""
    //main
    /* Bind, and start workers by exec that listen on the inherited socket at one moment. */
    char number[12], byte;
    int gate[2], status, workers = 8;
    if (argc == 4) {
        read(atoi(argv[2]), &byte, 1);
        return listen(atoi(argv[1]), 5) != 0;
    }
    struct sockaddr_in name = at(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (void *)&name, sizeof name) != 0 || pipe(gate) != 0)
        return 1;
    sprintf(number, "%d", fd);
    for (int i = 0; i < workers; i++)
        if (fork() == 0) {
            char from[12];
            sprintf(from, "%d", gate[0]);
            execl(argv[0], argv[0], number, from, "0", NULL);
        }
    write(gate[1], "12345678", workers);
    while (wait(&status) > 0)
        if (status != 0)
            return 2;
"""


@pytest.mark.parametrize("round_", range(5))
def test_of_many_programs_that_listen_on_one_socket_one_tells(tmp_path: Path, round_: int) -> None:
    free = free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(free))) as daemon:
        mine = key_text(daemon, "mine")
        daemon.promise(free, mine, asked=taken)
        daemon.entries.move(taken, free, project=mine, server=0xFEED, state=HELD)
        env = daemon.environment(STYXY_PROJECT=project(daemon, "mine"))
        done = run([host(INHERITING), str(taken)], env)
        assert len(daemon.notes()) == 8
    assert (done.returncode, done.stderr) == (0, NOTICE.format(taken, free))
    assert len((tmp_path / "reassignments.log").read_text().splitlines()) == 1


OLD_SOCKETS = r"""
    //main
    struct sockaddr_in name = at(port);
    socklen_t length = sizeof name;
    struct linger linger = {1, 7};
    int on = 1, size = 50000, idle = 77, value = 0, v = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, IPPROTO_TCP, 4 /* TCP_KEEPIDLE */, &idle, sizeof idle);
    fcntl(fd, F_SETOWN, getpid());
    bind(fd, (void *)&name, sizeof name);
    printf("bound ");
    fflush(stdout);
    getchar();
    int before = open_descriptors();
    errno = 77;
    int result = listen(fd, 5);
    printf("%d %d ", result, errno);
    length = sizeof name;
    getsockname(fd, (void *)&name, &length);
    printf("%d ", ntohs(name.sin_port) );
    printf("%d %d ", open_descriptors() - before, fcntl(fd, F_GETFD) == FD_CLOEXEC);
    printf("%d %d ", (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0, fcntl(fd, F_GETOWN) == getpid());
    length = sizeof linger, linger.l_linger = 0;
    getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length);
    length = sizeof value;
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &length);
    getsockopt(fd, IPPROTO_TCP, 4, &v, &length);
    printf("%d %d %d ", linger.l_linger, value, v);
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &length);
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &v, &length);
    printf("%d %d", value, v);
"""


def listen_too_late(daemon: FakeDaemon, port: int, **env: str) -> tuple[str, str]:
    """Start a program that binds, let a stranger listen there, and let the program listen then."""
    with subprocess.Popen(
        [host(OLD_SOCKETS), str(port)], env=daemon.environment(**env), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as program, socket.socket() as stranger:  # fmt: skip
        assert program.stdout is not None
        assert program.stdout.read(6) == "bound "
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        stranger.bind(("127.0.0.1", port))
        stranger.listen()
        return program.communicate("\n", timeout=30)


def test_a_listen_that_comes_too_late_gets_a_fresh_socket(tmp_path: Path) -> None:
    port, free = free_port(), free_port()
    with FakeDaemon(tmp_path, say(move(free))) as daemon:
        shown, told = listen_too_late(daemon, port)
        [question], [note] = daemon.questions, daemon.notes()
    assert shown.split() == [
        "0",
        "77",
        str(free),
        "0",
        "1",
        "1",
        "1",
        "7",
        "100000",
        "77",
        "1",
        "1",
    ]
    assert told == NOTICE.format(port, free)
    assert question[4:8] == [str(port), "127.0.0.1", "inuse", "0"]
    assert note[4] == str(free)


@pytest.mark.parametrize(
    ("answer", "why"), [("styxy/1 keep", ""), ("styxy/1 error no", "no"), ("nonsense", GARBLED)]
)
def test_a_listen_that_is_not_moved_has_its_own_error(
    tmp_path: Path, answer: str, why: str
) -> None:
    port = free_port()
    with FakeDaemon(tmp_path, say(answer)) as daemon:
        shown, told = listen_too_late(daemon, port)
        assert daemon.notes() == []
    assert shown.split()[:4] == ["-1", "98", str(port), "0"]
    assert told == (UNMOVED.format(port, why) if why else "")


def test_a_fresh_socket_that_loses_its_place_asks_again(tmp_path: Path) -> None:
    port, free = free_port(), free_port()
    with listener() as lost, FakeDaemon(tmp_path, say(move(lost), move(free))) as daemon:
        shown, _ = listen_too_late(daemon, port)
    assert shown.split()[2] == str(free)
    assert [question[7] for question in daemon.questions] == ["0", str(lost)]


def test_a_place_that_is_lost_before_listen_is_told_back(tmp_path: Path) -> None:
    place, free = free_port(), free_port()
    with listener() as taken, FakeDaemon(tmp_path, say(move(place), move(free))) as daemon:
        with subprocess.Popen(
            [host(OLD_SOCKETS), str(taken)], env=daemon.environment(), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as program, socket.socket() as stranger:  # fmt: skip
            assert program.stdout is not None
            assert program.stdout.read(6) == "bound "
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", place))
            stranger.listen()
            shown, told = program.communicate("\n", timeout=30)
    assert shown.split()[2] == str(free)
    assert told == NOTICE.format(taken, free)
    assert [question[4] for question in daemon.questions] == [str(taken)] * 2
    assert [question[7] for question in daemon.questions] == ["0", str(place)]
