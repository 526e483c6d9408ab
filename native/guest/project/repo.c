/*
 * Which repo a project belongs to: see repo.h.
 *
 * gitrepository-layout(5): the `.git` of a linked worktree or a submodule is a file "gitdir: PATH",
 * and a linked worktree's directory has a file `commondir`. Includes of a config are not followed.
 */
#include "guest/project/repo.h"

#include "guest/kernel/bounded.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"
#include "guest/project/origin.h"
#include "guest/project/project.h"
#include "guest/project/realpath.h"

#include <stdatomic.h>
#include <string.h>

enum { CONFIG_LIMIT = 64 * 1024 }; /* `styxy.adapters.projects.git` has the same limit */

struct repo_search {
    uint64_t key; /* the result */
    char project[IMAGE_PATH];
    char directory[IMAGE_PATH];
    char common[IMAGE_PATH];
    char path[IMAGE_PATH];
    struct realpath_room room;
    char text[CONFIG_LIMIT + 1];
};

/* Read the beginning of a file; its length, 0 also where a NUL shows that it is not git's. */
static size_t read_text(const char *path, char *into)
{
    size_t used = sys_read_file(path, into, CONFIG_LIMIT);
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
static bool named_in(struct repo_search *search, const char *file, const char *prefix,
                     const char *base, char *out)
{
    size_t start = strlen(prefix);
    if (read_text(file, search->text) == 0)
        return false;
    search->text[strcspn(search->text, "\r\n")] = '\0';
    if (strncmp(search->text, prefix, start) != 0 ||
        search->text[strspn(search->text, " \t")] == '\0')
        return false;
    return join(out, base, search->text + start);
}

static bool is_directory(const char *path)
{
    struct statx status;
    return sys_status_at(path, &status) && (status.stx_mode & S_IFMT) == S_IFDIR;
}

/* Find the directory that all worktrees of the project's repo share. */
static bool find_common(struct repo_search *search)
{
    if (!join(search->directory, search->project, ".git"))
        return false;
    if (!is_directory(search->directory)) {
        memcpy(search->path, search->directory, IMAGE_PATH);
        if (!named_in(search, search->path, "gitdir: ", search->project, search->directory))
            return false;
    }
    if (!join(search->path, search->directory, "commondir"))
        return false;
    const char *common = search->directory;
    if (named_in(search, search->path, "", search->directory, search->common))
        common = memcpy(search->path, search->common, IMAGE_PATH);
    return realpath_of(common, &search->room, search->common);
}

static uint64_t key_of_origin(struct repo_search *search, const char *address)
{
    if (!origin_is_local(address, &address))
        return origin_name(address, search->path, IMAGE_PATH) ? text_key("origin", search->path)
                                                              : 0;
    /* git resolves a relative remote where the repo lies, not where a worktree does. */
    struct text parent = text_in(search->directory, IMAGE_PATH);
    const char *slash = strrchr(search->common, '/');
    text_bytes(&parent, search->common,
               slash > search->common ? (size_t)(slash - search->common) : 1);
    if (!text_end(&parent) || !join(search->path, search->directory, address) ||
        !realpath_of(search->path, &search->room, search->directory) ||
        !origin_name(search->directory, search->path, IMAGE_PATH))
        return 0;
    return text_key("origin", search->path);
}

static uint64_t find(struct repo_search *search)
{
    if (!find_common(search) || !join(search->path, search->common, "config"))
        return 0;
    size_t length = read_text(search->path, search->text);
    const char *address = origin_in_config(search->text, length);
    return address != NULL ? key_of_origin(search, address) : text_key("common", search->common);
}

/* Search in a room; a process of its own may do it. */
static void look(void *room)
{
    struct repo_search *search = room;
    search->key = find(search);
}

/* Find the repo of a project; 0 where a server had to answer and did not. */
static uint64_t key_of_project(const char *project)
{
    bool is_bounded = bounded_is_needed(project);
    struct repo_search *search =
        is_bounded ? bounded_room(sizeof *search) : sys_scratch(sizeof *search);
    if (search == NULL)
        return 0;
    memcpy(search->project, project, strlen(project) + 1);
    if (!is_bounded)
        look(search);
    uint64_t found = !is_bounded || bounded_look(look, search) ? search->key : 0;
    if (is_bounded)
        bounded_room_free(search, sizeof *search);
    else
        sys_scratch_free(search, sizeof *search);
    return found;
}

uint64_t repo_key(const struct image *image)
{
    static PER_IMAGE _Atomic uint64_t key;
    static PER_IMAGE atomic_bool is_known;
    if (atomic_load(&is_known))
        return atomic_load(&key);
    char *scratch = sys_scratch(IMAGE_PATH);
    if (scratch == NULL)
        return 0;
    /* Two threads may do this at once; both find the same. */
    const char *project = project_path(image, scratch);
    uint64_t found = project[0] != '\0' ? key_of_project(project) : 0;
    sys_scratch_free(scratch, IMAGE_PATH);
    atomic_store(&key, found);
    atomic_store(&is_known, true);
    return found;
}
