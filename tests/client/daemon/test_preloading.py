"""The list of libraries that a program gets, as each system has it."""

from __future__ import annotations

import pytest

from styxy.client.daemon.preloading import LINUX, MACOS, preloading_on


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", []),
        ("/a/libstyxy.so", []),
        ("/a/libasan.so:/b/libstyxy.so /c/d.so", ["/a/libasan.so", "/c/d.so"]),
        ("/a/libstyxy.so.bak", ["/a/libstyxy.so.bak"]),
    ],
)
def test_our_library_is_taken_out_of_a_preload_list(before: str, after: list[str]) -> None:
    assert LINUX.others({"LD_PRELOAD": before}) == after


def test_a_path_of_macos_may_have_spaces() -> None:
    env = {"DYLD_INSERT_LIBRARIES": "/Users/a b/x.dylib:/Users/a b/libstyxy.dylib"}
    assert MACOS.others(env) == ["/Users/a b/x.dylib"]
    assert MACOS.ours(env) == ["/Users/a b/libstyxy.dylib"]


def test_an_empty_list_leaves_no_variable() -> None:
    env = {"LD_PRELOAD": "/a/libstyxy.so", "A": "b"}
    LINUX.set_in(env, LINUX.others(env))
    assert env == {"A": "b"}
    LINUX.set_in(env, ["/a.so", "/b.so"])
    assert env["LD_PRELOAD"] == "/a.so:/b.so"


def test_each_system_has_its_way() -> None:
    assert [preloading_on(name) for name in ("linux", "darwin")] == [LINUX, MACOS]
