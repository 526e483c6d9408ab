"""Host programs for the guest: small C programs around one `main`, with what most of them need."""

from __future__ import annotations

import textwrap
from pathlib import Path

from native.build import SOURCES
from tests.native.guest import compiled, linked

HEAD = textwrap.dedent(
    r"""
    #include <arpa/inet.h>
    #include <dirent.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <netinet/in.h>
    #include <pthread.h>
    #include <signal.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/resource.h>
    #include <sys/socket.h>
    #include <sys/time.h>
    #include <sys/un.h>
    #include <sys/wait.h>
    #include <unistd.h>

    #pragma GCC diagnostic ignored "-Wunused-function"

    static struct sockaddr_in at(int port)
    {
        struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return name;
    }

    /* With UDP in the environment, it is UDP's. */
    static int new_socket(void)
    {
        int type = getenv("UDP") != NULL ? SOCK_DGRAM : SOCK_STREAM;
        return socket(AF_INET, type | SOCK_CLOEXEC, 0);
    }

    /* Bind a new socket and close it: the port that it got, or -errno; 0: there was no socket. */
    static int try_bind(int port)
    {
        struct sockaddr_in name = at(port);
        socklen_t length = sizeof name;
        int fd = new_socket();
        if (fd < 0)
            return 0;
        int result = bind(fd, (struct sockaddr *)&name, length);
        if (result != 0)
            result = -errno;
        else if (getsockname(fd, (struct sockaddr *)&name, &length) == 0)
            result = ntohs(name.sin_port);
        close(fd);
        return result;
    }

    /* A socket that is bound and listens, or -errno. */
    static int listening(int port)
    {
        struct sockaddr_in name = at(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return -errno;
        if (bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && listen(fd, 8) == 0)
            return fd;
        int error = errno;
        close(fd);
        return -error;
    }

    /* The port that a new server got, or -errno. */
    static int serve(int port)
    {
        struct sockaddr_in name;
        socklen_t length = sizeof name;
        int fd = listening(port);
        if (fd < 0)
            return fd;
        getsockname(fd, (struct sockaddr *)&name, &length);
        return ntohs(name.sin_port);
    }

    static int open_descriptors(void)
    {
        int count = 0;
        for (int fd = 0; fd < 1024; fd++)
            count += fcntl(fd, F_GETFD) >= 0;
        return count;
    }
    """
)


def host_text(body: str) -> str:
    """Complete a program: what precedes `//main` is outside; `main` has the taken `port`."""
    declarations, _, statements = body.rpartition("//main\n")
    main = "int main(int argc, char **argv) { int port = atoi(argv[argc - 1]);\n%s\nreturn 0; }\n"
    return HEAD + textwrap.dedent(declarations) + main % textwrap.dedent(statements)


def host(body: str) -> Path:
    """Compile a host that knows nothing of Styxy."""
    return compiled(host_text(body))


def sanitized_host(body: str, sanitizers: str = "address,undefined") -> Path:
    """Compile a host with the library's sources inside, all under the sanitizers."""
    return linked("#define _GNU_SOURCE\n" + host_text(body), *SOURCES, sanitizers=sanitizers)
