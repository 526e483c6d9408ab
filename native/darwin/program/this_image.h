/* What the library for macOS knows of the program beside its image (guest/image.h). */
#ifndef STYXY_THIS_IMAGE_H
#define STYXY_THIS_IMAGE_H

/*
 * The path of this library where programs are to have it whatever environment they are given: under
 * `styxy run`, which sets STYXY_STATIC=supervise. "" elsewhere.
 */
const char *this_image_library(void);

#endif
