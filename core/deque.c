/* SPDX-License-Identifier: MIT
 *
 * deque.c -- the split deque: pushing and popping cost the owner no fence and no read-modify-write, save
 * where something is shared.
 *
 *   tag  word    from -> to         order                    carries
 *   D1   bounds  share -> steal     add seq_cst -> CAS acq   slots, and what the owner wrote into the children
 *   D2   bounds  steal <-> pop      CAS <-> CAS              nothing: one word, so a child goes to one of them
 *   D3   bounds  share -> stealable add seq_cst -> load      nothing: deque.h says for which Dekker
 *                                   seq_cst
 *   D4   limit,  hungry -> push,    relaxed -> relaxed       nothing: a hint. One that is lost to the stores in
 *        lowest  pop                                         feed is answered by the share behind them; one that
 *                                                            is lost in one of the two words lives in the other
 *
 * Why it is right. Always tail <= split <= head, and each move is of one end by one party: thieves move
 * tail up by a compare-and-swap of both; the owner moves split, also by read-modify-write as long as
 * something is shared. So a steal and an owner who takes shared children back exclude each other, without a
 * fence, and [split, head) is the owner's beyond doubt.
 *
 * ABA: bounds are plain places and do come back. It does no harm: a thief reads the slot after its
 * compare-and-swap, which succeeds only if the place it names is shared at that moment, whatever happened
 * since it read the word; and from then on the place is fixed, because the owner cannot pop it, nor
 * what lies below, before the thief says that the child is done.
 *
 * A stolen place is popped by a plain store of bounds: nothing is shared then, and a thief's compare-and-
 * swap needs something to be. That store breaks the release sequence of D1, and so may: what is stolen
 * next was shared by a later addition. A relaxed compare-and-swap, by pop or by a thief, continues it.
 *
 * Progress: the owner and the thieves are lock-free; push, and pop of what is private, wait-free. Wrap:
 * none, places are counted up to a limit. Of a process that dies nothing is left.
 *
 * Source: van Dijk, van de Pol, "Lace: Non-blocking Split Deque for Work-Stealing", MuCoCoS 2014; theirs
 * writes half of the word, and fences where pop takes back.
 */
#include "deque.h"

#include <errno.h>
#include <sys/mman.h>

struct weft__deque weft__deque_none;

static uint32_t tail_of(uint64_t bounds)
{
	return (uint32_t)bounds;
}

static uint32_t split_of(uint64_t bounds)
{
	return (uint32_t)(bounds >> 32);
}

static uint64_t bounds_of(uint32_t tail, uint32_t split)
{
	return (uint64_t)split << 32 | tail;
}

void weft__deque_init(struct weft__deque *d, struct weft_child **slots, uint32_t places)
{
	d->head = d->split = 0;
	d->places = places;
	d->slots = slots;
	/* Relaxed, all: what makes d known to other threads comes later. */
	atom_store(&d->bounds, 0, relaxed);
	atom_store(&d->limit, places, relaxed);
	atom_store(&d->lowest, 0, relaxed);
}

int weft__deque_open(struct weft__deque *d)
{
	size_t size = WEFT__DEQUE_PLACES * sizeof *d->slots;
	void *slots =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (slots == MAP_FAILED)
		return -ENOMEM;
	weft__deque_init(d, slots, WEFT__DEQUE_PLACES);
	return 0;
}

/* Thieves may still look: they find nothing shared, and touch no slot then. */
void weft__deque_close(struct weft__deque *d)
{
	if (d->slots)
		munmap(d->slots, d->places * sizeof *d->slots);
	weft__deque_init(d, NULL, 0);
}

/* D4 relaxed: a hint. A call of hunger that is lost to it is answered by who moves split here. */
static void set_split(struct weft__deque *d, uint32_t split)
{
	d->split = split;
	atom_store(&d->lowest, split, relaxed);
}

/* Takes the newer half of what is shared back, at least one, if there is any. Only where all is shared. */
static bool take_back(struct weft__deque *d)
{
	/* Relaxed, all: children that no thief has taken are as the owner left them. */
	uint64_t old = atom_load(&d->bounds, relaxed);

	while (tail_of(old) < split_of(old)) {
		uint32_t split = tail_of(old) + (split_of(old) - tail_of(old)) / 2;

		/* D2 relaxed: excludes a steal. */
		if (atom_cas(&d->bounds, &old, bounds_of(tail_of(old), split), relaxed, relaxed)) {
			set_split(d, split);
			return true;
		}
	}
	return false;
}

bool weft__deque_pop(struct weft__deque *d)
{
	if (d->head == d->split && !take_back(d))
		return false;
	d->head--;
	return true;
}

void weft__deque_pop_stolen(struct weft__deque *d)
{
	set_split(d, --d->head);
	/* Relaxed: nothing is shared, so no thief can change it, and there is nothing to hand on. */
	atom_store(&d->bounds, bounds_of(d->head, d->head), relaxed);
}

static void share(struct weft__deque *d, uint32_t n)
{
	set_split(d, d->split + n);
	/* D1 and D3 seq_cst: pairs with steal's compare-and-swap, and with the look in stealable. */
	atom_add(&d->bounds, bounds_of(0, n), seq_cst);
}

bool weft__deque_share(struct weft__deque *d)
{
	uint32_t n = d->head - d->split;

	if (n)
		share(d, n - n / 2);
	return n > 0;
}

void weft__deque_share_all(struct weft__deque *d)
{
	if (d->head > d->split)
		share(d, d->head - d->split);
}

void weft__deque_feed(struct weft__deque *d)
{
	/* D4 relaxed, all: hints. The stores come before what answers the call that they take back. */
	if (d->head == d->split ||
	    (atom_load(&d->limit, relaxed) && atom_load(&d->lowest, relaxed) == d->split))
		return;
	atom_store(&d->limit, d->places, relaxed);
	atom_store(&d->lowest, d->split, relaxed);
	weft__deque_share(d);
	if (d->fed && d->fed(d->fed_ctx))
		weft__deque_hungry(d);
}

struct weft_child *weft__deque_steal(struct weft__deque *d)
{
	/* Relaxed: the compare-and-swap checks it. */
	uint64_t old = atom_load(&d->bounds, relaxed);

	while (tail_of(old) < split_of(old)) {
		uint32_t place = tail_of(old);

		/* D1 acquire: pairs with share. D2: excludes another steal, and a pop. */
		if (atom_cas(&d->bounds, &old, old + 1, acquire, relaxed))
			return plain_read(d->slots[place]);
	}
	return NULL;
}

void weft__deque_hungry(struct weft__deque *d)
{
	/* D4 relaxed, all: hints. Looked at first, since the owner reads them all the time. */
	if (atom_load(&d->limit, relaxed))
		atom_store(&d->limit, 0, relaxed);
	if (atom_load(&d->lowest, relaxed) != WEFT__DEQUE_HUNGRY)
		atom_store(&d->lowest, WEFT__DEQUE_HUNGRY, relaxed);
}
