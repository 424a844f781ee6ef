/* SPDX-License-Identifier: MIT
 *
 * queue_ring.c -- messages in a ring, put and taken by who has the lock of the side. The table of orders is in
 * queue_ring.h.
 *
 * Nothing that is read from the ring leads out of it: places are cut to the ring's size, and a message's size is
 * read once and checked.
 */
#include "queue_ring.h"

#include <errno.h>
#include <string.h>

enum { AHEAD = 10 * 64 }; /* bytes: what the next put will write is fetched in time */

static uint64_t end_of(uint32_t place, uint32_t number)
{
	return (uint64_t)number << 32 | place;
}

static atom_u64 *header_at(const struct queue_map *m, uint32_t place)
{
	return &m->data[place & (m->units - 1)];
}

/* How many bytes from that place on lie in a row. */
static size_t row(const struct queue_map *m, uint32_t place)
{
	return (size_t)(m->units - (place & (m->units - 1))) * RING_UNIT;
}

static void copy_in(const struct queue_map *m, uint32_t place, const char *from, size_t size)
{
	size_t n = row(m, place);
	void *to = header_at(m, place);

	if (size <= n) {
		if (size) /* from may be NULL */
			memcpy(to, from, size);
		return;
	}
	memcpy(to, from, n);
	memcpy(m->data, from + n, size - n);
}

static void copy_out(const struct queue_map *m, uint32_t place, char *to, size_t size)
{
	size_t n = row(m, place);
	const void *from = header_at(m, place);

	if (size <= n) {
		if (size) /* to may be NULL */
			memcpy(to, from, size);
		return;
	}
	memcpy(to, from, n);
	memcpy(to + n, m->data, size - n);
}

/* ---- Putting ---- */

/* Is there room behind that place, where that number of messages has been put, for so many units and a 0, while
 * getters have come to got? */
static bool fits(const struct queue_map *m, uint32_t place, uint32_t number, size_t units, uint64_t got)
{
	uint32_t used = place - (uint32_t)got;

	return used < m->units && units < m->units - used && number - weft__ring_number(got) < m->capacity;
}

static bool has_room(const struct queue_map *m, uint32_t place, uint32_t number, size_t units)
{
	struct queue_side *s = &m->ring->side[PUT];

	if (fits(m, place, number, units, s->seen))
		return true;
	/* R2 acquire: pairs with the store in weft__ring_get. */
	s->seen = atom_load(&m->ring->side[GET].end, acquire);
	return fits(m, place, number, units, s->seen);
}

bool weft__ring_has_room(const struct queue_map *m, size_t size)
{
	/* Relaxed: written under the same lock. */
	uint64_t end = atom_load(&m->ring->side[PUT].end, relaxed);

	return has_room(m, (uint32_t)end, weft__ring_number(end), weft__ring_units(size));
}

/* Moves the end of a side, and counts. */
static void count(struct queue_side *s, uint32_t number)
{
	uint64_t total = atom_load(&s->total, relaxed);

	/* Relaxed: for people. It keeps step with the number, also after a death in between. */
	atom_store(&s->total, total + (uint32_t)(number - (uint32_t)total), relaxed);
}

size_t weft__ring_put(const struct queue_map *m, const char *msgs, size_t size, size_t n)
{
	struct queue_side *s = &m->ring->side[PUT];
	/* Relaxed: written under the same lock. */
	uint64_t end = atom_load(&s->end, relaxed);
	uint32_t first = (uint32_t)end, place = first, number = weft__ring_number(end);
	size_t units = weft__ring_units(size), k = 0;

	for (; k < n && has_room(m, place, number, units); k++, number++) {
		copy_in(m, place + 1, msgs + k * size, size);
		if (k) /* relaxed: seen only from the first one on */
			atom_store(header_at(m, place), size + 1, relaxed);
		place += (uint32_t)units;
	}
	if (!k)
		return 0;
	/* Relaxed: seen only from the first header on. */
	atom_store(header_at(m, place), 0, relaxed);
	/* R1 release: pairs with the loads in weft__ring_get and of who looks. */
	atom_store(header_at(m, first), size + 1, release);
	/* Relaxed: for who has the lock; others only count. */
	atom_store(&s->end, end_of(place, number), relaxed);
	count(s, number);
	atom_fetch_line(header_at(m, place + AHEAD / RING_UNIT));
	atom_fetch_line(header_at(m, place + AHEAD / RING_UNIT + 8));
	return k;
}

