"""Auto-allocation from the command line, against a real daemon.

Also tests `confirming`.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
from typing import TYPE_CHECKING, cast

import pytest

from tests.commands import COMMAND, LONGEST
from tests.fakes import free_port

if TYPE_CHECKING:
    from tests.commands import CommandLine


def test_a_made_type_is_listed_and_undone(styxy: CommandLine) -> None:
    port = int(styxy.run("allocate", "-s", "grafana").stdout.splitlines()[0])

    listed = styxy.run("config", "auto-allocation", "list").stdout.splitlines()
    assert listed[1].split()[:3] == ["grafana", f"{port}-{port + 9}", "1"]
    status = styxy.run("config", "auto-allocation", "status").stdout
    assert "1 service type auto-allocated" in status
    assert "default_chunk_size    10" in status
    assert f"grafana  {port}-{port + 9}" in status
    assert f"  {port}  grafana unnamed-service" in status
    answer = styxy.json("config", "auto-allocation", "status")
    assert cast(dict[str, object], answer["settings"])["max_port"] == 49151

    refused = styxy.run("config", "auto-allocation", "undo", "grafana")
    assert (refused.returncode, "still has 1 lease;" in refused.stderr) == (1, True)
    assert styxy.run("config", "undo-auto", "--force").returncode == 0
    assert styxy.json("config", "auto-allocation", "list")["service_types"] == []
    assert styxy.run("config", "undo-auto").returncode == 1


def test_switched_off_an_unknown_type_is_refused(styxy: CommandLine) -> None:
    assert styxy.run("config", "auto-allocation", "disable").returncode == 0
    assert styxy.json("config", "auto-allocation", "status")["enabled"] is False
    refused = styxy.run("allocate", "-s", "grafana")
    assert (refused.returncode, "unknown service type 'grafana'" in refused.stderr) == (1, True)
    assert styxy.run("config", "auto-allocation", "enable").returncode == 0
    assert styxy.run("allocate", "-s", "grafana").returncode == 0


@pytest.mark.parametrize("words", [("undo",), ("list", "grafana"), ("explode",), ()])
def test_wrong_words_are_wrong_usage(styxy: CommandLine, words: tuple[str, ...]) -> None:
    assert styxy.run("config", "auto-allocation", *words).returncode == 2


def test_a_proposal_is_accepted_with_yes_and_refused_without_a_terminal(styxy: CommandLine) -> None:
    styxy.run("config", "set", "auto-allocation.require-confirmation", "true")

    refused = styxy.run("allocate", "-s", "grafana")
    assert (refused.returncode, "--yes" in refused.stderr) == (1, True)
    assert styxy.json("config", "auto-allocation", "list")["service_types"] == []
    assert styxy.run("allocate", "-s", "grafana", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("said", "code", "complaint"),
    [
        ("y\n", 0, ""),
        ("\n", 1, "to accept: styxy allocate -s grafana --yes\n"),
        ("customize\n{port}-{port}\n", 0, ""),
        (
            "customize\n²-³\n",
            2,
            "'²-³' is not a range; write it as first-last, such as 12000-12009; "
            "nothing has changed\n",
        ),
        ("customize\n80-90\n", 2, "must keep to ports from 1024 to 65535, not 80\n"),
    ],
)
def test_a_proposal_is_asked_about_on_a_terminal(
    styxy: CommandLine, said: str, code: int, complaint: str
) -> None:
    port = free_port()
    styxy.run("config", "set", "auto-allocation.require-confirmation", "true")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "allocate", "-s", "grafana"],
        env=styxy.env,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], LONGEST)[0]
        os.write(ours, said.format(port=port).encode())
        out, err = process.communicate(timeout=LONGEST)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == code, err
    assert "[y/N/customize]" in err
    assert ("customize" in said and code == 0) == (out.splitlines()[:1] == [str(port)])
    assert err.endswith(complaint)
    made = styxy.json("config", "auto-allocation", "list")["service_types"]
    assert bool(made) == (code == 0)  # customised, it is made for a request all the same
    if code == 0:
        assert "to undo: styxy config undo-auto grafana" in err
        assert styxy.run("config", "undo-auto", "grafana", "--force").returncode == 0
