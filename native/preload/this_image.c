/* The image of this program, read once when the library is loaded: see guest/image.h and host.h. */
#include "guest/host.h"
#include "guest/image.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/sys.h"
#include "guest/state/fork_shared.h"
#include "preload/real.h"
#include "preload/streams.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

enum { FRESH, STARTING, READY, ABSENT };

/* In this order, so that what each program writes at its start is at the beginning. */
static struct {
    atomic_int state;
    struct text texts;
    struct image image;
    /* All texts of the image. An environment that does not fit is an attack or an accident. */
    char arena[24576];
} this;

/* Copy the value of a variable into the arena; "" where it is unset. */
static const char *copied(void *from, const char *name)
{
    (void)from;
    return text_copy(&this.texts, getenv(name));
}

static const char *working_directory(void)
{
    char *start = this.texts.bytes + this.texts.used;
    /* A directory outside a chroot reads "(unreachable)/...", and one that is gone fails. */
    long length = sys_call(SYS_getcwd, start, this.texts.room - this.texts.used);
    if (length <= 0 || start[0] != '/')
        return "";
    this.texts.used += (size_t)length;
    return start;
}

/* Whether STYXY_STATIC, or else the user's rights, let static programs have a supervisor. */
static bool may_supervise(void)
{
    const char *word = getenv("STYXY_STATIC");
    /* It costs the unprivileged their sudo (no_new_privs): only if asked, as `styxy run` does. */
    return word != NULL ? strcmp(word, "supervise") == 0 : sys_call(SYS_geteuid) == 0;
}

/* Find the supervisor, which lies beside the library; "" where it is not to be used. */
static const char *supervisor_path(void)
{
    static const char library[] = "/libstyxy.so";
    const char *list = may_supervise() ? getenv("LD_PRELOAD") : NULL;
    if (list == NULL)
        return "";
    for (const char *at = list; at[0] != '\0'; at += at[0] != '\0') {
        size_t length = strcspn(at, ": ");
        size_t tail = sizeof library - 1;
        if (length > tail && at[0] == '/' && memcmp(at + length - tail, library, tail) == 0) {
            const char *start = this.texts.bytes + this.texts.used;
            text_bytes(&this.texts, at, length - tail);
            text_add(&this.texts, "/styxy-seccomp");
            return text_end(&this.texts) ? start : "";
        }
        at += length;
    }
    return "";
}

/* Whether valgrind runs the program: it preloads libraries of its own, whatever its tool is. */
static bool is_in_valgrind(void)
{
    const char *list = getenv("LD_PRELOAD");
    return list != NULL && strstr(list, "/vgpreload_") != NULL;
}

static uint64_t make_image_id(void)
{
    unsigned long where = getauxval(AT_RANDOM);
    /* A kernel gives them to each program; something that is not a kernel may not. */
    return where != 0 ? image_id_of((const uint8_t *)where) : TEXT_HASH ^ sys_now();
}

static bool read_image(struct image *image)
{
    const struct variables variables = {.get = copied};
    this.texts = text_in(this.arena, sizeof this.arena);
    if (is_in_valgrind())
        readable_in_valgrind();
    if (image_is_switched_off(&variables) || getauxval(AT_SECURE) != 0)
        return false;
    image->image_id = make_image_id();
    image->directory = working_directory();
    image_read_settings(image, &variables, &this.texts);
    image->supervisor = supervisor_path();
    image->is_cluster_worker = getenv("NODE_UNIQUE_ID") != NULL;
    for (int fd = 1; fd <= 2; fd++)
        image->standard[fd] = streams_at(fd);
    return !this.texts.cut;
}

__attribute__((constructor)) static void start(void)
{
    int entry_errno = errno;
    int fresh = FRESH;
    /* A thread or signal handler that comes in between finds STARTING and stays out. */
    if (atomic_compare_exchange_strong(&this.state, &fresh, STARTING)) {
        /*
         * An upgrade in an activated shell leaves both in LD_PRELOAD: there would be two notices.
         */
        bool is_alone = !real_find();
        atomic_store(&this.state, is_alone && read_image(&this.image) ? READY : ABSENT);
    }
    errno = entry_errno;
}

const struct image *host_image(void)
{
    /* Another library's constructor may bind before ours has run. */
    if (atomic_load(&this.state) == FRESH)
        start();
    return atomic_load(&this.state) == READY ? &this.image : NULL;
}

/* A child is the same image: what its processes know of each other has to be mapped before it. */
pid_t fork(void)
{
    int entry_errno = errno;
    if (host_image() != NULL)
        fork_shared_prepare();
    errno = entry_errno;
    return real_fork();
}
