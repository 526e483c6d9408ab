/* Getting along with what else is loaded: another copy of this library, and address sanitizer. */
#ifndef STYXY_OTHER_LIBRARIES_H
#define STYXY_OTHER_LIBRARIES_H

#include <stdbool.h>

/* Whether another copy of this library comes behind this one, and does its work. */
bool other_libraries_have_styxy(void);

#endif
