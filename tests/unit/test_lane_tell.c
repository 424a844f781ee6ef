/* SPDX-License-Identifier: MIT
 *
 * test_lane_tell.c -- whom a worker tells that a task is done, or that it has nothing to do: nobody unasked,
 * and nobody in vain.
 */
#include "lane_kit.h"

/* Spins until it is cancelled. */
static int stubborn_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	while (!weft_call_cancelled(call))
		sched_yield();
	return -ECANCELED;
}

/* Only for a task that says so, and only if somebody listens. */
TEST(rings_when_asked)
{
	struct stage s;
	stage_init(&s, 0);
	CHECK(lane_listen(s.lane));
	CHECK(!lane_listen(s.lane));
	for (unsigned i = 0; i < 4; i++) {
		put(&s, i, test_square_fn, i);
		publish_telling(&s, i, i % 2 ? TELL_BELL : 0);
	}
	lane_end(s.lane);
	stage_begin(&s);
	stage_left(&s);
	CHECK_EQ(rung(&s), 1); /* for the second of four; then nobody listened any more */
	CHECK(lane_listen(s.lane));
	stage_fini(&s);
}

TEST(tells_nobody_unasked)
{
	struct stage s;
	stage_init(&s, 0);
	lane_listen(s.lane);
	for (unsigned i = 0; i < 4; i++) {
		put(&s, i, test_square_fn, i);
		publish(&s, i);
	}
	lane_end(s.lane);
	stage_begin(&s);
	stage_left(&s);
	CHECK_EQ(rung(&s), 0);
	stage_fini(&s);
}

TEST(told_while_it_runs)
{
	struct stage s;
	stage_init(&s, 0);
	stage_begin(&s);
	put(&s, 0, stubborn_fn, 0);
	publish(&s, 0);
	await_slot(&s, 0, SLOT_RUNNING);
	lane_listen(s.lane);
	CHECK_EQ(lane_tell(&s.lane->slot[0], TELL_BELL), SLOT_RUNNING | TELL_BELL);
	CHECK_EQ(lane_tell(&s.lane->slot[0], TELL_BELL), SLOT_RUNNING | TELL_BELL);
	CHECK_EQ(lane_tell(&s.lane->slot[1], TELL_BELL), 0); /* free */
	atom_store(&s.lane->slot[0].cancel, 1, relaxed);
	await_slot(&s, 0, SLOT_DONE);
	CHECK_EQ(lane_tell(&s.lane->slot[0], TELL_BELL), 0);
	lane_end(s.lane);
	stage_left(&s);
	CHECK_EQ(rung(&s), 1);
	CHECK_EQ(harvest(&s, 0, NULL), -ECANCELED);
	stage_fini(&s);
}

/* A pool that sleeps on the bell after each look misses nothing. */
TEST(no_bell_is_missed)
{
	struct stage s;
	unsigned missed = 0;
	stage_init(&s, 0);
	stage_begin(&s);
	for (unsigned n = 0; n < ROUNDS && !missed; n++) {
		struct lane_slot *slot = &s.lane->slot[n % LANE_SLOTS];
		struct pollfd bell = {.fd = s.bell, .events = POLLIN};
		put(&s, n % LANE_SLOTS, test_square_fn, n);
		publish_telling(&s, n % LANE_SLOTS, TELL_BELL);
		while (atom_load(&slot->state, acquire) != SLOT_DONE && !missed) {
			if (lane_listen(s.lane))
				continue;
			missed += poll(&bell, 1, 10000) != 1;
			rung(&s);
		}
		harvest(&s, n % LANE_SLOTS, NULL);
	}
	CHECK_EQ(missed, 0);
	stage_fini(&s);
}

/* A waiter that sleeps on the slot is woken for each task, however late it comes. */
TEST(no_sleeper_is_missed)
{
	struct stage s;
	unsigned missed = 0;
	stage_init(&s, 0);
	stage_begin(&s);
	for (unsigned n = 0; n < ROUNDS && !missed; n++) {
		struct lane_slot *slot = &s.lane->slot[n % LANE_SLOTS];
		uint32_t state;
		put(&s, n % LANE_SLOTS, test_square_fn, n);
		publish(&s, n % LANE_SLOTS);
		while ((state = lane_tell(slot, TELL_SLEEPER)) && !missed)
			missed += weft__wait(&slot->state, state, weft_after(WEFT_SECONDS(10)),
					     WEFT__SHARED) == -ETIMEDOUT;
		harvest(&s, n % LANE_SLOTS, NULL);
	}
	CHECK_EQ(missed, 0);
	stage_fini(&s);
}

/* A task that wipes out its slot's state, and with it who was to be told. */
static int wipe_fn(weft_call *call, const void *arg, void *result)
{
	(void)result;
	struct lane_slot *slot =
		(struct lane_slot *)(uintptr_t)((const char *)arg - offsetof(struct lane_slot, payload));
	while (!weft_call_cancelled(call))
		sched_yield();
	atom_store(&slot->state, 0, relaxed);
	return 0;
}

TEST(a_wiped_slot_tells_everybody)
{
	struct stage s;
	stage_init(&s, 0);
	stage_begin(&s);
	put(&s, 0, wipe_fn, 0);
	publish_telling(&s, 0, TELL_BELL);
	lane_listen(s.lane);
	atom_store(&s.lane->slot[0].cancel, 1, relaxed);
	await_slot(&s, 0, SLOT_DONE);
	lane_end(s.lane);
	stage_left(&s);
	CHECK_EQ(rung(&s), 1);
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	stage_fini(&s);
}

/* One that has nothing left to do says so, if others have too much. */
TEST(rings_when_idle)
{
	struct stage s;
	struct pollfd bell = {.events = POLLIN};
	stage_init(&s, 0);
	stage_begin(&s);
	bell.fd = s.bell;
	put(&s, 0, test_square_fn, 3);
	publish(&s, 0);
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	await_word(&s, &s.lane->asleep, 1);
	CHECK_EQ(rung(&s), 0);
	lane_hunger(s.lane);
	put(&s, 1, test_square_fn, 4);
	publish(&s, 1);
	CHECK_EQ(poll(&bell, 1, 20000), 1);
	CHECK_EQ(harvest(&s, 1, NULL), 0);
	CHECK_EQ(atom_load(&s.lane->hungry, relaxed), 0);
	stage_fini(&s);
}

/* Before it sleeps it has what nobody has come for finished by who listens. */
TEST(rings_for_what_is_left_behind)
{
	struct stage s;
	struct pollfd bell = {.events = POLLIN};
	stage_init(&s, 0);
	stage_begin(&s);
	bell.fd = s.bell;
	lane_listen(s.lane);
	put(&s, 0, test_square_fn, 3);
	publish(&s, 0);
	CHECK_EQ(poll(&bell, 1, 20000), 1);
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	stage_fini(&s);
}

/* A task that closes the bell costs its worker its life, but not its reply. */
TEST(closed_bell)
{
	struct stage s;
	int status = -1;
	stage_init(&s, 0);
	put(&s, 0, test_square_fn, 5);
	publish_telling(&s, 0, TELL_BELL);
	lane_listen(s.lane);
	s.worker = fork();
	if (!s.worker) {
		close(s.bell);
		worker_main(s.lane, SLOT_SIZE, s.bell);
		_exit(5);
	}
	REQUIRE_EQ(waitpid(s.worker, &status, 0), s.worker);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	s.worker = 0;
	CHECK_EQ(harvest(&s, 0, NULL), 0);
	stage_fini(&s);
}
