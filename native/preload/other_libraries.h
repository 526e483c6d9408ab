/* Getting along with what else is loaded: another copy of this library, and address sanitizer. */
#ifndef STYXY_OTHER_LIBRARIES_H
#define STYXY_OTHER_LIBRARIES_H

/* The symbol by which copies of this library find each other. */
#define OTHER_STYXY "styxy_guest"

#endif
