/*
 * Subjects: see subject.h.
 *
 * What a program's image was at exec is read from /proc when it first calls, as near as that comes:
 * its environment is kept by the kernel; its directory may have changed. A daemon changes it to the
 * root, so there PWD tells; else the directory itself does, for PWD is only what a shell had set.
 */
#include "supervisor/traced_image/traced_image.h"

#include "guest/kernel/elf_kind.h"
#include "supervisor/linux.h"
#include "supervisor/traced_image/proc_environ.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUBJECTS = 256 };

extern unsigned char __start_styxy_image[], __stop_styxy_image[];

static struct subject subjects[SUBJECTS];
static unsigned char *pristine; /* the section as it is before any image has used it */
static struct subject *current;
static uint64_t uses;

static size_t section_size(void)
{
    return (size_t)(__stop_styxy_image - __start_styxy_image);
}

bool subjects_start(void)
{
    pristine = malloc(section_size());
    if (pristine != NULL)
        memcpy(pristine, __start_styxy_image, section_size());
    return pristine != NULL;
}

uint64_t subject_id(const uint8_t random[16])
{
    uint64_t id = 0xcbf29ce484222325u; /* as native/image.c */
    for (int i = 0; i < 16; i++)
        id = (id ^ random[i]) * 0x100000001b3u;
    return id;
}

/* The one with this id, else the place for it: an empty one, or the one that is longest unused. */
static struct subject *place_of(uint64_t server_id)
{
    struct subject *oldest = &subjects[0];
    for (int i = 0; i < SUBJECTS; i++) {
        if (subjects[i].image.server_id == server_id && subjects[i].texts != NULL)
            return &subjects[i];
        if (subjects[i].last_used < oldest->last_used)
            oldest = &subjects[i];
    }
    return oldest;
}

/* Whether the preload library is in it, and sees all that it calls. */
static bool is_preloaded(int pid, const struct surroundings *around)
{
    if (strstr(surroundings_get(around, "LD_PRELOAD"), "/libstyxy.so") == NULL ||
        !surroundings_has_library(pid))
        return false;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    int fd = sys_open(path, O_RDONLY, 0);
    enum look look = fd < 0 ? LOOK_OTHER : look_at(fd);
    if (fd >= 0)
        sys_close(fd);
    return look != LOOK_GO;
}

static void read_streams(struct image *image, int pid)
{
    for (int fd = 1; fd <= 2; fd++) {
        char path[64];
        struct statx status;
        snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
        if (sys_status_at(path, &status))
            image->standard[fd] = (struct stream){.open = true,
                                                  .device_major = status.stx_dev_major,
                                                  .device_minor = status.stx_dev_minor,
                                                  .inode = status.stx_ino};
    }
}

static enum notify notify_of(const char *word)
{
    static const char *const names[] = {"auto", "stdout", "stderr", "off"};
    for (int i = 0; i <= NOTIFY_OFF; i++)
        if (strcmp(word, names[i]) == 0)
            return (enum notify)i;
    return NOTIFY_AUTO;
}

/* Fill the image's settings; its texts live in `around`, whose bytes the subject takes over. */
static void read_settings(struct image *image, const struct surroundings *around)
{
    image->directory = around->directory;
    image->user_home = surroundings_setting(around, "HOME");
    image->home = around->home;
    image->socket = surroundings_setting(around, "STYXY_SOCKET");
    image->project = surroundings_setting(around, "STYXY_PROJECT");
    image->instance = surroundings_setting(around, "STYXY_INSTANCE_ID");
    if (image->instance[0] == '\0')
        image->instance = surroundings_setting(around, "CLAUDE_INSTANCE_ID");
    if (image->instance[0] == '\0')
        image->instance = "default";
    image->service_type = surroundings_setting(around, "STYXY_SERVICE_TYPE");
    image->runtime = surroundings_setting(around, "XDG_RUNTIME_DIR");
    image->siblings_allow = surroundings_setting(around, "STYXY_SIBLINGS_ALLOW");
    image->siblings = strcmp(surroundings_setting(around, "STYXY_SIBLINGS"), "allow") == 0
                          ? SIBLINGS_ALLOW
                          : SIBLINGS_REFUSE;
    image->is_virtual_localhost =
        strcmp(surroundings_setting(around, "STYXY_VIRTUAL_LOCALHOST"), "0") != 0;
    image->log = surroundings_setting(around, "STYXY_REASSIGNMENT_LOG");
    image->notify = notify_of(surroundings_setting(around, "STYXY_NOTIFY"));
}

static bool read_subject(struct subject *subject, int pid)
{
    struct surroundings around;
    if (!surroundings_read(pid, &around))
        return false;
    subject->texts = around.texts;
    read_settings(&subject->image, &around);
    read_streams(&subject->image, pid);
    subject->is_absent = strcmp(surroundings_get(&around, "STYXY_DISABLE_REASSIGN"), "1") == 0 ||
                         is_preloaded(pid, &around);
    return true;
}

struct subject *subject_of(int pid, uint64_t server_id)
{
    struct subject *subject = place_of(server_id);
    subject->last_used = ++uses;
    if (subject->texts != NULL && subject->image.server_id == server_id)
        return subject;
    if (current == subject)
        current = NULL;
    free(subject->texts);
    unsigned char *kept = subject->kept != NULL ? subject->kept : malloc(section_size());
    *subject = (struct subject){.last_used = uses, .kept = kept};
    if (kept == NULL || !read_subject(subject, pid))
        return NULL;
    memcpy(kept, pristine, section_size());
    subject->image.server_id = server_id;
    return subject;
}

void subject_use(struct subject *subject, int pid)
{
    subject->image.pid = pid;
    subject->last_used = ++uses;
    if (subject == current)
        return;
    if (current != NULL)
        memcpy(current->kept, __start_styxy_image, section_size());
    memcpy(__start_styxy_image, subject->kept, section_size());
    current = subject;
}

const struct image *image_of_this(void)
{
    return current != NULL ? &current->image : NULL;
}
