/* SPDX-License-Identifier: MIT
 *
 * model_lane.c -- the lane of a pool of processes: executors/lane.c against executors/worker.c. The worker
 * may die before any of its steps; what the slot says then has to be true.
 */
#include "lane.h"
#include "model.h"
#include "spin.h"
#include "worker_start.h"

#include <sys/eventfd.h>
#include <unistd.h>

#define THREAD(name) static void name(void *arg __attribute__((unused)))

enum { SLOT_BYTES = LANE_ALIGN, ANSWER = 42 };

static union {
	struct lane lane;
	_Alignas(LANE_ALIGN) char bytes[sizeof(struct lane) + LANE_BLOCKS * SLOT_BYTES];
} memory;
static struct lane *const lane = &memory.lane;
static int bell = -1, ran, taken, saw_done, slept;

/* In place of space.c: there are no regions. */
uintptr_t weft__space_base;
size_t weft__space_size;

/* In place of worker_care.c and run.c: the function is known, and its body adds one to its argument. */
int worker_care_find(const struct weft__token *token, weft_fn **ret, weft_call *call)
{
	(void)token, (void)call;
	*ret = NULL;
	return 0;
}

bool worker_care_after_task(void)
{
	return false;
}

void worker_care_idle(void)
{
}

int weft__body(weft_call *call, weft_task *t)
{
	ran++;
	*(int *)t->result = *(const int *)t->arg + 1;
	call->reply_size = t->result_size;
	return 0;
}

/* One: so the worker does not look for a while before it sleeps. Time stands still here. */
unsigned weft_cpu_count(void)
{
	return 1;
}

static void start(void)
{
	uint64_t rung;

	/* The first time it remembers how many processors there are; that must not be part of an execution. */
	weft__spin(&(struct weft__spinner){0}, &(struct weft__spin){0});

	if (bell < 0)
		bell = eventfd(0, EFD_NONBLOCK);
	if (read(bell, &rung, sizeof rung) < 0)
		rung = 0;
	ran = taken = saw_done = slept = 0;
	/* As lane_create leaves it; only what is used. */
	lane->asleep = lane->ending = lane->listening = lane->hungry = 0;
	lane->slot_size = SLOT_BYTES;
	lane->max_tasks = 0;
	for (unsigned i = 0; i < LANE_SLOTS; i++)
		lane->slot[i].state = SLOT_FREE;
	lane->slot[0].reply.status = -1;
	model_name(&lane->asleep, "asleep");
	model_name(&lane->ending, "ending");
	model_name(&lane->listening, "listening");
	model_name(&lane->hungry, "hungry");
	model_name(&lane->slot[0].state, "slot 0");
	model_name(&lane->slot[1].state, "slot 1");
	model_impatient();
}

THREAD(worker)
{
	worker_main(lane, SLOT_BYTES, bell);
}

static int *payload(size_t at)
{
	return (int *)(void *)(lane_payload(lane, 0, 0) + at);
}

static void publish(uint32_t tell)
{
	lane->slot[0].request = (struct lane_request){
		.arg_size = sizeof(int), .result_size = sizeof(int), .deadline = WEFT_FOREVER};
	*payload(0) = ANSWER - 1;
	lane_publish(lane, 0, tell);
	lane_wake(lane);
}

/* What the pool finds in the slot. */
static bool harvest(void)
{
	/* S2 acquire, as in the pool. */
	if (atom_load(&lane->slot[0].state, acquire) != SLOT_DONE)
		return false;
	model_assert(lane->slot[0].reply.status == 0 && *payload(lane_result_at(sizeof(int))) == ANSWER);
	return true;
}

THREAD(pool_waits)
{
	publish(0);
	while (!harvest())
		atom_pause();
	lane_end(lane);
}

MODEL(lane_carries_a_task)
{
	start();
	model_thread("pool", pool_waits, NULL);
	model_thread("worker", worker, NULL);
	model_run();
	model_assert(ran == 1);
}

/* Taken back, or run: not both, not neither. */
THREAD(pool_takes_back)
{
	publish(0);
	taken = lane_take_back(&lane->slot[0]);
	while (!harvest() && atom_load(&lane->slot[0].state, relaxed) != SLOT_FREE)
		atom_pause();
	lane_end(lane);
}

MODEL(lane_takes_back)
{
	start();
	model_thread("pool", pool_takes_back, NULL);
	model_thread("worker", worker, NULL);
	model_run();
	model_assert(ran + taken == 1);
}

