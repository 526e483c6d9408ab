"""Check the check of commit messages: what it accepts, what it says, and that git runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.commit_message import SUBJECT_LENGTH, is_imperative, problems, rooms_of

ROOT = Path(__file__).parent.parent.parent
ROOMS = rooms_of(
    [".ci/run", "README.md", "docs/usage.md", "native/portmap.c", "src/styxy/core/desk.py"]
)

WHY = """\
Two allocations of a singleton gave two ports; a property test found it.

The desk now looks for a lease of the service before it chooses a port,
because a second lease would outlive the first.
"""
GOOD = f"desk: Reuse the lease of a singleton\n\n{WHY}"
OUTPUT = f"    {'x' * 100}"
HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "message",
    [
        GOOD,
        GOOD.replace("desk:", "core/desk:"),
        GOOD.replace("desk:", "native, docs:"),
        GOOD.replace("desk:", "README:"),
        GOOD.replace("desk:", "ci:"),
        GOOD.replace("desk:", "portmap.c:"),
        GOOD.replace("desk:", "build:"),
        GOOD.replace("Reuse", "Never reuse"),
        f"{GOOD}\n{OUTPUT}\n",
        f"{GOOD}\nhttps://example.org/{'x' * 80}\n",
        f"{GOOD}\nSigned-off-by: {'A ' * 40}<a@example.org>\n",
        f"\n{GOOD}# Please enter the commit message for your changes.\n",
        f"{GOOD}# ------------------------ >8 ------------------------\ndiff --git {'x ' * 50}\n",
        "Merge branch 'main' into a-branch-with-a-name-that-is-longer-than-sixty-characters\n",
        "Merge remote-tracking branch 'origin/main'\n",
        "fixup! desk: Reuse the lease of a singleton\n",
        "squash! desk: Reuse the lease of a singleton\n",
        "amend! desk: Reuse the lease of a singleton\n",
        f'Revert "desk: Reuse the lease of a singleton"\n\nThis reverts commit {HASH}.\n\n{WHY}',
        "",
        "# Nothing but comments: git refuses this by itself.\n",
    ],
)
def test_a_good_message_is_accepted(message: str) -> None:
    assert problems(message, ROOMS) == []


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Reuse the lease", 'the subject names no room; put one in front, as in "desk: Reuse the'),
        ("desk:", "the subject names no room"),
        ("One thing for one word: a lease", "the subject names no room"),
        ("dsek: Reuse it", 'there is no room "dsek"; use a folder or a module, such as "desk"'),
        ("Docs: Reuse it", 'there is no room "Docs"; use a folder or a module, such as "docs"'),
        ("core/x: Reuse it", 'there is no room "x"'),
        ("desk: Reused it", '"Reused" is not an imperative; start with a verb such as "Fix"'),
        ("desk: Reusing it", '"Reusing" is not an imperative'),
        ("desk: Reuses it", '"Reuses" is not an imperative'),
        ("desk: A lease is reused", '"A" is not an imperative'),
        ("desk: reuse it", '"reuse" is in lower case; write "Reuse"'),
        ("desk: Reuse it.", "the subject ends with a full stop; remove it"),
        (
            f"desk: Reuse {'x' * 60}",
            f"the subject has 72 characters; shorten it to {SUBJECT_LENGTH}",
        ),
    ],
)
def test_each_fault_of_a_subject_is_named_with_the_next_step(subject: str, said: str) -> None:
    (problem,) = problems(f"{subject}\n\n{WHY}", ROOMS)
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("below", "said"),
    [
        ("", "there is no body; below a blank line, say what was wrong, how it was found and why"),
        ("\nSigned-off-by: A <a@example.org>\n", "there is no body"),
        (f"\n{OUTPUT}\n", "there is no body"),
        ("\nIt was wrong.\n", "the body has 1 sentence and 3 words; say what was wrong"),
        (f"\n{'word ' * 14}\n", "the body has 1 sentence and 14 words"),
        (f"\n{'It was. ' * 8}\n", "the body has 0 sentences and 16 words"),
        (WHY, "the second line is not blank; put an empty line below the subject"),
        (
            f"\n{WHY}{'word ' * 15}\n",
            "line 7 has 74 characters; wrap it at 72, or indent it by four",
        ),
    ],
)
def test_each_fault_of_a_body_is_named_with_the_next_step(below: str, said: str) -> None:
    (problem,) = problems(f"desk: Reuse the lease\n{below}", ROOMS)
    assert problem.startswith(said)


def test_the_example_for_contributors_is_accepted() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    _, example, _ = text.partition("## Commits\n")[2].split("```\n")[:3]
    assert example.startswith("desk: ")
    assert problems(example, ROOMS) == []


def test_a_revert_says_why() -> None:
    bare = f'Revert "desk: Reuse the lease"\n\nThis reverts commit {HASH}.\n'
    (problem,) = problems(bare, ROOMS)
    assert problem.startswith("there is no body")


@pytest.mark.parametrize(
    "verb", ["Add", "Address", "Bring", "Embed", "Feed", "Focus", "Need", "Ping", "Process", "Shed"]
)
def test_an_imperative_with_an_unusual_ending_is_one(verb: str) -> None:
    assert is_imperative(verb)


def test_the_rooms_are_the_folders_and_files_of_the_tree() -> None:
    assert rooms_of(["src/styxy/core/desk.py", ".ci/run"]) >= {
        "src", "styxy", "core", "desk", "desk.py", "ci", "run", "packaging",
    }  # fmt: skip


class Checkout:
    """A repository of its own with the scripts, the Makefile and one document."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # The tests may themselves run below git (a hook), and below make, whose make speaks more.
        strange = {name for name in os.environ if name.startswith(("GIT_", "MAKE", "MFLAGS"))}
        who = {"NAME": "Ada", "EMAIL": "ada@example.org"}
        self._env = {name: value for name, value in os.environ.items() if name not in strange} | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            **{f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who},
        }
        shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("*.pyc"))
        shutil.copy(ROOT / "Makefile", root)
        Path(root, "docs").mkdir()
        Path(root, "docs", "usage.md").touch()

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail at the top of the checkout."""
        return subprocess.run(
            command, cwd=self.root, env=self._env, capture_output=True, text=True, check=False
        )

    def git(self, *words: str) -> str:
        """Run git, which has to succeed."""
        done = self.run("git", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def make_hooks(self) -> str:
        """Turn the hooks on as `make check` does; return where git looks for hooks then."""
        done = self.run("make", "hooks")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        return self.run("git", "config", "core.hooksPath").stdout.strip()

    def commit(self, message: str) -> subprocess.CompletedProcess[str]:
        """Commit what there is."""
        return self.run("git", "commit", "--allow-empty", "-m", message)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Make a repository in which nothing is committed yet."""
    made = Checkout(tmp_path)
    made.git("init", "--quiet")
    made.git("add", "docs")
    return made


