"""The C and the Python side of the line protocol, the map and the project rule, held together."""

from __future__ import annotations

import ipaddress
import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.line import format_question
from styxy.adapters.portmap import layout as maplayout
from styxy.adapters.portmap import map as portmap
from styxy.adapters.projects.git import repo_of
from styxy.client.cli.values import project_here
from styxy.core.hashing import owner_key
from styxy.core.model.ports import Port
from styxy.core.protocol.wire import ListenNote, parse_note, parse_question, quote
from tests.fakes import free_port
from tests.native import mapfile
from tests.native.clients import cookie_of, git_project, key_text, port_of, reach, server
from tests.native.guest import FakeDaemon, bind_each, linked, listener, run

QUESTIONER = r"""
/* Ask about an address: the line of the question, as the library formats it. */
#include "guest/kernel/address.h"
#include "guest/daemon/wire.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    char line[WIRE_REQUEST];
    struct target target;
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(4000)};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4000)};
    struct image image = {.image_id = 0x0123456789abcdef, .instance = "i", .service_type = ""};
    struct question question = {.target = &target, .reason = REASON_PROMISED,
                                .image_id = image.image_id, .project = argc > 2 ? argv[2] : ""};
    bool v6 = inet_pton(AF_INET6, argv[1], &in6.sin6_addr) == 1;
    inet_pton(AF_INET, argv[1], &in.sin_addr);
    if (!address_read(v6 ? (void *)&in6 : (void *)&in, v6 ? sizeof in6 : sizeof in, &target))
        return 1;
    size_t length = wire_question(&question, &image, line, sizeof line);
    return fwrite(line, 1, length, stdout) != length;
}
"""

ADDRESSES = [
    "0.0.0.0", "127.0.0.1", "255.255.255.255", "10.0.200.3", "::", "::1", "1::", "1::2",
    "fe80::1:2:3:4", "2001:db8::1:0:0:1", "2001:db8:0:1:1:1:1:1", "0:0:1::1", "1:0:0:2::3",
    "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", "0:2:3:4:5:6:7:8", "::ffff:127.0.0.1",
    "::ffff:0.0.0.0", "abcd:ef01:2345:6789:abcd:ef01:2345:6789", "1:2:3:4:5:6::", "::3:4:5:6:7:8",
]  # fmt: skip


def ask_about(address: str, project: str = "") -> str:
    program = linked(
        QUESTIONER, "guest/daemon/wire.c", "guest/kernel/text.c", "guest/kernel/address.c"
    )
    return run([program, address, project], {}).stdout


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_written_as_python_reads_it(address: str) -> None:
    written = ask_about(address).split()[5]
    assert ipaddress.ip_address(written) == ipaddress.ip_address(address)
    if "." not in address:
        assert written == str(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "project", ["", "/-", "/a b/%41/\n\x7f/ä", "/" + "x" * 4000, "/" + " " * 2600]
)
def test_a_question_reads_the_same_on_both_sides(project: str) -> None:
    line = ask_about("::1", project).encode()
    question = parse_question(line)
    assert (question.project or "", question.image_id) == (project, "0123456789abcdef")
    assert format_question(question) == line
    assert quote(project).encode() in line


def test_a_question_that_does_not_fit_is_not_asked() -> None:
    assert ask_about("::1", "/" + " " * 2800) == ""


LAYOUT = r"""
#include "guest/daemon/portmap.h"
#include <stdio.h>

#define SHOW(name) printf(#name " %d\n", PORTMAP_##name)
int main(void)
{
    SHOW(VERSION), SHOW(HEADER), SHOW(SOCKET), SHOW(MOVE_SLOTS), SHOW(SIZE), SHOW(PROMISES_AT);
    SHOW(HEAD_READ), SHOW(PROMISE), SHOW(ANSWERING), SHOW(MOVE);
    SHOW(FIRST_ASKERS_AT), SHOW(ASKERS_AT), SHOW(ASKER), SHOW(ASKER_SLOTS);
    SHOW(CONNECT_FIRST_AT), SHOW(CONNECT_FIRST);
    SHOW(ANSWERING_V4_AT), SHOW(ANSWERING_V6_AT), SHOW(FIRST_MOVES_AT), SHOW(MOVES_AT);
    return 0;
}
"""