/* Either the pool, once it listens, sees the slot done, or its bell is rung. */
THREAD(pool_listens)
{
	publish(TELL_BELL);
	lane_listen(lane);
	saw_done = harvest();
	while (!saw_done && atom_load(&lane->slot[0].state, relaxed) != SLOT_DONE)
		atom_pause();
	lane_end(lane);
}

MODEL(lane_rings)
{
	uint64_t rung = 0;

	start();
	model_thread("pool", pool_listens, NULL);
	model_thread("worker", worker, NULL);
	model_run();
	if (!saw_done)
		model_assert(read(bell, &rung, sizeof rung) == sizeof rung && rung == 1);
}

/* A waiter that sleeps on the slot is woken, or sees that there is nothing to sleep for. */
THREAD(pool_sleeps)
{
	uint32_t state;

	publish(0);
	while ((state = lane_tell(&lane->slot[0], TELL_SLEEPER))) {
		slept++;
		weft__wait(&lane->slot[0].state, state, WEFT_FOREVER, WEFT__SHARED);
	}
	model_assert(harvest());
	lane_end(lane);
}

MODEL(lane_wakes_its_sleeper)
{
	start();
	model_thread("pool", pool_sleeps, NULL);
	model_thread("worker", worker, NULL);
	model_run();
	model_assert(ran == 1);
}

/* Two threads: one sleeps there, the other takes the task back, and wakes it as lane_forget does. */
static atom_u32 published;

THREAD(waiter_sleeps)
{
	uint32_t state;

	/* Acquire and release: the pool's lock. */
	while (!atom_load(&published, acquire))
		atom_pause();
	while ((state = lane_tell(&lane->slot[0], TELL_SLEEPER)))
		weft__wait(&lane->slot[0].state, state, WEFT_FOREVER, WEFT__SHARED);
	saw_done = 1;
}

THREAD(pool_takes_back_under_a_sleeper)
{
	publish(0);
	atom_store(&published, 1, release);
	taken = lane_take_back(&lane->slot[0]);
	if (taken)
		weft__wake(&lane->slot[0].state, 1, WEFT__SHARED);
	lane_end(lane);
}

MODEL(lane_taken_from_under_a_sleeper)
{
	start();
	published = 0;
	model_preemptions(-1);
	model_thread("pool", pool_takes_back_under_a_sleeper, NULL);
	model_thread("waiter", waiter_sleeps, NULL);
	model_thread("worker", worker, NULL);
	model_run();
	model_assert(ran + taken == 1 && saw_done);
}

/* Either the pool, once it is hungry, sees its last slot done, or its bell is rung by the idle worker. */
THREAD(pool_hungers)
{
	publish(0);
	lane_hunger(lane);
	saw_done = harvest();
	while (!saw_done && atom_load(&lane->hungry, relaxed))
		atom_pause();
	lane_end(lane);
}

MODEL(lane_idle_rings)
{
	uint64_t rung = 0;

	start();
	model_thread("pool", pool_hungers, NULL);
	model_thread("worker", worker, NULL);
	model_run();
	if (!saw_done)
		model_assert(read(bell, &rung, sizeof rung) == sizeof rung && rung == 1);
}

/* What nobody has come for is told of before the worker sleeps, or seen by who begins to listen. */
THREAD(pool_leaves_it)
{
	publish(0);
	lane_listen(lane);
	saw_done = harvest();
	while (!saw_done && atom_load(&lane->listening, relaxed))
		atom_pause();
	lane_end(lane);
}

MODEL(lane_left_behind_rings)
{
	uint64_t rung = 0;

	start();
	model_thread("pool", pool_leaves_it, NULL);
	model_thread("worker", worker, NULL);
	model_run();
	if (!saw_done)
		model_assert(read(bell, &rung, sizeof rung) == sizeof rung && rung == 1);
}

THREAD(pool_only_publishes)
{
	publish(0);
	lane_end(lane);
}

/* Wherever the worker dies: what has not begun has not run, and what is done is complete. */
static void check_dead(int w)
{
	switch (lane->slot[0].state & SLOT_MASK) {
	case SLOT_QUEUED:
		model_assert(ran == 0);
		break;
	case SLOT_RUNNING:
		model_assert(model_died(w));
		break;
	default:
		model_assert(lane->slot[0].state == SLOT_DONE && ran == 1 && lane->slot[0].reply.status == 0);
	}
}

MODEL(lane_worker_dies)
{
	int w;

	start();
	model_thread("pool", pool_only_publishes, NULL);
	w = model_thread("worker", worker, NULL);
	model_mortal(w);
	model_run();
	check_dead(w);
}
