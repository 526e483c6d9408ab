/* Time bind(2), listen(2) and connect(2) from inside a program: what a guest of the library feels.
 *
 *   interception_probe bind PORT ROUNDS      bind 127.0.0.1:PORT and listen; two times a line
 *   interception_probe connect PORT ROUNDS   connect to 127.0.0.1:PORT; one time a line
 *   interception_probe serve PORT            say "ready", accept and close for ever
 *
 * Nanoseconds. The time of socket() and close() is not in it.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int failed(const char *call)
{
    perror(call);
    return 1;
}

static int serve(const struct sockaddr *address, socklen_t length)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(fd, address, length) || listen(fd, 128))
        return failed("serve");
    puts("ready");
    fflush(stdout);
    for (;;)
        close(accept(fd, NULL, NULL));
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct sockaddr_in inet = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)atoi(argv[2])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct sockaddr *address = (struct sockaddr *)&inet;
    if (!strcmp(argv[1], "serve"))
        return serve(address, sizeof inet);
    int binds = !strcmp(argv[1], "bind");
    for (int round = 0; argc > 3 && round < atoi(argv[3]); round++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        long long start = nanoseconds();
        if (binds ? bind(fd, address, sizeof inet) : connect(fd, address, sizeof inet))
            return failed(argv[1]);
        long long middle = nanoseconds();
        printf("%lld", middle - start);
        if (binds) {
            middle = nanoseconds();
            if (listen(fd, 1))
                return failed("listen");
            printf(" %lld", nanoseconds() - middle);
        }
        putchar('\n');
        close(fd);
    }
    return 0;
}
