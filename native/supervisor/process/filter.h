/*
 * The filter that hands bind, listen and connect of a tree of programs to the supervisor
 * (seccomp(2), seccomp_unotify(2)). The calls of programs that pass by it are not slowed: the
 * kernel remembers which numbers are always allowed.
 */
#ifndef STYXY_FILTER_H
#define STYXY_FILTER_H

/*
 * Install it on this thread; the listener's descriptor, close-on-exec, or -1 with errno: EBUSY
 * where a supervisor is already there, for a task has one listener at most. Where the kernel
 * demands it of the unprivileged, no_new_privs is set, for ever.
 */
int filter_install(void);

/*
 * Try all that the supervisor needs, with a child that ends at once; 0, or what the kernel says:
 * EPERM, too, where Yama forbids to read a child's memory (ptrace_scope 2 and 3).
 */
int filter_try(void);

#endif
