/*
 * Taking apart what sysctl(3) gives. Pure.
 *
 * The kernel's list of protocol control blocks is what it gives for `net.inet.tcp.pcblist_n` and
 * `net.inet.udp.pcblist_n`, and what netstat(1) shows. Its records (struct xinpcb_n, xtcpcb_n in
 * bsd/netinet of the kernel's sources, packed to four bytes) are in no header that is installed.
 * Each begins with its length and its kind, so that what later systems add is passed over.
 */
#ifndef STYXY_SYSCTL_RECORDS_H
#define STYXY_SYSCTL_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcb {
    uint16_t port;       /* the local one; 0 = not bound */
    bool is_v4, is_v6;   /* which families it answers on: both where it is dual */
    uint8_t address[16]; /* the local one, as struct target has it */
    uint64_t number;     /* of socket_cookie */
    int state;           /* of TCP: TSI_S_... in <sys/proc_info.h> */
};

struct pcb_list {
    const unsigned char *bytes;
    size_t length;
    size_t at; /* 0 = at the beginning */
    bool is_udp;
};

/* Read the next control block; false where there is none. */
bool pcb_list_next(struct pcb_list *list, struct pcb *found);

struct process_words {
    const char *arguments; /* each with its NUL, one after the other */
    size_t arguments_length;
    const char *environment;
    size_t environment_length;
    void *bytes; /* all of it */
    size_t room;
};

/*
 * Find the words of a process in what KERN_PROCARGS2 gives: their count (an int), the path of the
 * executable, NULs up to the next word, the arguments, the environment. False where it is anything
 * else.
 */
bool process_words_find(const char *bytes, size_t length, struct process_words *words);

#endif
