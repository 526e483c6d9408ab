/* The options of a socket, in one table. */
#ifndef STYXY_OPTIONS_H
#define STYXY_OPTIONS_H

/* Give a fresh socket those options of another in which it differs; what the kernel refuses stays
   as it is. */
void options_copy(int from, int to);

#endif
