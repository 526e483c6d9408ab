"""Programs that try a port, close it and decide then: what is remembered of them, and learned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs.conflicts import beside_a_stranger, script
from tests.programs.http_probe import fetch, wait_until
from tests.programs.installation import Installation
from tests.programs.running import Running
from tests.programs.sources import NODE
from tests.programs.test_steering import SERVER, printed_port

pytestmark = pytest.mark.real

COMPARES = (
    SERVER
    + """
import socket
asked = int(sys.argv[1])
with socket.socket() as probe:
    try:
        probe.bind(("127.0.0.1", asked))
        if sys.argv[2] == "listen":
            probe.listen()
        found = probe.getsockname()[1]
    except OSError:
        found = None
if found != asked:
    sys.exit("Something is already running on port %d." % asked)
serve(asked)
"""
)
"""What create-react-app does: it gives up where the port that it got is another one."""

COMPARES_IN_NODE = """
const net = require("net"), http = require("http");
const asked = Number(process.argv[2]);
const probe = net.createServer();
probe.on("error", () => complain());
probe.listen({ host: "127.0.0.1", port: asked }, () => {
  const found = probe.address().port;
  probe.close(() => (found === asked ? serve() : complain()));
});
function complain() {
  console.error("Something is already running on port " + asked + ".");
  process.exit(1);
}
function serve() {
  const server = http.createServer((_, answer) => answer.end("mine"));
  server.listen(asked, "127.0.0.1", () => console.log(`open http://127.0.0.1:${asked}/?token=1`));
}
"""
"""The same by way of detect-port, which listens."""


def prober(kind: str, project: Path) -> list[str | Path]:
    """Write a program that compares, in one of its kinds; gives its command without the port."""
    if kind != "node":
        return script(project, "compares", COMPARES)
    if NODE.missing():
        pytest.skip(NODE.missing() or "")
    path = project / "compares.js"
    path.write_text(COMPARES_IN_NODE)
    return ["node", path]


def assert_gives_up(program: Running, port: int) -> None:
    """Prove that a program found the port taken."""
    assert program.wait() == 1, program
    assert f"Something is already running on port {port}." in program.stderr


@pytest.mark.parametrize("kind", ["bind", "listen", "node"])
def test_a_probe_leaves_no_memory(
    kind: str, installation: Installation, ours: Path, theirs: Path
) -> None:
    words = prober(kind, ours)
    with beside_a_stranger(theirs) as port:
        words += [str(port), kind]
        with installation.run(words, cwd=ours) as program:
            assert_gives_up(program, port)
        installation.wait_no_lease(ours)
        assert installation.reassignments(ours) == []
    with installation.run(words, cwd=ours) as server:
        assert printed_port(server) == port
        assert fetch("127.0.0.1", port) == "mine"
        assert "STYXY" not in server.stderr


def test_a_server_that_was_used_for_a_moment_goes_back(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    plain = SERVER + "serve(int(sys.argv[1]))\n"
    words = script(ours, "serves", plain)
    paths = []
    with beside_a_stranger(theirs) as port:
        for _ in range(2):
            with installation.run([*words, str(port)], cwd=ours) as server:
                said = server.wait_line(rf"✓ STYXY: Port {port} was in use, .* port (\d+)")
                paths.append(int(said[1]))
                wait_until(lambda: fetch("127.0.0.1", paths[-1]) == "mine", "it answers")
            installation.wait_no_lease(ours)
        assert paths[0] == paths[1]
        assert [each["port"] for each in installation.reassignments(ours)] == paths


def conduct_of(installation: Installation, words: list[str | Path]) -> str | None:
    """Ask what was learned of a program; "unknown" while nothing was."""
    answer = installation.ask("GET", "/programs")
    assert isinstance(answer, dict)
    found = [each for each in answer["programs"] if each["script"] == str(words[1])]
    if not found:
        return "unknown"
    conduct: str | None = found[0]["conduct"]
    return conduct


def wait_learned(installation: Installation, words: list[str | Path], conduct: str | None) -> None:
    """Wait until so much was learned of a program."""
    wait_until(lambda: conduct_of(installation, words) == conduct, "it is learned")


@pytest.mark.parametrize("kind", ["listen", "node"])
def test_a_program_that_compares_twice_is_steered_and_moved_again_where_that_fails(
    kind: str, installation: Installation, ours: Path, theirs: Path
) -> None:
    words = prober(kind, ours)
    with beside_a_stranger(theirs) as port:
        for before, after in [("unknown", None), (None, "steered"), ("steered", "moved")]:
            assert conduct_of(installation, words) == before
            with installation.run([*words, str(port), kind], cwd=ours) as program:
                assert_gives_up(program, port)
            wait_learned(installation, words, after)
        with installation.run([*words, str(port), kind], cwd=ours) as program:
            assert_gives_up(program, port)
            assert "STYXY" not in program.stderr


FAR = 50
"""So far from the port that was asked for that Styxy's place for it does not lie there."""

GOES_ON = COMPARES.replace(
    """    sys.exit("Something is already running on port %d." % asked)
serve(asked)""",
    """    serve(asked + 50)
serve(asked)""",
)
"""A program that takes another port where it got one that it had not asked for."""


def test_a_program_that_binds_another_port_is_let_do_so(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "goes-on", GOES_ON)
    with beside_a_stranger(theirs) as port:
        for expected in (None, "steered"):
            with installation.run([*words, str(port), "listen"], cwd=ours) as server:
                assert printed_port(server) == port + FAR
                wait_learned(installation, words, expected)
        with installation.run([*words, str(port), "listen"], cwd=ours) as server:
            assert printed_port(server) == port + FAR
            server.wait_line(rf"✓ STYXY: Port {port} was in use, goes-on took {port + FAR}")
            assert [lease["port"] for lease in installation.leases(ours)] == [port + FAR]
            assert installation.reassignments(ours)[-1]["requested_port"] == port
            assert server.stderr.count("STYXY") == 1
        assert conduct_of(installation, words) == "steered"


def test_the_configuration_overrules_what_is_known(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    words = script(ours, "goes-on-again", GOES_ON)
    rule = {"programs": {"goes-on-again": {"on_conflict": "steer"}}}
    installation.ask("PATCH", "/config", {"changes": rule})
    try:
        with beside_a_stranger(theirs) as port:
            with installation.run([*words, str(port), "listen"], cwd=ours) as server:
                server.wait_line(
                    rf"✓ STYXY: Port {port} was in use, goes-on-again took {port + FAR}"
                )
    finally:
        installation.ask("PATCH", "/config", {"changes": {"programs": None}})


def test_whom_an_earlier_server_served_does_not_excuse_a_probe(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    plain = SERVER + "serve(int(sys.argv[1]))\n"
    with beside_a_stranger(theirs) as port:
        with installation.run([*script(ours, "serves", plain), str(port)], cwd=ours) as server:
            said = server.wait_line(rf"✓ STYXY: Port {port} was in use, .* port (\d+)")
            place = int(said[1])
            wait_until(lambda: fetch("127.0.0.1", place) == "mine", "it answers")
        installation.wait_no_lease(ours)
        words = [*prober("listen", ours), str(port), "listen"]
        for _ in range(2):
            with installation.run(words, cwd=ours) as program:
                assert_gives_up(program, port)
        wait_learned(installation, words, "steered")
