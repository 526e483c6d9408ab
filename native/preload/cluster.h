/*
 * Node's cluster, the one program that must not see a moved port.
 *
 * A worker refuses the handle that its primary sends unless getsockname says the port that it asked
 * for, and fails with EADDRINUSE. Node itself reads the port in both processes.
 */
#ifndef STYXY_CLUSTER_H
#define STYXY_CLUSTER_H

#include "guest/image.h"

/* Whether this process has a child that is a worker of Node's cluster. */
bool cluster_is_primary(void);

#endif
