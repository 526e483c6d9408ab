"""File descriptors: counted as the kernel counts them, and their want told from other failures."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import styxy
from styxy.adapters import fd_limits
from styxy.core.errors import Unavailable
from tests.fakes import clean_environment


def test_one_more_open_file_counts_as_one() -> None:
    before = fd_limits.in_use()
    with open("/dev/null", "rb"):
        assert fd_limits.in_use() == before + 1
    assert fd_limits.in_use() == before


def test_the_limit_is_the_one_that_the_kernel_enforces() -> None:
    assert fd_limits.limit() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


EXHAUST = """
import os, resource
from styxy.adapters import fd_limits
from styxy.core.errors import Unavailable
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    while True:
        os.open("/dev/null", os.O_RDONLY)
except OSError as error:
    print(fd_limits.is_want(error))
try:
    fd_limits.in_use()
except Unavailable as error:
    print(error)
"""


def test_a_process_without_any_left_says_so_with_its_limit() -> None:
    env = clean_environment(PYTHONPATH=str(Path(styxy.__file__).parent.parent))
    words = [sys.executable, "-c", EXHAUST]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == "True"
    assert "out of file descriptors (limit 20)" in second


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_want_of_descriptors_is_refused_in_our_words(number: int) -> None:
    assert isinstance(fd_limits.refusal(OSError(number, "")), Unavailable)


def test_another_failure_stays_what_it_is() -> None:
    other = OSError(errno.EACCES, "denied")
    assert not fd_limits.is_want(other)
    assert not fd_limits.is_want(ValueError())
    with pytest.raises(OSError, match="denied") as raised:
        fd_limits.refusal(other)
    assert raised.value is other
