/* SPDX-License-Identifier: MIT
 *
 * model_deque.c -- core/deque.c: the split deque. The children are numbers in disguise; what an owner writes
 * into them before it pushes is plain data, which a thief reads. Each child goes to one thread, and none is
 * lost.
 */
#include "deque.h"
#include "model.h"

#define THREAD(name) static void name(void *arg __attribute__((unused)))

enum { PLACES = 4 };

struct weft_child {
	int data;     /* written before the push */
	atom_u32 ran; /* how often */
	atom_u32 done;
};

static struct weft__deque d;
static struct weft_child *slots[PLACES], child[PLACES];
static atom_u32 sleepers, woken;

static void start(void)
{
	weft__deque_init(&d, slots, PLACES);
	d.fed = NULL;
	sleepers = woken = 0;
	for (int i = 0; i < PLACES; i++)
		child[i] = (struct weft_child){0};
	model_name(&d.bounds, "bounds");
	model_name(&d.limit, "limit");
	for (int i = 0; i < PLACES; i++) {
		static const char *const name[] = {"done 0", "done 1", "done 2", "done 3"};

		model_name(&child[i].done, name[i]);
	}
}

static void spawn(int i)
{
	child[i].data = i + 1;
	weft__deque_push(&d, &child[i]);
}

static void run_child(struct weft_child *c)
{
	model_assert(c->data >= 1 && c->data <= PLACES);
	c->data = -c->data;
	atom_add(&c->ran, 1, relaxed);
}

/* Syncs the newest: runs it, or waits for its thief. */
static void sync_newest(void)
{
	struct weft_child *c = weft__deque_newest(&d);

	if (weft__deque_pop(&d)) {
		run_child(c);
		return;
	}
	while (!atom_load(&c->done, acquire))
		atom_pause();
	weft__deque_pop_stolen(&d);
	model_assert(c->data < 0);
}

THREAD(steal_one)
{
	struct weft_child *c = weft__deque_steal(&d);

	if (!c)
		return;
	run_child(c);
	atom_store(&c->done, 1, release);
}

THREAD(steal_two)
{
	steal_one(NULL);
	steal_one(NULL);
}

THREAD(own_two)
{
	spawn(0);
	spawn(1);
	weft__deque_share_all(&d);
	sync_newest();
	sync_newest();
}

THREAD(own_three)
{
	spawn(0);
	spawn(1);
	weft__deque_share(&d);
	spawn(2);
	sync_newest();
	sync_newest();
	sync_newest();
}

/* What is stolen after something was popped and the place used again. */
THREAD(own_again)
{
	spawn(0);
	weft__deque_share_all(&d);
	sync_newest();
	spawn(1);
	weft__deque_share_all(&d);
	sync_newest();
}

static void check(int n)
{
	for (int i = 0; i < n; i++)
		model_assert(child[i].ran == 1);
	model_assert(d.head == 0 && d.split == 0 && d.bounds == 0);
}

MODEL(deque_one_thief)
{
	start();
	model_thread("owner", own_two, NULL);
	model_thread("thief", steal_two, NULL);
	model_run();
	check(2);
}

MODEL(deque_two_thieves)
{
	start();
	model_thread("owner", own_two, NULL);
	model_thread("thief 1", steal_one, NULL);
	model_thread("thief 2", steal_one, NULL);
	model_run();
	check(2);
}

MODEL(deque_shares_some)
{
	start();
	model_thread("owner", own_three, NULL);
	model_thread("thief", steal_two, NULL);
	model_run();
	check(3);
}

MODEL(deque_places_again)
{
	start();
	model_thread("owner", own_again, NULL);
	model_thread("thief 1", steal_one, NULL);
	model_thread("thief 2", steal_one, NULL);
	model_run();
	check(2);
}

/* ---- Hungry: the call, what answers it, and a thief that goes to sleep (deque.h, stealable; steal.h). ---- */

static bool wake_sleeper(void *ctx)
{
	uint32_t one = 1;

	(void)ctx;
	atom_fence(seq_cst);
	if (atom_load(&sleepers, relaxed) && atom_cas(&sleepers, &one, 0, relaxed, relaxed))
		atom_store(&woken, 1, release);
	return false;
}

THREAD(own_and_feed)
{
	spawn(0);
	weft__deque_feed(&d);
	spawn(1);
	weft__deque_feed(&d);
	sync_newest();
	sync_newest();
}

THREAD(own_and_share)
{
	spawn(0);
	weft__deque_share_all(&d);
	wake_sleeper(NULL);
}

/* Becomes a sleeper, looks once more, and would sleep: either it finds the child or it is woken. */
THREAD(sleep_unless_stealable)
{
	atom_store(&sleepers, 1, seq_cst);
	if (!weft__deque_stealable(&d))
		while (!atom_load(&woken, acquire))
			atom_pause();
	steal_one(NULL);
}

MODEL(deque_sleeper)
{
	start();
	model_thread("owner", own_and_share, NULL);
	model_thread("thief", sleep_unless_stealable, NULL);
	model_run();
	model_assert(child[0].ran == 1);
}

THREAD(call_hungry_and_steal)
{
	weft__deque_hungry(&d);
	steal_one(NULL);
}

MODEL(deque_hungry)
{
	start();
	model_thread("owner", own_and_feed, NULL);
	model_thread("thief", call_hungry_and_steal, NULL);
	model_run();
	check(2);
}
