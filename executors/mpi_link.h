/* SPDX-License-Identifier: MIT
 *
 * mpi_link.h -- what moves frames between ranks. Who knows MPI is behind the table of
 * operations, in a library of its own (mpi/); tests bring another one. What a rank sends to itself does not go there.
 *
 * All of a link is used by one thread at a time: that which makes progress.
 */
#ifndef WEFT_EXECUTORS_MPI_LINK_H
#define WEFT_EXECUTORS_MPI_LINK_H

#include "list.h"
#include "mpi_frame.h"

#include <sys/uio.h>

struct mpi_link;

struct mpi_link_ops {
	/* Copies the parts, and sends them as one message. 0 | -ENOMEM | -EIO: it cannot be. Does not wait. */
	int (*send)(struct mpi_link *l, unsigned to, const struct iovec *part, int parts);
	/* 1: a message, which stays until the next call | 0: none | -EIO. Looks at what is being sent, too. */
	int (*receive)(struct mpi_link *l, unsigned *from, const char **ret, size_t *ret_size);
	/* How many messages to that rank are still on their way. */
	unsigned (*sending)(const struct mpi_link *l, unsigned to);
};

struct mpi_link {
	const struct mpi_link_ops *ops;   /* NULL: there are no others */
	unsigned rank, n;                 /* who this is, of how many */
	struct mpi_parcel *first, **last; /* to itself */
	struct mpi_parcel *read;
};

void mpi_link_init(struct mpi_link *l, const struct mpi_link_ops *ops, unsigned rank, unsigned n);
void mpi_link_fini(struct mpi_link *l); /* of what it sent to itself; the rest is its maker's */

/* As the operations, to itself included. */
int mpi_link_send(struct mpi_link *l, unsigned to, const struct iovec *part, int parts);
int mpi_link_receive(struct mpi_link *l, unsigned *from, const char **ret, size_t *ret_size);
bool mpi_link_has_room(const struct mpi_link *l, unsigned to); /* for large ones */

/* ---- The other end of a link, as one of its ends sees it ---- */

struct mpi_peer {
	struct mpi_link *link;
	unsigned rank;
	struct mpi_writer w;
	weft_time heard, told; /* when the last frame came from it, and went to it */
	bool broken;           /* frames to it are lost from now on */
	char frame[MPI_FRAME_SMALL + MPI_INLINE + 1024] __attribute__((aligned(MPI_ALIGN)));
};

void mpi_peer_init(struct mpi_peer *p, struct mpi_link *link, unsigned rank, enum mpi_way way);
/* Adds a record with n bytes of payload, n <= MPI_INLINE + WEFT_ERROR_TEXT_MAX, which go where it returns: never NULL. */
void *mpi_peer_write(struct mpi_peer *p, enum mpi_kind kind, uint32_t id, const void *body, size_t n);
/* Sends a piece of something large at once, straight from where it lies: REC_DATA, REC_PIECE. */
void mpi_peer_write_data(struct mpi_peer *p, enum mpi_kind kind, uint32_t id, size_t offset, const char *data,
			 size_t n);
void mpi_peer_flush(struct mpi_peer *p);

#endif
