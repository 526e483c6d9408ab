/* A program image, and the one reader of its settings: see image.h. */
#include "guest/image.h"

#include "guest/kernel/sys.h"

#include <string.h>

static const char *get(const struct variables *variables, const char *name)
{
    return variables->get(variables->from, name);
}

static bool says(const struct variables *variables, const char *name, const char *word)
{
    return strcmp(get(variables, name), word) == 0;
}

/* Whether a value is a word that is given in lower case. */
static bool is_word(const char *value, const char *word)
{
    for (; *value != '\0' && *word != '\0'; value++, word++)
        if ((*value >= 'A' && *value <= 'Z' ? *value + ('a' - 'A') : *value) != *word)
            return false;
    return *value == *word;
}

bool image_switch(const char *value, bool otherwise)
{
    static const char *const words[][2] = {
        {"0", "1"}, {"false", "true"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (int on = 0; on <= 1; on++)
            if (is_word(value, words[i][on]))
                return on != 0;
    return otherwise;
}

/* STYXY_HOME, absolute, or its default; "" where neither is known. */
static const char *home_of(const struct image *image, const char *named, struct text *texts)
{
    const char *start = texts->bytes + texts->used;
    bool is_named = named[0] != '\0';
    const char *base = is_named ? image->directory : image->user_home;
    if (named[0] == '/')
        return strlen(named) < IMAGE_PATH ? named : "";
    if (base[0] != '/')
        return "";
    text_add(texts, base);
    text_add(texts, "/");
    text_add(texts, is_named ? named : ".styxy");
    return text_end(texts) ? start : "";
}

/* A path that a variable names; one that no call takes (PATH_MAX) counts as not set. */
static const char *short_path(const char *named)
{
    return strnlen(named, IMAGE_PATH) < IMAGE_PATH ? named : "";
}

static enum notify notify_of(const char *word)
{
    static const char *const names[] = {"auto", "stdout", "stderr", "off"};
    for (int i = 0; i <= NOTIFY_OFF; i++)
        if (strcmp(word, names[i]) == 0)
            return (enum notify)i;
    return NOTIFY_AUTO;
}

void image_read_settings(struct image *image, const struct variables *variables,
                         struct text *texts)
{
    image->user_home = short_path(get(variables, "HOME"));
    image->home = home_of(image, get(variables, "STYXY_HOME"), texts);
    image->runtime = get(variables, "XDG_RUNTIME_DIR");
    image->socket = get(variables, "STYXY_SOCKET");
    image->project = short_path(get(variables, "STYXY_PROJECT"));
    image->instance = get(variables, "STYXY_INSTANCE_ID");
    if (image->instance[0] == '\0')
        image->instance = get(variables, "CLAUDE_INSTANCE_ID");
    if (image->instance[0] == '\0')
        image->instance = "default";
    image->service_type = get(variables, "STYXY_SERVICE_TYPE");
    image->log = get(variables, "STYXY_REASSIGNMENT_LOG");
    image->siblings_allow = get(variables, "STYXY_SIBLINGS_ALLOW");
    image->own_only = get(variables, "STYXY_OWN_ONLY");
    image->siblings =
        says(variables, "STYXY_SIBLINGS", "allow") ? SIBLINGS_ALLOW : SIBLINGS_REFUSE;
    image->is_virtual_localhost = image_switch(get(variables, "STYXY_VIRTUAL_LOCALHOST"), true);
    image->notify = notify_of(get(variables, "STYXY_NOTIFY"));
}

bool image_is_switched_off(const struct variables *variables)
{
    return image_switch(get(variables, "STYXY_DISABLE_REASSIGN"), false);
}

uint64_t image_id_of(const uint8_t random[16])
{
    uint64_t id = TEXT_HASH;
    for (int i = 0; i < 16; i++)
        id = (id ^ random[i]) * UINT64_C(0x100000001b3);
    return id;
}

struct stream image_stream_of(const struct statx *status)
{
    return (struct stream){
        .open = true,
        .device_major = status->stx_dev_major,
        .device_minor = status->stx_dev_minor,
        .inode = status->stx_ino,
    };
}

bool image_is_same_stream(const struct stream *one, const struct stream *other)
{
    return one->open && other->open && one->inode == other->inode &&
           one->device_major == other->device_major && one->device_minor == other->device_minor;
}
