"""Background commands of Claude Code that failed, as it reports them in a prompt.

The output is in a file that the prompt names. Prompts are people's text, so the file is read only
if it is a regular one of this user, and only its end.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from msgspec import Struct

from styxy.core.agents.outcomes import LARGEST_OUTPUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from styxy.adapters.projects.projects import Projects

MOST_TASKS = 5
LONGEST_PATH = 4096


class FailedTask(Struct, frozen=True):
    """A command that failed in the background, and the end of what it printed."""

    call_id: str
    output: str


def failed_tasks(prompt: str, projects: Projects) -> Iterator[FailedTask]:
    """Read the notifications in a prompt."""
    for part in prompt.split("<task-notification>")[1 : MOST_TASKS + 1]:
        notification = part.partition("</task-notification>")[0]
        if _tagged(notification, "status") == "failed":
            output = _end_of(_tagged(notification, "output-file"), projects)
            yield FailedTask(_tagged(notification, "tool-use-id"), output)


def _tagged(text: str, tag: str) -> str:
    _, _, rest = text.partition(f"<{tag}>")
    content, end, _ = rest.partition(f"</{tag}>")
    return content.strip() if end else ""


def _end_of(path: str, projects: Projects) -> str:
    if not os.path.isabs(path) or len(path) > LONGEST_PATH or "\0" in path:
        return ""
    if not projects.answers(path):
        return ""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return ""  # ENOENT, ELOOP, EACCES: nothing is known of the failure
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            return ""
        content = os.pread(descriptor, LARGEST_OUTPUT, max(found.st_size - LARGEST_OUTPUT, 0))
    except OSError:
        return ""  # EIO
    finally:
        os.close(descriptor)
    return content.decode("utf-8", "replace")
