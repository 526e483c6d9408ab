/*
 * System calls by instructions of our own, for sys.h and for calls that it has no function for.
 *
 * libc's syscall(2) can be replaced by any library that stands before it, and is: torsocks lets
 * through what it knows, so that ours failed or crashed in it. `sys_call` takes the same arguments,
 * six at most, and sets errno in the same way.
 *
 * Which registers are used is in syscall(2), and which are overwritten in the kernel's documents of
 * each architecture. On others it is libc's.
 */
#ifndef STYXY_SYS_CALL_H
#define STYXY_SYS_CALL_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
static inline long sys_enter(long number, long a, long b, long c, long d, long e, long f)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
static inline long sys_enter(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}
#elif defined(__riscv)
static inline long sys_enter(long number, long a, long b, long c, long d, long e, long f)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    register long a5 __asm__("a5") = f;
    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
                     : "memory");
    return a0;
}
#elif defined(__s390x__)
static inline long sys_enter(long number, long a, long b, long c, long d, long e, long f)
{
    register long r1 __asm__("r1") = number;
    register long r2 __asm__("r2") = a;
    register long r3 __asm__("r3") = b;
    register long r4 __asm__("r4") = c;
    register long r5 __asm__("r5") = d;
    register long r6 __asm__("r6") = e;
    register long r7 __asm__("r7") = f;
    __asm__ volatile("svc 0"
                     : "+r"(r2)
                     : "r"(r1), "r"(r3), "r"(r4), "r"(r5), "r"(r6), "r"(r7)
                     : "memory", "cc");
    return r2;
}
#else
static inline long sys_enter(long number, long a, long b, long c, long d, long e, long f)
{
    long result = syscall(number, a, b, c, d, e, f);
    return result == -1 ? -errno : result;
}
#endif

static inline long sys_returned(long result)
{
    if ((unsigned long)result <= -4096ul) /* MAX_ERRNO in linux/err.h */
        return result;
    errno = (int)-result;
    return -1;
}

/* The arguments may be numbers and pointers; those that are not given are zero. */
#define sys_call(...) SYS_CALL_FILLED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_CALL_FILLED(number, a, b, c, d, e, f, ...)                                             \
    sys_returned(                                                                                  \
        sys_enter((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)))

#endif
