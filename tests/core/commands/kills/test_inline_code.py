"""Kills in code that stands on the command line, in five languages."""

from __future__ import annotations

import pytest

from styxy.core.commands.classify import classify
from styxy.core.commands.kills.inline_code import LONGEST_CODE, lines_in
from styxy.core.commands.kills.kill import Kill


@pytest.mark.parametrize(
    ("line", "pids"),
    [
        ("python3 -c 'import os; os.kill(4711, 9)'", ["4711"]),
        ("python3.11 -Ic 'import os, signal; os.kill(4711, signal.SIGKILL)'", ["4711"]),
        ("python -c 'import os; os.killpg(4711, 15)'", ["-4711"]),
        ("python -c 'import os; os.killpg(os.getpgid(4711), 15)'", ["-4711"]),
        ("python3 <<< 'import os; os.kill(4711, 9)'", ["4711"]),
        ("echo 'import os; os.kill(4711, 9)' | python3 -", ["4711"]),
        ("node -e \"process.kill(4711, 'SIGKILL')\"", ["4711"]),
        ("node --eval 'process.kill(4711)'", ["4711"]),
        ("perl -e 'kill 9, 4711, 4712; print 1'", ["4711", "4712"]),
        ("perl -e 'kill(TERM, 4711)'", ["4711"]),
        ("ruby -e 'Process.kill(\"KILL\", 4711)'", ["4711"]),
        ("php -r 'posix_kill(4711, 9);'", ["4711"]),
        ("sudo bash -c 'python3 -c \"import os; os.kill(4711, 9)\"'", ["4711"]),
    ],
)
def test_an_id_in_a_call_that_ends_is_found(line: str, pids: list[str]) -> None:
    assert [list(each.pids) for each in classify(line).kills] == [pids]


@pytest.mark.parametrize(
    ("line", "kill"),
    [
        (
            "python3 -c \"import os; os.system('fuser -k 80/tcp')\"",
            Kill(how="fuser", ports=(80,)),
        ),
        (
            "python3 -c \"import subprocess; subprocess.run(['kill', '-9', '4711'])\"",
            Kill(how="kill", pids=("4711",)),
        ),
        (
            "node -e \"require('child_process').execSync('lsof -ti:80 | xargs kill')\"",
            Kill(how="kill", ports=(80,), has_clients=True),
        ),
        (
            "node -e \"require('child_process').spawn('pkill', ['-f', 'vite'])\"",
            Kill(how="pkill", names=("vite",), in_arguments=True),
        ),
        ("ruby -e 'system(\"kill 4711\")'", Kill(how="kill", pids=("4711",))),
    ],
)
def test_a_line_that_the_code_hands_to_a_shell_is_read(line: str, kill: Kill) -> None:
    assert classify(line).kills == (kill,)


@pytest.mark.parametrize(
    "line",
    [
        "python3 -c 'import os; os.kill(4711, 0)'",
        "perl -e 'kill 0, 4711'",
        "python3 -c \"print('os.kill(4711, 9)')\"",
        "python3 -c \"print('kill 4711')\"",
        "python3 -c 'import os; os.kill(int(open(0).read()), 9)'",
        "python3 -c 'skill(4711); p.kill()'",
        "node -e \"child.kill('SIGTERM')\"",
        "node -e 'process.kill(pid)'",
        "node app.js -e 'process.kill(4711)'",
        "python3 app.py -c 'os.kill(4711, 9)'",
        "python3 -m pytest -k 'kill(4711)'",
        "perl -pe 's/x/y/' kill.txt",
        "node -e",
        "node -e ''",
        'node -e "exec(\'kill 4711"',
    ],
)
def test_code_that_ends_nothing_that_is_known_is_no_kill(line: str) -> None:
    assert classify(line).kills == ()


@pytest.mark.parametrize(
    "code", ["(" * 9000, "'" * 9000, "run(" * 3000, "kill" * 3000, "system(\0"]
)
def test_hostile_code_is_read_to_its_end(code: str) -> None:
    assert lines_in(code[:LONGEST_CODE]) == []
    assert classify(f"node -e '{code}'").kills == ()
