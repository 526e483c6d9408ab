/*
 * Which repo a project is of: see repo.h.
 *
 * gitrepository-layout(5): the `.git` of a linked worktree or a submodule is a file "gitdir: PATH",
 * and a linked worktree's directory has a file `commondir`. Includes of a config are not followed.
 */
#include "guest/project/repo.h"

#include "guest/project/origin.h"
#include "guest/daemon/portmap.h"
#include "guest/project/project.h"
#include "guest/project/realpath.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <stdatomic.h>
#include <string.h>

enum { CONFIG_LIMIT = 64 * 1024 }; /* `styxy.adapters.git` reads no more, too */

struct desk {
    char project[IMAGE_PATH];
    char directory[IMAGE_PATH];
    char common[IMAGE_PATH];
    char path[IMAGE_PATH];
    struct realpath_room room;
    char text[CONFIG_LIMIT + 1];
};

/* Read the beginning of a file; its length, 0 also where it has a NUL and is no text of git's. */
static size_t read_text(const char *path, char *into)
{
    size_t used = 0;
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return 0;
    while (used < CONFIG_LIMIT) {
        ptrdiff_t got = sys_read(fd, into + used, CONFIG_LIMIT - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    sys_close(fd);
    into[used] = '\0';
    return memchr(into, 0, used) == NULL ? used : 0;
}

static bool join(char *out, const char *base, const char *name)
{
    struct text text = text_in(out, IMAGE_PATH);
    size_t length = strlen(base);
    if (name[0] != '/') {
        text_bytes(&text, base, length);
        text_add(&text, length > 0 && base[length - 1] == '/' ? "" : "/");
    }
    text_add(&text, name);
    return text_end(&text);
}

/* Read the path in the first line of a file of git's, relative to `base`. */
static bool named_in(struct desk *desk, const char *file, const char *prefix, const char *base,
                     char *out)
{
    size_t start = strlen(prefix);
    if (read_text(file, desk->text) == 0)
        return false;
    desk->text[strcspn(desk->text, "\r\n")] = '\0';
    if (strncmp(desk->text, prefix, start) != 0 ||
        desk->text[strspn(desk->text, " \t")] == '\0')
        return false;
    return join(out, base, desk->text + start);
}

static bool is_directory(const char *path)
{
    struct statx status;
    return sys_status_at(path, &status) && (status.stx_mode & S_IFMT) == S_IFDIR;
}

/* Find the directory that all worktrees of the project's repo share. */
static bool find_common(struct desk *desk)
{
    if (!join(desk->directory, desk->project, ".git"))
        return false;
    if (!is_directory(desk->directory)) {
        memcpy(desk->path, desk->directory, IMAGE_PATH);
        if (!named_in(desk, desk->path, "gitdir: ", desk->project, desk->directory))
            return false;
    }
    if (!join(desk->path, desk->directory, "commondir"))
        return false;
    const char *common = desk->directory;
    if (named_in(desk, desk->path, "", desk->directory, desk->common))
        common = memcpy(desk->path, desk->common, IMAGE_PATH);
    return realpath_of(common, &desk->room, desk->common);
}

static uint64_t key_of_origin(struct desk *desk, const char *address)
{
    if (!origin_is_local(address, &address))
        return origin_name(address, desk->path, IMAGE_PATH) ? portmap_key("origin", desk->path) : 0;
    /* git resolves a relative remote where the repo lies, not where a worktree does. */
    struct text parent = text_in(desk->directory, IMAGE_PATH);
    const char *slash = strrchr(desk->common, '/');
    text_bytes(&parent, desk->common, slash > desk->common ? (size_t)(slash - desk->common) : 1);
    if (!text_end(&parent) || !join(desk->path, desk->directory, address) ||
        !realpath_of(desk->path, &desk->room, desk->directory) ||
        !origin_name(desk->directory, desk->path, IMAGE_PATH))
        return 0;
    return portmap_key("origin", desk->path);
}

static uint64_t find(const struct image *image, struct desk *desk)
{
    const char *project = project_path(image, desk->path);
    if (project[0] == '\0')
        return 0;
    memcpy(desk->project, project, strlen(project) + 1);
    if (!find_common(desk) || !join(desk->path, desk->common, "config"))
        return 0;
    size_t length = read_text(desk->path, desk->text);
    const char *address = origin_in_config(desk->text, length);
    return address != NULL ? key_of_origin(desk, address) : portmap_key("common", desk->common);
}

uint64_t repo_key(const struct image *image)
{
    static PER_IMAGE _Atomic uint64_t key;
    static PER_IMAGE atomic_bool is_known;
    if (atomic_load(&is_known))
        return atomic_load(&key);
    struct desk *desk = sys_room(sizeof *desk);
    if (desk == NULL)
        return 0;
    /* Two threads may come at once; both find the same. */
    uint64_t found = find(image, desk);
    sys_leave_room(desk, sizeof *desk);
    atomic_store(&key, found);
    atomic_store(&is_known, true);
    return found;
}
