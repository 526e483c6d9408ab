/*
 * The words that a process was executed with: see process_words.h. And guest/kernel/proc_files.h,
 * for which macOS has no files: fcntl(2) with F_GETPATH names the path of a descriptor.
 */
#include "darwin/kernel/process_words.h"

#include "guest/kernel/proc_files.h"
#include "guest/kernel/sys.h"

#include <limits.h>
#include <mach-o/dyld.h>
#include <string.h>
#include <sys/sysctl.h>

/* As much as the kernel lets any process have. */
static size_t most_words(void)
{
    int name[] = {CTL_KERN, KERN_ARGMAX}, most = 0;
    size_t length = sizeof most;
    return sysctl(name, 2, &most, &length, NULL, 0) == 0 && most > 0 ? (size_t)most : 0;
}

bool process_words_read(int pid, struct process_words *words)
{
    int name[] = {CTL_KERN, KERN_PROCARGS2, pid};
    size_t length = most_words();
    *words = (struct process_words){.room = length};
    words->bytes = length > 0 ? sys_scratch(length) : NULL;
    if (words->bytes == NULL)
        return false;
    if (sysctl(name, 3, words->bytes, &length, NULL, 0) == 0 &&
        process_words_find(words->bytes, length, words))
        return true;
    process_words_free(words);
    return false;
}

void process_words_free(const struct process_words *words)
{
    sys_scratch_free(words->bytes, words->room);
}

bool proc_canonical_path(const char *path, char *out, size_t room)
{
    char found[PATH_MAX]; /* F_GETPATH writes so much, whatever there is room for */
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return false;
    bool is_named = fcntl(fd, F_GETPATH, found) == 0;
    sys_close(fd);
    size_t length = is_named ? strnlen(found, sizeof found) : 0;
    if (length == 0 || length >= room || found[0] != '/')
        return false;
    memcpy(out, found, length);
    out[length] = '\0';
    return true;
}

size_t proc_command_line(int pid, char *into, size_t room)
{
    struct process_words words;
    if (!process_words_read(pid != 0 ? pid : getpid(), &words))
        return 0;
    size_t length = words.arguments_length < room ? words.arguments_length : room;
    memcpy(into, words.arguments, length);
    process_words_free(&words);
    return length;
}

size_t proc_own_path(char *out, size_t room)
{
    char found[PATH_MAX];
    uint32_t length = sizeof found;
    if (_NSGetExecutablePath(found, &length) != 0 || !proc_canonical_path(found, out, room))
        return 0;
    return strlen(out);
}
