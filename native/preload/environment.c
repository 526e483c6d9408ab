/* The environment that a program is executed with: see environment.h. */
#include "preload/environment.h"

#include "guest/host.h"
#include "guest/kernel/readable.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"

#include <string.h>

enum { PAGE = 4096, PATH_ROOM = 4096 };

static const char LIBRARY[] = "/libstyxy.so";
static const char PRELOAD[] = "LD_PRELOAD=";

bool environment_is_list(char *const list[])
{
    for (size_t i = 0;; i++) {
        bool is_new_page = i == 0 || (uintptr_t)&list[i] % PAGE == 0;
        if (is_new_page && !readable(&list[i]))
            return false;
        if (list[i] == NULL)
            return true;
    }
}

const char *environment_get(char *const environment[], const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++)
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
            return environment[i] + length + 1;
    return "";
}

/* The length of the first path of a list as ld.so(8) reads it. */
static size_t path_length(const char *list)
{
    return strcspn(list, ": ");
}

static bool is_ours(const char *path, size_t length)
{
    size_t tail = sizeof LIBRARY - 1;
    return length >= tail && memcmp(path + length - tail, LIBRARY, tail) == 0;
}

bool environment_has_library(char *const environment[])
{
    const char *at = environment_get(environment, "LD_PRELOAD");
    while (at[0] != '\0') {
        size_t length = path_length(at);
        if (is_ours(at, length))
            return true;
        at += length + (at[length] != '\0');
    }
    return false;
}

/* Whether a path of LD_PRELOAD is our library's, and cannot be read from here. */
static bool is_out_of_sight(const char *path, size_t length)
{
    char copy[PATH_ROOM];
    struct text text = text_in(copy, sizeof copy);
    if (!is_ours(path, length))
        return false;
    text_bytes(&text, path, length);
    return text_end(&text) && sys_call(SYS_faccessat, AT_FDCWD, copy, R_OK) != 0;
}

/* Copy LD_PRELOAD without what is out of sight; false where nothing is left. */
static bool copy_preload(const char *entry, char *bytes, size_t room)
{
    struct text text = text_in(bytes, room);
    const char *at = entry + sizeof PRELOAD - 1;
    bool is_first = true;
    text_add(&text, PRELOAD);
    while (at[0] != '\0') {
        size_t length = path_length(at);
        if (length > 0 && !is_out_of_sight(at, length)) {
            text_add(&text, is_first ? "" : ":");
            text_bytes(&text, at, length);
            is_first = false;
        }
        at += length + (at[length] != '\0');
    }
    return text_end(&text) && !is_first;
}

struct environment_room environment_room(char *const environment[])
{
    struct environment_room room = {.entries = 1, .bytes = 1};
    if (host_image() == NULL || environment == NULL || !environment_is_list(environment))
        return room;
    const char *at = environment_get(environment, "LD_PRELOAD");
    bool is_changed = false;
    size_t whole = sizeof PRELOAD + strlen(at);
    while (!is_changed && at[0] != '\0') {
        size_t length = path_length(at);
        is_changed = is_out_of_sight(at, length);
        at += length + (at[length] != '\0');
    }
    if (!is_changed)
        return room;
    while (environment[room.entries - 1] != NULL)
        room.entries++;
    room.bytes = whole;
    return room;
}

char *const *environment_readable(char *const environment[], const struct environment_room *room,
                                  char **entries, char *bytes)
{
    size_t count = 0;
    if (room->bytes == 1)
        return environment;
    for (size_t i = 0; environment[i] != NULL; i++) {
        bool is_preload = strncmp(environment[i], PRELOAD, sizeof PRELOAD - 1) == 0;
        if (!is_preload)
            entries[count++] = environment[i];
        else if (copy_preload(environment[i], bytes, room->bytes))
            entries[count++] = bytes;
    }
    entries[count] = NULL;
    return entries;
}
