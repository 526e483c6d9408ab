/*
 * What the supervisor asks of the kernel and older headers do not define: linux/seccomp.h,
 * linux/pidfd.h. Since Linux 5 new system calls have the same number on every architecture.
 */
#ifndef STYXY_LINUX_H
#define STYXY_LINUX_H

#include "guest/kernel/sys.h"

#include <linux/seccomp.h>
#include <sys/ioctl.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0) /* Linux 6.6 */
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1) /* Linux 5.14 */
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

/* Close every descriptor from `first` on. */
static inline void sys_close_from(unsigned first)
{
    if (sys_call(SYS_close_range, first, ~0u, 0) == 0)
        return;
    for (int fd = (int)first; fd < 4096; fd++) /* before Linux 5.9 */
        sys_close(fd);
}

#endif
