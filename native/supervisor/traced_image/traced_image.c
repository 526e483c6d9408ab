/*
 * Traced images: see traced_image.h.
 *
 * What an image was at exec is read from /proc at its first call, as closely as that is possible:
 * the kernel keeps its environment, but its directory may have changed. A daemon changes it to the
 * root; then PWD decides. Otherwise the directory itself does, because PWD is only what a shell had
 * set.
 */
#include "supervisor/traced_image/traced_image.h"

#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "supervisor/traced_image/proc_environ.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRACED_IMAGES = 256 };

extern unsigned char __start_styxy_image[], __stop_styxy_image[];

static struct traced_image images[TRACED_IMAGES];
static unsigned char *pristine; /* the section as it is before any image has used it */
static struct traced_image *current;
static uint64_t uses;

static size_t section_size(void)
{
    return (size_t)(__stop_styxy_image - __start_styxy_image);
}

bool traced_images_start(void)
{
    pristine = malloc(section_size());
    if (pristine != NULL)
        memcpy(pristine, __start_styxy_image, section_size());
    return pristine != NULL;
}

/* The entry with this id, or else one to fill: an empty one, or the one least recently used. */
static struct traced_image *entry_for(uint64_t image_id)
{
    struct traced_image *oldest = &images[0];
    for (int i = 0; i < TRACED_IMAGES; i++) {
        if (images[i].image.image_id == image_id && images[i].texts != NULL)
            return &images[i];
        if (images[i].last_used < oldest->last_used)
            oldest = &images[i];
    }
    return oldest;
}

enum elf_kind traced_image_kind(int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    int fd = sys_open(path, O_RDONLY, 0);
    enum elf_kind kind = fd < 0 ? ELF_KIND_OTHER : elf_kind_of(fd);
    if (fd >= 0)
        sys_close(fd);
    return kind;
}

/* Whether the preload library is in it, and sees every call that it makes. */
static bool is_preloaded(int pid, const struct proc_environ *environment)
{
    if (strstr(proc_environ_get(environment, "LD_PRELOAD"), "/libstyxy.so") == NULL ||
        !proc_environ_has_library(pid))
        return false;
    return traced_image_kind(pid) != ELF_KIND_GO;
}

static void read_streams(struct image *image, int pid)
{
    for (int fd = 1; fd <= 2; fd++) {
        char path[64];
        struct statx status;
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        if (sys_status_at(path, &status))
            image->standard[fd] = image_stream_of(&status);
    }
}

static const char *get(void *from, const char *name)
{
    return proc_environ_get(from, name);
}

static const char *get_or_ours(void *from, const char *name)
{
    return proc_environ_get_or_ours(from, name);
}

static bool read_image(struct traced_image *traced, int pid)
{
    struct proc_environ environment;
    if (!proc_environ_read(pid, &environment))
        return false;
    const struct variables own = {.get = get, .from = &environment};
    const struct variables own_or_ours = {.get = get_or_ours, .from = &environment};
    struct text texts = text_in(environment.scratch, IMAGE_PATH);
    traced->texts = environment.bytes;
    /* A relative home would follow another user's program to where that has put one. */
    traced->image.directory = environment.is_another_users ? "" : environment.directory;
    image_read_settings(&traced->image, &own_or_ours, &texts);
    traced->image.directory = environment.directory;
    read_streams(&traced->image, pid);
    traced->is_absent = image_is_switched_off(&own) || is_preloaded(pid, &environment);
    return true;
}

struct traced_image *traced_image_of(int pid, uint64_t image_id)
{
    struct traced_image *traced = entry_for(image_id);
    traced->last_used = ++uses;
    if (traced->texts != NULL && traced->image.image_id == image_id)
        return traced;
    if (current == traced)
        current = NULL;
    free(traced->texts);
    unsigned char *kept = traced->kept != NULL ? traced->kept : malloc(section_size());
    *traced = (struct traced_image){.last_used = uses, .kept = kept};
    if (kept == NULL || !read_image(traced, pid))
        return NULL;
    memcpy(kept, pristine, section_size());
    traced->image.image_id = image_id;
    return traced;
}

void traced_image_use(struct traced_image *traced, int pid)
{
    traced->image.pid = pid;
    traced->last_used = ++uses;
    if (traced == current)
        return;
    if (current != NULL)
        memcpy(current->kept, __start_styxy_image, section_size());
    memcpy(__start_styxy_image, traced->kept, section_size());
    current = traced;
}

const struct image *host_image(void)
{
    return current != NULL ? &current->image : NULL;
}
