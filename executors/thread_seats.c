/* SPDX-License-Identifier: MIT
 *
 * thread_seats.c -- which threads work, search, sleep, or stand in for others.
 *
 * A pool of N threads has N seats, and only who sits on one takes tasks. A thread that goes to sleep inside
 * a task gives its seat up, and if there is work a spare thread sits down on it, so that a wait cannot
 * starve what it waits for. When the sleeper wakes it goes on with its task, seat or no seat; with its next
 * task it needs one, and if none is free it steps back into reserve, and ends if it is not called for a while.
 *
 *   threads = seats taken + awake in a task without a seat + blocked in a task + in reserve
 *
 * There are at most WEFT_SPARES_MAX more than seats; and for each that is blocked because it has little stack left,
 * one more.
 *
 * A thread on a seat that finds no work searches for a while (spin.h), then sleeps. The word idlers counts
 * who searches, and what could be woken: sleepers, and free seats. Who brings work wakes one if nobody
 * searches; who has searched and found wakes the next if he was the last one searching and there is more. So
 * at most one wake is under way at a time, and none is needed while the pool is busy.
 *
 *   tag  word     from -> to                   order                       carries
 *   N1   idlers   notify <-> sleep, found      load seq_cst <-> RMW        nothing: either the submitter sees
 *                                              seq_cst, then look_hard     that nobody searches, or he who stops
 *                                                                          searching sees the work (T2, T3)
 *   N2   ending   end -> worker                store release -> load acq   nothing but itself
 *
 * All else is under pool.lock, which is taken only to sleep, to wake, to block.
 */
#include "own_thread.h"
#include "stats.h"
#include "thread_parts.h"

#include <errno.h>

#define RESERVE_STAY WEFT_MS(500)

/* More who look at the same queue hold up who puts in there more than they find: decision 0150. */
enum { SEARCHERS = 4 };

static void push_front(struct list_node **head, struct list_node *n)
{
	list_append(head, n);
	*head = n;
}

/* ---- Under pool.lock ---- */

static bool is_ending(struct thread_pool *p)
{
	/* N2 relaxed: the lock orders. */
	return atom_load(&p->ending, relaxed) != 0;
}

static void seat_free(struct thread_pool *p, struct thread_seat *s)
{
	push_front(&p->free, &s->node);
	p->free_seats++;
}

static struct thread_seat *seat_take(struct thread_pool *p)
{
	struct list_node *n = list_pop(&p->free);

	if (!n)
		return NULL;
	p->free_seats--;
	return list_entry(n, struct thread_seat, node);
}

