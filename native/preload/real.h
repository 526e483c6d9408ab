/*
 * The real functions of the calls that only the preload library intercepts: libc's behind ours, or
 * those of the next preload library. host.h has those of the others; all come from intercepted.h.
 */
#ifndef STYXY_REAL_H
#define STYXY_REAL_H

#include "guest/intercepted.h"

#include <spawn.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

/*
 * Find all of them, and tell whether another copy of this library comes behind this one, and does
 * its work; called once, when the library is loaded.
 */
bool real_find(void);

#define DECLARE_REAL(name, otherwise, result, parameters, arguments) result real_##name parameters;
INTERCEPTED_CALLS(NOTHING_OF, DECLARE_REAL, NOTHING_OF)
#undef DECLARE_REAL

#endif