def test_git_refuses_a_bad_message_and_keeps_it(checkout: Checkout) -> None:
    assert checkout.make_hooks() == "scripts/hooks"
    done = checkout.commit("Docs: usage")
    assert done.returncode != 0
    assert done.stderr.splitlines() == [
        'commit message: there is no room "Docs"; use a folder or a module, such as "docs"',
        'commit message: "usage" is in lower case; write "Usage"',
        "commit message: there is no body; below a blank line, say what was wrong,"
        " how it was found and why this is the fix",
        "The message is kept; to edit it: git commit -eF .git/COMMIT_EDITMSG",
    ]
    assert "Docs: usage" in Path(checkout.root, ".git", "COMMIT_EDITMSG").read_text()
    good = checkout.commit(f"docs: Describe the use\n\n{WHY}")
    assert good.returncode == 0, good.stderr


def test_a_commit_may_name_the_room_that_it_removes(checkout: Checkout) -> None:
    checkout.make_hooks()
    checkout.commit(f"usage: Describe the use\n\n{WHY}")
    checkout.git("rm", "--quiet", "docs/usage.md")
    done = checkout.commit(f"usage: Remove the page\n\n{WHY}")
    assert done.returncode == 0, done.stderr


def test_a_linked_worktree_has_the_hook_too(checkout: Checkout) -> None:
    checkout.git("add", "scripts")
    checkout.make_hooks()
    assert checkout.commit(f"docs: Describe the use\n\n{WHY}").returncode == 0
    checkout.git("worktree", "add", "--quiet", "linked")
    done = checkout.run("git", "-C", "linked", "commit", "--allow-empty", "-m", "Nothing")
    assert "the subject names no room" in done.stderr


def test_existing_commits_can_be_checked(checkout: Checkout) -> None:
    assert checkout.commit(f"docs: Describe the use\n\n{WHY}").returncode == 0
    check = ("python3", "scripts/commit_message.py", "--commits")
    good = checkout.run(*check, "HEAD")
    assert (good.returncode, good.stderr) == (0, "")
    assert checkout.commit("Nothing").returncode == 0
    bad = checkout.run(*check, "HEAD~1..HEAD")
    assert bad.returncode == 1
    assert bad.stderr.startswith(f"{checkout.git('rev-parse', '--short=9', 'HEAD')}: the subject")
    assert checkout.run(*check, "nowhere..HEAD").returncode == 1


def test_hooks_that_somebody_has_stay_in_force(checkout: Checkout) -> None:
    own = Path(checkout.root, ".git", "hooks", "pre-push")
    own.parent.mkdir(exist_ok=True)
    own.touch()
    assert checkout.make_hooks() == ""
    own.unlink()
    checkout.git("config", "core.hooksPath", "elsewhere")
    assert checkout.make_hooks() == "elsewhere"


def test_sources_in_somebody_elses_repository_touch_nothing(checkout: Checkout) -> None:
    unpacked = Path(checkout.root, "vendor", "styxy")
    unpacked.mkdir(parents=True)
    Checkout(unpacked).make_hooks()
    assert checkout.run("git", "config", "core.hooksPath").stdout == ""
