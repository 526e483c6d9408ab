/* What /proc tells of a program: see surroundings.h. */
#include "supervisor/traced_image/proc_environ.h"

#include "guest/image.h"
#include "supervisor/linux.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD = 2 * IMAGE_PATH,    /* of the texts: the directory and the home */
    ENVIRONMENT = 256 * 1024, /* what follows is not looked at; execve(2) allows more */
    MAPS_CHUNK = 32 * 1024,
};

static const char LIBRARY[] = "/libstyxy.so\n"; /* the end of a line of maps */

static int open_proc(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return sys_open(path, O_RDONLY, 0);
}

const char *surroundings_get(const struct surroundings *around, const char *name)
{
    const char *end = around->environment + around->length;
    size_t length = strlen(name);
    for (const char *at = around->environment; at < end; at += strlen(at) + 1)
        if (strncmp(at, name, length) == 0 && at[length] == '=')
            return at + length + 1;
    return "";
}

const char *surroundings_setting(const struct surroundings *around, const char *name)
{
    const char *value = surroundings_get(around, name);
    const char *ours = value[0] == '\0' ? getenv(name) : NULL;
    return ours != NULL ? ours : value;
}

static bool read_environment(int pid, struct surroundings *around)
{
    int fd = open_proc(pid, "environ");
    if (fd < 0)
        return false;
    char *into = around->texts + HEAD;
    for (;;) {
        ptrdiff_t got = sys_read(fd, into + around->length, ENVIRONMENT - around->length);
        if (got <= 0)
            break;
        around->length += (size_t)got;
    }
    sys_close(fd);
    into[around->length] = '\0';
    around->environment = into;
    return true;
}

/* Write where a link of /proc leads; "" where it cannot be told. */
static void read_link(const char *path, char *out)
{
    long length = syscall(SYS_readlinkat, AT_FDCWD, path, out, IMAGE_PATH - 1);
    out[length > 0 && out[0] == '/' ? length : 0] = '\0';
}

static void read_directory(int pid, struct surroundings *around)
{
    char path[64];
    char *out = around->texts;
    const char *told = surroundings_get(around, "PWD");
    snprintf(path, sizeof path, "/proc/%d/cwd", pid);
    read_link(path, out);
    around->directory = out;
    if ((out[0] != '\0' && strcmp(out, "/") != 0) || told[0] != '/')
        return;
    int fd = sys_open(told, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_link(path, out);
    sys_close(fd);
}

static void find_home(struct surroundings *around)
{
    char *out = around->texts + IMAGE_PATH;
    const char *named = surroundings_setting(around, "STYXY_HOME");
    const char *user_home = surroundings_setting(around, "HOME");
    int length = 0;
    if (named[0] == '/')
        length = snprintf(out, IMAGE_PATH, "%s", named);
    else if (named[0] != '\0' && around->directory[0] == '/')
        length = snprintf(out, IMAGE_PATH, "%s/%s", around->directory, named);
    else if (named[0] == '\0' && user_home[0] == '/')
        length = snprintf(out, IMAGE_PATH, "%s/.styxy", user_home);
    if (length <= 0 || length >= IMAGE_PATH)
        out[0] = '\0';
    around->home = out;
}

bool surroundings_read(int pid, struct surroundings *around)
{
    *around = (struct surroundings){.texts = malloc(HEAD + ENVIRONMENT + 1)};
    if (around->texts == NULL)
        return false;
    if (!read_environment(pid, around)) {
        free(around->texts);
        return false;
    }
    read_directory(pid, around);
    find_home(around);
    return true;
}

bool surroundings_has_library(int pid)
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
        /* The name may lie across two readings. */
        size_t tail = (size_t)got + kept < sizeof LIBRARY ? (size_t)got + kept : sizeof LIBRARY - 1;
        memmove(chunk, chunk + kept + (size_t)got - tail, tail);
        kept = tail;
    }
    if (fd >= 0)
        sys_close(fd);
    return found;
}
