/* SPDX-License-Identifier: MIT
 *
 * mpi_errand.h -- a rank as the one who runs tasks: its private record, and that of a task, and where its bytes lie.
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
	enum { COMING, WAITING, RUNNING, TAKEN_BACK, REPLYING } life;
	uint64_t traced;    /* as it came; 0: the trace has been told */
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
	struct {
		const char *at; /* of size bytes; NULL: this rank has traced nothing */
		size_t size, sent;
		bool going;
	} part;      /* of the trace, on its way to the caller's rank */
	bool ending; /* once that is there */
};

/* A task with its memory, the result zeroed. 0 | -ENOMEM. */
int mpi_errand_new(struct errand **ret, struct mpi_server *s, uint32_t id, const struct mpi_task *body);
void mpi_memory_free(struct mpi_server *s, void *far);
void mpi_memory_fini(struct mpi_server *s);

/* mpi_local.c */
int mpi_local_open(struct mpi_server *s,
		   const struct mpi_open *open); /* 0 | -ENOEXEC | -EINVAL | of the pool */
void mpi_local_welcome(struct mpi_server *s, int status);

/* mpi_part.c */
void mpi_part_begin(struct mpi_server *s, const struct mpi_view *v);
void mpi_part_clock(struct mpi_server *s, const struct mpi_view *v);
void mpi_part_gather(struct mpi_server *s); /* from here on it goes */
bool mpi_part_step(struct mpi_server *s);   /* true: a piece of it went */
void mpi_part_drop(struct mpi_server *s);

#endif
