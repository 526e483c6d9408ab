/*
 * What the map said of the ports that programs connect to, kept while it holds: most connections
 * concern nobody, and are let through without a duplicate of their socket.
 */
#ifndef STYXY_OUTLOOK_CACHE_H
#define STYXY_OUTLOOK_CACHE_H

#include "guest/kernel/address.h"
#include "supervisor/traced_image/traced_image.h"

/* Whether a connection to a loopback port is certainly left as it is. `traced` is in use. */
bool outlook_cache_is_plain(const struct traced_image *traced, const struct target *target);

#endif
