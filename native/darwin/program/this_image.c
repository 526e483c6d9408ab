/* The image of this program, read once when the library is loaded: see guest/image.h and host.h. */
#include "darwin/program/this_image.h"

#include "guest/host.h"
#include "guest/image.h"
#include "guest/kernel/sys.h"
#include "guest/state/fork_shared.h"
#include "preload/streams.h"

#include <dlfcn.h>
#include <mach-o/dyld.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { FRESH, STARTING, READY, ABSENT };

static struct {
    atomic_int state;
    struct text texts;
    struct image image;
    const char *library;
    char arena[24576]; /* all texts of the image; what does not fit is an attack or an accident */
} this = {.library = ""};

/* Copy the value of a variable into the arena; "" where it is unset. */
static const char *copied(void *from, const char *name)
{
    (void)from;
    return text_copy(&this.texts, getenv(name));
}

static const char *working_directory(void)
{
    char *start = this.texts.bytes + this.texts.used;
    long length = sys_call(SYS_getcwd, start, this.texts.room - this.texts.used);
    if (length <= 0 || start[0] != '/')
        return "";
    this.texts.used += (size_t)length;
    return start;
}

/* The path that dyld loaded this library from; "" where it is none of the variable's. */
static const char *library_path(void)
{
    Dl_info here;
    const char *word = getenv("STYXY_STATIC");
    if (word == NULL || strcmp(word, "supervise") != 0 ||
        dladdr((const void *)(uintptr_t)library_path, &here) == 0 || here.dli_fname == NULL ||
        here.dli_fname[0] != '/')
        return "";
    return text_copy(&this.texts, here.dli_fname);
}

/* Each exec makes another one: the kernel gives programs no random bytes as AT_RANDOM on Linux. */
static uint64_t make_image_id(void)
{
    uint8_t random[16];
    return getentropy(random, sizeof random) == 0 ? image_id_of(random) : TEXT_HASH ^ sys_now();
}

static bool read_image(struct image *image)
{
    const struct variables variables = {.get = copied};
    this.texts = text_in(this.arena, sizeof this.arena);
    if (image_is_switched_off(&variables) || issetugid())
        return false;
    image->image_id = make_image_id();
    image->directory = working_directory();
    image_read_settings(image, &variables, &this.texts);
    image->supervisor = "";
    this.library = library_path();
    image->is_cluster_worker = getenv("NODE_UNIQUE_ID") != NULL;
    for (int fd = 1; fd <= 2; fd++)
        image->standard[fd] = streams_at(fd);
    return !this.texts.cut;
}

/*
 * Another copy of this library, which an upgrade in an activated shell leaves beside the new one.
 * dyld calls the one that was inserted last, and through it the others: there would be two notices.
 * The first one of the list works.
 */
static bool is_first_of_its_kind(void)
{
    static const char name[] = "/libstyxy.dylib";
    Dl_info here;
    if (dladdr((const void *)(uintptr_t)is_first_of_its_kind, &here) == 0)
        return true;
    for (uint32_t i = 0, count = _dyld_image_count(); i < count; i++) {
        const char *path = _dyld_get_image_name(i);
        size_t length = path != NULL ? strlen(path) : 0;
        if (_dyld_get_image_header(i) == here.dli_fbase)
            return true;
        if (length >= sizeof name - 1 && strcmp(path + length - (sizeof name - 1), name) == 0)
            return false;
    }
    return true;
}

__attribute__((constructor)) static void start(void)
{
    int entry_errno = errno;
    int fresh = FRESH;
    /* A thread or signal handler that comes in between finds STARTING and stays out. */
    if (atomic_compare_exchange_strong(&this.state, &fresh, STARTING)) {
        bool is_ready = is_first_of_its_kind() && read_image(&this.image);
        if (is_ready)
            pthread_atfork(fork_shared_prepare, NULL, NULL);
        atomic_store(&this.state, is_ready ? READY : ABSENT);
    }
    errno = entry_errno;
}

const struct image *host_image(void)
{
    if (atomic_load(&this.state) == FRESH)
        start();
    if (atomic_load(&this.state) != READY)
        return NULL;
    /* A report names its process, for a socket of macOS does not; after fork it is another one. */
    if (this.image.pid != getpid())
        this.image.pid = getpid();
    return &this.image;
}

const char *this_image_library(void)
{
    return host_image() != NULL ? this.library : "";
}
