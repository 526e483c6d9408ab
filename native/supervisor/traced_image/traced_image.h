/*
 * A subject: a program image of the tree, in the words of the guest library (image.h), with what
 * the library's code remembers of it. Processes that fork shares one.
 */
#ifndef STYXY_SUBJECT_H
#define STYXY_SUBJECT_H

#include "guest/image.h"

struct subject {
    struct image image;
    bool is_absent;      /* Styxy is switched off in it, or the preload library does all */
    uint64_t last_used;
    char *texts;         /* of the image */
    unsigned char *kept; /* the section PER_IMAGE while another is in use */
};

/* Start: keep what the section is before its first use; false where there is no memory. */
bool subjects_start(void);

/* Find the subject of a server id, or read it from /proc/PID; NULL where that is not allowed. */
struct subject *subject_of(int pid, uint64_t server_id);

/* Let the shared code work for this subject, called by process `pid`. */
void subject_use(struct subject *subject, int pid);

/* The id that the guest library makes of the 16 bytes. */
uint64_t subject_id(const uint8_t random[16]);

#endif
