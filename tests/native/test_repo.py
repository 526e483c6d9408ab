"""One repo has one name on both sides: the guest's and the daemon's, on a table and at random."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from styxy.adapters.projects.git import repo_of
from tests.native.guest import linked

READERS = (
    "guest/kernel/bounded.c",
    "guest/kernel/proc_files.c",
    "guest/kernel/text.c",
    "guest/project/origin.c",
    "guest/project/project.c",
    "guest/project/realpath.c",
    "guest/project/repo.c",
)

NAMER = r"""
/* Read paths of projects, and print the key of each one's repo as the library finds it. */
#include "guest/project/repo.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    char path[IMAGE_PATH];
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        struct image image = {.project = path, .user_home = ""};
        if (fork() == 0) { /* a program finds its repo once */
            printf("%" PRIu64 "\n", repo_key(&image));
            fflush(stdout);
            _exit(0);
        }
        int status;
        wait(&status);
        if (status != 0)
            return 1;
    }
    return 0;
}
"""


def names_in_c(projects: list[Path]) -> list[int]:
    """The keys as the library finds them."""
    lines = b"".join(os.fsencode(project) + b"\n" for project in projects)
    env = {"ASAN_OPTIONS": "detect_leaks=0"}  # in a child that ends by _exit
    done = subprocess.run(
        [linked(NAMER, *READERS)], input=lines, capture_output=True, env=env, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return [int(word) for word in done.stdout.split()]


def hold_together(projects: list[Path]) -> list[int]:
    """Compare both sides; the keys."""
    expected = [repo_of(str(project)) for project in projects]
    found = names_in_c(projects)
    wrong = [pair for pair in zip(projects, found, expected, strict=True) if pair[1] != pair[2]]
    assert wrong == []
    return found


def clone(path: Path, config: str, *, tail: str = "") -> Path:
    """A project with this git config."""
    (path / ".git").mkdir(parents=True)
    (path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (path / ".git" / "config").write_text(config + tail, encoding="utf-8", newline="")
    return path


ADDRESSES = [
    "git@GitHub.com:org/repo.git",
    "ssh://git@github.com:22/org/repo",
    "https://github.com/org/repo/",
    "https://user:secret@github.com:443/org/repo.git",
    "HTTP://github.com//org/repo",
    "git://github.com/org/repo.git//",
    "github.com:org/repo",
    "github.com:/org/repo",
]

OTHERS = [
    "/srv/git/repo.git",
    "file:///srv/git/repo.git/",
    "../upstream",
    "../upstream/../x/./y.git",
    "",
    "ssh://git@[::1]:2222/org/repo.git",
    "https://github.com/Org/Repo",
    "/",
    ".git",
    "..",
    "://x",
    "a:b:c",
    ":x",
    "x:",
    "x:/",
    "x:.git",
    "ssh://",
    "ssh:///",
    "ssh://h",
    "file:",
    "file://",
    "1a://b/c",
    "FILE:///srv/x",
    "h/x:y",
    "@:x",
    "u@@h:x",
    "[::1]:x",
    "./a:b",
    "/srv/link/repo",
]


def test_every_form_of_an_address_is_one_name(tmp_path: Path) -> None:
    text = '[core]\n\tbare = false\n[remote "origin"]\n\turl = {}\n\tfetch = +refs/*\n'
    projects = [
        clone(tmp_path / str(number), text.format(address))
        for number, address in enumerate([*ADDRESSES, *OTHERS])
    ]
    keys = hold_together(projects)
    assert len(set(keys[: len(ADDRESSES)])) == 1
    assert 0 not in keys


CONFIGS = [
    "",
    "[remote]\nurl = a:b\n",
    '[remote "origin"]',
    '[remote "origin"]\nurl\n',
    "url = a:b\n",
    '[remote "origin"]\nurl = a:b\nurl = c:d\n',
    '[remote "origin"]\nURL="a:b"\n[x]\nurl = c:d',
    '[remote "upstream"]\nurl = a:b\n[remote "origin"]\r\n\tUrl\t=  c:d \r\n',
    '[[remote "origin"] ]\nurl=a:b',
    '[remote "origin"] # why\nurl = a:b # c\n',
    '[remote "origin"\nurl = a:b',
    ' [ remote "origin" ]\n url=a:b',
    '[remote "Origin"]\nurl = a:b\n',
    '[remote "origin"]\n\n;url = x:y\nurl =\n',
    '[remote "origin"]\npushurl = a:b',
    '[remote "origin"]\nurl = https://B\xdcCHER.Example/org/repo',
    '[remote "origin"]\nurl = \xa0https://h/r\xa0\n',
    '[remote "origin"]\nurl = h:a\u2028url = h:b\x85\n',
    '[remote "origin"]\nurl = /srv/a\0b\n',
    '[remote "origin"]\nurl = h:r\n' + "#\r\n" * 40_000 + "url = h:late\n",
]


def test_a_config_is_read_alike(tmp_path: Path) -> None:
    hold_together([clone(tmp_path / str(n), config) for n, config in enumerate(CONFIGS)])


TOKENS = [
    "[",
    "]",
    '"',
    "remote",
    "origin",
    '[remote "origin"]',
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "=",
    "url",
    "URL",
    "url = ",
    "\nurl = ",
    "git@",
    "host",
    "Host",
    ":",
    "/",
    "//",
    "..",
    ".git",
    "ssh://",
    "file://",
    "https://",
    "@",
    "#",
    ";",
    "x",
    "\v",
    "\f",
    "\x1c",
    "é",
    "[core]",
    "22",
    "Ü",
    "\u017fsh://",  # what Python's IGNORECASE takes for an S
    "\u212a",  # and for a K
    "\u0130",  # in lower case two letters
    "\u2028",  # an end of line to str.splitlines
    "\x85",
    "\xa0",  # a blank to str.strip
]


@pytest.mark.parametrize("seed", range(3))
def test_random_configs_are_read_alike(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    projects = []
    for number in range(300):
        tail = "".join(dice.choices(TOKENS, k=dice.randrange(30)))
        head = dice.choice(["", '[remote "origin"]\nurl = ', '[remote "origin"]\n'])
        projects.append(clone(tmp_path / str(number), head, tail=tail))
    assert len(set(hold_together(projects))) > 100


LAYOUTS: dict[str, dict[str, str]] = {
    "no git": {"x": ""},
    "a linked worktree": {
        ".git": "gitdir: {tmp}/main/.git/worktrees/a\n",
        "/main/.git/worktrees/a/commondir": "../..\n",
        "/main/.git/config": "",
    },
    "a linked worktree with an origin": {
        ".git": "gitdir: {tmp}/main/.git/worktrees/a\n",
        "/main/.git/worktrees/a/commondir": "../..",
        "/main/.git/config": '[remote "origin"]\nurl = ../elsewhere\n',
    },
    "a submodule": {
        ".git": "gitdir: ../main/.git/modules/m\r\n",
        "/main/.git/modules/m/config": "[core]\n",
    },
    "a worktree whose repo is gone": {".git": "gitdir: /gone/a/../b/.git/worktrees/a\n"},
    "nonsense": {".git": "gitdir\n"},
    "no path": {".git": "gitdir: \n"},
    "an empty file": {".git": ""},
    "an empty commondir": {".git/HEAD": "", ".git/commondir": " \n"},
    "a path that is no text": {".git": "gitdir: ../m\0x/.git\n"},
    "a path with other ends of lines": {
        ".git": "gitdir: ../m\u2028\x85\v/.git\n",
        "/m\u2028\x85\v/.git/config": "[core]\n",
    },
    "an absolute commondir": {".git/HEAD": "", ".git/commondir": "{tmp}/main/.git\n"},
}


NO_REPO = ("no git", "nonsense", "an empty file", "a path that is no text")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_repo_is_found_alike(tmp_path: Path, name: str) -> None:
    project = tmp_path / "p"
    project.mkdir()
    for path, text in LAYOUTS[name].items():
        file = tmp_path / path[1:] if path.startswith("/") else project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.format(tmp=tmp_path), newline="")
    [key] = hold_together([project])
    assert (key == 0) == (name in NO_REPO)


def test_links_are_followed_alike(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "link").symlink_to("deep/er")
    (tmp_path / "deep" / "up").symlink_to("..")
    (tmp_path / "dangling").symlink_to("gone/../x")
    text = '[remote "origin"]\nurl = {}\n'
    paths = ["link/repo", "link/../repo", "deep/up/link/./x//y", "dangling/z", "gone/../link/a"]
    hold_together(
        [
            clone(tmp_path / str(n), text.format(tmp_path / path))
            for n, path in enumerate([*paths, f"{'../' * 30}srv"])
        ]
    )


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git here")
def test_real_worktrees_and_clones_are_siblings(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b"}
        who |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b", "HOME": str(tmp_path)}
        env = {"PATH": os.environ["PATH"]} | who
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, env=env, timeout=60)

    git("init", "-q", "main")
    git("-C", "main", "commit", "-q", "--allow-empty", "-m", "first")
    git("-C", "main", "worktree", "add", "-q", "../side", "-b", "side")
    git("clone", "-q", "main", "one")
    git("clone", "-q", "main", "two")
    keys = hold_together([tmp_path / name for name in ("main", "side", "one", "two")])
    assert keys[0] == keys[1] != keys[2]
    assert keys[2] == keys[3]