static void sit_down(struct thread_worker *w, struct thread_seat *s)
{
	w->seat = s;
	w->own = s && w->pool->size > 1 ? &s->queue : NULL;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* A place for another thread; NULL: there are as many as there may be. */
static struct thread_worker *place_for_thread(struct thread_pool *p)
{
	if (p->threads >= p->size + WEFT_SPARES_MAX + least(p->low, THREAD_STACKS_MAX))
		return NULL;
	for (unsigned i = 0; i < p->room; i++) {
		struct thread_worker *w = &p->worker[i];

		if (w->life == THREAD_ENDED) {
			pthread_join(w->thread, NULL);
			w->life = THREAD_NONE;
		}
		if (w->life == THREAD_NONE) {
			/* Release: who looks through the first known places sees them zeroed. */
			if (i >= atom_load(&p->known, relaxed))
				atom_store(&p->known, i + 1, release);
			return w;
		}
	}
	return NULL;
}

static int add_thread(struct thread_pool *p, struct thread_seat *s, bool searching)
{
	struct thread_worker *w = place_for_thread(p);
	int err;

	if (!w)
		return -EAGAIN;
	w->pool = p;
	sit_down(w, s);
	w->searching = searching;
	w->fresh = false;
	w->stack_end = NULL;
	w->pinned = NULL;
	err = weft__thread_start(&w->thread, thread_worker_main, w);
	if (err)
		return err;
	w->life = THREAD_ALIVE;
	p->threads++;
	return 0;
}

/* Somebody for a free seat. */
static struct thread_worker *call_up(struct thread_pool *p)
{
	struct thread_seat *s = seat_take(p);
	struct list_node *n;
	struct thread_worker *w = NULL;

	if (!s)
		return NULL;
	n = list_pop(&p->reserve);
	if (n) {
		w = list_entry(n, struct thread_worker, node);
		p->in_reserve--;
		sit_down(w, s);
		w->searching = true;
	} else if (is_ending(p) || add_thread(p, s, true)) {
		seat_free(p, s);
		return NULL;
	}
	/* N1 */
	atom_add(&p->idlers, IDLERS_SEARCHING - IDLERS_WAKEABLE, seq_cst);
	return w;
}

static struct thread_worker *wake_sleeper(struct thread_pool *p)
{
	struct list_node *n = list_pop(&p->sleeping);
	struct thread_worker *w;

	if (!n)
		return NULL;
	w = list_entry(n, struct thread_worker, node);
	p->asleep--;
	w->searching = true;
	/* N1 */
	atom_add(&p->idlers, IDLERS_SEARCHING - IDLERS_WAKEABLE, seq_cst);
	return w;
}

/* ---- Waking ---- */

static bool wants_one(uint32_t idlers)
{
	return idlers && idlers < IDLERS_SEARCHING;
}

static void wake_one(struct thread_pool *p)
{
	struct thread_worker *w = NULL;

	weft__lock(&p->lock);
	/* Relaxed: it is raised under the lock; lowered also without, and then the one who did looks. */
	if (wants_one(atom_load(&p->idlers, relaxed)))
		w = p->sleeping ? wake_sleeper(p) : call_up(p);
	if (w) /* under the lock: who finds himself out of the list has his permit */
		weft__unpark(&w->parker);
	weft__unlock(&p->lock);
}

void thread_seats_notify(struct thread_pool *p)
{
	/* N1 seq_cst: after the work was made visible; pairs with sleep and found. */
	if (wants_one(atom_load(&p->idlers, seq_cst)))
		wake_one(p);
}

/* ---- Searching and sleeping ---- */

void thread_seats_search(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	/* Relaxed: more than that need not search, and if one more does it is no harm. */
	uint32_t searching = atom_load(&p->idlers, relaxed) / IDLERS_SEARCHING;

	/* T5 relaxed: its queue is empty, and it puts nothing in while it searches. */
	if (atom_load(&w->seat->queue.pushing, relaxed))
		atom_store(&w->seat->queue.pushing, 0, relaxed);
	if (w->searching || searching >= p->searchers)
		return;
	w->searching = true;
	atom_add(&p->idlers, IDLERS_SEARCHING, seq_cst);
}

void thread_seats_found(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;

	if (!w->searching)
		return;
	w->searching = false;
	/* N1 seq_cst: before the look; pairs with notify. */
	if (wants_one(atom_sub(&p->idlers, IDLERS_SEARCHING, seq_cst) - IDLERS_SEARCHING) &&
	    thread_look_hard(p))
		wake_one(p);
}

bool thread_seats_others_active(const struct thread_worker *w)
{
	/* Relaxed: a guess. */
	uint32_t idlers = atom_load(&w->pool->idlers, relaxed);
	uint32_t idle = idlers / IDLERS_SEARCHING + idlers % IDLERS_SEARCHING;

	return idle + !w->searching < w->pool->size;
}

static void lie_down(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;

	push_front(&p->sleeping, &w->node);
	p->asleep++;
	/* N1 seq_cst: before the look; pairs with notify. */
	atom_add(&p->idlers, IDLERS_WAKEABLE - (w->searching ? IDLERS_SEARCHING : 0), seq_cst);
	w->searching = false;
}

/* False: somebody has woken the caller already. */
static bool get_up(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	bool up;

	weft__lock(&p->lock);
	up = list_linked(&w->node);
	if (up) {
		list_remove(&p->sleeping, &w->node);
		p->asleep--;
		w->searching = true;
		atom_add(&p->idlers, IDLERS_SEARCHING - IDLERS_WAKEABLE, seq_cst);
	}
	weft__unlock(&p->lock);
	return up;
}

void thread_seats_sleep(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	weft_time since;

	weft__tally_settle(&w->tally);
	weft__lock(&p->lock);
	if (is_ending(p)) {
		weft__unlock(&p->lock);
		return;
	}
	lie_down(w);
	weft__unlock(&p->lock);
	if (thread_is_pushing(p)) /* T3: pairs with announce_own */
		atom_fence_heavy();
	if (thread_look_hard(p) && get_up(w)) {
		sched_yield(); /* to who holds the lock of the queue that we found no way into, if that is why */
		return;
	}
	weft__count(&w->seat->slept);
	since = weft__spin_asleep(&w->spinner);
	weft__probe_park(true);
	weft__park(&w->parker, WEFT_FOREVER);
	weft__probe_unpark();
	weft__spin_awake(&w->spinner, since);
}

/* ---- Seats ---- */

/* Under pool.lock, which it gives up meanwhile: waits in reserve for a seat. */
static void wait_for_seat(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;
	weft_time until = weft_after(RESERVE_STAY);
	int err;

	push_front(&p->reserve, &w->node);
	p->in_reserve++;
	weft__unlock(&p->lock);
	weft__tally_settle(&w->tally);
	weft__probe_park(true);
	err = weft__park(&w->parker, until);
	weft__probe_unpark();
	weft__lock(&p->lock);
	if (list_linked(&w->node)) {
		list_remove(&p->reserve, &w->node);
		p->in_reserve--;
	} else if (err) {
		weft__park(&w->parker, WEFT_FOREVER); /* the permit that came too late must not stay */
	}
}

bool thread_seats_take(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;

	weft__lock(&p->lock);
	sit_down(w, seat_take(p));
	if (w->seat)
		atom_sub(&p->idlers, IDLERS_WAKEABLE, seq_cst);
	else if (!is_ending(p))
		wait_for_seat(w);
	weft__unlock(&p->lock);
	return w->seat;
}

/* Under pool.lock: the caller, who is to sleep, has little stack left. The task that he waits for may be queued, so
 * there may be one thread more. */
static void lie_low(struct thread_worker *w)
{
	w->low = w->blocked;
	w->pool->low++;
}

static void block(struct thread_worker *w, bool low)
{
	struct thread_pool *p = w->pool;
	struct thread_seat *seat;

	weft__work_mark(STATS_WAITS, true);
	weft__deque_share_all(&w->deque);
	weft__lock(&p->lock);
	seat = w->seat;
	sit_down(w, NULL);
	if (w->blocked == 1)
		p->blocked++;
	if (low)
		lie_low(w);
	if (seat) {
		seat_free(p, seat);
		/* N1 seq_cst: before the look; pairs with notify. */
		atom_add(&p->idlers, IDLERS_WAKEABLE, seq_cst);
	}
	weft__unlock(&p->lock);
	if (seat && thread_is_pushing(p)) /* as in sleep */
		atom_fence_heavy();
	if ((seat || low) && thread_look_hard(p))
		thread_seats_notify(p);
}

static void unblock(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;

	weft__lock(&p->lock);
	if (w->low > w->blocked) {
		w->low = 0;
		p->low--;
	}
	if (w->blocked == 0) {
		weft__work_mark(STATS_WAITS, false);
		p->blocked--;
		sit_down(w, seat_take(p));
		if (w->seat)
			atom_sub(&p->idlers, IDLERS_WAKEABLE, seq_cst);
	}
	weft__unlock(&p->lock);
}

void thread_seats_block(struct thread_pool *p, bool blocked)
{
	struct thread_worker *w = thread_self_of(p);
	bool low;

	if (!w || w->keeps_seat)
		return;
	if (blocked) {
		low = !w->low && thread_worker_stack_is_low(w);
		if (w->blocked++ == 0 || low)
			block(w, low);
	} else if (--w->blocked == 0 || w->low > w->blocked) {
		unblock(w);
	}
}

void thread_seats_leave(struct thread_worker *w)
{
	struct thread_pool *p = w->pool;

	weft__lock(&p->lock);
	p->threads--;
	w->life = THREAD_ENDED;
	weft__unlock(&p->lock);
}

unsigned thread_seats_active(struct thread_pool *p)
{
	unsigned n;

	weft__lock(&p->lock);
	n = p->threads - p->blocked - p->in_reserve;
	weft__unlock(&p->lock);
	return n;
}

/* ---- Beginning and ending ---- */

static unsigned processors(const struct thread_pool *p)
{
	return (unsigned)CPU_COUNT(&p->allowed);
}

/* Fewer threads will do, if the system has no more. */
int thread_seats_start(struct thread_pool *p, unsigned n)
{
	int err = 0;

	weft__lock(&p->lock);
	p->size = n; /* before the first of them looks */
	/* Half of the threads at most, and half of the processors, which those have use for who work. */
	p->searchers = least(n, processors(p)) > 1 ? least(n, processors(p)) / 2 : 1;
	p->searchers = least(p->searchers, SEARCHERS);
	while (p->threads < n && !err)
		err = add_thread(p, &p->seat[p->threads], false);
	p->size = p->threads;
	for (unsigned i = 0; i < p->threads; i++) {
		sit_down(&p->worker[i], &p->seat[i]); /* again, with the size that it has come to */
		p->worker[i].fresh = true;
	}
	weft__unlock(&p->lock);
	return p->size ? 0 : err;
}

static void wake_all(struct thread_pool *p)
{
	struct thread_worker *w;
	struct list_node *n;

	while ((w = wake_sleeper(p)))
		weft__unpark(&w->parker);
	while ((n = list_pop(&p->reserve))) {
		p->in_reserve--;
		weft__unpark(&list_entry(n, struct thread_worker, node)->parker);
	}
}

void thread_seats_end(struct thread_pool *p)
{
	weft__lock(&p->lock);
	/* N2 release: pairs with the workers' load. */
	atom_store(&p->ending, 1, release);
	wake_all(p);
	weft__unlock(&p->lock);
	/* No task is left, so no thread is added any more; those that have ended are joined here too. */
	for (unsigned i = 0; i < p->room; i++) {
		bool any;

		weft__lock(&p->lock);
		any = p->worker[i].life != THREAD_NONE;
		weft__unlock(&p->lock);
		if (any)
			pthread_join(p->worker[i].thread, NULL);
	}
}
