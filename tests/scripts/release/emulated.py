"""Run programs for ARM on this machine: qemu's user mode, and Debian's Python for ARM.

The kernel hands them to qemu by binfmt_misc, which is mounted in a user namespace of their own
(Linux 6.7 and newer), so that no other process of this machine learns of it. They have processes of
their own, too: qemu lacks netlink, and who looks through /proc should not look at all the others.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.installed import clean_env

TREE = Path(__file__).parents[3] / ".cache" / "programs" / "python-arm64"
PYTHON = TREE / "usr" / "bin" / "python3.11"
QEMU = shutil.which("qemu-aarch64-static")

ENTER = r"""
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf '%s' ":arm64:M::$magic:$mask:$0:F" >/proc/sys/fs/binfmt_misc/register
exec "$@"
"""
"""binfmt-misc.rst of the kernel's documents; the numbers are those of an ELF file for AArch64."""

SHELL = ("unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc")

LONGEST = 600
"""Seconds; an emulated Python takes ten times as long as one, on a machine that has other work."""


def emulated(*words: str | Path, **variables: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail, with programs for ARM in it."""
    env = clean_env(QEMU_LD_PREFIX=str(TREE))
    return subprocess.run(
        [*SHELL, "sh", "-ec", ENTER, str(QEMU), *words],
        env=env | {name: str(value) for name, value in variables.items()},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


@functools.cache
def why_not() -> str:
    """What is missing here; empty if programs for ARM run."""
    if QEMU is None:
        return "there is no qemu-aarch64-static here; try: apt-get install qemu-user-static"
    if not PYTHON.exists():
        return "there is no Python for ARM here; try: make .cache/programs/python-arm64"
    if emulated(PYTHON, "-I", "-S", "-c", "pass").returncode != 0:
        return f"this kernel ({os.uname().release}) has no binfmt_misc in user namespaces"
    return ""


def skip_without_emulation() -> None:
    """Skip a test by the name of what is missing."""
    if missing := why_not():
        pytest.skip(missing)
