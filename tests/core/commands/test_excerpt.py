"""What is read of a command line that is too long to be read: its kills are found all the same."""

from __future__ import annotations

import pytest

from styxy.core.commands.classify import Classification, classify
from styxy.core.commands.excerpt import excerpt

LONGEST = 4096
SOURCE = "process.kill(1); // kill 99\n" * 1000
QUOTED = "A" * 30_000


def test_a_line_that_fits_is_left_as_it_is() -> None:
    line = "x" * LONGEST
    assert excerpt(line, LONGEST) is line


@pytest.mark.parametrize(
    "line",
    [
        f"cat > f <<'EOF'\n{SOURCE}EOF\nkill 4711",
        f"kill 4711\ncat > f <<'EOF'\n{SOURCE}EOF\n",
        f"cat > f <<'EOF'\n{SOURCE}EOF\nkill 4711\ncat > g <<EOF\n{SOURCE}EOF\n",
        f"cat <<-EOF >f; cat <<X >g\n{SOURCE}\tEOF\nX\nkill 4711\ncat >h <<EOF\n{SOURCE}EOF\n",
        f"echo '{QUOTED}' | base64 -d > f; kill 4711",
        f"kill 4711; echo '{QUOTED}' > f",
        f"cat > f <<X\n{QUOTED}\nX\nkill 4711; echo '{QUOTED}' > g",
        "echo a\n" * 5000 + "kill 4711\n" + "echo b\n" * 5000,
        "bash <<EOF\n" + "echo a\n" * 5000 + "kill 4711\n" + "echo b\n" * 5000 + "EOF\n",
    ],
)
def test_a_kill_around_much_data_is_found(line: str) -> None:
    short = excerpt(line, LONGEST)
    assert len(short) <= 2 * LONGEST
    assert [each.pids for each in classify(short).kills] == [("4711",)]


@pytest.mark.parametrize(
    "line",
    [
        f"cat > f <<'EOF'\n{SOURCE}EOF\n",
        f"cat > f <<'EOF'\n{SOURCE}EOF\ncat > g <<'EOF'\n{SOURCE}EOF\n",
        "echo '" + "kill 4711;" * 3000 + "' > f",
        "git commit -m 'kill 4711\n" + "and kill 4712\n" * 3000 + "'",
    ],
)
def test_a_kill_in_much_data_is_none(line: str) -> None:
    assert classify(excerpt(line, LONGEST)) == Classification()
