/* `styxy hook`, the same hook in Python: see python.h. */
#include "hook/python.h"

#include "guest/kernel/proc_files.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <stdlib.h>
#include <string.h>

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC 1U /* memfd_create(2), which glibc shows with _GNU_SOURCE only */
#endif

extern char **environ;

static char *words[] = {"styxy", "hook", NULL, NULL, NULL};

/*
 * Put the payload on standard input again: a file in memory takes all of it at once, where a pipe
 * would need somebody to fill it.
 */
static bool give_back(const struct payload *payload)
{
    int fd = sys_above_stdio((int)sys_call(SYS_memfd_create, "payload", MFD_CLOEXEC));
    bool given = fd >= 0 &&
                 sys_call(SYS_write, fd, payload->bytes, payload->length) ==
                     (long)payload->length &&
                 sys_call(SYS_lseek, fd, 0, SEEK_SET) == 0 &&
                 sys_call(SYS_dup3, fd, STDIN_FILENO, 0) == STDIN_FILENO;
    if (fd >= 0)
        sys_close(fd);
    return given;
}

/* An interpreter that cannot start says so at length, and an agent shows that to its user. */
static void silence_errors(void)
{
    int fd = sys_open("/dev/null", O_WRONLY, 0);
    if (fd < 0)
        return;
    sys_call(SYS_dup3, fd, STDERR_FILENO, 0);
    sys_close(fd);
}

/* Execute `styxy` in a directory, not by libc's function: the preload library stands before it. */
static void execute_in(const char *directory, size_t length)
{
    char path[4096];
    struct text text = text_in(path, sizeof path);
    text_bytes(&text, directory, length);
    text_add(&text, "/styxy");
    /* A relative directory may be the project's, and is nobody's installation. */
    if (directory[0] == '/' && text_end(&text))
        sys_call(SYS_execve, path, words, environ);
}

static void execute_beside(void)
{
    char own[4096];
    size_t length = proc_own_path(own, sizeof own);
    while (length > 0 && own[length - 1] != '/')
        length--;
    if (length > 1)
        execute_in(own, length - 1);
}

static void execute_by_path(void)
{
    const char *at = getenv("PATH");
    while (at != NULL && *at != '\0') {
        size_t length = strcspn(at, ":");
        execute_in(at, length);
        at += length + (at[length] == ':');
    }
}

void python_become(const struct hook_call *call)
{
    words[2] = (char *)(uintptr_t)call->agent;
    words[3] = (char *)(uintptr_t)call->event;
    if (!give_back(&call->payload))
        return;
    silence_errors();
    execute_beside();
    execute_by_path();
}
