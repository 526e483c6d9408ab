/* What the library cannot reach: see needs_supervisor.h. */
#include "preload/needs_supervisor.h"

#include "guest/daemon/notice.h"
#include "guest/host.h"
#include "guest/image.h"
#include "guest/kernel/elf_kind.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"
#include "guest/state/notice_once.h"
#include "preload/environment.h"

#include <string.h>
#include <sys/prctl.h>

enum {
    SCRIPT_DEPTH = 4, /* execve(2): interpreters of interpreters */
    NAME_ROOM = 256,  /* BINPRM_BUF_SIZE: no interpreter has a longer path */
    PATH_ROOM = 4096,
    OWN_WORDS = 5,
    MOST_WORDS = 2048, /* they are on the stack: this may run between vfork and exec */
    STATUS_ROOM = 1024, /* TracerPid is in the first lines of /proc/self/status */
    CAPABILITIES_ROOM = 64,
};

static const char CAPABILITIES[] = "security.capability", SUPERVISOR[] = "/styxy-seccomp";

/* Paths that mean something else in the supervisor's process, which executes them. */
static bool is_of_this_process(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/dev/fd/", 8) == 0;
}

/* The supervisor itself, which may be static, and which `styxy run` executes: of any version. */
static bool is_supervisor(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL && strcmp(slash, SUPERVISOR) == 0;
}

/* What a look at a file tells, or, if it is a script, at its interpreter. */
struct look {
    enum elf_kind kind;
    bool is_partly_reached; /* some of its calls get past a preloaded library, or come to nothing */
    bool may_serve; /* its capabilities let it bind the ports below 1024: a server, that is */
};

/* Whether capabilities have CAP_NET_BIND_SERVICE, which is 10 (struct vfs_cap_data). */
static bool has_bind_service(const unsigned char *capabilities, long length)
{
    return length >= 8 && (capabilities[4 + 10 / 8] & 1u << 10 % 8) != 0;
}

/* Whether execve(2) gives the file rights that no_new_privs would take away. */
static bool gives_rights(int fd, bool *may_serve)
{
    unsigned char capabilities[CAPABILITIES_ROOM];
    struct statx status;
    long length = sys_call(SYS_fgetxattr, fd, CAPABILITIES, capabilities, sizeof capabilities);
    *may_serve = has_bind_service(capabilities, length);
    return length >= 0 || !sys_status(fd, &status) || (status.stx_mode & (S_ISUID | S_ISGID)) != 0;
}

static bool is_partly_reached(const char *path)
{
    return elf_kind_is_deaf(path) ||
           (sys_call(SYS_geteuid) == 0 && elf_kind_leaves_root(path));
}

static struct look look_through_scripts(const char *path)
{
    char interpreter[NAME_ROOM];
    struct look look = {.kind = ELF_KIND_OTHER};
    for (int depth = 0; depth <= SCRIPT_DEPTH; depth++) {
        int fd = sys_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (fd < 0)
            return (struct look){.kind = ELF_KIND_OTHER};
        look.kind = gives_rights(fd, &look.may_serve) ? ELF_KIND_OTHER : elf_kind_of(fd);
        look.is_partly_reached = look.kind == ELF_KIND_DYNAMIC && is_partly_reached(path);
        bool goes_on = look.kind == ELF_KIND_SCRIPT &&
                       elf_kind_interpreter(fd, interpreter, sizeof interpreter);
        sys_close(fd);
        if (!goes_on)
            break;
        path = interpreter;
    }
    return look;
}

static bool is_executable(const char *path)
{
    return sys_call(SYS_faccessat, AT_FDCWD, path, X_OK) == 0;
}

/* Read the beginning of a file as a text; "" where it cannot be read. */
static void read_text(const char *path, char *text, size_t room)
{
    int fd = sys_open(path, O_RDONLY, 0);
    ptrdiff_t got = fd < 0 ? 0 : sys_read(fd, text, room - 1);
    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        sys_close(fd);
}

