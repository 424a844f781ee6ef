/* SPDX-License-Identifier: MIT
 *
 * mpi_pace.h -- how the thread that makes progress waits. MPI cannot be slept on, so it looks, less and less often.
 */
#ifndef WEFT_EXECUTORS_MPI_PACE_H
#define WEFT_EXECUTORS_MPI_PACE_H

#include <weft/base.h>

struct mpi_pace {
	int bell;        /* an eventfd, for who has something to do for a thread that sleeps */
	weft_time since; /* when there was something to do last */
	weft_time rest;  /* how long it slept last time */
};

int mpi_pace_init(struct mpi_pace *p); /* 0 or -errno */
void mpi_pace_fini(struct mpi_pace *p);
void mpi_pace_busy(struct mpi_pace *p);
/* May it sleep now? Else the call has given the processor to others for a moment. */
bool mpi_pace_tired(struct mpi_pace *p);
/* Sleeps: until the bell rings, fd is readable (-1: none), or a little longer than last time, most at the most. */
void mpi_pace_sleep(struct mpi_pace *p, int fd, weft_time most);
void mpi_pace_ring(struct mpi_pace *p); /* any thread */

#endif
