"""Which projects are siblings: worktrees and clones of one repo.

A repo is identified by its remote `origin`, normalised so that all spellings of its address agree,
else by the directory that its worktrees share. Siblings are different projects with the same repo.
The native library applies the same rule in C, and a test compares the two.
"""

from __future__ import annotations

import re
import string

from styxy.core.hashing import fnv1a64

_WITH_SCHEME = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL | re.IGNORECASE | re.ASCII
)
_SCP_FORM = re.compile(r"(?P<host>[^/:]+):(?P<path>.*)", re.DOTALL)

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""ASCII only, as in the library; on the wire, host names have no other letters."""


def repo_key(*, origin: str | None, common_directory: str | None) -> int:
    """Return a repo's key in the port map; 0 if there is none.

    `origin` is normalised, `common_directory` canonical.
    """
    if origin:
        return fnv1a64(f"origin:{origin}".encode("utf-8", "surrogateescape")) or 1
    if common_directory:
        return fnv1a64(f"common:{common_directory}".encode("utf-8", "surrogateescape")) or 1
    return 0


def normalised_origin(url: str) -> str:
    """Normalise the address of a remote to `host/path`, for ssh, https and scp forms alike.

    User, password, port, a trailing slash and `.git` are dropped; the host is compared ignoring
    case (RFC 3986, 3.2.2). A path on this machine stays a path.
    """
    path = local_path(url)
    if path is not None:
        return _bare(path)
    match = _WITH_SCHEME.fullmatch(url)
    if match is not None:
        authority, _, path = match["rest"].partition("/")
        return _bare(f"{_host(authority)}/{path.lstrip('/')}")
    scp = _SCP_FORM.fullmatch(url)
    if scp is not None:
        return _bare(f"{_host(scp['host'])}/{scp['path'].lstrip('/')}")
    return _bare(url)


def local_path(url: str) -> str | None:
    """Return the path of a remote on this machine, absolute or not; None for any other."""
    match = _WITH_SCHEME.fullmatch(url)
    if match is not None:
        return match["rest"] if match["scheme"].lower() == "file" else None
    return None if _SCP_FORM.fullmatch(url) else url


def _host(authority: str) -> str:
    host = authority.rpartition("@")[2].translate(_LOWER)
    if host.startswith("["):  # an IPv6 address, with or without a port
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _bare(path: str) -> str:
    stripped = path.rstrip("/")
    return stripped.removesuffix(".git").rstrip("/") or path
