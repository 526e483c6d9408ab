"""What `styxy run` decides on macOS, tried with the paths of a Mac: no Mac has run it."""

from __future__ import annotations

from pathlib import Path

import pytest

from styxy.adapters.portable.choice import moves_servers
from styxy.client.daemon.preloading import MACOS
from styxy.client.interception.backend import macos_choice
from styxy.client.interception.macos import first_words, is_protected, past_env, why_missed
from styxy.client.interception.run import guest_environment

LIBRARY = "/Users/me/.styxy/lib/1/libstyxy.dylib"


@pytest.mark.parametrize(
    ("path", "protected"),
    [
        ("/bin/sh", True),
        ("/usr/bin/python3", True),
        ("/System/Library/Frameworks/Ruby.framework/ruby", True),
        ("/usr/local/bin/node", False),
        ("/opt/homebrew/bin/node", False),
        ("/Users/me/.nvm/versions/node/v22/bin/node", False),
    ],
)
def test_the_programs_of_the_system_are_known(path: str, *, protected: bool) -> None:
    assert is_protected(path) is protected


def found(name: str) -> str | None:
    return {"node": "/opt/homebrew/bin/node"}.get(name)


@pytest.mark.parametrize(
    ("named", "command"),
    [
        (["/usr/bin/env", "node"], ["/opt/homebrew/bin/node", "/p/vite", "--host"]),
        (["/usr/bin/env", "deno"], ["vite", "--host"]),
        (["/usr/bin/env", "-S", "node", "-x"], ["vite", "--host"]),
        (["/usr/bin/env", "A=1"], ["vite", "--host"]),
        (["/opt/homebrew/bin/node"], ["vite", "--host"]),
        ([], ["vite", "--host"]),
    ],
)
def test_a_script_is_run_past_env(named: list[str], command: list[str]) -> None:
    assert past_env(["vite", "--host"], "/p/vite", named, found) == command


def test_the_first_line_of_a_script_is_read(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_bytes(b"#! /usr/bin/env node\nexit\n")
    assert first_words(str(script)) == ["/usr/bin/env", "node"]
    script.write_bytes(b"\xcf\xfa\xed\xfe")
    assert first_words(str(script)) == []
    assert first_words(str(tmp_path / "none")) == []


def test_what_is_not_reached_is_said_in_one_sentence() -> None:
    assert why_missed("make", "/usr/bin/make", []) == (
        "make is a program of macOS (/usr/bin/make), which loads no library of others"
    )
    assert why_missed("run.sh", "/Users/me/run.sh", ["/bin/sh"]) == (
        "run.sh is run by /bin/sh, a program of macOS, which loads no library of others"
    )
    assert why_missed("node", "/opt/homebrew/bin/node", []) is None


def test_a_script_of_node_is_reached_and_one_of_the_systems_shell_is_named(tmp_path: Path) -> None:
    script = tmp_path / "serve"
    script.write_text("#!/usr/bin/env node\n")
    places = {"serve": str(script), "node": str(tmp_path / "node")}
    choice = macos_choice(LIBRARY, ["serve", "-p", "3000"], find=places.get)
    assert choice.command(["serve"]) == [places["node"], str(script), "-p", "3000"]
    assert (choice.backend, choice.warnings) == ("preload", [])
    script.write_text("#!/bin/sh\n")
    choice = macos_choice(LIBRARY, ["serve"], find=places.get)
    assert choice.command(["serve"]) == ["serve"]
    assert choice.warnings == [
        "serve is run by /bin/sh, a program of macOS, which loads no library of others: "
        "its ports are not moved"
    ]


def test_a_program_gets_the_library_by_dylds_variable() -> None:
    env = guest_environment(
        {"DYLD_INSERT_LIBRARIES": "/x/other.dylib:/old/libstyxy.dylib"}, library=LIBRARY, way=MACOS
    )
    assert env == {"DYLD_INSERT_LIBRARIES": f"/x/other.dylib:{LIBRARY}"}
    assert guest_environment(env, library=None, way=MACOS) == {
        "DYLD_INSERT_LIBRARIES": "/x/other.dylib"
    }


@pytest.mark.parametrize(
    ("platform", "portable", "forced", "moves"),
    [
        ("linux", False, False, True),
        ("linux", True, False, False),
        ("darwin", True, False, True),
        ("darwin", True, True, False),
        ("freebsd14", True, False, False),
    ],
)
def test_servers_are_moved_where_there_is_a_library(
    platform: str, *, portable: bool, forced: bool, moves: bool
) -> None:
    assert moves_servers(platform, portable=portable, forced=forced) is moves
