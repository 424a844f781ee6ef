/* SPDX-License-Identifier: MIT
 *
 * io_wait.h -- a task on a thread waits for a descriptor, until it is ready, cancelled, overdue, or closed.
 */
#ifndef WEFT_CORE_IO_WAIT_H
#define WEFT_CORE_IO_WAIT_H

#include <poll.h>
#include <stdbool.h>

#include <weft/base.h>

/* The calling thread waits for what io->ready says: 0, also for no reason; -ETIMEDOUT: deadline, or that of the
 * task; -ECANCELED; -EBADF: weft__io_closing. In a task the place in its pool is given up meanwhile. */
int weft__io_await(struct pollfd ready, weft_time deadline);

/* fd is about to be closed: whoever waits for it in this process is told. */
void weft__io_closing(int fd);

/* Two that accept from one blocking socket would both find it ready, and one would block in the kernel, where no
 * cancel finds it: one at a time. False: somebody else is at it. */
bool weft__io_accept_begin(int fd);
void weft__io_accept_end(int fd);

void weft__io_waits_reset(void); /* in the child of a fork */

#endif
