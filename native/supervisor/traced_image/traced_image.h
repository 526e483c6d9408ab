/*
 * A traced image: a program of the tree as the guest's code knows it (guest/image.h), with what
 * that code remembers of it. Processes that fork share one.
 */
#ifndef STYXY_TRACED_IMAGE_H
#define STYXY_TRACED_IMAGE_H

#include "guest/image.h"
#include "guest/kernel/elf_kind.h"

struct traced_image {
    struct image image;
    bool is_absent;      /* Styxy is switched off in it, or the preload library does all */
    uint64_t last_used;
    char *texts;         /* of the image */
    unsigned char *kept; /* the section PER_IMAGE while another image is in use */
};

/* Start: save the section as it is before its first use; false where there is no memory. */
bool traced_images_start(void);

/* Find the image of an id, or read it from /proc/PID; NULL where that is not allowed. */
struct traced_image *traced_image_of(int pid, uint64_t image_id);

/* What kind of program a process runs. */
enum elf_kind traced_image_kind(int pid);

/* From here on the guest's code works for this image, called by process `pid`. */
void traced_image_use(struct traced_image *traced, int pid);

#endif
