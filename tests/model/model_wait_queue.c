/* SPDX-License-Identifier: MIT
 *
 * model_wait_queue.c -- core/wait.c: event counts and queues of waiters, where the condition lies elsewhere.
 * Either the sleeper sees the condition or the other side sees the sleeper; else the checker finds a deadlock.
 */
#include "model.h"
#include "wait.h"

#define THREAD(name) static void name(void *arg __attribute__((unused)))

static struct weft__eventcount ec;
static struct weft__waitq queue;
static struct weft__parker parkers[2];
static atom_u32 condition;
static int data, handed_on;
static struct weft__lock lock;                         /* of the condition, where there is one */
static enum look { RELAXED, SEQ_CST, LOCKED } looking; /* how the condition is looked at */

static void start(enum look how)
{
	/* The epoch begins before its wrap. */
	ec = (struct weft__eventcount){.epoch = UINT32_MAX};
	queue = (struct weft__waitq){.n = 0};
	parkers[0] = parkers[1] = (struct weft__parker){0};
	condition = 0;
	data = handed_on = 0;
	lock = (struct weft__lock){0};
	looking = how;
	model_name(&ec.epoch, "epoch");
	model_name(&ec.waiters, "waiters");
	model_name(&condition, "condition");
	model_name(&queue.n, "queue.n");
	model_name(&queue.lock.word, "queue.lock");
	model_name(&parkers[0].word, "parker 0");
	model_name(&parkers[1].word, "parker 1");
}

static bool look(void)
{
	bool is;

	if (looking == LOCKED)
		weft__lock(&lock);
	is = looking == SEQ_CST ? atom_load(&condition, seq_cst) : atom_load(&condition, relaxed);
	if (looking == LOCKED)
		weft__unlock(&lock);
	return is;
}

static void change(void)
{
	if (looking == LOCKED)
		weft__lock(&lock);
	atom_store(&condition, 1, relaxed);
	if (looking == LOCKED)
		weft__unlock(&lock);
}

/* ---- The event count. ---- */

THREAD(ec_sleep)
{
	for (;;) {
		uint32_t key = weft__ec_prepare(&ec);

		if (look()) {
			weft__ec_cancel(&ec);
			break;
		}
		weft__ec_wait(&ec, key, WEFT_FOREVER);
	}
}

THREAD(ec_change)
{
	change();
	weft__ec_notify(&ec, 1);
}

THREAD(ec_change_all)
{
	change();
	weft__ec_notify(&ec, 2);
}

static void event_count(enum look how)
{
	start(how);
	model_thread("sleeper", ec_sleep, NULL);
	model_thread("notifier", ec_change, NULL);
	model_run();
	model_assert(ec.waiters == 0);
}

MODEL(event_count_seq_cst_look)
{
	event_count(SEQ_CST);
}

MODEL(event_count_locked_look)
{
	event_count(LOCKED);
}

/* A seq_cst addition would be no fence for a relaxed load behind it: prepare needs the fence that it has. */
MODEL(event_count_relaxed_look)
{
	event_count(RELAXED);
}

MODEL(event_count_two_sleepers)
{
	start(SEQ_CST);
	model_thread("sleeper 1", ec_sleep, NULL);
	model_thread("sleeper 2", ec_sleep, NULL);
	model_thread("notifier", ec_change_all, NULL);
	model_run();
	model_assert(ec.waiters == 0);
}

MODEL(event_count_wakes_for_nothing)
{
	start(SEQ_CST);
	model_spurious(2);
	model_thread("sleeper", ec_sleep, NULL);
	model_thread("notifier", ec_change, NULL);
	model_run();
	model_assert(ec.waiters == 0);
}

/* What a sleeper that was notified may rely on: what the notifier did before. */
THREAD(ec_sleep_once)
{
	uint32_t key = weft__ec_prepare(&ec);

	if (atom_load(&condition, seq_cst)) {
		weft__ec_cancel(&ec);
		return;
	}
	if (weft__ec_wait(&ec, key, 1) == 0)
		model_assert(data == 1);
}

