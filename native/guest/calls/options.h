/* Copying a socket without its address; the options are in one table. */
#ifndef STYXY_OPTIONS_H
#define STYXY_OPTIONS_H

/*
 * Make an unbound socket like another: every option in which a fresh one differs from it, the flags
 * of the open file and its owner. What the kernel refuses stays as it is. -1 where there is none.
 */
int socket_like(int fd);

#endif
