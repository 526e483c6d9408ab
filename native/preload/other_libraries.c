/*
 * Getting along with what else is loaded: see other_libraries.h. The symbols of this file are
 * exported in addition to the intercepted calls (native/build.py).
 */
#include "preload/other_libraries.h"

/* OTHER_STYXY; nothing reads it. */
extern const char styxy_guest;
const char styxy_guest = 1;

/*
 * What gcc builds with -fsanitize=address ends at its start with "ASan runtime does not come first
 * in initial library list" where any library is preloaded, unless that check is switched off. The
 * sanitizer's own functions come behind ours and work there.
 *
 * The sanitizer asks this function for its defaults (sanitizer/asan_interface.h). ASAN_OPTIONS
 * overrides them, and a program that defines the function itself hides ours: it ends, and `styxy
 * run` gives it a supervisor instead. There is no other way: the check goes by the name of the
 * library that comes first, and a variable for every program would change what other tools do.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "verify_asan_link_order=0";
}
