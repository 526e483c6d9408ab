/* What a program shares with its forked children: see kin.h. */
#include "guest/state/fork_shared.h"

#include "guest/image.h"
#include "guest/kernel/sys.h"

static PER_IMAGE struct kin of_this_process;
static PER_IMAGE struct kin *memory = &of_this_process;

void kin_prepare(void)
{
    long fresh = syscall(SYS_mmap, NULL, sizeof of_this_process, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS, -1, 0L);
    if (fresh != -1)
        memory = (struct kin *)fresh; /* zeroes, which is how an atomic of ours begins */
}

struct kin *kin_memory(void)
{
    return memory;
}
