/* SPDX-License-Identifier: MIT
 *
 * exit_hold.h -- what the end of the program waits for: its threads and processes that are no daemons.
 */
#ifndef WEFT_CORE_EXIT_HOLD_H
#define WEFT_CORE_EXIT_HOLD_H

#include <stdbool.h>
#include <stdint.h>

/* One more that exit() waits for. 0 | -ENOMEM: there is no room for a handler. */
int weft__exit_hold(void);
void weft__exit_release(void); /* it has ended */

/* Waits until there is none; but for the calling thread, if it is one and says so. */
void weft__exit_wait(void);
void weft__exit_self(bool held);

void weft__exit_reset(void); /* in the child of a fork: they are the parent's */

/* The names that weft_current_name gives. Borrowed for ever. */
void weft__name_thread(const char *name);
void weft__name_process(const char *name);

#endif
