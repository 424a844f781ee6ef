/* SPDX-License-Identifier: MIT
 *
 * mpi_errand.h -- a task on the rank that runs it, and where its bytes lie. Of mpi_server.c alone.
 */
#ifndef WEFT_EXECUTORS_MPI_ERRAND_H
#define WEFT_EXECUTORS_MPI_ERRAND_H

#include "cqueue.h"
#include "mpi_server.h"
#include <weft/region.h>

enum { MPI_AHEAD = 16 }; /* tasks that the local executor has beyond one for each worker */

struct errand {
	weft_task task;
	struct weft__batch batch; /* n is 0: it is none */
	size_t failed;
	struct weft__cq_item item;
	struct list_node node; /* WAITING, REPLYING */
	uint32_t id;
	enum { COMING, WAITING, RUNNING, REPLYING } life;
	size_t got;         /* bytes of the argument that have come */
	size_t reply, sent; /* bytes of the result that are to go, and that have gone */
	char *arg;
	void *far; /* where both lie, if not behind this */
};

struct mpi_server {
	struct mpi_peer peer;
	enum mpi_server_life life;
	int status;        /* why it would not serve */
	uint32_t executor; /* its number */
	weft_time patience;
	weft_executor *local;
	weft_cq *q;
	unsigned running, depth; /* tasks that the local executor has, and may have */
	struct list_node *waiting, *replying;
	weft_region *region; /* for what is large, where the local executor runs it in another process */
	weft_fn **fn;        /* by number; NULL: this program has no such function */
	uint32_t fns;
	struct errand *errand[MPI_SLOTS]; /* by the low bits of their id */
};

/* A task with its memory, the result zeroed. 0 | -ENOMEM. */
int mpi_errand_new(struct errand **ret, struct mpi_server *s, uint32_t id, const struct mpi_task *body);
void mpi_memory_free(struct mpi_server *s, void *far);
void mpi_memory_fini(struct mpi_server *s);

#endif
