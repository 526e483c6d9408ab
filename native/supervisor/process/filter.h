/*
 * The filter that hands the intercepted system calls of a tree of programs to the supervisor
 * (seccomp(2), seccomp_unotify(2)). All other calls run at full speed: the kernel remembers which
 * numbers are always allowed.
 */
#ifndef STYXY_FILTER_H
#define STYXY_FILTER_H

/*
 * Install it on this thread. Return the listener's descriptor, close-on-exec, or -1 with errno:
 * EBUSY where there is a supervisor already, since a task has one listener at most. Where the
 * kernel demands it of the unprivileged, no_new_privs is set, for ever.
 */
int filter_install(void);

/*
 * Try everything that the supervisor needs, on a child that ends at once. Return 0 or the errno of
 * what failed: EPERM, too, where Yama forbids reading a child's memory (ptrace_scope 2 and 3).
 */
int filter_try(void);

#endif
