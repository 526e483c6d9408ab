/*
 * Node's cluster, the one program to which a moved port must not be told.
 *
 * A worker refuses the handle that its primary hands it unless getsockname says the port that it
 * asked for, and fails with EADDRINUSE. Node itself reads the port in both processes.
 */
#ifndef STYXY_CLUSTER_H
#define STYXY_CLUSTER_H

#include "guest/image.h"

/* Whether this process has a child that is a worker of Node's cluster. */
bool cluster_is_primary(void);

#endif