def test_the_layouts_of_the_map_agree() -> None:
    shown = run([linked(LAYOUT)], {}).stdout.split()
    assert dict(zip(shown[::2], map(int, shown[1::2]), strict=True)) == {
        "VERSION": maplayout.VERSION, "HEADER": maplayout.HEADER_SIZE, "SOCKET": 128,
        "MOVE_SLOTS": maplayout.SLOTS, "SIZE": maplayout.SIZE, "HEAD_READ": maplayout.HEADER.size,
        "PROMISES_AT": maplayout.PROMISES_AT, "PROMISE": maplayout.PROMISE.size,
        "ANSWERING_V4_AT": maplayout.ANSWERS_AT[4], "ANSWERING": maplayout.ANSWER.size,
        "ANSWERING_V6_AT": maplayout.ANSWERS_AT[6], "MOVE": maplayout.MOVE.size,
        "FIRST_MOVES_AT": maplayout.FIRST_AT, "MOVES_AT": maplayout.MOVES_AT,
        "FIRST_ASKERS_AT": maplayout.FIRST_ASKERS_AT, "ASKERS_AT": maplayout.ASKERS_AT,
        "ASKER": maplayout.ASKER.size, "ASKER_SLOTS": maplayout.ASKERS,
        "CONNECT_FIRST_AT": maplayout.CONNECT_FIRST_AT,
        "CONNECT_FIRST": maplayout.CONNECT_FIRST_SIZE,
    }  # fmt: skip
    assert (mapfile.FIRST_MOVES_AT, mapfile.MAP_SIZE) == (maplayout.FIRST_AT, maplayout.SIZE)


def daemons_map(daemon: FakeDaemon) -> portmap.PortMap:
    """The map of the real daemon, in the place of the scripted one's."""
    daemon.map.unlink()
    return portmap.PortMap(
        str(daemon.map), line_socket=str(daemon.line_socket),
        note_socket=str(daemon.home / "note.sock"), netns=0,
    )  # fmt: skip


def test_the_daemons_own_map_is_read(tmp_path: Path) -> None:
    with listener() as taken, FakeDaemon(tmp_path) as daemon:
        written = daemons_map(daemon)
        for questions, change in ((0, written.reveal), (1, written.retire), (1, None)):
            bind_each(daemon, f"127.0.0.1,{taken}")
            assert len(daemon.questions) == questions
            if change is not None:
                change()


def test_the_daemons_own_moves_and_answers_are_followed(tmp_path: Path) -> None:
    with server() as stranger, server() as own, FakeDaemon(tmp_path) as daemon:
        asked, port = Port(port_of(stranger)), Port(port_of(own))
        mine, path = mapfile.key(key_text(daemon, "mine")), git_project(daemon, "mine", "h:r.git")
        written = daemons_map(daemon)
        written.reveal()
        entry = portmap.MoveEntry(
            project=mine, image_id=1, asked=asked, port=port, state="live", at=1,
            cookie4=cookie_of(own),
        )  # fmt: skip
        written.set_moves(asked, [replace(entry, project=mine ^ 1), entry])
        assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {port}"
        written.set_moves(asked, [])
        assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {asked}"
        sibling = portmap.Answer(
            project=1, repo=repo_of(str(path)), cookie=cookie_of(stranger), is_shared=False, pid=1
        )
        written.set_answers(4, {asked: sibling})
        assert reach(daemon, "blocking", "127.0.0.1", asked) == "ECONNREFUSED"
        for change in ({"is_shared": True}, {"is_place": True}):
            written.set_answers(4, {asked: replace(sibling, **change)})
            assert reach(daemon, "blocking", "127.0.0.1", asked) == f"127.0.0.1 {asked}"
        written.retire()


def test_a_note_reads_the_same_on_both_sides(tmp_path: Path) -> None:
    with FakeDaemon(tmp_path) as daemon:
        path = git_project(daemon, "mine é%", "git@h:r.git")
        bind_each(
            daemon, f"::1,{free_port()},listen", STYXY_PROJECT=str(path), STYXY_SERVICE_TYPE="api"
        )
        [fields] = daemon.notes()
    note = parse_note(" ".join(fields).encode())
    assert isinstance(note, ListenNote)
    assert note.asked == note.port
    assert (note.protocol, note.family, note.address) == ("tcp", 6, "::1")
    assert (note.project, note.repo) == (str(path), repo_of(str(path)))
    assert (note.service_type, note.instance_id) == ("api", "default")


PROJECT = r"""
#include "guest/daemon/portmap.h"
#include "guest/host.h"
#include "guest/project/project.h"
#include <inttypes.h>
#include <stdio.h>

int main(void)
{
    char scratch[IMAGE_PATH];
    const char *path = project_path(host_image(), scratch);
    const char *again = project_path(host_image(), scratch);
    printf("%s\n%s\n%" PRIu64 "\n", path, again, text_key("project", path));
    return 0;
}
"""

