/* The program image: see image.h. */
#include "guest/image.h"

#include "guest/state/fork_shared.h"
#include "preload/real.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

enum { FRESH, STARTING, READY, ABSENT };

static atomic_int state;
static struct image this_image;
/* All texts of the image. An environment that does not fit is an attack or an accident. */
static char arena[24576];
static struct text texts;

static const char *keep(const char *first, const char *second)
{
    const char *start = texts.bytes + texts.used;
    text_add(&texts, first);
    text_add(&texts, second);
    return text_end(&texts) ? start : "";
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? keep(value, "") : "";
}

static const char *working_directory(void)
{
    char *start = texts.bytes + texts.used;
    /* A directory outside of a chroot reads "(unreachable)/...", and one that is gone fails. */
    long length = syscall(SYS_getcwd, start, texts.room - texts.used);
    if (length <= 0 || start[0] != '/')
        return "";
    texts.used += (size_t)length;
    return start;
}

static const char *styxy_home(const char *directory, const char *user_home)
{
    const char *named = setting("STYXY_HOME");
    if (named[0] == '/')
        return named;
    if (named[0] != '\0') {
        const char *start = texts.bytes + texts.used;
        text_add(&texts, directory);
        text_add(&texts, "/");
        return directory[0] == '/' ? (keep(named, ""), start) : "";
    }
    return user_home[0] == '/' ? keep(user_home, "/.styxy") : "";
}

static bool says(const char *name, const char *word)
{
    const char *value = getenv(name);
    return value != NULL && strcmp(value, word) == 0;
}

/*
 * The supervisor lies beside the library. Where it would cost the unprivileged their sudo
 * (no_new_privs), it is used only where somebody said so, as `styxy run` does.
 */
static const char *supervisor_path(void)
{
    static const char library[] = "/libstyxy.so";
    const char *list = getenv("STYXY_STATIC") == NULL && syscall(SYS_geteuid) != 0
                           ? NULL : getenv("LD_PRELOAD");
    if (list == NULL || (getenv("STYXY_STATIC") != NULL && !says("STYXY_STATIC", "supervise")))
        return "";
    for (const char *at = list; at[0] != '\0'; at += at[0] != '\0') {
        size_t length = strcspn(at, ": ");
        size_t tail = sizeof library - 1;
        if (length > tail && at[0] == '/' && memcmp(at + length - tail, library, tail) == 0) {
            const char *start = texts.bytes + texts.used;
            text_bytes(&texts, at, length - tail);
            keep("/styxy-seccomp", "");
            return start;
        }
        at += length;
    }
    return "";
}

static enum notify notify_setting(void)
{
    static const char *const names[] = {"auto", "stdout", "stderr", "off"};
    for (int i = 0; i <= NOTIFY_OFF; i++)
        if (says("STYXY_NOTIFY", names[i]))
            return (enum notify)i;
    return NOTIFY_AUTO;
}

/* FNV-1a over the 16 random bytes of this exec, which also seed the stack protector: not told. */
static uint64_t make_server_id(void)
{
    unsigned long where = getauxval(AT_RANDOM);
    const unsigned char *random = (const unsigned char *)where;
    uint64_t id = 0xcbf29ce484222325u ^ (where == 0 ? sys_now() : 0);
    for (int i = 0; where != 0 && i < 16; i++)
        id = (id ^ random[i]) * 0x100000001b3u;
    return id;
}

static struct stream stream_at(int fd)
{
    struct statx status;
    if (!sys_status(fd, &status))
        return (struct stream){.open = false};
    return (struct stream){
        .open = true,
        .device_major = status.stx_dev_major,
        .device_minor = status.stx_dev_minor,
        .inode = status.stx_ino,
    };
}

static bool read_image(struct image *image)
{
    if (says("STYXY_DISABLE_REASSIGN", "1") || getauxval(AT_SECURE) != 0)
        return false;
    texts = text_in(arena, sizeof arena);
    image->server_id = make_server_id();
    image->directory = working_directory();
    image->user_home = setting("HOME");
    image->home = styxy_home(image->directory, image->user_home);
    image->runtime = setting("XDG_RUNTIME_DIR");
    image->socket = setting("STYXY_SOCKET");
    image->project = setting("STYXY_PROJECT");
    image->instance = setting("STYXY_INSTANCE_ID");
    if (image->instance[0] == '\0')
        image->instance = setting("CLAUDE_INSTANCE_ID");
    if (image->instance[0] == '\0')
        image->instance = "default";
    image->service_type = setting("STYXY_SERVICE_TYPE");
    image->log = setting("STYXY_REASSIGNMENT_LOG");
    image->siblings_allow = setting("STYXY_SIBLINGS_ALLOW");
    image->supervisor = supervisor_path();
    image->siblings = says("STYXY_SIBLINGS", "allow") ? SIBLINGS_ALLOW : SIBLINGS_REFUSE;
    image->is_virtual_localhost = !says("STYXY_VIRTUAL_LOCALHOST", "0");
    image->notify = notify_setting();
    image->is_cluster_worker = getenv("NODE_UNIQUE_ID") != NULL;
    for (int fd = 1; fd <= 2; fd++)
        image->standard[fd] = stream_at(fd);
    return !texts.cut;
}

__attribute__((constructor)) static void start(void)
{
    int entry_errno = errno;
    int fresh = FRESH;
    /* A thread or signal handler that comes in between finds STARTING and stays out. */
    if (atomic_compare_exchange_strong(&state, &fresh, STARTING)) {
        real_find();
        /* An upgrade in an activated shell leaves both in LD_PRELOAD; two would tell twice. */
        bool ready = !real_has_other_copy() && read_image(&this_image);
        if (ready)
            kin_prepare();
        atomic_store(&state, ready ? READY : ABSENT);
    }
    errno = entry_errno;
}

const struct image *image_of_this(void)
{
    /* Another library's constructor may bind before ours has run. */
    if (atomic_load(&state) == FRESH)
        start();
    return atomic_load(&state) == READY ? &this_image : NULL;
}

bool image_has_stream(const struct image *image, int fd)
{
    struct stream now = stream_at(fd);
    const struct stream *then = &image->standard[fd];
    return then->open && now.open && now.inode == then->inode &&
           now.device_major == then->device_major && now.device_minor == then->device_minor;
}
