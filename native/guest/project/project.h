/*
 * Which project this program is of: spec 1's meaning for the directory in which it was started.
 * `styxy.core.projects` applies the same rule.
 */
#ifndef STYXY_PROJECT_H
#define STYXY_PROJECT_H

#include "guest/image.h"

/*
 * The canonical path; "" where it cannot be told. Found at the first call and kept; `scratch` is
 * used where two threads come at the same moment.
 */
const char *project_path(const struct image *image, char scratch[IMAGE_PATH]);

/* The project's key in the port map; 0 where it cannot be told. */
uint64_t project_key(const struct image *image);

/* Whether the owner of a promise is this program's project or instance. */
bool project_is_owner(const struct image *image, uint64_t owner);

#endif
