/* Copying the options of a socket, from one table. */
#ifndef STYXY_OPTIONS_H
#define STYXY_OPTIONS_H

/*
 * Set on a fresh socket every option in which it differs from another. What the kernel refuses
 * stays as it is.
 */
void options_copy(int from, int to);

#endif