/* ---- Getting ---- */

bool weft__ring_has_message(const struct queue_map *m)
{
	/* Relaxed: written under the same lock. */
	uint64_t end = atom_load(&m->ring->side[GET].end, relaxed);

	/* R1 acquire: pairs with the store in weft__ring_put. */
	return atom_load(header_at(m, (uint32_t)end), acquire) != 0;
}

/* 0, or why a message of that size cannot be taken to a place of room bytes. */
static int refusal(const struct queue_map *m, uint64_t size, size_t room, bool exactly)
{
	if (size > m->message_size || weft__ring_units((size_t)size) >= m->units)
		return -EBADMSG;
	return size > room || (exactly && size != room) ? -EMSGSIZE : 0;
}

ssize_t weft__ring_get(const struct queue_map *m, char *msgs, size_t size, bool exactly, size_t n,
		       size_t *ret_size)
{
	struct queue_side *s = &m->ring->side[GET];
	/* Relaxed: written under the same lock. */
	uint64_t end = atom_load(&s->end, relaxed), header;
	uint32_t place = (uint32_t)end, number = weft__ring_number(end);
	size_t k = 0;
	int err = 0;

	for (; k < n; k++, number++) {
		/* R1 acquire: pairs with the store in weft__ring_put. */
		header = atom_load(header_at(m, place), acquire);
		err = header ? refusal(m, header - 1, size, exactly) : 0;
		if (!header || err)
			break;
		copy_out(m, place + 1, msgs + k * size, (size_t)header - 1);
		*ret_size = (size_t)header - 1;
		place += (uint32_t)weft__ring_units((size_t)header - 1);
	}
	if (!k)
		return err;
	/* R2 release: pairs with the load in has_room. */
	atom_store(&s->end, end_of(place, number), release);
	count(s, number);
	if (s->run > 3) {
		__builtin_prefetch(header_at(m, place + AHEAD / RING_UNIT));
		__builtin_prefetch(header_at(m, place + AHEAD / RING_UNIT + 8));
	}
	return (ssize_t)k;
}

/* ---- Both ---- */

void weft__ring_repair(const struct queue_map *m, int side)
{
	struct queue_side *s = &m->ring->side[side];
	/* Relaxed: written under the same lock, and what the dead one wrote the kernel has brought with the word. */
	uint64_t end = atom_load(&s->end, relaxed), header;
	uint32_t place = (uint32_t)end, number = weft__ring_number(end);

	for (uint32_t i = 0; side == PUT && i < m->units; i++, number++) {
		/* Relaxed: as above. */
		header = atom_load(header_at(m, place), relaxed);
		if (!header || refusal(m, header - 1, SIZE_MAX, false))
			break;
		place += (uint32_t)weft__ring_units((size_t)header - 1);
	}
	/* Relaxed: as above; the getters' end is what it was. */
	if (side == PUT)
		atom_store(&s->end, end_of(place, number), relaxed);
	count(s, number);
	/* Relaxed: for people. */
	atom_store(&s->deaths, atom_load(&s->deaths, relaxed) + 1, relaxed);
}

uint32_t weft__ring_count(const struct queue_map *m)
{
	/* Relaxed, both: they move on meanwhile anyhow. What was got first: then it is never less than what is there
	 * for long, and held to what can be. */
	uint32_t got = weft__ring_number(atom_load(&m->ring->side[GET].end, relaxed));
	uint32_t put = weft__ring_number(atom_load(&m->ring->side[PUT].end, relaxed));
	uint32_t n = put - got;

	if (n <= m->capacity)
		return n;
	return n > UINT32_MAX / 2 ? 0 : m->capacity; /* put.end has not followed yet, or got.end was old */
}
