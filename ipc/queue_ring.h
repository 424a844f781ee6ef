/* SPDX-License-Identifier: MIT
 *
 * queue_ring.h -- the memory of a queue: a ring of messages, one behind the other, between two sides.
 *
 *   data:   | header | message, rounded up to 8 | header | message ... | 0 |
 *             ^ got.end                                                  ^ put.end
 *
 * Who puts has the lock of one side, who gets that of the other; so each side has one at a time, and a putter and a
 * getter do not meet but in the message itself. A header is 1 + the message's size, or 0: nothing there yet. The
 * getter looks at the header alone, so put.end is nobody's business but the putters'.
 *
 * A put copies the message, puts a 0 behind it, and then writes the header that was 0: that is the one step by which
 * it happens; then it moves put.end. Several at once write all headers but the first, and then that one. A get
 * copies the message out, and moves got.end: that is its step. An end is a place and a number of messages in one
 * word.
 *
 * Death, with the lock (robust.h: the next one is told): a getter has moved got.end, or has not; there is
 * nothing to repair. A putter may have written the header, but not moved put.end: his successor goes on from there
 * to the next 0 (weft__ring_repair). What was half copied lies behind the 0, and is written over.
 *
 *   tag  word           from -> to            order                    carries
 *   K1   side.lock      leave -> try          CAS rel -> CAS acq       all that the side guards
 *                       leave <-> doze        CAS <-> or, acq_rel      the message or the room, or the flag: who goes
 *                                                                      to sleep sees one, or the other side sees him
 *   R1   header         put -> get            store rel -> load acq    the message, the headers and the 0 behind
 *                                                                      it; what the putter did before
 *   R2   got.end        get -> put            store rel -> load acq    the getter's reading: the room can be
 *                                                                      written to
 *   R3   closed         close -> get          store rel -> load acq    the last headers
 *
 * (K1 is in robust.h.) Sleepers sleep on the lock of the other side. Who leaves that lock wakes one, as many as
 * messages at most; the woken one wakes the next if there is more than he takes. A waker that dies before it has
 * woken anybody had the lock, so the kernel wakes one for it. One that was woken and dies before he takes anything is
 * made up for by the next put, or by the others' naps, which end by themselves: queue.c.
 *
 * Progress: a side goes on unless who has its lock is stopped. Wrap: places and numbers count modulo 2^32, in units
 * of 8 bytes and in messages; a ring has at most 2^31 of each. ABA: the ends move under locks; who is between his look
 * and his sleep, while the lock has 2^29 turns, takes a nap.
 */
#ifndef WEFT_IPC_QUEUE_RING_H
#define WEFT_IPC_QUEUE_RING_H

#include "atomic.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PUT, GET };

enum {
	RING_UNIT = 8,  /* bytes */
	RING_LINE = 128 /* bytes: two cache lines, which processors fetch together */
};

/* Each but lock is written by its holder only. */
struct queue_side {
	_Alignas(RING_LINE) atom_u32 lock;
	uint32_t quiet;          /* ns that it lets pass before it looks again, when it has found nothing */
	uint32_t run;            /* messages since then */
	uint32_t turn;           /* how often somebody had the lock */
	atom_u64 end;            /* place, and number of messages << 32 */
	uint64_t seen;           /* of the other side's end, when it last looked */
	atom_u64 total;          /* messages since the beginning */
	atom_u64 sleeps, deaths; /* of this side */
};

struct queue_ring {
	struct queue_side side[2];
	_Alignas(RING_LINE) atom_u32 closed;
};

/* The same as addresses, from numbers that were checked; in memory that nobody else writes to, if that matters. */
struct queue_map {
	struct queue_ring *ring;
	atom_u64 *data;
	uint32_t units;    /* of data: a power of two */
	uint32_t capacity; /* messages */
	size_t message_size;
};

static inline size_t weft__ring_units(size_t size)
{
	return 1 + (size + RING_UNIT - 1) / RING_UNIT;
}

static inline uint32_t weft__ring_number(uint64_t end)
{
	return (uint32_t)(end >> 32);
}

/* All that follow but count need the lock of their side. */

/* Puts up to n messages of one size, which is at most message_size. Returns how many; 0: there is no room. */
size_t weft__ring_put(const struct queue_map *m, const char *msgs, size_t size, size_t n);
/* Takes up to n messages out, each to the next size bytes, of which it has to be exactly or at most. Returns how
 * many; 0: there are none; -EMSGSIZE: the first is of another size; -EBADMSG. ret_size: of the last one. */
ssize_t weft__ring_get(const struct queue_map *m, char *msgs, size_t size, bool exactly, size_t n,
		       size_t *ret_size);
bool weft__ring_has_message(const struct queue_map *m);
bool weft__ring_has_room(const struct queue_map *m, size_t size);
/* After a death on that side. */
void weft__ring_repair(const struct queue_map *m, int side);
uint32_t weft__ring_count(const struct queue_map *m);

#endif
