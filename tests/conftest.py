"""What holds for every test: it leaves the process that runs it as it found it.

The tests of a run may be spread over several workers (pytest-xdist). Each has a session of its own,
and with --own-network a network; what is compiled is shared; and the process that they report to
sums up.
"""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples import load_profiles
from tests.network import enter_own_network
from tests.programs.program_list import PROGRAM_LIST, ProgramList
from tests.scratch import make_scratch

load_profiles()

for heard in (signal.SIGINT, signal.SIGHUP):
    # A shell starts its background jobs without the first (sh(1p), 2.11), nohup(1) its command
    # without the second, and every program that a test starts would inherit it: deaf to the test's
    # signals, and with no way to change that if it is a shell.
    if signal.getsignal(heard) is signal.SIG_IGN:
        is_interrupt = heard == signal.SIGINT
        signal.signal(heard, signal.default_int_handler if is_interrupt else signal.SIG_DFL)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the Makefile say which runs need no way out of this machine."""
    parser.addoption(
        "--own-network",
        action="store_true",
        help="give each worker a network of its own, with a loopback alone, where that is allowed",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Start with an empty program list, and a directory for what all workers use."""
    config.stash[PROGRAM_LIST] = ProgramList()
    if scratch := make_scratch():
        config.add_cleanup(lambda: shutil.rmtree(scratch, ignore_errors=True))
    if hasattr(config, "workerinput") and config.getoption("own_network"):
        enter_own_network()


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Let workers read the files of a folder in different orders.

    pytest rewrites the asserts of each file and keeps the result beside it, which takes longer than
    all the rest of the collection. In one order, all workers of a first run would be at the same
    file at the same time, and each would do all of it.
    """
    report = yield
    if isinstance(collector, pytest.Dir) and hasattr(collector.config, "workerinput"):
        # Not the numbers of `random`, which may begin alike in each worker.
        random.SystemRandom().shuffle(report.result)
    return report


RELEASE = (
    Path(__file__).parent / "scripts" / "release",
    Path(__file__).parent / "test_packaging.py",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests in one order, which xdist demands of its workers.

    Those that build wheels come first: they take minutes, one after the other, and the other
    workers have the rest to do meanwhile. Last, they would be all that is left.
    """
    items.sort(
        key=lambda item: (not any(item.path.is_relative_to(each) for each in RELEASE), item.path)
    )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send a worker's program list to the process that collects them."""
    if hasattr(session.config, "workeroutput"):
        program_list = session.config.stash[PROGRAM_LIST]
        session.config.workeroutput["program_list"] = (
            sorted(program_list.ran),
            program_list.skipped,
        )


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add the program list of a worker that has ended; one that has crashed sends none."""
    ran, skipped = getattr(node, "workeroutput", {}).get("program_list", ((), {}))
    program_list = node.config.stash[PROGRAM_LIST]
    program_list.ran.update(ran)
    program_list.skipped.update(skipped)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say how many real programs ran, and name each that did not."""
    program_list = config.stash[PROGRAM_LIST]
    if not program_list.ran and not program_list.skipped:
        return
    total = len(program_list.ran | program_list.skipped.keys())
    terminalreporter.write_sep("=", f"{len(program_list.ran)} of {total} real programs ran")
    terminalreporter.write_line(", ".join(sorted(program_list.ran)))
    for name, reason in sorted(program_list.skipped.items()):
        terminalreporter.write_line(f"not run: {name}: {reason}")


INHERITED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


@pytest.fixture(autouse=True)
def signals_are_left_alone() -> Iterator[None]:
    """Put back what a test did to the signals, and say which test it was.

    With SIGPIPE at its default, the next hang-up that any later test provokes ends the whole run
    without a word.
    """
    before = {number: signal.getsignal(number) for number in INHERITED}
    yield
    changed = [number for number in INHERITED if signal.getsignal(number) != before[number]]
    for number in changed:
        signal.signal(number, before[number])
    assert not changed, f"the test changed {', '.join(number.name for number in changed)}"
