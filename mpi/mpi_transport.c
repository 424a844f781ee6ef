/* SPDX-License-Identifier: MIT
 *
 * mpi_transport.c -- frames as messages of MPI.
 *
 * Nothing here waits: messages are sent from copies of our own, so that whoever is lost, and whenever, no memory of a
 * caller is in MPI's hands; and they are received into a few buffers that are always posted. Messages match receives
 * in the order in which these were posted, so taking them in that order keeps the order of each sender's frames.
 */
#include "mpi_transport.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { TAG = 0x77 };

#define LINGER WEFT_MS(500) /* how long the end waits for messages to go */

struct mpi_sending {
	struct mpi_sending *next;
	MPI_Request request;
	unsigned to;
	char frame[];
};

static bool has_gone(struct mpi_sending *s)
{
	int flag = 0;

	return MPI_Test(&s->request, &flag, MPI_STATUS_IGNORE) != MPI_SUCCESS || flag;
}

static bool sweep(struct mpi_transport *t)
{
	struct mpi_sending **at = &t->sending;

	while (*at) {
		struct mpi_sending *s = *at;

		if (!has_gone(s)) {
			at = &s->next;
			continue;
		}
		t->on_their_way[s->to]--;
		*at = s->next;
		free(s);
	}
	return t->sending != NULL;
}

static int transport_send(struct mpi_link *l, unsigned to, const struct iovec *part, int parts)
{
	struct mpi_transport *t = list_entry(l, struct mpi_transport, link);
	struct mpi_sending *s;
	size_t size = 0, at = 0;

	for (int i = 0; i < parts; i++)
		size += part[i].iov_len;
	s = malloc(sizeof *s + size);
	if (!s)
		return -ENOMEM;
	for (int i = 0; i < parts; at += part[i++].iov_len)
		memcpy(s->frame + at, part[i].iov_base, part[i].iov_len);
	s->to = to;
	if (MPI_Isend(s->frame, (int)size, MPI_BYTE, (int)to, TAG, t->comm, &s->request) != MPI_SUCCESS) {
		free(s);
		return -EIO;
	}
	if (has_gone(s)) {
		free(s);
		return 0;
	}
	s->next = t->sending;
	t->sending = s;
	t->on_their_way[to]++;
	return 0;
}

static int post(struct mpi_transport *t, unsigned i)
{
	return MPI_Irecv(t->posted[i].frame, MPI_FRAME_MAX, MPI_BYTE, MPI_ANY_SOURCE, TAG, t->comm,
			 &t->posted[i].request) == MPI_SUCCESS
		       ? 0
		       : -EIO;
}

static int transport_receive(struct mpi_link *l, unsigned *from, const char **ret, size_t *ret_size)
{
	struct mpi_transport *t = list_entry(l, struct mpi_transport, link);
	MPI_Status status;
	int flag = 0, size = 0;

	if (t->taken && post(t, (t->next + MPI_POSTED - 1) % MPI_POSTED))
		return -EIO;
	t->taken = false;
	sweep(t);
	if (MPI_Test(&t->posted[t->next].request, &flag, &status) != MPI_SUCCESS)
		flag = 1; /* a message that did not fit: no frame */
	if (!flag)
		return 0;
	MPI_Get_count(&status, MPI_BYTE, &size);
	*from = (unsigned)status.MPI_SOURCE;
	*ret = t->posted[t->next].frame;
	*ret_size = size > 0 ? (size_t)size : 0;
	t->next = (t->next + 1) % MPI_POSTED;
	t->taken = true;
	return 1;
}

static unsigned transport_sending(const struct mpi_link *l, unsigned to)
{
	return list_entry((struct mpi_link *)(uintptr_t)l, struct mpi_transport, link)->on_their_way[to];
}

static const struct mpi_link_ops transport_ops = {
	.send = transport_send,
	.receive = transport_receive,
	.sending = transport_sending,
};

int mpi_transport_init(struct mpi_transport *t, MPI_Comm comm)
{
	int rank, n, err = 0;

	memset(t, 0, sizeof *t);
	MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
	if (MPI_Comm_rank(comm, &rank) != MPI_SUCCESS || MPI_Comm_size(comm, &n) != MPI_SUCCESS)
		return -EIO;
	mpi_link_init(&t->link, &transport_ops, (unsigned)rank, (unsigned)n);
	t->comm = comm;
	t->on_their_way = calloc((size_t)n, sizeof *t->on_their_way);
	if (!t->on_their_way)
		return -ENOMEM;
	for (unsigned i = 0; i < MPI_POSTED && !err; i++) {
		t->posted[i].frame = aligned_alloc(64, MPI_FRAME_MAX);
		t->posted[i].request = MPI_REQUEST_NULL;
		err = t->posted[i].frame ? post(t, i) : -ENOMEM;
	}
	if (err)
		mpi_transport_fini(t, false);
	return err;
}

void mpi_transport_fini(struct mpi_transport *t, bool abandon)
{
	weft_time until = weft_after(LINGER);

	mpi_link_fini(&t->link);
	if (abandon)
		return;
	while (sweep(t) && weft_now() < until)
		sched_yield();
	for (unsigned i = 0; i < MPI_POSTED; i++) {
		if (t->posted[i].frame && t->posted[i].request != MPI_REQUEST_NULL) {
			MPI_Cancel(&t->posted[i].request);
			MPI_Wait(&t->posted[i].request, MPI_STATUS_IGNORE);
		}
		free(t->posted[i].frame);
	}
	free(t->on_their_way);
}
