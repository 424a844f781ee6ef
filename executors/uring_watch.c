/* SPDX-License-Identifier: MIT
 *
 * uring_watch.c -- who notices that a fiber keeps its lane to itself: a thread that looks at each lane once in a while
 * whether it is still in the same turn. So a switch of fibers costs one store more, and no look at the clock; and a
 * turn that never ends is noticed, too. While all lanes sleep, so does the watcher.
 *
 *   tag  word              from -> to        order                     carries
 *   W1   lane.turn         turn -> notice    store rel -> load acq     the fiber, what it is called
 *   W2   fiber.name, text, name -> notice    store rel -> load acq     that the turn of the one before is over:
 *        body                                                          notice, which then looks at W1 again, has
 *                                                                      not mixed the two
 *   W3   pool.watch,       watcher <-> lane  CAS, heavy, loads <->     nothing: the watcher sees a lane that is
 *        lane.asleep                         light, load               awake, or this one that the watcher sleeps
 *
 * Progress: wait-free for the lane. ABA: the same count comes back after 65,536 turns, but not in one batch, which is
 * looked at too; batches wrap after 2^32, which is no matter of one look. Death: all words are of this process.
 */
#include "clock.h"
#include "own_thread.h"
#include "stats.h"
#include "uring_parts.h"

#include <string.h>

enum { LOOKS, SLEEPS, ENDS };

static weft_time threshold(const struct uring_pool *p)
{
	return WEFT_US(p->opts.long_turn);
}

/* ---- The lane's side ---- */

void uring_watch_name(struct uring_fiber *f, const weft_task *t)
{
	uint64_t word[URING_NAME] = {0};

	if (t->name)
		memccpy(word, t->name, 0, sizeof word - 1);
	/* W2 release: after the end of the turn before; pairs with notice. */
	atom_store(&f->body, (void *)(uintptr_t)t->fn, release);
	atom_store(&f->text, (void *)(uintptr_t)t->name, release);
	for (int i = 0; i < URING_NAME; i++)
		atom_store(&f->name[i], word[i], release);
}

void uring_watch_call(struct uring_pool *p)
{
	uint32_t sleeps = SLEEPS;

	/* W3 light: after the lane is awake; pairs with may_sleep. */
	atom_fence_light();
	/* Relaxed, both: nothing but the wake goes with it. */
	if (atom_load(&p->watch, relaxed) == SLEEPS && atom_cas(&p->watch, &sleeps, LOOKS, relaxed, relaxed))
		weft__wake(&p->watch, 1, WEFT__PRIVATE);
}

/* ---- The watcher's ---- */

/* Who is it? False: it is over, and perhaps somebody else's name was read. */
static bool identify(struct uring_lane *l, uint64_t turn, weft_fn **ret_body, uint64_t ret_name[URING_NAME])
{
	struct uring_fiber *f = (struct uring_fiber *)(uintptr_t)(turn >> 16);

	/* W2 acquire: pairs with name. */
	*ret_body = (weft_fn *)(uintptr_t)atom_load(&f->body, acquire);
	for (int i = 0; i < URING_NAME; i++)
		ret_name[i] = atom_load(&f->name[i], acquire);
	/* W1 relaxed: W2 orders it behind what it is to confirm. */
	return atom_load(&l->turn, relaxed) == turn;
}

/* To who looks at the page of figures: who runs now, since when; and how many tasks live, which the lane itself says
 * before it sleeps. */
static void show(struct uring_lane *l, uint64_t turn)
{
	struct stats_ring *r = &l->row->ring;
	struct uring_fiber *f = (struct uring_fiber *)(uintptr_t)(turn >> 16);
	uint64_t us = f ? (uint64_t)l->seen.since / 1000 : 0;
	uintptr_t text = 0, body = 0;

	if (f) {
		/* W2 acquire: as in identify. */
		body = (uintptr_t)atom_load(&f->body, acquire);
		text = (uintptr_t)atom_load(&f->text, acquire);
		/* W1 relaxed: as in identify. */
		if (atom_load(&l->turn, relaxed) != turn)
			return;
	}
	atom_store(&r->fn, weft__stats_tagged(body, turn), relaxed);
	atom_store(&r->name, weft__stats_tagged(text, turn), relaxed);
	atom_store(&r->since, weft__stats_tagged(us, turn), relaxed);
	atom_store(&r->live, atom_load(&l->live, relaxed), relaxed);
}

