"""Check commit messages: a room and an imperative in the subject, and the reasons in the body.

git runs this through `scripts/hooks/commit-msg` (githooks(5)), which `make` turns on; commits that
exist already are checked with `--commits RANGE`. A script can tell that a body is there, not that
it is true, so a reviewer still reads it. Only the standard library is used.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

SUBJECT_LENGTH = 60
"""Characters; after a hash and the name of a branch, `git log --oneline` still fits 80 columns."""

LINE_LENGTH = 72
"""Characters; `git log` indents by four, and an equal margin on the right makes 80."""

BODY_WORDS = 15
BODY_SENTENCES = 2
"""Fewer cannot say what was wrong and also why this is the fix."""

EXTRA_ROOMS = {"build", "packaging", "release"}
"""What a commit may be about although no folder or file has that name."""

BODY_SAYS = "what was wrong, how it was found and why this is the fix"

SCISSORS = re.compile(r"^# -+ >8 -+$.*", re.MULTILINE | re.DOTALL)
"""Below this line `git commit --verbose` shows the diff (git-commit(1), --cleanup=scissors)."""

WRITTEN_BY_GIT = re.compile(
    r"(fixup|squash|amend)! "
    r"|Merge (branch|branches|remote-tracking branch|remote-tracking branches|tag|commit) "
)
"""Subjects that git composes: merges, and commits that disappear at the next rebase."""

REVERT = re.compile(r'(Revert|Reapply) "')
REVERTED = re.compile(r"^This reverts commit [0-9a-f]+.*$", re.MULTILINE)
TRAILER = re.compile(r"[A-Z][A-Za-z-]*: \S.*|\(cherry picked from commit [0-9a-f]+\)")
QUOTED = re.compile(r"    |\t|[>|$] ")
"""How a line of quoted output begins; output must not be wrapped."""

NOT_VERBS = frozenset({
    "a", "all", "also", "an", "another", "any", "are", "as", "at", "both", "by", "can", "each",
    "every", "for", "from", "here", "how", "i", "if", "in", "is", "it", "its", "more", "most",
    "new", "no", "nobody", "none", "not", "now", "of", "on", "one", "only", "our", "some", "that",
    "the", "their", "there", "these", "they", "this", "those", "to", "two", "under", "we", "what",
    "when", "where", "which", "who", "whoever", "whose", "why", "with", "without", "you", "your",
})  # fmt: skip
"""Words that often begin a sentence and never an imperative."""


def problems(message: str, rooms: set[str]) -> list[str]:
    """List what is wrong with a message, one sentence each, ending in what to do."""
    lines = without_comments(message).splitlines()
    subject = lines[0] if lines else ""
    if not subject or WRITTEN_BY_GIT.match(subject):
        return []  # git itself refuses an empty message
    found = [] if REVERT.match(subject) else [*subject_problems(subject, rooms)]
    if len(lines) > 1 and lines[1]:
        found.append("the second line is not blank; put an empty line below the subject")
    return [*found, *body_problems(lines[1:])]


def without_comments(message: str) -> str:
    """Remove what git removes: comments, and blank lines at both ends."""
    kept = SCISSORS.sub("", message)
    return "\n".join(line.rstrip() for line in kept.splitlines() if line[:1] != "#").strip("\n")


def subject_problems(subject: str, rooms: set[str]) -> Iterator[str]:
    """Check the length, the room and the verb."""
    if len(subject) > SUBJECT_LENGTH:
        yield f"the subject has {len(subject)} characters; shorten it to {SUBJECT_LENGTH}"
    before, _, summary = subject.partition(": ")
    rooms_named = re.split(r", |/", before)
    if not summary.strip() or any(" " in room for room in rooms_named):
        yield 'the subject names no room; put one in front, as in "desk: Reuse the lease"'
        return
    for room in rooms_named:
        if room not in rooms:
            near = difflib.get_close_matches(room.lower(), sorted(rooms), n=1) or ["docs"]
            yield f'there is no room "{room}"; use a folder or a module, such as "{near[0]}"'
    verb = summary.split()[0]
    if not is_imperative(verb):
        yield f'"{verb}" is not an imperative; start with a verb such as "Fix" or "Add"'
    elif not verb[0].isupper():
        yield f'"{verb}" is in lower case; write "{verb.capitalize()}"'
    if subject.endswith("."):
        yield "the subject ends with a full stop; remove it"


def is_imperative(word: str) -> bool:
    """Judge a word by its ending, with the exceptions of English: Bring, Need, Shed, Pass."""
    plain = word.lower()
    if plain in NOT_VERBS or not plain[0].isalpha():
        return False
    if plain.endswith("ing"):
        return not re.search("[aeiouy]", plain[:-3])
    if plain.endswith("ed"):
        return plain.endswith(("eed", "embed")) or not re.search("[aeiouy]", plain[:-2])
    return not plain.endswith("s") or plain.endswith(("ss", "us", "as", "is"))


def body_problems(lines: list[str]) -> Iterator[str]:
    """Check that there is a body, that it has substance, and that it fits a terminal."""
    text = prose(lines)
    words, sentences = len(text.split()), count_sentences(text)
    if not text:
        yield f"there is no body; below a blank line, say {BODY_SAYS}"
    elif words < BODY_WORDS or sentences < BODY_SENTENCES:
        size = f"{counted(sentences, 'sentence')} and {counted(words, 'word')}"
        yield f"the body has {size}; say {BODY_SAYS}"
    for number, line in enumerate(lines, start=2):
        if len(line) > LINE_LENGTH and not may_be_long(line):
            yield (
                f"line {number} has {len(line)} characters; wrap it at {LINE_LENGTH}, "
                "or indent it by four spaces if it is quoted output"
            )


def prose(lines: list[str]) -> str:
    """Return the body without trailers, quoted output and the line that git writes for a revert."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip("\n"))
    while paragraphs and all(TRAILER.fullmatch(line) for line in paragraphs[-1].splitlines()):
        paragraphs.pop()
    text = REVERTED.sub("", "\n\n".join(paragraphs))
    return "\n".join(line for line in text.splitlines() if not QUOTED.match(line)).strip()


