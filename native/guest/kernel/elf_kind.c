/* What kind of program a file is: see elf_kind.h. */
#include "guest/kernel/elf_kind.h"

#include "guest/kernel/sys.h"

#include <elf.h>
#include <string.h>

enum {
    MOST_SEGMENTS = 64,
    HEAD = 1024, /* 17 segments */
    NOTES = 1024,
    LINE = 256, /* BINPRM_BUF_SIZE */
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ORDER ELFDATA2LSB
#else
#define OUR_ORDER ELFDATA2MSB
#endif

/* The beginning of a file: all headers are there, and most notes, so that one read is enough. */
struct head {
    int fd;
    size_t length;
    unsigned char bytes[HEAD];
};

/* Read a part of the file, from its beginning as we have it, where it is there. */
static ptrdiff_t read_part(const struct head *head, void *into, size_t length, uint64_t offset)
{
    if (offset > head->length || length > head->length - offset)
        return sys_pread(head->fd, into, length, (long)offset);
    memcpy(into, head->bytes + offset, length);
    return (ptrdiff_t)length;
}

/* Whether a segment of notes has the one that Go's linker writes, with the build id. */
static bool has_go_note(const struct head *head, const Elf64_Phdr *segment)
{
    char notes[NOTES];
    size_t length = segment->p_filesz < sizeof notes ? segment->p_filesz : sizeof notes;
    ptrdiff_t got = read_part(head, notes, length, segment->p_offset);
    for (ptrdiff_t i = 0; i + 4 <= got; i += 4)
        if (memcmp(notes + i, "Go\0", 4) == 0)
            return true;
    return false;
}

static enum elf_kind kind_of_elf(const struct head *head, const Elf64_Ehdr *header)
{
    Elf64_Phdr segment;
    enum elf_kind kind = ELF_KIND_STATIC;
    if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != OUR_ORDER ||
        header->e_phentsize != sizeof segment ||
        (header->e_type != ET_EXEC && header->e_type != ET_DYN))
        return ELF_KIND_OTHER;
    for (unsigned i = 0; i < header->e_phnum && i < MOST_SEGMENTS; i++) {
        uint64_t offset = header->e_phoff + i * sizeof segment;
        if (read_part(head, &segment, sizeof segment, offset) != (ptrdiff_t)sizeof segment)
            return ELF_KIND_OTHER;
        if (segment.p_type == PT_INTERP)
            kind = ELF_KIND_DYNAMIC;
        if (segment.p_type == PT_NOTE && has_go_note(head, &segment))
            return ELF_KIND_GO;
    }
    return kind;
}

enum elf_kind elf_kind_of(int fd)
{
    Elf64_Ehdr header;
    struct head head = {.fd = fd};
    ptrdiff_t got = sys_pread(fd, head.bytes, sizeof head.bytes, 0);
    head.length = got > 0 ? (size_t)got : 0;
    if (got >= 2 && memcmp(head.bytes, "#!", 2) == 0)
        return ELF_KIND_SCRIPT;
    if (head.length < sizeof header || memcmp(head.bytes, ELFMAG, SELFMAG) != 0)
        return ELF_KIND_OTHER;
    memcpy(&header, head.bytes, sizeof header);
    return kind_of_elf(&head, &header);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

bool elf_kind_is_deaf(const char *path)
{
    static const char *const names[] = {"php", "php-cgi", "php-fpm", "phpdbg"};
    const char *name = name_of(path);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(name, names[i], length) == 0 &&
            name[length + strspn(name + length, "0123456789.")] == '\0')
            return true;
    }
    return false;
}

bool elf_kind_leaves_root(const char *path)
{
    static const char *const names[] = {"memcached", "mosquitto", "privoxy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name_of(path), names[i]) == 0)
            return true;
    return false;
}

bool elf_kind_interpreter(int fd, char *path, size_t room)
{
    char line[LINE];
    ptrdiff_t got = sys_pread(fd, line, sizeof line, 0);
    size_t start = 2, end;
    if (got < 3 || memcmp(line, "#!", 2) != 0)
        return false;
    while (start < (size_t)got && (line[start] == ' ' || line[start] == '\t'))
        start++;
    for (end = start; end < (size_t)got && strchr(" \t\n", line[end]) == NULL; end++)
        if (line[end] == '\0')
            return false;
    if (end == (size_t)got || end == start || end - start >= room)
        return false;
    memcpy(path, line + start, end - start);
    path[end - start] = '\0';
    return true;
}
