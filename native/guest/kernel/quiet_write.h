/*
 * Writing a line where the program writes, without harm to it: no signal that it would see, and no
 * waiting.
 */
#ifndef STYXY_QUIET_WRITE_H
#define STYXY_QUIET_WRITE_H

#include "guest/kernel/text.h"

bool quiet_is_terminal(int fd);

/* Write to a file. */
void quiet_write_file(int fd, const struct text *text);

/* Write to a stream of the program's: a pipe, a socket, a terminal or a file. */
void quiet_write_stream(int fd, const struct text *text);

/* Write to a stream that was opened for this line. */
void quiet_write_opened(int fd, const struct text *text);

#endif
