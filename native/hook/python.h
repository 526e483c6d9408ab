/*
 * `styxy hook`, the same hook in Python: it can start the daemon, and this program cannot.
 */
#ifndef STYXY_HOOK_PYTHON_H
#define STYXY_HOOK_PYTHON_H

#include "hook/exchange.h"

/*
 * Become `styxy hook AGENT EVENT`, with the payload as its standard input and nothing on standard
 * error. Return where there is no `styxy`, neither beside this program nor in PATH.
 */
void python_become(const struct hook_call *call);

#endif
