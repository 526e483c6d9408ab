/* What /proc says of a program: see proc_environ.h. */
#include "supervisor/traced_image/proc_environ.h"

#include "guest/image.h"
#include "guest/kernel/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD = 2 * IMAGE_PATH,    /* of the bytes: the directory and the scratch */
    ENVIRONMENT = 256 * 1024, /* the rest is not read; execve(2) allows more */
    MAPS_CHUNK = 32 * 1024,
    STATUS = 512,             /* "Uid:" comes after a dozen short lines */
};

static const char LIBRARY[] = "/libstyxy.so\n"; /* the end of a line of maps */

static int open_proc(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return sys_open(path, O_RDONLY, 0);
}

const char *proc_environ_get(const struct proc_environ *environment, const char *name)
{
    const char *end = environment->variables + environment->length;
    size_t length = strlen(name);
    for (const char *at = environment->variables; at < end; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return at + length + 1;
    return "";
}

const char *proc_environ_get_or_ours(const struct proc_environ *environment, const char *name)
{
    const char *value = environment->is_another_users ? "" : proc_environ_get(environment, name);
    const char *ours = value[0] == '\0' ? getenv(name) : NULL;
    return ours != NULL ? ours : value;
}

/*
 * Compare the effective user, the second number of "Uid:" in proc_pid_status(5); what cannot be
 * read is another's. The owner of /proc/PID says less: it is root's where a program is not dumpable.
 */
static bool is_another_users(int pid)
{
    char status[STATUS + 1];
    int fd = open_proc(pid, "status");
    ptrdiff_t got = fd >= 0 ? sys_read(fd, status, STATUS) : -1;
    if (fd >= 0)
        sys_close(fd);
    status[got > 0 ? got : 0] = '\0';
    const char *line = strstr(status, "\nUid:\t");
    const char *effective = line != NULL ? strchr(line + strlen("\nUid:\t"), '\t') : NULL;
    return effective == NULL ||
           strtoul(effective + 1, NULL, 10) != (unsigned long)sys_call(SYS_geteuid);
}

static bool read_variables(int pid, struct proc_environ *environment)
{
    int fd = open_proc(pid, "environ");
    if (fd < 0)
        return false;
    char *into = environment->bytes + HEAD;
    for (;;) {
        ptrdiff_t got = sys_read(fd, into + environment->length, ENVIRONMENT - environment->length);
        if (got <= 0)
            break;
        environment->length += (size_t)got;
    }
    sys_close(fd);
    into[environment->length] = '\0';
    environment->variables = into;
    return true;
}

/* Write where a link of /proc leads; "" where that cannot be read. */
static void read_link(const char *path, char *out)
{
    long length = sys_call(SYS_readlinkat, AT_FDCWD, path, out, IMAGE_PATH - 1);
    out[length > 0 && out[0] == '/' ? length : 0] = '\0';
}

/* A daemon changes its directory to the root, so there PWD decides; see traced_image.c. */
static void read_directory(int pid, struct proc_environ *environment)
{
    char path[64];
    char *out = environment->bytes;
    const char *pwd = proc_environ_get(environment, "PWD");
    snprintf(path, sizeof path, "/proc/%d/cwd", pid);
    read_link(path, out);
    environment->directory = out;
    if ((out[0] != '\0' && strcmp(out, "/") != 0) || pwd[0] != '/')
        return;
    int fd = sys_open(pwd, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_link(path, out);
    sys_close(fd);
}

bool proc_environ_read(int pid, struct proc_environ *environment)
{
    *environment = (struct proc_environ){.bytes = malloc(HEAD + ENVIRONMENT + 1)};
    if (environment->bytes == NULL)
        return false;
    if (!read_variables(pid, environment)) {
        free(environment->bytes);
        return false;
    }
    environment->is_another_users = is_another_users(pid);
    read_directory(pid, environment);
    environment->scratch = environment->bytes + IMAGE_PATH;
    return true;
}

bool proc_environ_has_library(int pid)
{
    static char chunk[MAPS_CHUNK + sizeof LIBRARY + 1];
    int fd = open_proc(pid, "maps");
    size_t kept = 0;
    bool found = false;
    while (fd >= 0 && !found) {
        ptrdiff_t got = sys_read(fd, chunk + kept, MAPS_CHUNK);
        if (got <= 0)
            break;
        chunk[kept + (size_t)got] = '\0';
        found = strstr(chunk, LIBRARY) != NULL;
        /* The name may lie across two reads. */
        size_t tail = (size_t)got + kept < sizeof LIBRARY ? (size_t)got + kept : sizeof LIBRARY - 1;
        memmove(chunk, chunk + kept + (size_t)got - tail, tail);
        kept = tail;
    }
    if (fd >= 0)
        sys_close(fd);
    return found;
}
