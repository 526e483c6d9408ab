"""What the library reaches on macOS: every program but those that dyld(1) keeps it out of.

System Integrity Protection has dyld drop DYLD_INSERT_LIBRARIES where a program of the system
starts, and such a program passes it on to nothing that it starts: sh, env, make, git, the Python in
/usr/bin. So a script that begins with `#!/usr/bin/env node` is run by the node that env would find.
No Mac has run this: the decisions are pure, and tried with the paths of one.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_ENV = "/usr/bin/env"
_PROTECTED = ("/bin/", "/sbin/", "/usr/", "/System/")
_OPEN = ("/usr/local/",)
"""What /System/Library/Sandbox/rootless.conf leaves out of the former."""
UNCOVERED = "programs of macOS (sh, env, make, git) and what they start, a hardened runtime"
NO_SUPERVISOR = "macOS lets no program perform another's calls, so there is no supervisor"
_LINE = 512
"""The length of the first line of a script that the kernel reads (IMG_SHSIZE)."""


def is_protected(path: str) -> bool:
    """Return whether the system keeps libraries out of the program at an absolute path."""
    return path.startswith(_PROTECTED) and not path.startswith(_OPEN)


def first_words(path: str) -> list[str]:
    """Read what the first line of a script names; none for any other file."""
    try:
        with open(path, "rb") as file:
            line = file.read(_LINE)
    except OSError:
        return []  # ENOENT, EACCES: executing it will tell
    if not line.startswith(b"#!"):
        return []
    return os.fsdecode(line[2:].partition(b"\n")[0]).split()


def past_env(
    words: Sequence[str], path: str, named: Sequence[str], find: Callable[[str], str | None]
) -> list[str]:
    """Return the command that runs a script without env(1) between.

    `path` is the script's, `named` what its first line names; `find` looks for a program. Where
    there is nothing to leave out the command stays as it is.
    """
    if len(named) != 2 or named[0] != _ENV or named[1].startswith("-") or "=" in named[1]:
        return list(words)
    interpreter = find(named[1])
    return [interpreter, path, *words[1:]] if interpreter else list(words)


def why_missed(name: str, path: str, named: Sequence[str]) -> str | None:
    """Say in one sentence why a program's ports are not moved; None if they are.

    `path` is the program's, canonical; `named` is what its first line names, past env.
    """
    if is_protected(path):
        return f"{name} is a program of macOS ({path}), which loads no library of others"
    if named and is_protected(named[0]):
        return f"{name} is run by {named[0]}, a program of macOS, which loads no library of others"
    return None
