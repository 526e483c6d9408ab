/*
 * A program image: what was true of a program when exec started it, kept for its life.
 *
 * Everything is copied, because programs overwrite their environment (setproctitle), change their
 * directory, and close or replace their standard streams. A child of fork inherits the image
 * unchanged: to the daemon it is the same program.
 *
 * How an image's settings are read from an environment is here, once for both hosts: the preload
 * library reads its own process's, the supervisor those of other processes.
 */
#ifndef STYXY_IMAGE_H
#define STYXY_IMAGE_H

#include "guest/kernel/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct statx;

enum { IMAGE_PATH = 4096 }; /* PATH_MAX */

/*
 * Marks what the guest remembers of its image. All of it lies in one section: the seccomp
 * supervisor, which runs this code for the programs of a whole tree, keeps a copy of the section
 * for each.
 */
#ifndef PER_IMAGE /* the preload library has one image, and no need of a section */
#define PER_IMAGE __attribute__((section("styxy_image")))
#endif

/*
 * What a connection to a sibling's server meets (a sibling is another worktree of the same repo).
 */
enum siblings { SIBLINGS_REFUSE, SIBLINGS_ALLOW };

enum notify { NOTIFY_AUTO, NOTIFY_STDOUT, NOTIFY_STDERR, NOTIFY_OFF };

/* The file behind a standard stream. */
struct stream {
    bool open;
    uint32_t device_major, device_minor;
    uint64_t inode;
};

struct image {
    int pid;                  /* of the process that calls, which is to be named; 0 = this one */
    uint64_t image_id;        /* made at exec, inherited by fork */
    const char *directory;    /* the working directory at exec; "" where unknown */
    const char *user_home;    /* HOME; "" where unset, and so for all that follow */
    const char *home;         /* STYXY_HOME or its default, absolute */
    const char *runtime;      /* XDG_RUNTIME_DIR */
    const char *socket;       /* STYXY_SOCKET */
    const char *project;      /* STYXY_PROJECT */
    const char *instance;     /* STYXY_INSTANCE_ID, CLAUDE_INSTANCE_ID or "default" */
    const char *service_type; /* STYXY_SERVICE_TYPE */
    const char *log;          /* STYXY_REASSIGNMENT_LOG */
    const char *siblings_allow; /* STYXY_SIBLINGS_ALLOW: ports */
    const char *own_only;     /* STYXY_OWN_ONLY: ports */
    const char *supervisor;   /* of the static programs that it executes; "" = they run without */
    enum siblings siblings;   /* STYXY_SIBLINGS */
    bool is_virtual_localhost; /* STYXY_VIRTUAL_LOCALHOST is not off */
    enum notify notify;       /* STYXY_NOTIFY */
    bool is_cluster_worker;   /* NODE_UNIQUE_ID is set: a worker of Node's cluster */
    struct stream standard[3]; /* 1 and 2 */
};

/* Where variables come from. */
struct variables {
    /* Return the value of a variable, which lives as long as the image; "" where it is unset. */
    const char *(*get)(void *from, const char *name);
    void *from;
};

/*
 * Read all settings that both hosts know, from `home` to `notify`. `directory` has been set before;
 * a home that has to be put together is put into `texts`, which is cut where it does not fit.
 */
void image_read_settings(struct image *image, const struct variables *variables,
                         struct text *texts);

/*
 * What the value of a switch says: 1, true, yes, on, or 0, false, no, off, in any case. Another value
 * leaves the switch at its default; `styxy run` and `styxy doctor` report it (`core.config`).
 */
bool image_switch(const char *value, bool otherwise);

/* Whether the variables switch Styxy off in the program: STYXY_DISABLE_REASSIGN=1. */
bool image_is_switched_off(const struct variables *variables);

/*
 * Make the id of the image that has these 16 random bytes (AT_RANDOM, getauxval(3)). They also seed
 * the stack protector, so the id does not disclose them.
 */
uint64_t image_id_of(const uint8_t random[16]);

/* The stream behind a status, and whether two are the same open file. */
struct stream image_stream_of(const struct statx *status);
bool image_is_same_stream(const struct stream *one, const struct stream *other);

#endif
