/*
 * exec and posix_spawn: the real ones, with the library in the environment.
 *
 * Programs that clean the environment of what they start (sudo, some runners of tests) would lose
 * it. It is put back where `styxy run` has asked for that (this_image.h); in an activated shell,
 * who unsets it means it. dyld itself takes it away from the programs of the system, and from those
 * with a hardened runtime: no library can do anything about that.
 *
 * All this may run between vfork and exec, in the memory of the parent, so it writes to nothing but
 * the stack. execvp and execl take the environment of the process itself, which could only be
 * changed for them in place: they are left alone.
 */
#include "darwin/program/interposed.h"

#include "darwin/program/this_image.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/text.h"

#include <crt_externs.h>
#include <string.h>
#include <unistd.h>

enum { ENTRY_ROOM = 8192 };

static const char INSERT[] = "DYLD_INSERT_LIBRARIES=";

static bool is_insert(const char *entry)
{
    return strncmp(entry, INSERT, sizeof INSERT - 1) == 0;
}

/* The number of entries that a copy with the library takes; 0 where none is wanted. */
static size_t entries_with_library(char *const environment[])
{
    size_t count = 0;
    if (this_image_library()[0] == '\0' || !readable(environment))
        return 0;
    for (; environment[count] != NULL; count++)
        if (is_insert(environment[count]) &&
            strstr(environment[count], this_image_library()) != NULL)
            return 0;
    return count + 2;
}

/* Copy an environment with the library put before what else is to be inserted. */
static char *const *with_library(char *const environment[], char **entries, size_t room,
                                 char entry[ENTRY_ROOM])
{
    struct text text = text_in(entry, ENTRY_ROOM);
    size_t count = 0;
    if (room == 0)
        return environment;
    text_add(&text, INSERT);
    text_add(&text, this_image_library());
    for (size_t i = 0; environment[i] != NULL; i++) {
        if (!is_insert(environment[i])) {
            entries[count++] = environment[i];
            continue;
        }
        text_add(&text, ":");
        text_add(&text, environment[i] + sizeof INSERT - 1);
    }
    if (!text_end(&text))
        return environment;
    entries[count++] = entry;
    entries[count] = NULL;
    return entries;
}

/* From here on, `environment` has the library in it. */
#define PUT_LIBRARY_BACK(environment)                                                              \
    size_t room = entries_with_library(environment);                                               \
    char *entries[room + 1], entry[ENTRY_ROOM];                                                    \
    environment = with_library(environment, entries, room, entry)

int styxy_execve(const char *path, char *const words[], char *const environment[])
{
    PUT_LIBRARY_BACK(environment);
    return execve(path, words, environment);
}

int styxy_execv(const char *path, char *const words[])
{
    return styxy_execve(path, words, *_NSGetEnviron());
}

int styxy_posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const words[],
                      char *const environment[])
{
    PUT_LIBRARY_BACK(environment);
    return posix_spawn(pid, path, actions, attributes, words, environment);
}

int styxy_posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const words[],
                       char *const environment[])
{
    PUT_LIBRARY_BACK(environment);
    return posix_spawnp(pid, name, actions, attributes, words, environment);
}
