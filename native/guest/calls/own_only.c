/* Where only the project's own server may answer: see own_only.h. */
#include "guest/calls/own_only.h"

#include "guest/kernel/proc_files.h"
#include "guest/kernel/sys.h"
#include "guest/kernel/text.h"
#include "guest/project/project.h"
#include "guest/project/repo.h"

#include <stdatomic.h>
#include <string.h>

enum {
    MOST_WORDS = 8,          /* of a command line in which the program's name is looked for */
    COMMAND = 8192,          /* of its bytes; a URL comes early */
    SCRIPT = 64 * 1024,      /* of a script's; imports come first */
};

/* What a program connects for, before it has a server of its own. */
enum purpose { NOT_KNOWN, CONNECTS_LATER, CONNECTS_FIRST, LOOKS };

struct search {
    char command[COMMAND + 1]; /* the words, with a NUL after each */
    size_t length;
    char names[PORTMAP_CONNECT_FIRST];
    char path[IMAGE_PATH];
    char script[SCRIPT + 1];
};

bool own_only_lists(const char *list, uint16_t port)
{
    uint32_t number = 0;
    for (const char *at = list;; at++) {
        if (*at >= '0' && *at <= '9') {
            /* Too large for a port, and it stays too large. */
            number = number <= 65535 ? number * 10 + (uint32_t)(*at - '0') : number;
            continue;
        }
        if (number == port && number != 0)
            return true;
        number = 0;
        if (*at == '\0')
            return false;
    }
}

static size_t read_file(const char *path, char *into, size_t room)
{
    size_t used = sys_read_file(path, into, room);
    into[used] = '\0';
    return used;
}

static bool read_command(const struct image *image, struct search *search)
{
    search->length = proc_command_line(image->pid, search->command, COMMAND);
    search->command[search->length] = '\0';
    return search->length > 0;
}

/* The word after this one; NULL where it is the last. */
static const char *next_word(const struct search *search, const char *word)
{
    const char *next = word + strlen(word) + 1;
    return next < search->command + search->length ? next : NULL;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* Whether a text begins with a name after which something else follows, such as an ending. */
static bool begins_with(const char *text, const char *name, size_t length, const char *ends)
{
    return strncmp(text, name, length) == 0 && strchr(ends, text[length]) != NULL;
}

/* Whether a path leads through the folder of a package. */
static bool is_in_package(const char *path, const char *name, size_t length)
{
    const char *at = strstr(path, "node_modules/");
    while (at != NULL && (at = strchr(at, '/')) != NULL)
        if (begins_with(++at, name, length, "/"))
            return true;
    return false;
}

/* Whether a script imports a module: `import NAME`, `from NAME import ...`. */
static bool imports(const char *script, const char *name, size_t length)
{
    for (const char *at = script; (at = strstr(at, "import ")) != NULL; at++)
        if (begins_with(at + strlen("import "), name, length, "\r\n\t ,.;#"))
            return true;
    for (const char *at = script; (at = strstr(at, "from ")) != NULL; at++)
        if (begins_with(at + strlen("from "), name, length, " ."))
            return true;
    return false;
}

/* What the map says of the name that `is_it` finds in a text; `?` marks those that look. */
static enum purpose listed(const struct search *search, const char *text,
                           bool (*is_it)(const char *text, const char *name, size_t length))
{
    for (const char *name = search->names; *name != '\0'; name += name[0] == '\n') {
        bool looks = name[0] == '?';
        name += looks;
        size_t length = strcspn(name, "\n");
        if (length > 0 && is_it(text, name, length))
            return looks ? LOOKS : CONNECTS_FIRST;
        name += length;
    }
    return CONNECTS_LATER;
}

/* Whether a word is a program's path, or the path of its script, by name or by package. */
static bool is_program(const char *word, const char *name, size_t length)
{
    static const char *const endings[] = {"", ".js", ".cjs", ".mjs", ".py"};
    const char *base = base_of(word);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strncmp(base, name, length) == 0 && strcmp(base + length, endings[i]) == 0)
            return true;
    return is_in_package(word, name, length);
}

/* Read a script, which may be named from the directory in which the program was started. */
static bool read_script(const struct image *image, struct search *search, const char *word)
{
    struct text path = text_in(search->path, sizeof search->path);
    if (word[0] != '/') {
        text_add(&path, image->directory);
        text_add(&path, "/");
    }
    text_add(&path, word);
    return text_end(&path) && read_file(search->path, search->script, SCRIPT) > 0;
}

/* Whether a word is the value of the option before it (python(1)). */
static bool is_value(const char *before)
{
    return strcmp(before, "-X") == 0 || strcmp(before, "-W") == 0;
}

/* What the words are for: they name a tool that the map lists, or a script that imports one. */
static enum purpose purpose_of(const struct image *image, struct search *search)
{
    const char *word = search->command, *before = "";
    bool is_python = strncmp(base_of(word), "python", 6) == 0;
    enum purpose purpose = listed(search, word, is_program);
    for (int i = 1; purpose == CONNECTS_LATER && i < MOST_WORDS; i++) {
        if ((word = next_word(search, word)) == NULL)
            break;
        bool is_module = strcmp(before, "-m") == 0;
        bool is_path = strchr(word, '/') != NULL && strstr(word, "://") == NULL;
        if (is_module || is_path)
            purpose = listed(search, word, is_program);
        if (purpose == CONNECTS_LATER && is_python && word[0] != '-' && !is_value(before))
            return !is_module && read_script(image, search, word)
                       ? listed(search, search->script, imports)
                       : CONNECTS_LATER;
        before = word;
    }
    return purpose;
}

/* Whether a word after the program's own has the port, in a URL or alone. */
static bool has_word_with(const struct search *search, uint16_t port)
{
    for (const char *word = next_word(search, search->command); word != NULL;
         word = next_word(search, word))
        if (own_only_lists(word, port))
            return true;
    return false;
}

/* Whether the project's repo, or the project where it has none, has asked for the port before. */
static bool was_asked(const struct image *image, const struct portmap *map, uint16_t port)
{
    uint64_t repo = repo_key(image);
    return portmap_was_asked(map, port, repo != 0 ? repo : project_key(image));
}

static PER_IMAGE atomic_int what_it_is;
static PER_IMAGE atomic_bool has_listened;

/* Whether the program is a tool of a kind, and the port is one that it, or its repo, asks for. */
static bool is_tool_at(const struct image *image, const struct portmap *map, uint16_t port,
                       enum purpose kind)
{
    int known = atomic_load(&what_it_is);
    if (known != NOT_KNOWN && known != (int)kind)
        return false;
    struct search *search = sys_scratch(sizeof *search);
    if (search == NULL)
        return false;
    enum purpose purpose = read_command(image, search) ? kind : CONNECTS_LATER;
    if (purpose == kind && known == NOT_KNOWN) {
        portmap_connect_first(map, search->names);
        purpose = purpose_of(image, search);
    }
    atomic_store(&what_it_is, (int)purpose);
    bool has_port = purpose == kind && has_word_with(search, port);
    sys_scratch_free(search, sizeof *search);
    return purpose == kind && (has_port || was_asked(image, map, port));
}

bool own_only_at(const struct image *image, const struct portmap *map, uint16_t port)
{
    return own_only_lists(image->own_only, port) || is_tool_at(image, map, port, CONNECTS_FIRST);
}

bool own_only_looks(const struct image *image, const struct portmap *map, uint16_t port)
{
    return !atomic_load(&has_listened) && is_tool_at(image, map, port, LOOKS);
}

void own_only_listens(void)
{
    atomic_store(&has_listened, true);
}
