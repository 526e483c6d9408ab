/*
 * Which repo this program's project is a worktree of. Projects of one repo are siblings, and do
 * not answer one another (spec 5.3). `styxy.core.repos` and `styxy.adapters.git` apply the same
 * rule; a test holds the two against each other.
 */
#ifndef STYXY_REPO_H
#define STYXY_REPO_H

#include "guest/image.h"

/*
 * The repo's key in the port map: of its remote `origin`, else of the directory that its worktrees
 * share; 0 where there is no repo. Found at the first call and kept, as the project is.
 */
uint64_t repo_key(const struct image *image);

#endif