bool needs_supervisor_is_debugged(void)
{
    static const char field[] = "TracerPid:\t";
    char status[STATUS_ROOM], name[64];
    struct text path = text_in(name, sizeof name);
    read_text("/proc/self/status", status, sizeof status);
    const char *pid = strstr(status, field);
    pid = pid != NULL ? pid + sizeof field - 1 : "0";
    if (pid[0] == '0')
        return false;
    text_add(&path, "/proc/");
    text_bytes(&path, pid, strspn(pid, "0123456789"));
    text_add(&path, "/comm");
    if (text_end(&path))
        read_text(name, name, sizeof name);
    return strcmp(name, "strace\n") != 0; /* which takes each program as it comes */
}

/*
 * Name a server that cannot be reached, once for each image: the kernel lets nobody load a library
 * into a program with capabilities, and a supervisor would take them away. Root has them anyway,
 * and with no_new_privs they are not given.
 */
static void name_out_of_reach(const struct image *image, const char *path)
{
    uint16_t key = (uint16_t)text_hash(TEXT_HASH, path);
    if (sys_call(SYS_geteuid) != 0 && sys_call(SYS_prctl, PR_GET_NO_NEW_PRIVS) == 0 &&
        is_executable(path) && notice_once_claim(0, key, false))
        notice_out_of_reach(image, path);
}

/* Whether a file has the capabilities of a server; a script has none of its own. */
static bool may_serve(const char *path)
{
    unsigned char capabilities[CAPABILITIES_ROOM];
    return has_bind_service(capabilities, sys_call(SYS_getxattr, path, CAPABILITIES, capabilities,
                                                   sizeof capabilities));
}

enum supervised needs_supervisor(const char *path, char *const environment[])
{
    const struct image *image = host_image();
    if (image == NULL || (environment != NULL && !environment_is_list(environment)) ||
        image_switch(environment_get(environment, "STYXY_DISABLE_REASSIGN"), false))
        return SUPERVISED_NOT;
    bool has_library = environment_has_library(environment);
    bool has_supervisor = image->supervisor[0] != '\0';
    /* A file that cannot be read, or none, is of the kind OTHER, too. */
    struct look look = has_supervisor ? look_through_scripts(path)
                                      : (struct look){.may_serve = may_serve(path)};
    if (look.may_serve && has_library)
        name_out_of_reach(image, path);
    bool is_missed = look.kind == ELF_KIND_STATIC || look.kind == ELF_KIND_GO ||
                     (look.kind == ELF_KIND_DYNAMIC && (!has_library || look.is_partly_reached));
    if (!has_supervisor || !is_missed || is_of_this_process(path) || is_supervisor(path) ||
        !is_executable(path) || !is_executable(image->supervisor))
        return SUPERVISED_NOT;
    return look.is_partly_reached ? SUPERVISED_INSTEAD : SUPERVISED_BESIDE;
}

static const char *search_path(void)
{
    extern char **environ;
    const char *list = environment_get(environ, "PATH");
    return list[0] != '\0' ? list : "/bin:/usr/bin"; /* execvp(3) */
}

size_t needs_supervisor_path_size(const char *name)
{
    size_t longest = strlen(search_path()) + strlen(name) + 2;
    return longest < PATH_ROOM ? longest : PATH_ROOM;
}

bool needs_supervisor_search_path(const char *name, char *path, size_t room)
{
    const char *at = search_path();
    while (at[0] != '\0') {
        struct statx status;
        struct text text = text_in(path, room);
        size_t length = strcspn(at, ":");
        text_bytes(&text, at, length);
        text_add(&text, length > 0 ? "/" : "");
        text_add(&text, name);
        if (text_end(&text) && is_executable(path) && sys_status_at(path, &status) &&
            (status.stx_mode & S_IFMT) == S_IFREG)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

const char *needs_supervisor_command(enum supervised how, const char *path, char *const words[],
                                     const char **command)
{
    const struct image *image = host_image();
    size_t count = OWN_WORDS;
    command[0] = image->supervisor;
    command[1] = how == SUPERVISED_INSTEAD ? "replace" : "adopt";
    command[2] = image->home;
    command[3] = image->socket;
    command[4] = path;
    for (size_t i = 0; words[i] != NULL; i++)
        command[count++] = words[i];
    command[count] = NULL;
    return image->supervisor;
}

size_t needs_supervisor_command_size(char *const words[])
{
    size_t count = 0;
    if (words == NULL || !environment_is_list(words))
        return 0;
    while (words[count] != NULL)
        count++;
    return count > 0 && count <= MOST_WORDS ? count + OWN_WORDS + 1 : 0;
}
