/* SPDX-License-Identifier: MIT
 *
 * mpi_server.h -- a rank as the one who runs tasks: it takes them from frames, has an executor of its own run them,
 * and puts the outcomes into frames. It neither waits nor receives: who makes progress calls it.
 */
#ifndef WEFT_EXECUTORS_MPI_SERVER_H
#define WEFT_EXECUTORS_MPI_SERVER_H

#include "mpi_link.h"
#include "state.h"

enum {
	MPI_SLOTS = 1024, /* tasks that one rank may have, a power of two: the low bits of a task's id */
};

struct mpi_server;

/* 0 | -ENOMEM. caller is the rank whose tasks it runs. */
int mpi_server_new(struct mpi_server **ret, struct mpi_link *link, unsigned caller);
void mpi_server_free(struct mpi_server *s); /* tasks that are left are killed; NULL is fine */

/* Does what the records of a frame say. 0 | -EBADMSG. Why it left off is for the caller's rank to find out. */
int mpi_server_take(struct mpi_server *s, struct mpi_reader *r);
/* Outcomes, pieces, tasks that waited: true if there was something to do. */
bool mpi_server_step(struct mpi_server *s);
/* What to sleep on: readable when a task is done. Before the sleep: true if there is something to do after all. */
int mpi_server_fd(const struct mpi_server *s);
bool mpi_server_before_sleep(struct mpi_server *s);

/* Where it stands. */
enum mpi_server_life { SERVER_NEW, SERVER_OPEN, SERVER_ENDED, SERVER_DISMISSED };
enum mpi_server_life mpi_server_life(const struct mpi_server *s);
int mpi_server_status(const struct mpi_server *s);         /* why it would not serve, or 0 */
weft_time mpi_server_patience(const struct mpi_server *s); /* ns */
struct mpi_peer *mpi_server_peer(struct mpi_server *s);

#endif
