/*
 * Waiting for the port map to show a server that has just begun to listen.
 *
 * listen() does not wait until the daemon has taken its report, so for a moment, some milliseconds
 * on a busy machine, the map is behind the kernel. A client that comes in that moment would be told
 * that its project's own server is not there, or be let through to a sibling's or a stranger's.
 *
 * Theory of operation. The kernel shows a listener where the map shows nobody, at a number where
 * that matters. Then the daemon has a report to read, or finds the listener with its next look: the
 * client waits for the map, 50 milliseconds at most, as it does for a daemon that is writing.
 * Nobody waits where no daemon runs, nor a second time for the same socket in vain.
 */
#ifndef STYXY_CATCH_UP_H
#define STYXY_CATCH_UP_H

#include "guest/daemon/portmap.h"

/*
 * Read the live TCP moves of a project away from `asked` once the map shows the one whose server
 * listens where its place is held, and return their number; 0 where no such server is on its way,
 * or the map does not show it in time. `diag` is a socket for the kernel's lookups.
 */
size_t catch_up_moves(const struct portmap *map, int diag, uint16_t asked, uint64_t project,
                      struct move *moves, size_t room);

/*
 * Read again what the map says of the servers on a port, once it shows who answers at `address` (as
 * in struct target), which is of `family`. Does nothing where the map shows somebody, or nobody
 * answers.
 */
void catch_up_outlook(const struct portmap *map, int diag, const uint8_t address[16],
                      enum family family, uint16_t port, struct outlook *outlook);

#endif
