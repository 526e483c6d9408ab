/*
 * Which repo this program's project is a worktree of. Projects of one repo are siblings, which do
 * not answer each other's connections (route.h). `styxy.core.repos` and `styxy.adapters.projects.git` apply
 * the same rule; a test compares the two.
 */
#ifndef STYXY_REPO_H
#define STYXY_REPO_H

#include "guest/image.h"

/*
 * The repo's key in the port map: that of its remote `origin`, or else of the directory that its
 * worktrees share; 0 where there is no repo. Found at the first call and kept, as the project is.
 */
uint64_t repo_key(const struct image *image);

#endif
