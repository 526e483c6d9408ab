/* What the kernel tells of a process: see proc_files.h. */
#include "guest/kernel/proc_files.h"

#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

enum { PATH_ROOM = 40 };

bool proc_canonical_path(const char *path, char *out, size_t room)
{
    char link[PATH_ROOM];
    struct text text = text_in(link, sizeof link);
    int fd = sys_open(path, O_PATH, 0);
    if (fd < 0)
        return false;
    text_add(&text, "/proc/self/fd/");
    text_number(&text, (uint64_t)fd);
    long length = -1;
    if (text_end(&text))
        length = sys_call(SYS_readlinkat, AT_FDCWD, link, out, room - 1);
    sys_close(fd);
    if (length <= 0 || out[0] != '/')
        return false;
    out[length] = '\0';
    return true;
}

size_t proc_command_line(int pid, char *into, size_t room)
{
    char path[PATH_ROOM];
    struct text text = text_in(path, sizeof path);
    text_add(&text, "/proc/");
    if (pid != 0)
        text_number(&text, (uint64_t)pid);
    else
        text_add(&text, "self");
    text_add(&text, "/cmdline");
    return text_end(&text) ? sys_read_file(path, into, room) : 0;
}

size_t proc_own_path(char *out, size_t room)
{
    long length = sys_call(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", out, room);
    return length > 0 ? (size_t)length : 0;
}
