/* SPDX-License-Identifier: MIT
 *
 * checker_memory.c -- what a load may read, and what reading it tells the thread. RC11 (Lahav and others,
 * "Repairing sequential consistency in C/C++11", 2017) as a machine that goes step by step, after the
 * promising semantics (Kang and others, 2017) without promises:
 *
 *   - The stores to a word form a history in the order in which they were executed. A thread's view says
 *     for each word which is the oldest it may still read: not older than what it has read or written, or
 *     has been told of. Any younger one may be read: that is a choice.
 *   - A release store carries the view of its thread; who reads it with acquire takes that view over. A
 *     read-modify-write reads the latest store, and hands on what that one carried (C++20's release
 *     sequence: a plain store by the same thread does not).
 *   - A seq_cst fence is an acquire and a release fence. Besides, it joins the thread's view with one that
 *     all these fences share, in both directions. This orders accesses; it does not order plain data.
 *   - A seq_cst store is noted in that shared view, a seq_cst load reads nothing older than it says. That
 *     is all: a seq_cst load is no fence, as it is none on ARM.
 *   - A light fence and a heavy one are ordered like two seq_cst fences, two light ones not at all
 *     (P1202R5, which says of C++ what membarrier does). The heavy one is a seq_cst fence, too.
 *   - A CAS that does not take place is a load, which may read any store of another value than expected.
 *
 * An execution never has a cycle of "comes before in its thread", "is read by" and "comes later in the
 * history": load buffering, and stores that change places across two words, are not explored.
 */
#include "checker.h"

#include <string.h>

struct store stores[STORES];

enum { CANDIDATES = 64 };

void memory_reset(void)
{
	run.n_locs = run.n_stores = 0;
	run.sc.n = run.light.n = run.heavy.n = 0;
}

static void view_clear(struct view *v)
{
	v->n = 0;
	memset(v->clock, 0, sizeof v->clock);
}

void views_clear(struct thread *t)
{
	view_clear(&t->cur);
	view_clear(&t->acq);
	view_clear(&t->rel);
}

static unsigned known(const struct view *v, unsigned loc)
{
	return loc < v->n ? v->at[loc] : 0;
}

void view_know(struct view *v, unsigned loc, unsigned at)
{
	while (v->n <= loc)
		v->at[v->n++] = 0;
	if (v->at[loc] < at)
		v->at[loc] = (uint16_t)at;
}

/* Words only: no ordering of plain data goes with it. */
static void join_words(struct view *to, const struct view *from)
{
	for (unsigned i = 0; i < from->n; i++)
		if (i >= to->n || to->at[i] < from->at[i])
			to->at[i] = from->at[i];
	if (to->n < from->n)
		to->n = from->n;
}

void view_join(struct view *to, const struct view *from)
{
	join_words(to, from);
	for (unsigned i = 0; i < run.n_threads; i++)
		if (to->clock[i] < from->clock[i])
			to->clock[i] = from->clock[i];
}

static void view_copy(struct view *to, const struct view *from)
{
	to->n = from->n;
	memcpy(to->clock, from->clock, sizeof to->clock);
	memcpy(to->at, from->at, from->n * sizeof to->at[0]);
}

unsigned loc_number(const struct loc *loc)
{
	return (unsigned)(loc - run.loc);
}

static uint64_t peek(const void *word, size_t size)
{
	uint32_t narrow;
	uint64_t wide;

	if (size == sizeof wide) {
		memcpy(&wide, word, sizeof wide);
		return wide;
	}
	memcpy(&narrow, word, sizeof narrow);
	return narrow;
}

static void poke(void *word, size_t size, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	if (size == sizeof value)
		memcpy(word, &value, sizeof value);
	else
		memcpy(word, &narrow, sizeof narrow);
}

static struct store *append(struct loc *loc, uint64_t value, unsigned thread)
{
	struct store *s = &stores[run.n_stores];