THREAD(ec_change_data)
{
	data = 1;
	atom_store(&condition, 1, release);
	weft__ec_notify(&ec, 1);
}

MODEL(event_count_hands_over)
{
	start(SEQ_CST);
	model_timeouts(1);
	model_thread("sleeper", ec_sleep_once, NULL);
	model_thread("notifier", ec_change_data, NULL);
	model_run();
	model_assert(ec.waiters == 0);
}

/* ---- The queue: enter and wake, enter_heavy and wake_light. ---- */

static void queue_sleep(unsigned i, bool heavy)
{
	struct weft__waiter w = {.parker = &parkers[i]};

	while (!look()) {
		if (heavy)
			weft__waitq_enter_heavy(&queue, &w);
		else
			weft__waitq_enter(&queue, &w);
		if (!look())
			weft__park(&parkers[i], WEFT_FOREVER);
		weft__waitq_leave(&queue, &w);
	}
}

THREAD(queue_sleep_0)
{
	queue_sleep(0, false);
}

THREAD(queue_sleep_1)
{
	queue_sleep(1, false);
}

THREAD(queue_sleep_heavy)
{
	queue_sleep(0, true);
}

THREAD(queue_change)
{
	change();
	weft__waitq_wake(&queue, 2);
}

THREAD(queue_change_light)
{
	change();
	weft__waitq_wake_light(&queue, 2);
}

static void queue_wakes(enum look how)
{
	start(how);
	model_thread("sleeper", queue_sleep_0, NULL);
	model_thread("waker", queue_change, NULL);
	model_run();
	model_assert(queue.n == 0 && !queue.head);
}

MODEL(queue_seq_cst_look)
{
	queue_wakes(SEQ_CST);
}

MODEL(queue_locked_look)
{
	queue_wakes(LOCKED);
}

/* As event_count_relaxed_look. */
MODEL(queue_relaxed_look)
{
	queue_wakes(RELAXED);
}

MODEL(queue_wakes_two)
{
	start(SEQ_CST);
	model_preemptions(-1);
	model_thread("sleeper 0", queue_sleep_0, NULL);
	model_thread("sleeper 1", queue_sleep_1, NULL);
	model_thread("waker", queue_change, NULL);
	model_run();
	model_assert(queue.n == 0 && !queue.head);
}

/* A heavy fence behind the addition is one for relaxed loads, too. */
MODEL(queue_light_wakes)
{
	start(RELAXED);
	model_thread("sleeper", queue_sleep_heavy, NULL);
	model_thread("waker", queue_change_light, NULL);
	model_run();
	model_assert(queue.n == 0 && !queue.head);
}

/* One permit for two waiters: who was woken, but had given up, hands on. */
static void queue_once(unsigned i)
{
	struct weft__waiter w = {.parker = &parkers[i]};
	uint32_t one = 1;
	bool got, woken;

	weft__waitq_enter(&queue, &w);
	got = atom_cas(&condition, &one, 0, seq_cst, seq_cst);
	if (!got)
		weft__park(&parkers[i], i ? WEFT_FOREVER : 1);
	woken = weft__waitq_leave(&queue, &w);
	if (i == 0 && got) /* has no use for it any more */
		atom_store(&condition, 1, seq_cst);
	if (i == 0 && (got || woken))
		weft__waitq_wake(&queue, 1);
}

THREAD(queue_gives_up)
{
	queue_once(0);
}

THREAD(queue_stays)
{
	queue_once(1);
}

THREAD(queue_one_permit)
{
	change();
	weft__waitq_wake(&queue, 1);
}

MODEL(queue_hands_on)
{
	start(SEQ_CST);
	model_preemptions(-2);
	model_timeouts(1);
	model_thread("gives up", queue_gives_up, NULL);
	model_thread("stays", queue_stays, NULL);
	model_thread("waker", queue_one_permit, NULL);
	model_run();
}
