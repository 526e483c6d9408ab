"""Servers that are compiled here: C, Rust, Go and Java, dynamic and static."""

from __future__ import annotations

import signal
from dataclasses import replace

from tests.programs.program import Program
from tests.programs.sources import command

C = r"""
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int count, char **words)
{
    static const char answer[] = "HTTP/1.0 200 OK\r\n\r\nCONTENT";
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t length = sizeof at;
    char request[4096];
    int one = 1, server = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons((unsigned short)atoi(count > 1 ? words[1] : "0"));
    if (bind(server, (struct sockaddr *)&at, sizeof at) || listen(server, 16)) {
        perror("server");
        return 1;
    }
    getsockname(server, (struct sockaddr *)&at, &length);
    printf("serving on %d\n", ntohs(at.sin_port));
    fflush(stdout);
    signal(SIGPIPE, SIG_IGN);
    for (;;) {
        int link = accept(server, NULL, NULL);
        if (read(link, request, sizeof request) > 0 && write(link, answer, strlen(answer)) < 0)
            perror("write");
        close(link);
    }
}
"""

RUST = r"""
use std::io::{Read, Write};
use std::net::TcpListener;

fn main() {
    let port: u16 = std::env::args().nth(1).unwrap().parse().unwrap();
    let server = TcpListener::bind(("127.0.0.1", port)).unwrap();
    println!("serving on {}", server.local_addr().unwrap().port());
    for link in server.incoming() {
        let mut link = link.unwrap();
        let _ = link.read(&mut [0; 4096]);
        let _ = link.write_all(b"HTTP/1.0 200 OK\r\n\r\nCONTENT");
    }
}
"""

GO = """
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	server, err := net.Listen("tcp", ":"+os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println("serving on", server.Addr().(*net.TCPAddr).Port)
	http.Serve(server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "CONTENT")
	}))
}
"""

CGO = GO.replace("import (\n", 'import "C"\n\nimport (\n')

JAVA = """
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Server {
    public static void main(String[] words) throws Exception {
        var server = HttpServer.create(new InetSocketAddress(Integer.parseInt(words[0])), 0);
        server.createContext("/", exchange -> {
            byte[] body = "CONTENT".getBytes();
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        System.out.println("serving on " + server.getAddress().getPort());
    }
}
"""

SAYS = "serving on PORT"
BOTH = ("127.0.0.1", "::1")
CC = command("cc", "--version", package="gcc libc6-dev")
MUSL = command("musl-gcc", "--version", package="musl-tools")
RUSTC = command("rustc", "--version", package="rustc")
GO_TOOLS = command("go", "version", package="golang-go")
JAVAC = command("javac", "--version", package="openjdk-17-jdk-headless")


def go_build(name: str, *, cgo: int) -> tuple[str, ...]:
    """Spell the build of a program from its source, with the C compiler's help or without."""
    return ("env", f"CGO_ENABLED={cgo}", "go", "build", "-o", name, f"{name}.go")


IN_C = Program(
    name="C",
    words=("./server", "PORT"),
    files={"server.c": C},
    prepares=("cc", "-o", "server", "server.c"),
    says=SAYS,
    source=CC,
    is_slow=True,
)
IN_RUST = Program(
    name="Rust",
    words=("./server", "PORT"),
    files={"server.rs": RUST},
    prepares=("rustc", "-o", "server", "server.rs"),
    says=SAYS,
    source=RUSTC,
    is_slow=True,
)
IN_GO = Program(
    name="Go",
    words=("./server", "PORT"),
    files={"server.go": GO},
    prepares=go_build("server", cgo=0),
    addresses=BOTH,
    says=SAYS,
    source=GO_TOOLS,
    backend="seccomp",
    is_slow=True,
)

BUILT_SERVERS = (
    IN_C,
    replace(
        IN_C,
        name="C, static",
        prepares=("cc", "-static", "-o", "server", "server.c"),
        backend="seccomp",
        is_slow=False,
    ),
    replace(
        IN_C,
        name="C with musl",
        prepares=("musl-gcc", "-o", "server", "server.c"),
        source=MUSL,
    ),
    replace(
        IN_C,
        name="C with musl, static",
        prepares=("musl-gcc", "-static", "-o", "server", "server.c"),
        source=MUSL,
        backend="seccomp",
    ),
    IN_RUST,
    replace(
        IN_RUST,
        name="Rust, static",
        prepares=("rustc", "-C", "target-feature=+crt-static", "-o", "server", "server.rs"),
        backend="seccomp",
    ),
    IN_GO,
    replace(
        IN_GO,
        name="Go with cgo",
        files={"server.go": CGO},
        prepares=go_build("server", cgo=1),
    ),
    replace(
        IN_GO,
        name="go run",
        words=("go", "run", "server.go", "PORT"),
        prepares=(),
        ends_by=signal.SIGINT,
        ends_tree=True,
    ),
    Program(
        name="Java HttpServer",
        words=("java", "-cp", ".", "Server", "PORT"),
        files={"Server.java": JAVA},
        prepares=("javac", "Server.java"),
        addresses=BOTH,
        says=SAYS,
        source=JAVAC,
        is_slow=True,
    ),
)
