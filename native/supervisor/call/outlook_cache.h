/*
 * A look at the map before a connect is performed: most connections concern nobody, and are let
 * through without a duplicate of their socket.
 */
#ifndef STYXY_GLANCE_H
#define STYXY_GLANCE_H

#include "guest/kernel/address.h"
#include "supervisor/traced_image/traced_image.h"

/* Whether a connection to a loopback port is certainly to be left as it is. `subject` is in use. */
bool glance_is_plain(const struct subject *subject, const struct target *target);

#endif
