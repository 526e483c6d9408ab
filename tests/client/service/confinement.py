"""Runs a program as confined as a unit says, where that is done by the kernel's filter of system
calls (seccomp(2)) or by prctl(2): python confinement.py UNIT PROGRAM [ARGUMENT]...

Done for `SystemCallFilter=`, `RestrictAddressFamilies=`, `MemoryDenyWriteExecute=` and
`NoNewPrivileges=`, on x86-64. The names of system calls are systemd's own.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_MDWE = 38, 22, 65
MODE_FILTER = 2

LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ, BPF_RET
ALLOW, EPERM = 0x7FFF0000, 0x00050000 | 1
EAFNOSUPPORT = 0x00050000 | 97  # as systemd answers socket(2)
NUMBER, FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data

Instruction = tuple[int, int, int, int]


def calls_in(group: str) -> set[str]:
    """The names of all system calls of one of systemd's groups."""
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", group],
        capture_output=True,
        text=True,
        check=True,
    )
    names = {line.strip() for line in done.stdout.splitlines()[1:]}
    names = {name for name in names if name and not name.startswith("#")}
    groups = {name for name in names if name.startswith("@")}
    return (names - groups).union(*(calls_in(each) for each in groups))


def filtered(calls: set[str], families: list[int]) -> list[Instruction]:
    """Write the program that lets these calls pass, and socket(2) for these families."""
    known = dict(re.findall(r"#define __NR_(\w+) (\d+)", NUMBERS.read_text()))
    program: list[Instruction] = [(LOAD, 0, 0, NUMBER)]
    for name in sorted((calls & known.keys()) - {"socket"}):
        program += [(JUMP_EQUAL, 0, 1, int(known[name])), (RETURN, 0, 0, ALLOW)]
    program += [
        (JUMP_EQUAL, 1, 0, int(known["socket"])),
        (RETURN, 0, 0, EPERM),
        (LOAD, 0, 0, FIRST_ARGUMENT),
    ]
    for family in families:
        program += [(JUMP_EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    return [*program, (RETURN, 0, 0, EAFNOSUPPORT)]


def confine(program: list[Instruction]) -> None:
    """Put this process, and whatever it becomes, under the filter."""
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in program))
    head = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    )
    arguments = [
        (PR_SET_NO_NEW_PRIVS, 1, 0),
        (PR_SET_MDWE, 1, 0),
        (PR_SET_SECCOMP, MODE_FILTER, ctypes.addressof(head)),
    ]
    for option, value, address in arguments:
        if libc.prctl(option, ctypes.c_ulong(value), ctypes.c_void_p(address), None, None):
            raise OSError(ctypes.get_errno(), f"prctl({option})")


def main(unit: str, command: list[str]) -> None:
    """Confine this process, and become the program."""
    lines = dict(line.split("=", 1) for line in Path(unit).read_text().splitlines() if "=" in line)
    families = [getattr(socket, name) for name in lines["RestrictAddressFamilies"].split()]
    program = filtered(calls_in(lines["SystemCallFilter"]), families)
    confine(program)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
