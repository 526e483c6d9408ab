/* Where the port map is: see mapfile.h. */
#include "guest/daemon/mapfile.h"

#include "guest/daemon/daemonfile.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <stdatomic.h>
#include <string.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, Linux 5.14 */
#endif

enum { OPEN_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY }; /* a FIFO must not block us */

/*
 * The map lies beside its socket, whose path has at most 108 bytes (unix(7)). The home may be deep,
 * but the stack may be a signal handler's.
 */
enum { MAP_PATH = 1024, GUESSES = 3, DEEP = 60 };

/*
 * The path is written once and then only read, so that no thread sees half of another's. Once it
 * has failed, daemon.json is read at each bind for the rest of this program.
 */
enum { NOT_KEPT, KEEPING, KEPT, FAILED };

static PER_IMAGE atomic_int path_state;
static PER_IMAGE char kept_path[MAP_PATH];

static void keep_path(const char *path)
{
    int not_kept = NOT_KEPT;
    if (!atomic_compare_exchange_strong(&path_state, &not_kept, KEEPING))
        return;
    memcpy(kept_path, path, strlen(path) + 1);
    atomic_store(&path_state, KEPT);
}

void mapfile_forget_path(void)
{
    int kept = KEPT;
    atomic_compare_exchange_strong(&path_state, &kept, FAILED);
}

/* Read a small file of ours into a buffer; its length, 0 where anything goes wrong. */
static size_t read_small(const char *path, char *into, size_t room)
{
    int fd = sys_open(path, OPEN_FLAGS, 0);
    if (fd < 0)
        return 0;
    ptrdiff_t got = sys_read(fd, into, room);
    sys_close(fd);
    return got > 0 && (size_t)got < room ? (size_t)got : 0;
}

/* The path that the user or daemon.json names. */
static bool find_path(const struct image *image, char *path, size_t room)
{
    struct text text = text_in(path, room);
    char json[2048];
    if (image->socket[0] != '\0') {
        text_add(&text, image->socket);
        text_add(&text, ".map");
        return text_end(&text);
    }
    text_add(&text, image->home);
    text_add(&text, "/daemon.json");
    if (image->home[0] == '\0' || !text_end(&text))
        return false;
    size_t length = read_small(path, json, sizeof json);
    return length != 0 && daemonfile_map(json, length, path, room);
}

/*
 * Where a daemon of this home puts its map, as the daemon itself decides it: one that has ended has
 * removed its daemon.json. `guess` counts from 0; an empty path is none.
 */
static void guess_path(const struct image *image, int guess, struct text *path)
{
    uint64_t short_name = text_hash(TEXT_HASH, image->home) >> 16;
    bool has_runtime = image->runtime[0] == '/';
    /* Beyond this the path of a socket there may be too long. */
    bool is_deep = strlen(has_runtime ? image->runtime : image->home) > DEEP;
    if (guess == 0) {
        text_add(path, image->home);
        text_add(path, "/run");
    } else if (guess == 1 && has_runtime) {
        text_add(path, image->runtime);
        text_add(path, "/styxy/");
        text_hex(path, short_name, 12);
    } else if (guess == 2 && is_deep) {
        text_add(path, "/tmp/styxy-");
        text_number(path, (uint64_t)sys_call(SYS_getuid));
        text_add(path, "/");
        text_hex(path, short_name, 12);
    } else {
        return;
    }
    text_add(path, "/ports.map");
}

static bool read_open_map(struct portmap *map)
{
    unsigned char head[PORTMAP_HEAD_READ];
    return sys_pread(map->fd, head, sizeof head, 0) == (ptrdiff_t)sizeof head &&
           portmap_header(head, sizeof head, map);
}

/* Open the map at a path: a running daemon's, or any. */
static bool open_at(const char *path, bool any, struct portmap *map)
{
    map->fd = sys_open(path, OPEN_FLAGS, 0);
    if (map->fd < 0)
        return false;
    if (read_open_map(map) && (any || !map->retired))
        return true;
    sys_close(map->fd);
    return false;
}

bool mapfile_find(const struct image *image, struct portmap *map)
{
    char path[MAP_PATH];
    if (atomic_load(&path_state) == KEPT) {
        if (open_at(kept_path, false, map))
            return true;
        mapfile_forget_path();
    }
    if (!find_path(image, path, sizeof path) || !open_at(path, false, map))
        return false;
    keep_path(path);
    return true;
}

static bool find_left(const struct image *image, struct portmap *map)
{
    char path[MAP_PATH];
    if (atomic_load(&path_state) == FAILED && open_at(kept_path, true, map))
        return true;
    if (find_path(image, path, sizeof path) && open_at(path, true, map))
        return true;
    for (int guess = 0; guess < GUESSES && image->socket[0] == '\0'; guess++) {
        struct text text = text_in(path, sizeof path);
        guess_path(image, guess, &text);
        if (text_end(&text) && path[0] == '/' && open_at(path, true, map))
            return true;
    }
    return false;
}

bool mapfile_find_any(const struct image *image, struct portmap *map)
{
    return mapfile_find(image, map) || find_left(image, map);
}

/* Another user's promises do not count: whoever may write the map tells us where to bind. */
bool mapfile_is_whole(const struct portmap *map)
{
    struct statx status;
    return sys_status(map->fd, &status) && (status.stx_mode & S_IFMT) == S_IFREG &&
           status.stx_size >= PORTMAP_SIZE &&
           status.stx_uid == (uint32_t)sys_call(SYS_geteuid);
}

/* In a container with our home mounted, the daemon's ports are not this program's. */
bool mapfile_is_of_network(int socket, const struct portmap *map)
{
    uint64_t netns = 0;
    return map->netns == 0 ||
           !sys_option(socket, SOL_SOCKET, SO_NETNS_COOKIE, &netns, sizeof netns) || netns == 0 ||
           netns == map->netns;
}
