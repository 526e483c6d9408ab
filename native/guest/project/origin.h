/*
 * The address of a repo's remote `origin`: read from its config, and in one form for all the ways
 * to write it. Pure. `styxy.core.repos` has the same rules.
 */
#ifndef STYXY_ORIGIN_H
#define STYXY_ORIGIN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Find the address in a text of git-config(1), which ends with a NUL at `length` and is changed on
 * the way; NULL where there is none.
 */
const char *origin_in_config(char *text, size_t length);

/* Whether the address is a path on this machine; which one. */
bool origin_is_local(const char *address, const char **path);

/* Write an address as "host/path", a path as it is; both without a last ".git". */
bool origin_name(const char *address, char *name, size_t room);

#endif
