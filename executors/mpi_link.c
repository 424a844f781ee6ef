/* SPDX-License-Identifier: MIT
 *
 * mpi_link.c -- what is the same whatever moves the frames: a rank's letters to itself, and frames that fill up
 * before they go. Needs nothing of the library but its public functions: libweft-mpi has a copy of it.
 */
#include "mpi_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ON_THEIR_WAY = 4 }; /* large messages to one rank */

struct mpi_parcel {
	struct mpi_parcel *next;
	size_t size;
	_Alignas(MPI_ALIGN) char frame[];
};

void mpi_link_init(struct mpi_link *l, const struct mpi_link_ops *ops, unsigned rank, unsigned n)
{
	*l = (struct mpi_link){.ops = ops, .rank = rank, .n = n};
	l->last = &l->first;
}

static struct mpi_parcel *take_parcel(struct mpi_link *l)
{
	struct mpi_parcel *one = l->first;

	if (!one)
		return NULL;
	l->first = one->next;
	if (!l->first)
		l->last = &l->first;
	return one;
}

void mpi_link_fini(struct mpi_link *l)
{
	for (struct mpi_parcel *one; (one = take_parcel(l));)
		free(one);
	free(l->read);
	l->read = NULL;
}

static int keep(struct mpi_link *l, const struct iovec *part, int parts)
{
	struct mpi_parcel *one;
	size_t size = 0, at = 0;

	for (int i = 0; i < parts; i++)
		size += part[i].iov_len;
	one = aligned_alloc(MPI_ALIGN, (sizeof *one + size + MPI_ALIGN - 1) & ~(size_t)(MPI_ALIGN - 1));
	if (!one)
		return -ENOMEM;
	for (int i = 0; i < parts; at += part[i++].iov_len)
		memcpy(one->frame + at, part[i].iov_base, part[i].iov_len);
	one->size = size;
	one->next = NULL;
	*l->last = one;
	l->last = &one->next;
	return 0;
}

int mpi_link_send(struct mpi_link *l, unsigned to, const struct iovec *part, int parts)
{
	if (to == l->rank)
		return keep(l, part, parts);
	return l->ops->send(l, to, part, parts);
}

int mpi_link_receive(struct mpi_link *l, unsigned *from, const char **ret, size_t *ret_size)
{
	struct mpi_parcel *one = take_parcel(l);

	if (!one)
		return l->ops ? l->ops->receive(l, from, ret, ret_size) : 0;
	free(l->read);
	l->read = one;
	*from = l->rank;
	*ret = one->frame;
	*ret_size = one->size;
	return 1;
}

bool mpi_link_has_room(const struct mpi_link *l, unsigned to)
{
	return to == l->rank ? !l->first : l->ops->sending(l, to) < ON_THEIR_WAY;
}

void mpi_peer_init(struct mpi_peer *p, struct mpi_link *link, unsigned rank, enum mpi_way way)
{
	p->link = link;
	p->rank = rank;
	p->w = (struct mpi_writer){.at = p->frame, .size = sizeof p->frame, .way = way};
	p->heard = p->told = weft_now();
	p->broken = false;
}

void mpi_peer_flush(struct mpi_peer *p)
{
	struct mpi_head head = mpi_head_of(&p->w);
	struct iovec part = {p->frame, p->w.n};

	if (!p->w.n)
		return;
	memcpy(p->frame, &head, sizeof head);
	p->w.n = 0;
	p->told = weft_now();
	/* A frame that is lost is one of a rank that will be: nobody could do without it. */
	if (!p->broken && mpi_link_send(p->link, p->rank, &part, 1))
		p->broken = true;
}

void *mpi_peer_write(struct mpi_peer *p, enum mpi_kind kind, uint32_t id, const void *body, size_t n)
{
	void *at;

	if (p->w.n && p->w.n + mpi_record_size(kind, n) > MPI_FRAME_SMALL)
		mpi_peer_flush(p);
	at = mpi_write(&p->w, kind, id, body, n);
	return at;
}

void mpi_peer_write_data(struct mpi_peer *p, enum mpi_kind kind, uint32_t id, size_t offset, const char *data,
			 size_t n)
{
	static const char zeros[MPI_ALIGN];
	struct mpi_data body = {.offset = offset};
	size_t whole = mpi_record_size(kind, n);
	struct mpi_record *record;
	struct iovec part[3];
	struct mpi_head head;

	mpi_peer_flush(p);
	/* The head of the record, as the writer would have it; the payload does not go through the writer. */
	mpi_write(&p->w, kind, id, &body, 0);
	record = (void *)(p->frame + sizeof head);
	record->size = (uint32_t)whole;
	record->n = (uint32_t)n;
	part[0] = (struct iovec){p->frame, p->w.n};
	part[1] = (struct iovec){(char *)(uintptr_t)data, n};
	part[2] = (struct iovec){(char *)(uintptr_t)zeros, whole - mpi_record_size(kind, 0) - n};
	p->w.n = sizeof head + whole;
	head = mpi_head_of(&p->w);
	memcpy(p->frame, &head, sizeof head);
	p->w.n = 0;
	p->told = weft_now();
	if (!p->broken && mpi_link_send(p->link, p->rank, part, 3))
		p->broken = true;
}
