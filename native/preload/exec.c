/*
 * exec and posix_spawn: the real ones, unless the program needs a supervisor (needs_supervisor.h).
 * Then the supervisor is executed in its place, with the same environment, and becomes the program.
 *
 * All this may run between vfork and exec, in the memory of the parent, so it writes to nothing but
 * the stack. Inside libc, system and popen do not call our functions; they start a shell, which
 * does.
 */
#include "guest/image.h"
#include "guest/kernel/sys.h"
#include "preload/environment.h"
#include "preload/needs_supervisor.h"
#include "preload/real.h"

#include <stdarg.h>
#include <string.h>

extern char **environ;

/* From here on, `environment` is what the program can read of it. */
#define MAKE_READABLE(environment)                                                                 \
    const struct environment_room room = environment_room(environment);                            \
    char *readable_entries[room.entries];                                                          \
    char preload_entry[room.bytes];                                                                \
    environment = environment_readable(environment, &room, readable_entries, preload_entry)

/* Execute with a supervisor what needs one; return where it does not, or where that fails. */
static void execute_supervised(const char *path, char *const words[], char *const environment[])
{
    enum supervised how = needs_supervisor(path, environment);
    bool needs_one = how != SUPERVISED_NOT && !needs_supervisor_is_debugged();
    size_t room = needs_one ? needs_supervisor_command_size(words) : 0;
    if (room == 0)
        return;
    const char *command[room];
    const char *supervisor = needs_supervisor_command(how, path, words, command);
    real_execve(supervisor, (char *const *)command, environment);
}

int execve(const char *path, char *const words[], char *const environment[])
{
    int entry_errno = errno;
    MAKE_READABLE(environment);
    execute_supervised(path, words, environment);
    errno = entry_errno;
    return real_execve(path, words, environment);
}

int execv(const char *path, char *const words[])
{
    return execve(path, words, environ);
}

static void find_and_execute(const char *name, char *const words[], char *const environment[])
{
    size_t room = needs_supervisor_path_size(name);
    char path[room];
    if (needs_supervisor_search_path(name, path, room))
        execute_supervised(path, words, environment);
}

int execvpe(const char *name, char *const words[], char *const environment[])
{
    int entry_errno = errno;
    MAKE_READABLE(environment);
    if (name != NULL && strchr(name, '/') != NULL)
        execute_supervised(name, words, environment);
    else if (name != NULL)
        find_and_execute(name, words, environment);
    errno = entry_errno;
    return real_execvpe(name, words, environment);
}

int execvp(const char *name, char *const words[])
{
    return execvpe(name, words, environ);
}

/* ---- the words one by one ---- */

static size_t count_words(const char *first, va_list words)
{
    size_t count = 1;
    if (first == NULL)
        return 0;
    while (va_arg(words, char *) != NULL)
        count++;
    return count;
}

static void take_words(const char *first, va_list words, size_t count, char **array)
{
    array[0] = (char *)first;
    for (size_t i = 1; i <= count; i++)
        array[i] = va_arg(words, char *);
}

/* The array is as long as the call's own list of words, which is on the stack, too. */
#define WITH_WORDS(first, result, call, last)                                                      \
    va_list words;                                                                                 \
    va_start(words, first);                                                                        \
    size_t count = count_words(first, words);                                                      \
    va_end(words);                                                                                 \
    char *array[count + 1];                                                                        \
    va_start(words, first);                                                                        \
    take_words(first, words, count, array);                                                        \
    last;                                                                                          \
    va_end(words);                                                                                 \
    result = call

int execl(const char *path, const char *first, ...)
{
    int result;
    WITH_WORDS(first, result, execve(path, array, environ), (void)0);
    return result;
}

int execlp(const char *name, const char *first, ...)
{
    int result;
    WITH_WORDS(first, result, execvpe(name, array, environ), (void)0);
    return result;
}

int execle(const char *path, const char *first, ...)
{
    int result;
    char *const *environment;
    WITH_WORDS(first, result, execve(path, array, environment),
               environment = va_arg(words, char *const *));
    return result;
}

/* ---- posix_spawn ---- */

/*
 * Spawn with a supervisor what needs one; false where it does not, or where that fails.
 *
 * The supervisor is handed a relative path as it is, so that it counts from where the actions lead
 * (posix_spawn_file_actions_addchdir_np). Only what is looked at before is the file that the path
 * means here: the actions cannot be read, and they lead nowhere in all but a few calls.
 */
static bool spawn_supervised(pid_t *pid, const char *path,
                             const posix_spawn_file_actions_t *actions,
                             const posix_spawnattr_t *attributes, char *const words[],
                             char *const environment[])
{
    enum supervised how = needs_supervisor(path, environment);
    size_t room = how != SUPERVISED_NOT ? needs_supervisor_command_size(words) : 0;
    if (room == 0)
        return false;
    const char *command[room];
    const char *supervisor = needs_supervisor_command(how, path, words, command);
    return real_posix_spawn(pid, supervisor, actions, attributes, (char *const *)command,
                            environment) == 0;
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const words[], char *const environment[])
{
    int entry_errno = errno;
    MAKE_READABLE(environment);
    bool done = spawn_supervised(pid, path, actions, attributes, words, environment);
    errno = entry_errno;
    return done ? 0 : real_posix_spawn(pid, path, actions, attributes, words, environment);
}

static bool find_and_spawn(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                           const posix_spawnattr_t *attributes, char *const words[],
                           char *const environment[])
{
    size_t room = needs_supervisor_path_size(name);
    char path[room];
    return needs_supervisor_search_path(name, path, room) &&
           spawn_supervised(pid, path, actions, attributes, words, environment);
}

int posix_spawnp(pid_t *pid, const char *name, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const words[],
                 char *const environment[])
{
    int entry_errno = errno;
    MAKE_READABLE(environment);
    bool done = strchr(name, '/') != NULL
                    ? spawn_supervised(pid, name, actions, attributes, words, environment)
                    : find_and_spawn(pid, name, actions, attributes, words, environment);
    errno = entry_errno;
    return done ? 0 : real_posix_spawnp(pid, name, actions, attributes, words, environment);
}
