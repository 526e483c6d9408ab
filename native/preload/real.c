/*
 * The real functions behind ours, each derived from its row in intercepted.h.
 *
 * They are found when the library is loaded, because finding them takes the linker's lock and must
 * not happen in a signal handler. A call before that (in the constructor of another library) finds
 * them itself; where no library has the function, the kernel is called.
 */
#include "preload/real.h"

#include "guest/host.h"
#include "guest/kernel/sys.h"
#include "preload/next_symbol.h"
#include "preload/other_libraries.h"

#include <stdatomic.h>

#define INDEX(name, ...) INDEX_##name,
enum { INTERCEPTED_CALLS(INDEX, INDEX, NOTHING_OF) COUNT };

#define WANTED(call, ...) [INDEX_##call] = {.name = #call},

static _Atomic(void *) next[COUNT];
static atomic_bool is_found;

bool real_find(void)
{
    struct wanted_symbol wanted[COUNT + 1] = {INTERCEPTED_CALLS(WANTED, WANTED, NOTHING_OF)};
    wanted[COUNT] = (struct wanted_symbol){.name = OTHER_STYXY};
    next_symbol_find_behind(wanted, COUNT + 1);
    next_symbol_find_elsewhere(wanted, COUNT);
    for (int i = 0; i < COUNT; i++)
        atomic_store(&next[i], wanted[i].address);
    atomic_store(&is_found, true);
    return wanted[COUNT].address != NULL;
}

static void *next_of(int index)
{
    if (!atomic_load(&is_found))
        real_find();
    return atomic_load(&next[index]);
}

#define UNPACKED(...) __VA_ARGS__

/* POSIX lets an object pointer hold a function (dlsym); ISO C has no cast for it. */
#define DEFINE_REAL(name, otherwise, result, parameters, arguments)                                \
    result real_##name parameters                                                                  \
    {                                                                                              \
        union { void *object; result(*function) parameters; } found;                               \
        found.object = next_of(INDEX_##name);                                                      \
        return found.object != NULL ? found.function arguments : otherwise;                        \
    }

#define DEFINE_REAL_OF_BOTH(name, number, notify, address, result, parameters, arguments)          \
    DEFINE_REAL(name, (result)sys_call(number, UNPACKED arguments), result, parameters, arguments)

INTERCEPTED_CALLS(DEFINE_REAL_OF_BOTH, DEFINE_REAL, NOTHING_OF)
