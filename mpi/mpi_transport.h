/* SPDX-License-Identifier: MIT
 *
 * mpi_transport.h -- a link whose frames are messages of MPI. What calls MPI is in this folder, and nowhere else.
 */
#ifndef WEFT_MPI_TRANSPORT_H
#define WEFT_MPI_TRANSPORT_H

#include "mpi_link.h"

#include <mpi.h>

enum { MPI_POSTED = 8 }; /* receives that wait for messages */

struct mpi_transport {
	struct mpi_link link;
	MPI_Comm comm;
	struct mpi_sending *sending;
	unsigned *on_their_way; /* by rank */
	struct {
		MPI_Request request;
		char *frame; /* MPI_FRAME_MAX */
	} posted[MPI_POSTED];
	unsigned next; /* of posted: messages are taken in the order in which they were posted for */
	bool taken;    /* the one before next has been handed out, and is to be posted again */
};

/* comm is the transport's own from then on, but is not freed. 0 | -ENOMEM | -EIO. */
int mpi_transport_init(struct mpi_transport *t, MPI_Comm comm);
/* Waits a moment for what is being sent; gives up the receives. abandon: leaves all as it is, since ranks are lost
 * and MPI would wait for them. */
void mpi_transport_fini(struct mpi_transport *t, bool abandon);

#endif
