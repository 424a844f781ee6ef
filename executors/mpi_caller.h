/* SPDX-License-Identifier: MIT
 *
 * mpi_caller.h -- what the library that knows MPI needs of the one that does not. These are exported for it,
 * and for nobody else: they may change with every build.
 */
#ifndef WEFT_EXECUTORS_MPI_CALLER_H
#define WEFT_EXECUTORS_MPI_CALLER_H

#include "mpi_link.h"
#include <weft/mpi.h>

struct mpi_caller_opts {
	uint32_t queue;           /* tasks that may wait */
	uint32_t patience;        /* ms */
	uint32_t start;           /* ms for the handshake */
	uint32_t executor;        /* its number in this job, never used before */
	uint32_t flags;           /* WEFT_MPI_* */
	const char *name, *local; /* copied; local NULL: WEFT_MPI_LOCAL, else "processes" */
	/* Called when the executor is freed; the link is not used any more. lost: ranks that did not say good-bye. */
	void (*gone)(struct mpi_link *link, unsigned lost, void *ctx);
	void *ctx;
};

/* Makes the executor on the caller's rank: asks all others who they are, and waits for their answers.
 * 0 | -ENOEXEC: another build | -ETIMEDOUT: a rank did not answer | -ENOMEM | what ranks said. */
WEFT_API int weft__mpi_new(weft_executor **ret, struct mpi_link *link, const struct mpi_caller_opts *opts);

/* Serves rank 0. Until dismissed: executor after executor, until there will be none; else one.
 * 0: it ended | 1: dismissed | -EOWNERDEAD: rank 0 is silent | -ENOEXEC, -EINVAL...: as rank 0 was told. */
WEFT_API int weft__mpi_serve(struct mpi_link *link, bool until_dismissed);

/* weft__opts_copy for weft_mpi_opts. */
WEFT_API int weft__mpi_opts(struct weft_mpi_opts *dst, const struct weft_mpi_opts *src);

/* What is known of a rank. 0 | -EINVAL: not such an executor, or no such rank. */
WEFT_API int weft__mpi_rank_stats(const weft_executor *ex, unsigned rank, struct weft_mpi_rank_stats *ret);

#endif
