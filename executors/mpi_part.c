/* SPDX-License-Identifier: MIT
 *
 * mpi_part.c -- what a rank traces for rank 0: into a file of its own, which its workers write to as well, and which
 * is sent when the trace or the executor ends. Should this rank be killed, the file stays. The other end is
 * mpi_gather.c.
 */
#include "mpi_errand.h"
#include "tracing.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = MPI_CHUNK / sizeof(struct trace_chunk) - 1 }; /* chunks in one */

void mpi_part_begin(struct mpi_server *s, const struct mpi_view *v)
{
	const struct mpi_trace *body = v->body;
	char path[MPI_PATH + 1];
	int err;

	memcpy(path, v->more, v->n);
	path[v->n] = 0;
	mpi_part_drop(s);
	err = weft__trace_part_begin(path, body->size, s->peer.link->rank);
	if (err)
		fprintf(stderr, "weft: rank %u: %s: %s; nothing is traced there\n", s->peer.link->rank, path,
			weft_strerror(err));
}

void mpi_part_clock(struct mpi_server *s, const struct mpi_view *v)
{
	struct mpi_clock body = *(const struct mpi_clock *)v->body;

	body.now = weft_now();
	mpi_peer_write(&s->peer, REC_CLOCK, 0, &body, 0);
	mpi_peer_flush(&s->peer);
	weft__trace_part_clock(body.clock);
}

static size_t bytes_of(const struct trace_head *h, size_t size)
{
	size_t room = (size - sizeof *h) / sizeof(struct trace_chunk);
	/* Relaxed: nothing is written any more. */
	uint32_t next = atom_load((atom_u32 *)(uintptr_t)&h->next, relaxed);

	return sizeof *h + (next < room ? next : room) * sizeof(struct trace_chunk);
}

void mpi_part_gather(struct mpi_server *s)
{
	const struct trace_head *h;
	size_t size;

	if (s->part.going)
		return;
	h = weft__trace_part_end(&size);
	s->part.at = (const char *)h;
	s->part.size = h ? bytes_of(h, size) : 0;
	s->part.sent = 0;
	s->part.going = h != NULL;
	if (!h)
		mpi_peer_write(&s->peer, REC_GATHERED, 0, NULL, 0);
}

/* The head is a piece by itself; the others are of whole chunks. */
bool mpi_part_step(struct mpi_server *s)
{
	size_t left = s->part.size - s->part.sent, most = PIECE * sizeof(struct trace_chunk);

	if (!s->part.going || !mpi_link_has_room(s->peer.link, s->peer.rank))
		return false;
	most = s->part.sent ? most : sizeof(struct trace_head);
	most = left < most ? left : most;
	mpi_peer_write_data(&s->peer, REC_PIECE, 0, s->part.sent, s->part.at + s->part.sent, most);
	s->part.sent += most;
	if (s->part.sent == s->part.size) {
		mpi_part_drop(s);
		mpi_peer_write(&s->peer, REC_GATHERED, 1, NULL, 0);
	}
	return true;
}

void mpi_part_drop(struct mpi_server *s)
{
	s->part.going = false;
	s->part.at = NULL;
	weft__trace_part_free();
}
