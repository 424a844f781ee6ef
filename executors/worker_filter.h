/* SPDX-License-Identifier: MIT
 *
 * worker_filter.h -- what the kernel refuses a worker in a sandbox: system calls, and files and more by Landlock.
 */
#ifndef WEFT_EXECUTORS_WORKER_FILTER_H
#define WEFT_EXECUTORS_WORKER_FILTER_H

#include <stdbool.h>

/* Can this kernel filter calls, and do we know its architecture? */
bool worker_filter_possible(void);

/* Installs the filter in all threads of this process, for good; bell is the descriptor by which it rings its
 * pool, and must not take anything from. 0 | -ENOTSUP | another negative errno. */
int worker_filter_install(int bell);

/* Restricts the calling thread, which has no_new_privs, and those that it will start, for good. 0, also where the
 * kernel has no Landlock | a negative errno. */
int worker_landlock_enter(void);

#endif
