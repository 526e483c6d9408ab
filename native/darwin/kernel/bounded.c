/*
 * guest/kernel/bounded.h on macOS: looks at a disk that may never be answered.
 *
 * getfsstat(2) with MNT_NOWAIT asks no server. But there is no process whose end nobody sees
 * (Linux's clone without a signal): a child of fork would be the program's, and its wait(2) would
 * return it. So nobody looks, and a project on such a mount is the directory that it is named by.
 */
#include "guest/kernel/bounded.h"

#include "guest/kernel/sys.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/param.h>

/* What is not local in the kernel's eyes is asked over a network; macFUSE's may say that it is. */
static bool is_dependent(const struct statfs *mount)
{
    return (mount->f_flags & MNT_LOCAL) == 0 || strstr(mount->f_fstypename, "fuse") != NULL;
}

/* The kernel's own, which answer by themselves. */
static bool is_kernels_own(const struct statfs *mount)
{
    return strcmp(mount->f_fstypename, "devfs") == 0 || strcmp(mount->f_fstypename, "autofs") == 0;
}

static bool concerns(const struct statfs *mount, const char *path)
{
    const char *place = mount->f_mntonname;
    size_t length = strlen(place);
    if (!is_dependent(mount) || is_kernels_own(mount) || length <= 1)
        return false;
    return path[0] != '/' || (strncmp(path, place, length) == 0 &&
                              (path[length] == '/' || path[length] == '\0'));
}

bool bounded_is_needed(const char *path)
{
    int count = getfsstat(NULL, 0, MNT_NOWAIT);
    size_t room = count > 0 ? (size_t)count * sizeof(struct statfs) : 0;
    struct statfs *mounts = room > 0 ? sys_scratch(room) : NULL;
    bool found = false;
    if (mounts == NULL)
        return false;
    count = getfsstat(mounts, (int)room, MNT_NOWAIT);
    for (int i = 0; i < count && !found; i++)
        found = concerns(&mounts[i], path);
    sys_scratch_free(mounts, room);
    return found;
}

void *bounded_room(size_t length)
{
    return sys_scratch(length);
}

void bounded_room_free(void *room, size_t length)
{
    sys_scratch_free(room, length);
}

bool bounded_look(void (*look)(void *room), void *room)
{
    (void)look;
    (void)room;
    return false;
}
