/* Which project this program belongs to: see project.h. */
#include "guest/project/project.h"

#include "guest/kernel/bounded.h"
#include "guest/kernel/proc_files.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <stdatomic.h>
#include <string.h>

enum { UNKNOWN, FINDING, KNOWN };

static PER_IMAGE atomic_int state;
static PER_IMAGE char known[IMAGE_PATH];

static const char *const PROJECT_FILES[] = {
    "/package.json", "/pyproject.toml", "/Cargo.toml", "/go.mod",       "/Gemfile",
    "/composer.json", "/mix.exs",       "/pom.xml",    "/build.gradle",
};

/* The memory that a search needs. */
struct search {
    const struct image *image;
    size_t length;              /* of the part of the directory that is the project */
    char directory[IMAGE_PATH]; /* where it starts, going up; empty where it is unknown */
    char home[IMAGE_PATH];
    char file[IMAGE_PATH];
};

/* Whether the first `length` bytes of the directory and `name` are the path of a regular file. */
static bool has_file(struct search *search, size_t length, const char *name)
{
    struct statx status;
    struct text text = text_in(search->file, sizeof search->file);
    text_bytes(&text, search->directory, length);
    text_add(&text, name);
    return text_end(&text) && sys_status_at(search->file, &status) &&
           (status.stx_mode & S_IFMT) == S_IFREG;
}

/* The length of the parent's path: 0 stands for the root, whose name is the empty prefix. */
static size_t parent_of(const char *directory, size_t length)
{
    while (length > 0 && directory[length - 1] != '/')
        length--;
    return length > 0 ? length - 1 : 0;
}

static bool is_worktree(struct search *search, size_t length)
{
    /* A submodule and a linked worktree have a file (gitrepository-layout(5)). */
    return has_file(search, length, "/.git") || has_file(search, length, "/.git/HEAD");
}

static bool has_project_file(struct search *search, size_t length)
{
    for (size_t i = 0; i < sizeof PROJECT_FILES / sizeof *PROJECT_FILES; i++)
        if (has_file(search, length, PROJECT_FILES[i]))
            return true;
    return false;
}

/* The length of the part of `directory` that is the project. */
static size_t project_length(struct search *search)
{
    const char *directory = search->directory, *home = search->home;
    size_t whole = strcmp(directory, "/") == 0 ? 0 : strlen(directory);
    for (size_t length = whole; length > 0; length = parent_of(directory, length)) {
        /* A repo of dot files would make everything that the user has one project. */
        bool is_home = strlen(home) == length && memcmp(home, directory, length) == 0;
        if (!is_home && is_worktree(search, length))
            return length;
    }
    for (size_t length = whole;; length = parent_of(directory, length)) {
        if (has_project_file(search, length))
            return length;
        if (length == 0)
            return whole;
    }
}

/* The directory whose project it is: the one that the user named, or else the program's. */
static bool directory_of(const struct image *image, char *out)
{
    if (image->project[0] == '\0') {
        memcpy(out, image->directory, strnlen(image->directory, IMAGE_PATH - 1) + 1);
        return out[0] == '/';
    }
    if (proc_canonical_path(image->project, out, IMAGE_PATH))
        return true;
    /* The directory is not there yet: take its name as it is. */
    memcpy(out, image->project, strnlen(image->project, IMAGE_PATH - 1) + 1);
    return out[0] == '/';
}

/* Search in a room; a process of its own may do it. */
static void look(void *room)
{
    struct search *search = room;
    if (!directory_of(search->image, search->directory)) {
        search->directory[0] = '\0';
        return;
    }
    if (!proc_canonical_path(search->image->user_home, search->home, sizeof search->home))
        search->home[0] = '\0';
    size_t length = project_length(search);
    search->length = length > 0 ? length : 1;
}

static void copy_found(const struct search *search, char *out)
{
    size_t length = search->directory[0] != '\0' ? search->length : 0;
    memcpy(out, search->directory, length);
    out[length] = '\0';
}

/* Find it where a server has to answer; where none does, the project is the path that it has. */
static void find_in_time(const struct image *image, const char *named, char *out)
{
    struct search *search = bounded_room(sizeof *search);
    if (search != NULL)
        search->image = image;
    if (search != NULL && bounded_look(look, search))
        copy_found(search, out);
    else
        memcpy(out, named, strnlen(named, IMAGE_PATH - 1) + 1);
    if (search != NULL)
        bounded_room_free(search, sizeof *search);
}

static void find(const struct image *image, char *out)
{
    const char *named = image->project[0] != '\0' ? image->project : image->directory;
    out[0] = '\0';
    const char *home = image->user_home;
    if (bounded_is_needed(named) || (home[0] == '/' && bounded_is_needed(home))) {
        find_in_time(image, named, out);
        return;
    }
    struct search *search = sys_scratch(sizeof *search);
    if (search == NULL)
        return;
    search->image = image;
    look(search);
    copy_found(search, out);
    sys_scratch_free(search, sizeof *search);
}

const char *project_path(const struct image *image, char scratch[IMAGE_PATH])
{
    int unknown = UNKNOWN;
    if (atomic_load(&state) == KNOWN)
        return known;
    find(image, scratch);
    /* The first to finish publishes; the others go on with their own copy. */
    if (atomic_compare_exchange_strong(&state, &unknown, FINDING)) {
        memcpy(known, scratch, strlen(scratch) + 1);
        atomic_store(&state, KNOWN);
    }
    return scratch;
}

uint64_t project_key(const struct image *image)
{
    static PER_IMAGE _Atomic uint64_t key;
    static PER_IMAGE atomic_bool is_known;
    if (atomic_load(&is_known))
        return atomic_load(&key);
    char *scratch = sys_scratch(IMAGE_PATH);
    if (scratch == NULL)
        return 0;
    const char *project = project_path(image, scratch);
    uint64_t found = project[0] != '\0' ? text_key("project", project) : 0;
    sys_scratch_free(scratch, IMAGE_PATH);
    atomic_store(&key, found);
    atomic_store(&is_known, true);
    return found;
}

bool project_is_owner(const struct image *image, uint64_t owner)
{
    return owner == project_key(image) || owner == text_key("instance", image->instance);
}
