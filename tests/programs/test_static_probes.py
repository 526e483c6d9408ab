"""Programs that only a supervisor reaches try a port, too, and what they decide is learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.programs.built_servers import IN_C, IN_GO
from tests.programs.conflicts import beside_a_stranger
from tests.programs.http_probe import wait_until
from tests.programs.installation import Installation
from tests.programs.program import Program

pytestmark = [pytest.mark.real, pytest.mark.slow]

FAR = 50
"""So far from the port that was asked for that Styxy's place for it does not lie there."""

COMPARES = """
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

func main() {
	asked, _ := strconv.Atoi(os.Args[1])
	probe, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil || probe.Addr().(*net.TCPAddr).Port != asked {
		fmt.Fprintf(os.Stderr, "Something is already running on port %d.\\n", asked)
		os.Exit(1)
	}
}
"""
"""It gives up where the port that it got is another one."""

GOES_ON = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int listening(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int server = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 16) ? -1 : server;
}

static int port_of(int server)
{
    struct sockaddr_in at = {0};
    socklen_t length = sizeof at;
    return getsockname(server, (struct sockaddr *)&at, &length) ? 0 : ntohs(at.sin_port);
}

int main(int count, char **words)
{
    int asked = atoi(words[count - 1]), server = listening(asked);
    if (port_of(server) != asked) {
        close(server);
        server = listening(asked + 50);
    }
    printf("serving on %d\n", port_of(server));
    fflush(stdout);
    return pause();
}
"""
"""It takes another port where it got one that it had not asked for."""

IN_STATIC_C = replace(
    IN_C,
    name="C, static",
    files={"server.c": GOES_ON},
    prepares=("cc", "-static", "-o", "server", "server.c"),
)


def prepared(subject: Program, project: Path) -> Path:
    """Build a program in a project; skips the test where its compiler is missing."""
    reason = subject.missing()
    if reason:
        pytest.skip(reason)
    subject.settle_in(project, "")
    return project / "server"


def wait_learned(installation: Installation, program: Path, conduct: str | None) -> None:
    """Wait until so much was learned of a program; None is one sign."""

    def is_learned() -> bool:
        answer = installation.ask("GET", "/programs")
        assert isinstance(answer, dict)
        found = [each for each in answer["programs"] if each["executable"] == str(program)]
        return [each["conduct"] for each in found] == [conduct]

    wait_until(is_learned, "it is learned")


def test_a_go_program_that_compares_is_steered_and_moved_again_where_that_fails(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    program = prepared(replace(IN_GO, files={"server.go": COMPARES}), ours)
    with beside_a_stranger(theirs) as port:
        for after in (None, "steered", "moved"):
            with installation.run([program, str(port)], cwd=ours) as server:
                assert server.wait() == 1
                assert f"Something is already running on port {port}." in server.stderr
            wait_learned(installation, program, after)


def test_a_static_program_that_binds_another_port_is_let_do_so(
    installation: Installation, ours: Path, theirs: Path
) -> None:
    program = prepared(IN_STATIC_C, ours)
    with beside_a_stranger(theirs) as port:
        for expected in (None, "steered"):
            with installation.run([program, str(port)], cwd=ours) as server:
                server.wait_line(f"serving on {port + FAR}", stream="stdout")
                wait_learned(installation, program, expected)
        with installation.run([program, str(port)], cwd=ours) as server:
            server.wait_line(rf"✓ STYXY: Port {port} was in use, server took {port + FAR}")
