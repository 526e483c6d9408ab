/*
 * guest/kernel/readable.h on macOS: whether the program's memory can be read. Mach copies it for
 * us, and says so where it cannot (vm_read_overwrite in <mach/vm_map.h>). Linux's way, a call that
 * looks at an address before it finds out that it has nothing to do, is in no manual of macOS.
 */
#include "guest/kernel/readable.h"

#include <mach/mach_init.h>
#include <mach/vm_map.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

enum { WORD = 8, PAGE = 4096 /* of x86-64; those of arm64 are larger, and asked twice at most */ };

void readable_in_valgrind(void)
{
    /* Mach's call is nothing that valgrind finds fault with. */
}

bool readable(const void *address)
{
    uint64_t copy;
    vm_size_t got = 0;
    if (address == NULL)
        return false;
    return vm_read_overwrite(mach_task_self(), (vm_address_t)address, WORD, (vm_address_t)&copy,
                             &got) == KERN_SUCCESS &&
           got == WORD;
}

bool readable_address(const void *address, socklen_t length)
{
    const char *bytes = address;
    if (length < sizeof(struct sockaddr_in) || length > sizeof(struct sockaddr_storage))
        return false;
    const char *last = bytes + length - WORD;
    bool one_page = ((uintptr_t)bytes ^ ((uintptr_t)last + WORD - 1)) < PAGE;
    return readable(bytes) && (one_page || readable(last));
}
