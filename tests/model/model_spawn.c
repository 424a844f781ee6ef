/* SPDX-License-Identifier: MIT
 *
 * model_spawn.c -- fork-join: core/spawn.c over core/deque.c. However owner and thief meet, a child runs once,
 * its sync returns when it has, with what it did, and then nobody touches it any more; and an owner that helps
 * its thief runs nothing that is not his.
 */
#include "kit_task.h"
#include "steal.h"

#define THREAD(name) static void name(void *arg __attribute__((unused)))

enum { PLACES = 4, CHILDREN = 3, OWNER = 0, THIEF = 1 };

static struct weft__deque deque[2];
static struct weft_child *slots[2][PLACES], child[CHILDREN];
static weft_call call;
static int ran[CHILDREN], number[CHILDREN] = {0, 1, 2}, blocked[2];
static _Thread_local int self;

static void blocking(void *pool, bool begins)
{
	(void)pool;
	blocked[self] += begins ? 1 : -1;
}

static void start(void)
{
	kit_start();
	kit_executor.ops.blocking = blocking;
	kit_submit(0, NULL);
	call = (weft_call){.task = &kit_task[0], .base = &call};
	for (int i = 0; i < 2; i++) {
		weft__deque_init(&deque[i], slots[i], PLACES);
		deque[i].fed = NULL;
		weft__deque_hungry(&deque[i]); /* so that it shares its first */
	}
	for (int i = 0; i < CHILDREN; i++)
		child[i] = (struct weft_child){0};
	ran[0] = ran[1] = ran[2] = blocked[0] = blocked[1] = 0;
	model_name(&deque[OWNER].bounds, "owner's bounds");
	model_name(&deque[THIEF].bounds, "thief's bounds");
}

static void become(int who)
{
	self = who;
	weft__deque_own = &deque[who];
}

/* A body of task 0. */
static void become_owner(void)
{
	become(OWNER);
	weft__current = &call;
}

/* A child that spawns none. */
static void leaf(void *arg)
{
	ran[*(int *)arg]++;
}

static void spawn(int i, void (*fn)(void *arg))
{
	weft_spawn(&child[i], fn, &number[i]);
}

/* The storage of a child is its spawner's again. */
static void sync(int i)
{
	weft_sync(&child[i]);
	model_assert(ran[i] == 1);
	model_gone(&child[i], sizeof child[i]);
}

static void steal_from(int victim)
{
	struct weft_child *c = weft__deque_steal(&deque[victim]);

	if (c)
		weft__spawn_run_stolen(c, &deque[self]);
}

static void check(void)
{
	model_assert(blocked[0] == 0 && blocked[1] == 0 && deque[OWNER].head == 0 && deque[THIEF].head == 0);
}

THREAD(own_one)
{
	become_owner();
	spawn(0, leaf);
	sync(0);
}

THREAD(steal_one)
{
	become(THIEF);
	steal_from(OWNER);
}

MODEL(spawn_one)
{
	start();
	model_thread("owner", own_one, NULL);
	model_thread("thief", steal_one, NULL);
	model_run();
	check();
}

THREAD(own_two)
{
	become_owner();
	spawn(0, leaf);
	spawn(1, leaf);
	sync(1);
	sync(0);
}

THREAD(steal_two)
{
	become(THIEF);
	steal_from(OWNER);
	steal_from(OWNER);
}

MODEL(spawn_two)
{
	start();
	model_thread("owner", own_two, NULL);
	model_thread("thief", steal_two, NULL);
	model_run();
	check();
}

/* The older one first: the newer is settled with it. */
THREAD(own_two_backwards)
{
	become_owner();
	spawn(0, leaf);
	spawn(1, leaf);
	sync(0);
	sync(1);
}

MODEL(spawn_two_backwards)
{
	start();
	model_thread("owner", own_two_backwards, NULL);
	model_thread("thief", steal_two, NULL);
	model_run();
	check();
}

/* ---- Leapfrogging: an owner that waits steals from its thief. ---- */

static void parent(void *arg)
{
	spawn(1, leaf);
	weft_sync(&child[1]);
	model_assert(ran[1] == 1);
	leaf(arg);
}

THREAD(own_parent)
{
	become_owner();
	spawn(0, parent);
	sync(0);
}

MODEL(spawn_leapfrog)
{
	start();
	model_thread("owner", own_parent, NULL);
	model_thread("thief", steal_one, NULL);
	model_run();
	model_assert(ran[1] == 1);
	check();
}

/* The thief is done with the child, and goes on to something else: that is not the owner's to run. */
static void unrelated(void *arg)
{
	model_assert(self == THIEF);
	leaf(arg);
}

THREAD(steal_and_go_on)
{
	steal_one(NULL);
	spawn(2, unrelated);
	sync(2);
}

MODEL(spawn_declined)
{
	start();
	model_thread("owner", own_one, NULL);
	model_thread("thief", steal_and_go_on, NULL);
	model_run();
	model_assert(ran[2] == 1);
	check();
}
