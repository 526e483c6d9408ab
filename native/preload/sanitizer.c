/*
 * A word with the address sanitizer. What gcc builds with -fsanitize=address ends at its start with
 * "ASan runtime does not come first in initial library list" where any library is preloaded, unless
 * it is told not to look. Its own functions come behind ours and work there.
 *
 * The sanitizer asks this function for its defaults (sanitizer/asan_interface.h). ASAN_OPTIONS stands
 * above them, and the function of a host that has one stands before this one: it ends, and `styxy run`
 * gives it a supervisor instead. No other way is ours to take: the check goes by the name of the
 * library that comes first, and a variable for everybody would change what other tools do.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "verify_asan_link_order=0";
}
