/*
 * Finding what other libraries define: see next_symbol.h, and elf(5) for the tables that are read.
 *
 * Of several versions of a symbol the default one counts, as for dlsym.
 */
#define _GNU_SOURCE /* dl_iterate_phdr */
#include "preload/next_symbol.h"

#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#define HIDDEN_VERSION 0x8000 /* in DT_VERSYM: not the default version of its symbol */

struct search {
    struct wanted_symbol *wanted;
    size_t count;
    bool is_on; /* the libraries from here on count */
};

/* The tables of one object. */
struct tables {
    uintptr_t base;
    const ElfW(Sym) *symbols;
    const char *strings;
    const uint16_t *versions;   /* of each symbol; NULL = there are none */
    const uint32_t *gnu_hash;   /* an object has one of these two, or both */
    const Elf_Symndx *sysv_hash;
};

/* glibc has made the addresses of a dynamic section absolute, musl has left them as they were. */
static const void *absolute(uintptr_t base, uintptr_t address)
{
    return (const void *)(address < base ? address + base : address);
}

static void read_tables(uintptr_t base, const ElfW(Dyn) *entry, struct tables *tables)
{
    *tables = (struct tables){.base = base};
    for (; entry->d_tag != DT_NULL; entry++) {
        const void *at = absolute(base, entry->d_un.d_ptr);
        if (entry->d_tag == DT_SYMTAB)
            tables->symbols = at;
        if (entry->d_tag == DT_STRTAB)
            tables->strings = at;
        if (entry->d_tag == DT_VERSYM)
            tables->versions = at;
        if (entry->d_tag == DT_GNU_HASH)
            tables->gnu_hash = at;
        if (entry->d_tag == DT_HASH)
            tables->sysv_hash = at;
    }
}

/* The address of a symbol by its index; NULL where it is not the one that is wanted. */
static void *symbol_at(const struct tables *tables, size_t index, const char *name)
{
    const ElfW(Sym) *symbol = &tables->symbols[index];
    unsigned type = ELF64_ST_TYPE(symbol->st_info);
    bool is_default =
        tables->versions == NULL || (tables->versions[index] & HIDDEN_VERSION) == 0;
    if (symbol->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_OBJECT) || !is_default ||
        strcmp(tables->strings + symbol->st_name, name) != 0)
        return NULL;
    return (void *)(tables->base + symbol->st_value);
}

static uint32_t gnu_hash_of(const char *name)
{
    uint32_t hash = 5381;
    for (const char *at = name; at[0] != '\0'; at++)
        hash = hash * 33 + (unsigned char)at[0];
    return hash;
}

/* The filter in front of the buckets says nearly always when an object has no such symbol. */
static bool may_have(const uint32_t *table, uint32_t hash)
{
    enum { BITS = 8 * sizeof(ElfW(Addr)) };
    const ElfW(Addr) *filter = (const ElfW(Addr) *)(const void *)(table + 4);
    ElfW(Addr) word = filter[hash / BITS & (table[2] - 1)];
    return (word >> hash % BITS & word >> (hash >> table[3]) % BITS & 1) != 0;
}

static void *find_by_gnu_hash(const struct tables *tables, const struct wanted_symbol *wanted)
{
    const uint32_t *table = tables->gnu_hash;
    uint32_t count = table[0], first = table[1], filter_words = table[2], hash = wanted->hash;
    const uint32_t *buckets = table + 4 + filter_words * (sizeof(ElfW(Addr)) / sizeof *table);
    const uint32_t *chain = buckets + count;
    uint32_t index = count > 0 && may_have(table, hash) ? buckets[hash % count] : 0;
    for (; index >= first && index != 0; index++) {
        uint32_t there = chain[index - first];
        bool is_same = (there | 1) == (hash | 1);
        void *found = is_same ? symbol_at(tables, index, wanted->name) : NULL;
        if (found != NULL || (there & 1) != 0)
            return found;
    }
    return NULL;
}

static void *find_by_sysv_hash(const struct tables *tables, const char *name)
{
    const Elf_Symndx *table = tables->sysv_hash;
    uint32_t hash = 0;
    for (const char *at = name; at[0] != '\0'; at++) {
        hash = (hash << 4) + (unsigned char)at[0];
        hash = (hash ^ (hash >> 24 & 0xf0)) & 0x0fffffff;
    }
    size_t index = table[0] > 0 ? table[2 + hash % table[0]] : 0;
    for (; index != 0; index = table[2 + table[0] + index]) {
        void *found = symbol_at(tables, index, name);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static void find_in(const struct tables *tables, struct search *search)
{
    if (tables->symbols == NULL || tables->strings == NULL)
        return;
    for (size_t i = 0; i < search->count; i++) {
        struct wanted_symbol *wanted = &search->wanted[i];
        if (wanted->address == NULL && tables->gnu_hash != NULL)
            wanted->address = find_by_gnu_hash(tables, wanted);
        else if (wanted->address == NULL && tables->sysv_hash != NULL)
            wanted->address = find_by_sysv_hash(tables, wanted->name);
    }
}

static bool has_all(const struct search *search)
{
    for (size_t i = 0; i < search->count; i++)
        if (search->wanted[i].address == NULL)
            return false;
    return true;
}

/* Whether the object is the one that this function is in. */
static bool is_ours(const struct dl_phdr_info *object)
{
    uintptr_t here = (uintptr_t)next_symbol_find_behind;
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD &&
            here - (object->dlpi_addr + segment->p_vaddr) < segment->p_memsz)
            return true;
    }
    return false;
}

static int visit(struct dl_phdr_info *object, size_t size, void *data)
{
    struct search *search = data;
    struct tables tables;
    (void)size;
    if (is_ours(object)) {
        search->is_on = true;
        return 0;
    }
    for (size_t i = 0; search->is_on && i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_DYNAMIC)
            continue;
        read_tables(object->dlpi_addr,
                    (const ElfW(Dyn) *)(object->dlpi_addr + segment->p_vaddr), &tables);
        find_in(&tables, search);
    }
    return has_all(search); /* anything but zero ends it */
}

void next_symbol_find_behind(struct wanted_symbol *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        wanted[i].hash = gnu_hash_of(wanted[i].name);
    struct search search = {.wanted = wanted, .count = count};
    dl_iterate_phdr(visit, &search);
}

void next_symbol_find_elsewhere(struct wanted_symbol *wanted, size_t count)
{
    struct search search = {.wanted = wanted, .count = count, .is_on = true};
    if (!has_all(&search))
        dl_iterate_phdr(visit, &search);
}
