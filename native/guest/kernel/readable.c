/*
 * Whether the program's memory can be read: see readable.h.
 *
 * Theory of operation. rt_sigprocmask copies the new mask before it checks `how`, and -1 is no
 * `how`, so it says EFAULT or EINVAL and changes nothing. It takes a tenth of a microsecond.
 * process_vm_readv would do, too, but sandboxes forbid it; where this call is forbidden as well,
 * nothing counts as readable.
 *
 * Valgrind prints a line about the unknown `how`, and finds fault with bytes that were never
 * written, as the padding of an address may be. In it mincore(2) has to do, which takes a page for
 * readable that is mapped and protected.
 */
#include "guest/kernel/readable.h"

#include "guest/kernel/sys.h"

enum { PAGE = 4096 };

static bool is_in_valgrind;

void readable_in_valgrind(void)
{
    is_in_valgrind = true;
}

static bool is_mapped(const void *address)
{
    unsigned char residence;
    uintptr_t page = (uintptr_t)address & ~(uintptr_t)(PAGE - 1);
    /* EINVAL: pages are larger here, and their beginning is another one's. */
    return sys_call(SYS_mincore, page, 1, &residence) == 0 || errno == EINVAL;
}

bool readable(const void *address)
{
    if (address == NULL) /* which asks for no change, and is not checked */
        return false;
    if (is_in_valgrind)
        return is_mapped(address);
    return sys_call(SYS_rt_sigprocmask, -1, address, NULL, 8) != 0 && errno == EINVAL;
}

bool readable_address(const void *address, socklen_t length)
{
    const char *bytes = address;
    if (length < sizeof(struct sockaddr_in) || length > sizeof(struct sockaddr_storage))
        return false;
    /* Checking both ends is enough: so short an address touches at most two pages. */
    const char *last = bytes + length - 8;
    bool one_page = ((uintptr_t)bytes ^ ((uintptr_t)last + 7)) < PAGE;
    return readable(bytes) && (one_page || readable(last));
}