	if (run.n_stores++ == STORES)
		too_large("stores");
	s->value = value;
	s->older = loc->latest;
	s->at = loc->latest ? (uint16_t)(loc->latest->at + 1) : 0;
	s->thread = (uint8_t)thread;
	s->step = (uint16_t)run.steps;
	view_clear(&s->released);
	loc->latest = s;
	return s;
}

struct loc *find_loc(void *word, size_t size, const char *what)
{
	int *number = cell_loc(word);
	struct loc *loc;

	if (*number < 0) {
		if (run.n_locs == LOCS)
			too_large("words");
		*number = (int)run.n_locs++;
		loc = &run.loc[*number];
		*loc = (struct loc){.word = word, .size = (uint8_t)size, .what = what};
		append(loc, peek(word, size), run.current);
		return loc;
	}
	loc = &run.loc[*number];
	/* Somebody has set it up anew without an atomic operation: nobody may read what was there before. */
	if (peek(word, size) != loc->latest->value)
		loc->floor = append(loc, peek(word, size), run.current)->at;
	return loc;
}

static bool acquires(enum model_order o)
{
	return o == MODEL_acquire || o == MODEL_acq_rel || o == MODEL_seq_cst;
}

static bool releases(enum model_order o)
{
	return o == MODEL_release || o == MODEL_acq_rel || o == MODEL_seq_cst;
}

/* The oldest store that t may read. */
static unsigned oldest(const struct thread *t, const struct loc *loc, enum model_order order)
{
	unsigned i = loc_number(loc), at = known(&t->cur, i);

	if (order == MODEL_seq_cst && known(&run.sc, i) > at)
		at = known(&run.sc, i);
	return loc->floor > at ? loc->floor : at;
}

/* A choice among the stores that may be read, the latest first. expected: of a CAS, which reads it from the
 * latest store only. */
static struct store *choose_store(const struct thread *t, const struct loc *loc, enum model_order order,
				  const uint64_t *expected)
{
	unsigned n = 1, limit = oldest(t, loc, order), c;
	struct store *candidate[CANDIDATES] = {loc->latest};

	if (!run.running || !run.old_reads)
		return loc->latest;
	for (struct store *s = loc->latest->older; s && s->at >= limit && n < CANDIDATES; s = s->older) {
		if (expected && s->value == *expected)
			continue;
		candidate[n++] = s;
	}
	c = choose(n);
	run.old_reads -= c > 0;
	return candidate[c];
}

static void read_store(struct thread *t, struct loc *loc, const struct store *s, enum model_order order)
{
	unsigned i = loc_number(loc);

	view_know(&t->cur, i, s->at);
	if (acquires(order))
		view_join(&t->cur, &s->released);
	else
		view_join(&t->acq, &s->released);
	spin_saw(t, i, s->at);
}

/* from: what a read-modify-write has read. */
static void write_store(struct thread *t, struct loc *loc, uint64_t value, enum model_order order,
			const struct store *from)
{
	unsigned i = loc_number(loc);
	struct store *s = append(loc, value, run.current);

	view_know(&t->cur, i, s->at);
	view_copy(&s->released, releases(order) ? &t->cur : &t->rel);
	view_know(&s->released, i, s->at);
	if (from)
		view_join(&s->released, &from->released);
	if (order == MODEL_seq_cst)
		view_know(&run.sc, i, s->at);
	poke(loc->word, loc->size, value);
	spin_saw(t, i, s->at);
	if (value != s->older->value)
		spin_wake(i);
}

/* The end of an operation: what the thread does to plain data next, nobody has been told of yet. */
static void tick(struct thread *t)
{
	t->cur.clock[run.current]++;
}

static uint64_t narrowed(const struct loc *loc, uint64_t value)
{
	return loc->size == sizeof value ? value : (uint32_t)value;
}