static void report(struct uring_lane *l, uint64_t turn, weft_time lasted)
{
	const struct weft_uring_opts *o = &l->pool->opts;
	uint64_t name[URING_NAME];
	weft_fn *body;

	if (o->on_long_turn && identify(l, turn, &body, name))
		o->on_long_turn(o->ctx, &(struct weft_long_turn){.size = sizeof(struct weft_long_turn),
								 .lane = (uint32_t)(l - l->pool->lane),
								 .thread = l->id,
								 .task = (const char *)name,
								 .fn = body,
								 .lasted = lasted});
}

static void show_long_turns(struct uring_pool *p)
{
	struct stats_executor *e = p->ex->shown;

	atom_store(&e->long_turns, atom_load(&p->long_turns, relaxed), relaxed);
	atom_store(&e->longest_turn, atom_load(&p->longest_turn, relaxed), relaxed);
}

/* True: nothing has moved since the last look. */
static bool notice(struct uring_lane *l)
{
	struct uring_pool *p = l->pool;
	struct uring_watched *seen = &l->seen;
	/* W1 acquire: pairs with turn. Relaxed: the batch only tells turns apart that look the same. */
	uint64_t turn = atom_load(&l->turn, acquire);
	uint32_t batch = atom_load(&l->batch, relaxed);
	weft_time now = weft_now(), lasted = now - seen->since;

	if (turn != seen->turn || batch != seen->batch) {
		*seen = (struct uring_watched){.turn = turn, .batch = batch, .since = now};
		if (l->row)
			show(l, turn);
		return false;
	}
	if (!(turn >> 16) || lasted < threshold(p))
		return true;
	/* Relaxed: figures for people, written here only. */
	if ((uint64_t)lasted > atom_load(&p->longest_turn, relaxed))
		atom_store(&p->longest_turn, (uint64_t)lasted, relaxed);
	if (!seen->told) {
		seen->told = true;
		atom_store(&p->long_turns, atom_load(&p->long_turns, relaxed) + 1, relaxed);
		report(l, turn, lasted);
	}
	if (l->row)
		show_long_turns(p);
	return true;
}

static bool are_asleep(struct uring_pool *p)
{
	/* W3 relaxed: behind the heavy fence; else a guess. */
	for (uint32_t i = 0; i < p->n; i++)
		if (!atom_load(&p->lane[i].asleep, relaxed))
			return false;
	return true;
}

void uring_watch_sleep(struct uring_pool *p)
{
	uint32_t looks = LOOKS, sleeps = SLEEPS;

	/* Relaxed, both: the fence orders it, and only words go with it. */
	if (!atom_cas(&p->watch, &looks, SLEEPS, relaxed, relaxed))
		return;
	/* W3 heavy: pairs with call. */
	atom_fence_heavy();
	if (!are_asleep(p) && atom_cas(&p->watch, &sleeps, LOOKS, relaxed, relaxed))
		return;
	while (atom_load(&p->watch, relaxed) == SLEEPS)
		weft__wait_thread(&p->watch, SLEEPS, WEFT_FOREVER, WEFT__PRIVATE);
}

static void *watch(void *pool)
{
	struct uring_pool *p = pool;

	pthread_setname_np(pthread_self(), "weft-watcher");
	while (atom_load(&p->watch, relaxed) != ENDS) {
		bool quiet = true;

		for (uint32_t i = 0; i < p->n; i++)
			quiet = notice(&p->lane[i]) && quiet;
		if (quiet && are_asleep(p))
			uring_watch_sleep(p);
		else
			weft__wait_thread(&p->watch, LOOKS, weft_after(threshold(p)), WEFT__PRIVATE);
	}
	return NULL;
}

int uring_watch_start(struct uring_pool *p)
{
	if (p->opts.long_turn == WEFT_LONG_TURN_NONE)
		return 0;
	return weft__thread_start(&p->watcher, watch, p);
}

void uring_watch_end(struct uring_pool *p)
{
	if (p->opts.long_turn == WEFT_LONG_TURN_NONE)
		return;
	/* Relaxed: it carries nothing. */
	atom_swap(&p->watch, ENDS, relaxed);
	weft__wake(&p->watch, 1, WEFT__PRIVATE);
	pthread_join(p->watcher, NULL);
}
