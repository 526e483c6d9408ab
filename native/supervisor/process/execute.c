/* Executing the program: see execute.h. */
#include "supervisor/process/execute.h"

#include "guest/kernel/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_ROOM = 4096 };

extern char **environ;

void execute_path(const char *path, char **words)
{
    sys_call(SYS_execve, path, words, environ);
    if (errno != ENOEXEC)
        return;
    /* A script without a first line for the kernel: execvp(3) hands it to the shell. */
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    char **longer = calloc(count + 2, sizeof *longer);
    if (longer == NULL)
        return;
    longer[0] = "sh";
    longer[1] = (char *)path;
    for (size_t i = 1; i < count; i++)
        longer[i + 1] = words[i];
    sys_call(SYS_execve, "/bin/sh", longer, environ);
    free(longer);
}

void execute_name(char **words)
{
    char path[PATH_ROOM];
    const char *at = getenv("PATH");
    int error = ENOENT;
    if (strchr(words[0], '/') != NULL) {
        execute_path(words[0], words);
        return;
    }
    at = at != NULL ? at : "/usr/local/bin:/bin:/usr/bin";
    while (at[0] != '\0') {
        size_t length = strcspn(at, ":");
        int used = snprintf(path, sizeof path, "%.*s%s%s", (int)length, at, length > 0 ? "/" : "",
                            words[0]);
        if (used > 0 && (size_t)used < sizeof path) {
            execute_path(path, words);
            if (errno != ENOENT && errno != ENOTDIR)
                error = errno; /* EACCES: another one may follow (execvp(3)) */
        }
        at += length + (at[length] == ':');
    }
    errno = error;
}
