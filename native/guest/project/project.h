/*
 * Which project this program belongs to: the one that it names, or else the nearest worktree above
 * the directory in which it was started, or else the nearest directory with a project file, or else
 * that directory itself. `styxy.core.projects` applies the same rule.
 */
#ifndef STYXY_PROJECT_H
#define STYXY_PROJECT_H

#include "guest/image.h"

/*
 * The canonical path; "" where there is none. Found at the first call and kept; `scratch` is used
 * where two threads call at the same moment.
 */
const char *project_path(const struct image *image, char scratch[IMAGE_PATH]);

/* The project's key in the port map; 0 where there is none. */
uint64_t project_key(const struct image *image);

/* Whether the owner of a promise is this program's project or instance. */
bool project_is_owner(const struct image *image, uint64_t owner);

#endif
