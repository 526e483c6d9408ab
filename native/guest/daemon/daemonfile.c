/* Where the daemon's files are: see daemonfile.h. */
#include "guest/daemon/daemonfile.h"

#include <string.h>

struct span {
    const char *start;
    size_t length;
};

struct scanner {
    const char *at;
    const char *end;
};

static void skip_blanks(struct scanner *scanner)
{
    while (scanner->at < scanner->end && strchr(" \t\r\n", *scanner->at) != NULL &&
           *scanner->at != '\0')
        scanner->at++;
}

/* Read a string whose opening quote is next; false at a control character or the end. */
static bool read_string(struct scanner *scanner, struct span *string)
{
    string->start = ++scanner->at;
    while (scanner->at < scanner->end && *scanner->at != '"') {
        if ((unsigned char)*scanner->at < 0x20)
            return false;
        scanner->at++;
    }
    string->length = (size_t)(scanner->at - string->start);
    return scanner->at++ < scanner->end;
}

static bool is_key(const char *key, const struct scanner *after, const struct span *string,
                   int depth)
{
    return depth == 1 && string->length == strlen(key) &&
           memcmp(string->start, key, string->length) == 0 && after->at < after->end &&
           *after->at == ':';
}

/* Find a key and the string behind it. */
static bool find_value(struct scanner scanner, const char *key, struct span *value)
{
    int depth = 0;
    while (scanner.at < scanner.end) {
        char next = *scanner.at;
        if (next == '"') {
            if (!read_string(&scanner, value))
                return false;
            skip_blanks(&scanner);
            if (!is_key(key, &scanner, value, depth))
                continue;
            scanner.at++;
            skip_blanks(&scanner);
            return scanner.at < scanner.end && *scanner.at == '"' && read_string(&scanner, value);
        }
        depth += (next == '{' || next == '[') - (next == '}' || next == ']');
        scanner.at++;
    }
    return false;
}

/* Copy the value of a key, an absolute path. */
static bool copy_path(const char *json, size_t length, const char *key, char *path, size_t room)
{
    struct span value;
    if (memchr(json, '\\', length) != NULL || memchr(json, '\0', length) != NULL)
        return false;
    if (!find_value((struct scanner){json, json + length}, key, &value))
        return false;
    if (value.length == 0 || value.start[0] != '/' || value.length >= room)
        return false;
    memcpy(path, value.start, value.length);
    path[value.length] = '\0';
    return true;
}

bool daemonfile_map(const char *json, size_t length, char *path, size_t room)
{
    return copy_path(json, length, "map", path, room);
}

bool daemonfile_socket(const char *json, size_t length, char *path, size_t room)
{
    return copy_path(json, length, "socket", path, room);
}
