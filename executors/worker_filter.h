/* SPDX-License-Identifier: MIT
 *
 * worker_filter.h -- which system calls a worker in a sandbox may make.
 */
#ifndef WEFT_EXECUTORS_WORKER_FILTER_H
#define WEFT_EXECUTORS_WORKER_FILTER_H

#include <stdbool.h>

/* Can this kernel filter calls, and do we know its architecture? */
bool worker_filter_possible(void);

/* Installs the filter in all threads of this process, for good; bell is the descriptor by which it rings its
 * pool, and must not take anything from. 0 | -ENOTSUP | another negative errno. */
int worker_filter_install(int bell);

#endif