uint64_t model_load(struct model_site *site, const void *word, size_t size)
{
	struct thread *t = &run.thread[run.current];
	const struct store *again = NULL;
	struct loc *loc;
	struct store *s;

	if (t->impatient)
		again = spin_read(t, find_loc((void *)(uintptr_t)word, size, site->what));
	if (again) {
		if (acquires(site->order))
			view_join(&t->cur, &again->released);
		return again->value;
	}
	t = before_op(site);
	race_atomic(word, false);
	loc = find_loc((void *)(uintptr_t)word, size, site->what);
	s = choose_store(t, loc, site->order, NULL);
	step_add(STEP_OP, t, site, loc, s->value, 0, s);
	read_store(t, loc, s, site->order);
	tick(t);
	return s->value;
}

void model_store(struct model_site *site, void *word, size_t size, uint64_t value)
{
	struct thread *t = before_op(site);
	struct loc *loc;

	race_atomic(word, true);
	loc = find_loc(word, size, site->what);
	step_add(STEP_OP, t, site, loc, narrowed(loc, value), 0, NULL);
	write_store(t, loc, narrowed(loc, value), site->order, NULL);
	tick(t);
}

static uint64_t applied(enum model_op op, uint64_t before, uint64_t operand)
{
	switch (op) {
	case MODEL_ADD:
		return before + operand;
	case MODEL_SUB:
		return before - operand;
	case MODEL_OR:
		return before | operand;
	default:
		return operand;
	}
}

uint64_t model_rmw(struct model_site *site, void *word, size_t size, uint64_t operand)
{
	struct thread *t = before_op(site);
	struct loc *loc;
	struct store *s;
	uint64_t after;

	race_atomic(word, true);
	loc = find_loc(word, size, site->what);
	s = loc->latest;
	after = narrowed(loc, applied(site->op, s->value, operand));
	step_add(STEP_OP, t, site, loc, after, s->value, s);
	read_store(t, loc, s, site->order);
	write_store(t, loc, after, site->order, s);
	tick(t);
	return s->value;
}

bool model_cas(struct model_site *site, void *word, size_t size, void *expected, uint64_t desired)
{
	struct thread *t = before_op(site);
	uint64_t want = peek(expected, size);
	struct loc *loc;
	struct store *s;

	race_atomic(word, true);
	loc = find_loc(word, size, site->what);
	s = choose_store(t, loc, site->failure, &want);
	if (s->value == want) {
		step_add(STEP_OP, t, site, loc, narrowed(loc, desired), s->value, s);
		read_store(t, loc, s, site->order);
		write_store(t, loc, narrowed(loc, desired), site->order, s);
	} else {
		step_add(STEP_FAILED_CAS, t, site, loc, s->value, want, s);
		read_store(t, loc, s, site->failure);
		poke(expected, size, s->value);
	}
	tick(t);
	return s->value == want;
}

static void acquire_fence(struct thread *t)
{
	view_join(&t->acq, &t->cur);
	view_copy(&t->cur, &t->acq);
}

static void seq_cst_fence(struct thread *t)
{
	acquire_fence(t);
	join_words(&t->cur, &run.sc);
	join_words(&run.sc, &t->cur);
	view_copy(&t->rel, &t->cur);
}

/* Orders what lies on both sides of it only towards heavy fences. */
static void light_fence(struct thread *t)
{
	join_words(&t->cur, &run.heavy);
	join_words(&run.light, &t->cur);
}

static void heavy_fence(struct thread *t)
{
	join_words(&t->cur, &run.light);
	seq_cst_fence(t);
	join_words(&run.heavy, &t->cur);
}

void model_fence(struct model_site *site)
{
	struct thread *t = before_op(site);

	step_add(STEP_OP, t, site, NULL, 0, 0, NULL);
	if (site->order == MODEL_none)
		return;
	if (site->op == MODEL_LIGHT)
		light_fence(t);
	else if (site->op == MODEL_HEAVY)
		heavy_fence(t);
	else if (site->order == MODEL_seq_cst)
		seq_cst_fence(t);
	else {
		if (acquires(site->order))
			acquire_fence(t);
		if (releases(site->order))
			view_copy(&t->rel, &t->cur);
	}
	tick(t);
}
