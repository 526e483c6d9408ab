"""Values that a command takes: parsed from its arguments, and written into a request.

What argparse calls raises `ArgumentTypeError`, with the sentence that the user sees.
"""

from __future__ import annotations

import argparse
import os

from styxy.core.errors import InvalidInput
from styxy.core.messages import echo
from styxy.core.names import INSTANCE, INSTANCE_RULE, check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def not_empty(text: str) -> str:
    """Parse a text that must not be empty, as `$NAME` is if the variable is not set."""
    if not text:
        raise argparse.ArgumentTypeError("the value must not be empty")
    return text


def name_text(text: str) -> str:
    """Parse the name of a service or an instance."""
    if not INSTANCE.fullmatch(not_empty(text)):
        raise argparse.ArgumentTypeError(f"{echo(text)} is not a name; use {INSTANCE_RULE}")
    return text


def service_type(text: str) -> str:
    """Parse the name of a service type."""
    try:
        return check_name(text)
    except InvalidInput as error:
        raise argparse.ArgumentTypeError(error.message) from None


def port_number(text: str) -> int:
    """Parse a port, 1-65535."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 65535:
        raise argparse.ArgumentTypeError(f"{echo(text)} is not a port (1-65535)")
    return int(text)


def port_list(text: str) -> str:
    """Parse ports with commas between them; return them without blanks."""
    return ",".join(str(port_number(each.strip())) for each in not_empty(text).split(","))


def leasable_port(text: str) -> int:
    """Parse a port that can be leased, 1024-65535; lower ones belong to the system."""
    port = port_number(text)
    if port < 1024:
        raise argparse.ArgumentTypeError(f"{port} is below 1024, and such ports are not leased")
    return port


def positive_number(text: str) -> int:
    """Parse a positive whole number of at most nine digits."""
    if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{echo(text)} is not a whole number from 1 to 999999999")
    return int(text)


def project_of(directory: str, env: Mapping[str, str]) -> str:
    """Find the project of a directory that the user named; raises `InvalidInput` if missing."""
    from styxy.adapters.projects.bounded_looks import answers, project_at

    path = os.path.abspath(directory)
    if answers(path) and not os.path.isdir(path):
        raise InvalidInput(f"no such directory: {echo(directory)}")
    return project_at(path, env.get("HOME") or "/")


def project_here(env: Mapping[str, str]) -> str:
    """Find the project of the working directory, or the one that STYXY_PROJECT names.

    Raises `InvalidInput` if the directory no longer exists, or the name is too long for any.
    """
    from styxy.adapters.projects.bounded_looks import project_at
    from styxy.core.model.projects import LONGEST_PATH

    size = len(os.fsencode(env.get("STYXY_PROJECT", "")))
    if size > LONGEST_PATH:
        raise InvalidInput(f"STYXY_PROJECT must be at most {LONGEST_PATH} bytes, not {size}")
    try:
        # Joined only where it is relative: the directory may be gone, and the name still good.
        named = env.get("STYXY_PROJECT") or ""
        path = named if named[:1] == "/" else os.path.join(os.getcwd(), named)
        return project_at(path, env.get("HOME") or "/")
    except FileNotFoundError:
        raise InvalidInput(
            "the working directory no longer exists; change to another, "
            "or: export STYXY_PROJECT=DIR"
        ) from None


def quoted(text: str) -> str:
    """Percent-encode a value for a path or a query (RFC 3986); `urllib` costs 8 ms."""
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
    data = text.encode("utf-8", "surrogateescape")
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in data)


def query(**values: object) -> str:
    """Build a query string from the values that are not None, or nothing."""
    pairs = [f"{name}={quoted(str(each))}" for name, each in values.items() if each is not None]
    return f"?{'&'.join(pairs)}" if pairs else ""