TREES: dict[str, tuple[list[str], str]] = {
    # Files of the tree, and the directory in which the program starts.
    "a repo": ([".git/HEAD", "package.json"], "src/deep"),
    "a worktree has a file": (["repo/.git"], "repo/a/b"),
    "a submodule is its own": ([".git/HEAD", "sub/.git"], "sub/x"),
    "a project file": (["p/package.json"], "p/src"),
    "a repo wins over a nearer project file": ([".git/HEAD", "p/Cargo.toml"], "p/src"),
    "no HEAD, no repo": ([".git/config", "p/go.mod"], "p"),
    "nothing": (["x"], "a/b"),
    "the home is no repo": (["home/.git/HEAD"], "home/a"),
    "a repo below the home": (["home/.git/HEAD", "home/r/.git/HEAD"], "home/r/a"),
    "the home with a project file": (["home/Gemfile"], "home/a"),
    "a directory that is named like a file": (["p/pom.xml/x"], "p/src"),
    "an awkward name": (["ä b%\n/.git"], "ä b%\n/c"),
}


@pytest.mark.parametrize("name", TREES)
def test_the_project_is_the_one_that_the_command_line_finds(tmp_path: Path, name: str) -> None:
    files, start = TREES[name]
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("ref: refs/heads/main\n")
    directory = tmp_path / start
    directory.mkdir(parents=True, exist_ok=True)
    (tmp_path / "home").mkdir(exist_ok=True)
    link = tmp_path / "link to home"
    link.symlink_to(tmp_path / "home")
    hold_together(directory, {"HOME": str(link)})


@pytest.mark.parametrize(
    "named", ["{tmp}/p", "{tmp}/link", "p/../p", "{tmp}/gone", "/", "{tmp}/p/tree/src", "link/tree"]
)
def test_a_named_project_is_the_one_that_the_command_line_finds(tmp_path: Path, named: str) -> None:
    (tmp_path / "p/tree/src").mkdir(parents=True)
    (tmp_path / "p/tree/.git").write_text("gitdir: elsewhere\n")
    (tmp_path / "link").symlink_to(tmp_path / "p")
    hold_together(tmp_path, {"STYXY_PROJECT": named.format(tmp=tmp_path), "HOME": "/nowhere"})


def hold_together(directory: Path, env: dict[str, str]) -> None:
    """Compare what the library finds with what the client finds, in that directory."""
    sources = (
        "guest/daemon/portmap.c",
        "guest/image.c",
        "guest/kernel/bounded.c",
        "guest/kernel/proc_files.c",
        "guest/kernel/readable.c",
        "guest/kernel/text.c",
        "guest/project/project.c",
        "guest/state/fork_shared.c",
        "preload/next_symbol.c",
        "preload/other_libraries.c",
        "preload/real.c",
        "preload/streams.c",
        "preload/this_image.c",
    )
    done = run([linked(PROJECT, *sources)], env, cwd=directory)
    here = os.getcwd()
    try:
        os.chdir(directory)
        expected = project_here(env)
    finally:
        os.chdir(here)
    key = owner_key(project=expected, instance_id="default")
    assert done.stdout == f"{expected}\n{expected}\n{key}\n"


def test_a_path_in_daemon_json_is_found_as_json_finds_it(tmp_path: Path) -> None:
    home = tmp_path / "zu Hause"
    with listener() as taken, FakeDaemon(home) as daemon:
        facts = {"pid": 1, "note": {"map": "/wrong"}, "list": ["map", "/wrong"], "a": "map"}
        for indent in (None, 2):
            text = json.dumps(facts | {"map": str(daemon.map)}, indent=indent)
            (home / "daemon.json").write_text(text)
            bind_each(daemon, f"127.0.0.1,{taken}")
    assert len(daemon.questions) == 2


def test_a_promise_in_a_repo_is_the_repos_own(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / ".git").write_text("gitdir: /elsewhere\n")
    with FakeDaemon(tmp_path / "home") as daemon:
        daemon.promise(port, f"project:{tmp_path.resolve()}")
        here = os.getcwd()
        try:
            os.chdir(tmp_path)
            assert bind_each(daemon, f"127.0.0.1,{port}") == [str(port)]
        finally:
            os.chdir(here)
    assert daemon.questions == []
