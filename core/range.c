/* SPDX-License-Identifier: MIT
 *
 * range.c -- a row of units in one word.
 *
 *   tag  word        from -> to            order                 carries
 *   R1   range.word  take <-> steal        CAS <-> CAS relaxed   nothing: one word, so a unit goes to one of
 *                                                                them
 *   R2   range.word  set -> take, steal,   relaxed -> relaxed    nothing but itself
 *                    look
 *
 * The word is all there is to hand over: the loop itself was written before its runners were submitted, and
 * what bodies write for each other is not the range's business. So nothing here needs more than relaxed.
 *
 * Why set may be a plain store. While units are left only compare-and-swaps change the word, each of which
 * gives the units that it takes away to one thread. When none is left no compare-and-swap can succeed, since
 * each expects a word with units in it; then the owner is alone with it. Who sets a row that is not empty, as
 * one does to forget it, may overwrite a thief's change, and forget no more than that.
 *
 * Whoever has stolen units has them in his hands for a moment, where nobody sees them; they are not lost, he
 * puts them into his own range or runs them.
 *
 * ABA: the same word means that the same units are left, however often they went round: no harm. Progress:
 * lock-free. Wrap: none, the units of a loop have numbers from 0 to count <= 2^32 - 1, and no number is
 * ever added to another that is not known to be left of it. Of a process that dies nothing is left.
 *
 * Source: the halves of Cilk's and Lace's split deques; a range for each thread as in pthreadpool.
 */
#include "range.h"

#define SHORT_NS INT64_C(20000) /* to take a piece and to look at the clock costs some 30 ns */
#define LONG_NS  INT64_C(100000)

/* Pieces are a small part of a row, since all that is dear may lie side by side. But a short row of cheap
 * units is not worth more pieces than these. */
enum {
	PIECES = 256,
	FEW_PIECES = 32, /* if these have ... */
	SMALL = 16,      /* ... no more units than that */
	SELDOM = 8       /* pieces without a look at the clock, at most */
};

static uint32_t begin_of(uint64_t word)
{
	return (uint32_t)word;
}

static uint32_t left_in(uint64_t word)
{
	return (uint32_t)(word >> 32) - begin_of(word);
}

static uint64_t word_of(uint32_t begin, uint32_t left)
{
	return (uint64_t)(begin + left) << 32 | begin;
}

struct weft__units weft__units_of(size_t n, size_t grain)
{
	struct weft__units u = {.n = n, .per_call = grain ? grain : SIZE_MAX, .per_unit = grain ? grain : 1};
	size_t units;

	if (u.per_unit > n)
		u.per_unit = n;
	units = (n - 1) / u.per_unit + 1; /* NOLINT: neither is 0 */
	/* With more units than there are numbers, each gets several; their sum is less than n even so, since
	 * then a grain is less than a number's share of n. */
	u.per_unit *= (units - 1) / UINT32_MAX + 1;
	u.count = (uint32_t)((n - 1) / u.per_unit + 1);
	return u;
}

void weft__range_set(struct weft__range *r, uint32_t begin, uint32_t end)
{
	/* R2 relaxed: see above. */
	atom_store(&r->word, word_of(begin, end - begin), relaxed);
}

uint32_t weft__range_look(struct weft__range *r, uint32_t *ret_begin)
{
	/* R2 relaxed: a hint. */
	uint64_t word = atom_load(&r->word, relaxed);

	*ret_begin = begin_of(word);
	return left_in(word);
}

uint32_t weft__range_take(struct weft__range *r, uint32_t most, uint32_t *ret_begin)
{
	/* R2 relaxed: the compare-and-swap checks it. */
	uint64_t old = atom_load(&r->word, relaxed);

	while (left_in(old) && most) {
		uint32_t begin = begin_of(old), left = left_in(old), n = left / 4 + (left % 4 != 0);

		if (n > most)
			n = most;
		/* R1 relaxed: excludes a steal. */
		if (atom_cas(&r->word, &old, word_of(begin + n, left - n), relaxed, relaxed)) {
			*ret_begin = begin;
			return n;
		}
	}
	return 0;
}

uint32_t weft__range_steal(struct weft__range *r, uint32_t *ret_begin)
{
	/* R2 relaxed: the compare-and-swap checks it. */
	uint64_t old = atom_load(&r->word, relaxed);

	while (left_in(old)) {
		uint32_t begin = begin_of(old), keep = left_in(old) / 2;

		/* R1 relaxed: excludes a take, and another steal. */
		if (atom_cas(&r->word, &old, word_of(begin, keep), relaxed, relaxed)) {
			*ret_begin = begin + keep;
			return left_in(old) - keep;
		}
	}
	return 0;
}

uint32_t weft__pace_most(uint32_t row)
{
	uint32_t most = row / FEW_PIECES < SMALL ? row / FEW_PIECES : SMALL;

	if (most < row / PIECES)
		most = row / PIECES;
	return most ? most : 1;
}

void weft__pace_adapt(struct weft__pace *p, int64_t ns, uint32_t most)
{
	uint64_t good;

	if (ns < SHORT_NS && p->units < most) {
		p->units = p->units > most / 2 ? most : 2 * p->units;
	} else if (ns < SHORT_NS && p->pieces < SELDOM) {
		p->pieces *= 2;
	} else if (ns > LONG_NS) {
		/* One piece of what would have taken half as long as is allowed. */
		good = (uint64_t)p->units * p->pieces * (LONG_NS / 2) / (uint64_t)ns;
		if (good < p->units)
			p->units = good ? (uint32_t)good : 1;
		p->pieces = 1;
	}
}
