"""Which ports are a debugger's, by the words of a command line and the variables of options."""

from __future__ import annotations

import pytest

from styxy.core.commands.debuggers import debugger_option

JDWP = "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address="


@pytest.mark.parametrize(
    ("asked", "line", "option"),
    [
        (9230, "node --inspect=9230 server.js", "--inspect={port}"),
        (9230, "node --inspect-brk=127.0.0.1:9230 x.js", "--inspect-brk=127.0.0.1:{port}"),
        (5005, f"java {JDWP}5005 -jar app.jar", f"{JDWP}{{port}}"),
        (5005, f"java {JDWP}*:5005 Main", f"{JDWP}*:{{port}}"),
        (5678, "python -m debugpy --listen 5678 app.py", "--listen {port}"),
        (5678, "python -m debugpy --listen 0.0.0.0:5678 app.py", "--listen 0.0.0.0:{port}"),
        (5678, "python /v/debugpy/adapter --port 5678", "--port {port}"),
        (5678, "python /v/debugpy/adapter --for-server 40 --port 5678", "--listen {port}"),
        (2345, "dlv debug --headless --listen=:2345", "--listen :{port}"),
        (1234, "gdbserver localhost:1234 ./a.out", "localhost:{port}"),
    ],
)
def test_a_number_that_is_named_is_a_debuggers(asked: int, line: str, option: str) -> None:
    assert debugger_option(asked, line.split(), {}) == option


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (9229, "node --inspect server.js"),  # a default like any other
        (3000, "node --inspect=9230 server.js 3000"),
        (8000, "java -Dserver.port=8000 -jar app.jar"),
        (5678, "python app.py --listen 5678"),
    ],
)
def test_any_other_number_is_not(asked: int, line: str) -> None:
    assert debugger_option(asked, line.split(), {}) is None


def test_options_may_come_from_the_environment() -> None:
    variables = {"NODE_OPTIONS": "--trace-warnings --inspect=9231"}
    assert debugger_option(9231, ["node", "x.js"], variables) == "--inspect={port}"


def test_what_a_word_holds_beside_the_number_is_kept() -> None:
    word = "-agentlib:jdwp=address=5005,server=y,x={a}"
    option = debugger_option(5005, ["java", word], {})
    assert option is not None
    assert option.format(port=5006) == word.replace("5005", "5006")
