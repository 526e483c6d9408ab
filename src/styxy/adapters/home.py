"""Styxy's home on the disk: a directory of the user alone, and the token of the TCP port in it.

The command line loads this at every start, so it imports nothing heavy.
"""

from __future__ import annotations

import errno
import os
import stat

from styxy.adapters.fd_limits import is_want, refusal
from styxy.core.errors import Unavailable

TOKEN_BYTES = 32

_MARKS = frozenset({"auth.token", "config.json", "daemon.json", "styxy.db"})
"""Files of which each one makes a directory a Styxy home."""


def open_regular(path: str, flags: int = os.O_RDONLY, mode: int = 0o600) -> int:
    """Open a regular file and return its descriptor, without waiting for anything.

    A FIFO in the place of a file would wait for somebody at its other end (fifo(7)). Raises
    `OSError`, with EINVAL for what is not a regular file.
    """
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, mode)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is not a regular file; move it away", path)


def check_home(path: str) -> None:
    """See that a directory which others may enter is Styxy's, or empty. Raises `Unavailable`.

    The home is closed to others: `STYXY_HOME=/` must not lock everybody out of the machine.
    """
    try:
        is_open = stat.S_IMODE(os.lstat(path).st_mode) & 0o077
        names = set(os.listdir(path)) if is_open else set()
    except OSError:
        return  # there is none yet, or making it says why not
    if names and not names & _MARKS:
        raise Unavailable(
            f"{path} holds other files than Styxy's and is open to others; "
            f"set STYXY_HOME to a directory of its own, or say: chmod 700 {path}"
        )


def private_home(path: str) -> None:
    """Make Styxy's home, or see that it is one. Raises `Unavailable`."""
    check_home(path)
    private_directory(path)


def private_directory(path: str, *, fix: str = "set STYXY_HOME to a directory of your own") -> None:
    """Make a directory of mode 0700, or see that it is one. Raises `Unavailable`.

    A link or another user's directory is refused: whoever planted it could read what lies in it.
    `fix` is the next step where it cannot be made.
    """
    old_mask = os.umask(0o077)  # for the parents, to which `mode` does not apply
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.lstat(path)
    except OSError as error:
        raise Unavailable(f"cannot make the directory {path}: {error.strerror}; {fix}") from error
    finally:
        os.umask(old_mask)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise Unavailable(f"{path} is a link or another user's; move it away and start again")
    if status.st_mode & 0o077:
        os.chmod(path, 0o700)


def load_token(path: str) -> str:
    """Read the TCP port's token, 64 hex digits, or make one."""
    try:
        descriptor = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return _new_token(path)
    except OSError as error:
        if os.path.isdir(path):
            raise Unavailable(f"{path} is a directory; move it away and start again") from error
        if error.errno == errno.EINVAL:
            return _new_token(path)
        raise Unavailable(f"cannot open {path}: {error.strerror}") from error
    try:
        os.fchmod(descriptor, 0o600)
        token = os.read(descriptor, 1024).decode("ascii", "replace").strip()
    finally:
        os.close(descriptor)
    if _is_token(token):
        return token
    return _new_token(path)


def is_token(path: str, token: str | None = None) -> bool:
    """Tell whether a file holds a token that can be used: this one, if one is given.

    Raises `Unavailable` where no descriptor is left to look with.
    """
    try:
        with open(open_regular(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
            found = file.read(1024).decode("ascii", "replace").strip()
            return _is_token(found) if token is None else found == token
    except OSError as error:
        if is_want(error):
            raise refusal(error) from error
        return False  # ENOENT, EISDIR, EACCES, ELOOP: nothing that can be read


def _is_token(text: str) -> bool:
    return len(text) == 2 * TOKEN_BYTES and all(digit in "0123456789abcdef" for digit in text)


def write_token(path: str, token: str) -> None:
    """Put a token in the place of whatever file is there, in one step. Raises `OSError`."""
    temporary = f"{path}.{os.getpid()}"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(temporary, flags, 0o600), "w") as file:
        file.write(token + "\n")
    os.replace(temporary, path)


def _new_token(path: str) -> str:
    import secrets  # not for every start of the command line

    token = secrets.token_hex(TOKEN_BYTES)
    write_token(path, token)
    return token
