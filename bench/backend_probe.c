/* Times bind and connect in this process, the life of a child, or the look at a program that the
   kernel then refuses to execute: one median, in nanoseconds.
   backend_probe bind|connect|exec|look COUNT [PROGRAM] */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct sockaddr_in at(unsigned short port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = port};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return name;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The port of a server of our own; `server` stays open. */
static struct sockaddr_in serve(int *server)
{
    struct sockaddr_in name = at(0);
    socklen_t length = sizeof name;
    *server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(*server, (struct sockaddr *)&name, length) != 0 || listen(*server, 128) != 0)
        exit(1);
    getsockname(*server, (struct sockaddr *)&name, &length);
    return name;
}

static double time_bind(struct sockaddr_in name)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    double before = now();
    int result = bind(fd, (struct sockaddr *)&name, sizeof name);
    double took = now() - before;
    close(fd);
    return result == 0 ? took : 1.0;
}

static double time_connect(int server, struct sockaddr_in name)
{
    struct linger at_once = {1, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    double before = now();
    int result = connect(fd, (struct sockaddr *)&name, sizeof name);
    double took = now() - before;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    close(accept(server, NULL, NULL));
    return result == 0 ? took : 1.0;
}

static double time_exec(char **words)
{
    double before = now();
    pid_t child = fork();
    if (child == 0) {
        execv(words[0], words);
        _exit(1);
    }
    waitpid(child, NULL, 0);
    return now() - before;
}

static double time_look(char **words)
{
    double before = now();
    execv(words[0], words);
    return now() - before;
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : 0, server;
    double *took = calloc((size_t)count + 1, sizeof *took);
    if (count < 1 || took == NULL)
        return argc > 1 ? 2 : 0; /* without words: the child that does nothing */
    struct sockaddr_in name = serve(&server);
    if (strcmp(argv[1], "bind") == 0)
        close(server);
    for (int i = 0; i < count; i++) {
        if (strcmp(argv[1], "bind") == 0)
            took[i] = time_bind(name);
        else if (strcmp(argv[1], "connect") == 0)
            took[i] = time_connect(server, name);
        else if (strcmp(argv[1], "look") == 0)
            took[i] = time_look(argv + 3);
        else
            took[i] = time_exec(argv + 3);
    }
    qsort(took, (size_t)count, sizeof *took, by_size);
    printf("%.0f\n", took[count / 2] * 1e9);
    return 0;
}
