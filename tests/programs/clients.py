"""Clients that ask for an address that is written into their project: http://localhost:PORT/.

Each prints what it was answered, and ends; where nobody answers it fails.
"""

from __future__ import annotations

import sys

from tests.programs.browser import CHROMIUM_ITSELF, FLAGS, QUIET
from tests.programs.built_servers import CC, GO_TOOLS, JAVAC, RUSTC, go_build
from tests.programs.node_servers import BUN, DENO
from tests.programs.packaged_servers import BUSYBOX
from tests.programs.program import Program
from tests.programs.sources import NODE, command, module, needing, npm

PYTHON = sys.executable
URL = "http://localhost:PORT/"

URLLIB = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
REQUESTS = "import sys, requests; print(requests.get(sys.argv[1]).text)"

AIOHTTP = """
import aiohttp, asyncio, sys

async def main():
    async with aiohttp.ClientSession() as session, session.get(sys.argv[1]) as answer:
        print(await answer.text())

asyncio.run(main())
"""

FETCH = f"console.log(await (await fetch('{URL}')).text())"

HTTP_GET = f"""
require('http').get('{URL}', (answer) => answer.pipe(process.stdout))
"""

GO = f"""
package main

import (
	"io"
	"net/http"
	"os"
)

func main() {{
	answer, err := http.Get("{URL}")
	if err != nil {{
		panic(err)
	}}
	io.Copy(os.Stdout, answer.Body)
}}
"""

RUST = r"""
use std::io::{Read, Write};

fn main() {
    let mut link = std::net::TcpStream::connect(("localhost", PORT)).unwrap();
    link.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    link.read_to_string(&mut answer).unwrap();
    println!("{}", answer);
}
"""

JAVA = f"""
import java.net.URI;
import java.net.http.*;

public class Client {{
    public static void main(String[] words) throws Exception {{
        var request = HttpRequest.newBuilder(URI.create("{URL}")).build();
        var answer = HttpResponse.BodyHandlers.ofString();
        System.out.println(HttpClient.newHttpClient().send(request, answer).body());
    }}
}}
"""

PHP = f"""
<?php
$answer = file_get_contents('{URL}');
if ($answer === false) exit(1);
echo $answer;
"""

RUBY = f"require 'net/http'; print Net::HTTP.get(URI('{URL}'))"

STATIC = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void)
{
    static const char question[] = "GET / HTTP/1.0\r\n\r\n";
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    char answer[4096];
    int link = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(link, (struct sockaddr *)&at, sizeof at))
        return 1;
    if (write(link, question, sizeof question - 1) < 0)
        return 1;
    for (ssize_t count; (count = read(link, answer, sizeof answer)) > 0;)
        fwrite(answer, 1, (size_t)count, stdout);
    return 0;
}
"""

CHROMIUM = f"""
HOME=$PWD chromium {" ".join((*QUIET, *FLAGS))} --user-data-dir=profile --dump-dom "$1" |
    sed 's/<[^>]*>//g' | grep .
"""

SELENIUM = f"""
import os, shutil, sys
from selenium import webdriver

os.environ["HOME"] = os.getcwd()
options = webdriver.ChromeOptions()
for option in {[*QUIET, *FLAGS]}:
    options.add_argument(option)
driver = webdriver.ChromeService(shutil.which("chromedriver"))
with webdriver.Chrome(options, driver) as browser:
    browser.get(sys.argv[1])
    print(browser.find_element("tag name", "body").text)
"""

CLIENTS = (
    Program(
        name="curl",
        words=("curl", "-sS", URL),
        source=command("curl", "--version", package="curl"),
    ),
    Program(
        name="Chromium",
        words=("sh", "client.sh", URL),
        files={"client.sh": CHROMIUM},
        varies=(r"\[\d+:\d+:\d+/.*\n", r"\d+: unexpected operator"),
        source=CHROMIUM_ITSELF,
        is_slow=True,
    ),
    Program(
        name="Selenium",
        words=(PYTHON, "client.py", URL),
        files={"client.py": SELENIUM},
        source=needing(
            module("selenium", get="make compat"),
            CHROMIUM_ITSELF,
            command("chromedriver", "--version", package="chromium-driver"),
        ),
        is_slow=True,
    ),
    Program(name="urllib", words=(PYTHON, "-c", URLLIB, URL)),
    Program(
        name="requests",
        words=(PYTHON, "-c", REQUESTS, URL),
        source=module("requests"),
        is_slow=True,
    ),
    Program(
        name="aiohttp client",
        words=(PYTHON, "client.py", URL),
        files={"client.py": AIOHTTP},
        source=module("aiohttp", get="make compat"),
        is_slow=True,
    ),
    Program(
        name="Node fetch",
        words=("node", "client.mjs"),
        files={"client.mjs": FETCH},
        source=NODE,
    ),
    Program(
        name="Node http.get",
        words=("node", "client.js"),
        files={"client.js": HTTP_GET},
        source=NODE,
        is_slow=True,
    ),
    Program(
        name="Deno fetch",
        words=(DENO, "run", "--allow-net", "client.mjs"),
        files={"client.mjs": FETCH},
        source=npm("deno"),
        is_slow=True,
    ),
    Program(
        name="Bun fetch",
        words=(BUN, "client.mjs"),
        files={"client.mjs": FETCH},
        source=npm("bun"),
        is_slow=True,
    ),
    Program(
        name="busybox wget, static",
        words=("busybox", "wget", "-q", "-O", "-", URL),
        source=BUSYBOX,
        backend="seccomp",
    ),
    Program(
        name="wget",
        words=("wget", "-q", "-O", "-", URL),
        source=command("wget", "--version", package="wget"),
        is_slow=True,
    ),
    Program(
        name="C client, static",
        words=("./client",),
        files={"client.c": STATIC},
        prepares=("cc", "-static", "-o", "client", "client.c"),
        source=CC,
        backend="seccomp",
        is_slow=True,
    ),
    Program(
        name="Rust TcpStream",
        words=("./client",),
        files={"client.rs": RUST},
        prepares=("rustc", "-o", "client", "client.rs"),
        varies=(r"(?<=Date: ).*",),
        source=RUSTC,
        is_slow=True,
    ),
    Program(
        name="Go http.Get",
        words=("./client",),
        files={"client.go": GO},
        prepares=go_build("client", cgo=0),
        source=GO_TOOLS,
        backend="seccomp",
        is_slow=True,
    ),
    Program(
        name="Java HttpClient",
        words=("java", "-cp", ".", "Client"),
        files={"Client.java": JAVA},
        prepares=("javac", "Client.java"),
        source=JAVAC,
        is_slow=True,
    ),
    Program(
        name="PHP file_get_contents",
        words=("php", "client.php"),
        backend="seccomp",
        files={"client.php": PHP},
        source=command("php", "--version", package="php-cli"),
        is_slow=True,
    ),
    Program(
        name="Ruby Net::HTTP",
        words=("ruby", "client.rb"),
        files={"client.rb": RUBY},
        source=command("ruby", "--version", package="ruby"),
        is_slow=True,
    ),
)
