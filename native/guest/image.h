/*
 * The program image: what was true when this program was started by exec, kept for its life.
 *
 * Everything is copied, because programs overwrite their environment (setproctitle), change their
 * directory and close or replace their standard streams. A child of fork inherits it unchanged: it
 * is the same server to the daemon.
 */
#ifndef STYXY_IMAGE_H
#define STYXY_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_PATH = 4096 }; /* PATH_MAX */

/*
 * Marks what a guest remembers of its image. All of it lies in one section: the seccomp supervisor,
 * which runs this code for the programs of a whole tree, keeps a copy of the section for each.
 */
#define PER_IMAGE __attribute__((section("styxy_image")))

/* What a connection to the server of a sibling (another worktree of the same repo) meets. */
enum siblings { SIBLINGS_REFUSE, SIBLINGS_ALLOW };

enum notify { NOTIFY_AUTO, NOTIFY_STDOUT, NOTIFY_STDERR, NOTIFY_OFF };

struct stream {
    bool open;
    uint32_t device_major, device_minor;
    uint64_t inode;
};

struct image {
    int pid;                  /* whose image it is; 0 = of this process */
    uint64_t server_id;       /* made at exec, inherited by fork */
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
    const char *supervisor;   /* of the static programs that it executes; "" = they run without */
    enum siblings siblings;   /* STYXY_SIBLINGS */
    bool is_virtual_localhost; /* STYXY_VIRTUAL_LOCALHOST is not 0 */
    enum notify notify;
    bool is_cluster_worker;   /* NODE_UNIQUE_ID is set: a worker of Node's cluster */
    struct stream standard[3]; /* 1 and 2 */
};

/* The image, or NULL where Styxy must stay out: switched off, setuid, or not started yet. */
const struct image *image_of_this(void);

/* Whether descriptor 1 or 2 is still what it was at the start. */
bool image_has_stream(const struct image *image, int fd);

#endif
