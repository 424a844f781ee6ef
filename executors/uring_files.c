/* SPDX-License-Identifier: MIT
 *
 * uring_files.c -- which fibers of a lane wait for which descriptor. weft_close needs it, since neither a ring nor
 * epoll notices that a descriptor is closed on which somebody waits; and epoll needs it to know whom it means.
 *
 * A table of rows, by descriptor, in chunks that stay where they are until the lane ends. The lane's thread alone
 * changes what is in a row. A closer on another thread marks the row, and rings; the fibers wait for a file that
 * is gone, so it does not matter when they learn of it, but who waits for a new file of the same number must not be
 * taken for one of them: so a row that is marked is emptied before anybody enters.
 *
 *   tag  word           from -> to                order                          carries
 *   C1   lane.chunk[]   make -> closer            store rel -> load acq          the empty chunk
 *   C2   row.waiting    enter <-> closer          store seq_cst, then the        nothing: the closer sees who waits,
 *                                                 request <-> load seq_cst,      or the kernel refuses the request,
 *                                                 then close(2)                  whose descriptor is closed
 *   C3   row.closing,   closer -> enter, hear     store rel -> load acq, and     nothing: the close before, by way
 *        lane.closing                             as U2 of uring_wait.c          of the kernel, is what counts
 */
#include "uring_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static struct uring_row *make(struct uring_lane *l, int fd)
{
	struct uring_row *chunk = calloc(URING_ROWS, sizeof *chunk);

	/* C1 release: pairs with row. */
	atom_store(&l->chunk[fd / URING_ROWS], (void *)chunk, release);
	return chunk ? &chunk[fd % URING_ROWS] : NULL;
}

/* A ring takes no notice of the offset where a file has none: it would read a pipe. What a row remembers may be true of
 * an earlier file of that number only; then a mistake of the program's goes unnoticed, no more. */
bool uring_files_has_offsets(struct uring_lane *l, int fd)
{
	struct uring_row *row = uring_files_row(l, fd);

	if (row && row->has_offsets)
		return true;
	if (lseek(fd, 0, SEEK_CUR) < 0)
		return errno != ESPIPE;
	if (!row && fd < URING_CHUNKS * URING_ROWS)
		row = make(l, fd);
	if (row)
		row->has_offsets = true;
	return true;
}

/* The file that all in the row wait for is closed. */
static void empty(struct uring_row *row)
{
	struct list_node *n;

	/* Relaxed, both: read by closers, who find nobody here. */
	atom_store(&row->closing, 0, relaxed);
	atom_store(&row->waiting, 0, relaxed);
	while ((n = list_pop(&row->fibers))) {
		struct uring_fiber *f = list_entry(n, struct uring_fiber, on_fd);

		f->closed = true;
		if (f->has_parker)
			weft__unpark(f->parker);
		else if (f->phase == URING_WAITING)
			uring_lane_ready(f, -EBADF);
	}
}

int uring_files_enter(struct uring_fiber *f, int fd)
{
	struct uring_row *row = uring_files_row(f->lane, fd);

	f->fd = fd;
	if (fd < 0 || fd >= URING_CHUNKS * URING_ROWS)
		return 0; /* for the kernel to judge */
	if (!row)
		row = make(f->lane, fd);
	if (!row)
		return -ENOMEM;
	/* C3 acquire: pairs with closing. */
	if (atom_load(&row->closing, acquire))
		empty(row);
	if (!row->fibers)
		/* C2 seq_cst: before the request; pairs with closing. */
		atom_store(&row->waiting, 1, seq_cst);
	list_append(&row->fibers, &f->on_fd);
	return 0;
}

bool uring_files_leave(struct uring_fiber *f)
{
	struct uring_row *row = uring_files_row(f->lane, f->fd);

	bool closed = f->closed;

	f->closed = false;
	if (!list_linked(&f->on_fd))
		return closed;
	list_remove(&row->fibers, &f->on_fd);
	if (!row->fibers)
		/* C2 relaxed: who finds nobody here any more is looked for in vain. */
		atom_store(&row->waiting, 0, relaxed);
	return false;
}

/* Any thread's, before it closes fd. */
static void closing(struct weft__closer *closer, int fd)
{
	struct uring_lane *l = list_entry(closer, struct uring_lane, closer);
	struct uring_row *row = uring_files_row(l, fd);

	/* C2 seq_cst: pairs with enter. */
	if (!row || !atom_load(&row->waiting, seq_cst))
		return;
	if (uring_self == l) {
		empty(row);
		return;
	}
	/* C3 release: pairs with enter and hear. */
	atom_store(&row->closing, 1, release);
	atom_store(&l->closing, 1, seq_cst);
	uring_ring_bell(l);
}

void uring_files_hear(struct uring_lane *l)
{
	/* Relaxed, then C3 acquire. */
	if (!atom_load(&l->closing, relaxed) || !atom_swap(&l->closing, 0, acquire))
		return;
	for (int i = 0; i < URING_CHUNKS; i++) {
		struct uring_row *chunk = atom_load(&l->chunk[i], relaxed);

		for (int k = 0; chunk && k < URING_ROWS; k++)
			/* C3 acquire: pairs with closing. */
			if (atom_load(&chunk[k].closing, acquire))
				empty(&chunk[k]);
	}
}

void uring_files_open(struct uring_lane *l)
{
	l->closer.closing = closing;
	weft__closer_add(&l->closer);
}

void uring_files_close(struct uring_lane *l, bool forked)
{
	if (!forked)
		weft__closer_remove(&l->closer);
	for (int i = 0; i < URING_CHUNKS; i++)
		free(atom_load(&l->chunk[i], relaxed));
}
