/* The canonical form of a path: see realpath.h. */
#include "guest/project/realpath.h"

#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <string.h>

enum { MOST_LINKS = 40 }; /* the kernel's own bound (path_resolution(7)) */

/* Remove the last name; the root stays. */
static void step_up(struct text *out)
{
    while (out->used > 0 && out->bytes[out->used - 1] != '/')
        out->used--;
    if (out->used > 0)
        out->used--;
}

/* Put the target of a link, which is in room->link, in front of the rest of the path. */
static bool follow(struct realpath_room *room, size_t length, struct text *out)
{
    struct text joined = text_in(room->link, sizeof room->link);
    joined.used = length;
    text_add(&joined, "/");
    text_add(&joined, room->rest);
    if (!text_end(&joined))
        return false;
    if (room->link[0] == '/')
        out->used = 0;
    else
        step_up(out);
    memcpy(room->rest, room->link, joined.used);
    return true;
}

/* Add one name, or the target of the link that has it. */
static bool add_name(struct realpath_room *room, const char *name, size_t length, struct text *out,
                     int *links)
{
    if (length == 0 || (length == 1 && name[0] == '.'))
        return true;
    if (length == 2 && name[0] == '.' && name[1] == '.') {
        step_up(out);
        return true;
    }
    text_add(out, "/");
    text_bytes(out, name, length);
    if (!text_end(out))
        return false;
    out->used--; /* the NUL is for the kernel */
    long size = sys_call(SYS_readlinkat, AT_FDCWD, out->bytes, room->link, IMAGE_PATH);
    return size <= 0 || (++*links <= MOST_LINKS && follow(room, (size_t)size, out));
}

bool realpath_of(const char *path, struct realpath_room *room, char *out)
{
    struct text text = text_in(out, IMAGE_PATH);
    char *name = room->rest;
    int links = 0;
    if (path[0] != '/' || strlen(path) >= sizeof room->rest)
        return false;
    memcpy(room->rest, path, strlen(path) + 1);
    while (*name != '\0') {
        char *end = strchr(name, '/');
        size_t length = end != NULL ? (size_t)(end - name) : strlen(name);
        char current[256]; /* NAME_MAX: the rest may be written anew below */
        if (length >= sizeof current)
            return false;
        memcpy(current, name, length);
        memmove(room->rest, name + length + (end != NULL), strlen(name + length) + (end == NULL));
        name = room->rest;
        if (!add_name(room, current, length, &text, &links))
            return false;
    }
    if (text.used == 0)
        text_add(&text, "/");
    return text_end(&text);
}