def count_sentences(text: str) -> int:
    """Count sentences, list items and paragraphs of at least three words."""
    pieces = re.split(r"(?<=[.!?])[)\"'`]*\s+|\n\s*\n|\n(?=[-*] )", text)
    return sum(len(piece.split()) >= 3 for piece in pieces)


def may_be_long(line: str) -> bool:
    """Tell whether a line cannot be wrapped: quoted output, a trailer, or a URL."""
    return bool(QUOTED.match(line) or TRAILER.fullmatch(line) or re.search(r"\S{50}", line))


def counted(count: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{count} {noun}{'s' * (count != 1)}"


def rooms_of(paths: Iterable[str]) -> set[str]:
    """Return the names of all folders and files, these both with their suffix and without."""
    rooms = set(EXTRA_ROOMS)
    for path in paths:
        for part in PurePosixPath(path).parts:
            name = part.lstrip(".")
            rooms |= {name, name.partition(".")[0]}
    return rooms - {""}


def git(*words: str) -> str:
    """Return git's output; nothing where it fails, as HEAD does before the first commit."""
    done = subprocess.run(["git", *words], capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def paths_of(*trees: str) -> list[str]:
    """List the files of some commits."""
    listed = (git("ls-tree", "-r", "-z", "--name-only", tree) for tree in trees)
    return [path for names in listed for path in names.split("\0") if path]


def check_file(path: Path) -> int:
    """Check the message of the commit that is being made."""
    message = path.read_text(encoding="utf-8", errors="replace")
    # A commit may add a room (the index has it) or remove one (HEAD has it).
    rooms = rooms_of([*git("ls-files", "-z").split("\0"), *paths_of("HEAD")])
    found = problems(message, rooms)
    for each in found:
        print(f"commit message: {each}", file=sys.stderr)
    if found:
        print(f"The message is kept; to edit it: git commit -eF {path}", file=sys.stderr)
    return bool(found)


def check_commits(span: str) -> int:
    """Check each commit of a range against its own tree and that of its parent."""
    listed = subprocess.run(
        ["git", "rev-list", "--reverse", span, "--"], stdout=subprocess.PIPE, text=True, check=False
    )
    failed = listed.returncode != 0  # git has said why
    for commit in listed.stdout.split():
        rooms = rooms_of(paths_of(commit, f"{commit}^"))
        for each in problems(git("show", "-s", "--format=%B", commit), rooms):
            print(f"{commit[:9]}: {each}", file=sys.stderr)
            failed = True
    return failed


def main() -> int:
    """Check the message in a file, or those of a range of commits; 1 where one is wrong."""
    parser = argparse.ArgumentParser(description="Check commit messages.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("file", nargs="?", type=Path, help="the message, as git gives it to a hook")
    what.add_argument("--commits", metavar="RANGE", help="commits, such as origin/main..HEAD")
    options = parser.parse_args()
    return check_commits(options.commits) if options.commits else check_file(options.file)


if __name__ == "__main__":
    sys.exit(main())
