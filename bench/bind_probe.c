/* Time bind(2) from inside a program: what a guest of the preload library feels.
 *
 *   bind_probe PORT ROUNDS
 *
 * Each round makes a socket, binds 127.0.0.1:PORT, closes it. Prints nanoseconds, one round a line; after
 * the last line, nothing. The time of socket() and close() is not in it.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long long nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((unsigned short)atoi(argv[1])),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    for (int round = 0; round < atoi(argv[2]); round++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        long long start = nanoseconds();
        int failed = bind(fd, (struct sockaddr *)&address, sizeof address);
        long long took = nanoseconds() - start;
        if (failed) {
            perror("bind");
            return 1;
        }
        printf("%lld\n", took);
        close(fd);
    }
    return 0;
}
