/* SPDX-License-Identifier: MIT
 *
 * test_steal.c -- children that are stolen for certain: who runs them, as whose, and what their owner does
 * meanwhile.
 */
#include "state.h"
#include "steal_kit.h"

#include <errno.h>

TEST(a_stolen_child_runs_elsewhere)
{
	struct actor a = {.ok = false};

	pool_begin(2);
	REQUIRE(have_stolen(&a, act));
	atom_store(&a.end, 1, release);
	weft_sync(&a.child);
	CHECK(a.ok);
	CHECK_EQ(a.on, 1);
	CHECK_EQ(atom_load(&a.runs, relaxed), 1);
	pool_end();
}

static void count(void *ctx)
{
	++*(uint32_t *)ctx;
}

TEST(places_are_used_again_after_a_theft)
{
	weft_child c;
	uint32_t n = 0;

	pool_begin(2);
	for (int i = 0; i < 200; i++) {
		struct actor a = {.ok = false}, b = {.ok = false};
		REQUIRE(have_stolen(&a, act));
		atom_store(&a.end, 1, release);
		weft_spawn(&c, count, &n);
		weft_sync(&c);
		weft_spawn(&b.child, act, &b);
		atom_store(&b.end, 1, release);
		weft_sync(&b.child);
		weft_sync(&a.child);
		CHECK_EQ(atom_load(&a.runs, relaxed) + atom_load(&b.runs, relaxed), 2);
	}
	CHECK_EQ(n, 200);
	pool_end();
}

TEST(an_older_sync_waits_for_stolen_ones)
{
	struct actor a[2] = {{.ok = false}};
	weft_child c;
	uint32_t newer = 0;

	pool_begin(3);
	REQUIRE(have_stolen(&a[0], act));
	REQUIRE(have_stolen(&a[1], act));
	weft_spawn(&c, count, &newer);
	atom_store(&a[0].end, 1, release);
	atom_store(&a[1].end, 1, release);
	weft_sync(&a[0].child);
	CHECK(a[0].ok && a[1].ok);
	CHECK_EQ(newer, 1);
	weft_sync(&a[1].child);
	weft_sync(&c);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(atom_load(&a[i].runs, relaxed), 1);
	CHECK_EQ(newer, 1);
	pool_end();
}

/* Its child can only be run by one that waits for it: the other worker of the pool. */
static void have_help(void *ctx)
{
	struct actor *a = ctx, inner = {.ok = false};

	a->on = me;
	weft_spawn(&inner.child, act, &inner);
	weft__deque_share_all(weft__deque_own);
	atom_store(&inner.end, 1, release);
	atom_store(&a->begun, 1, release);
	a->ok = await(&inner.begun, 1) && inner.on != me;
	weft_sync(&inner.child);
}

TEST(a_waiter_helps_with_descendants)
{
	struct actor a = {.ok = false};

	pool_begin(2);
	REQUIRE(have_stolen(&a, have_help));
	weft_sync(&a.child);
	CHECK(a.ok);
	CHECK_EQ(a.on, 1);
	pool_end();
}

/* Holds children that anybody may steal, but whoever waits for something else. */
static void *offer(void *arg)
{
	struct actor *held = arg;

	me = 2;
	weft__deque_own = &pool.deque[2];
	weft_spawn(&held->child, act, held);
	weft__deque_share_all(weft__deque_own);
	atom_store(&held[1].begun, 1, release);
	await(&held[1].end, 1);
	weft_sync(&held->child);
	return NULL;
}

TEST(a_waiter_leaves_other_work_alone)
{
	struct actor a = {.ok = false}, held[2] = {{.ok = false}};
	pthread_t thread;

	pool_begin(2);
	REQUIRE(have_stolen(&a, act)); /* worker 1 is busy now */
	pool.n = 3;
	REQUIRE_EQ(weft__deque_open(&pool.deque[2]), 0);
	REQUIRE_EQ(pthread_create(&thread, NULL, offer, held), 0);
	REQUIRE(await(&held[1].begun, 1));
	atom_store(&held[0].end, 1, release);
	atom_store(&pool.stop, 1, release); /* worker 1 takes nothing more when it is done */
	atom_store(&a.end, 1, release);
	weft_sync(&a.child);
	CHECK_EQ(atom_load(&held[0].runs, acquire), 0);
	atom_store(&held[1].end, 1, release);
	pthread_join(thread, NULL);
	CHECK_EQ(held[0].on, 2);
	pool.n = 2;
	weft__deque_close(&pool.deque[2]);
	pool_end();
}

/* A thief that, as soon as it is done with a child, shares what has nothing to do with it. Its victim, who
 * steals only while it waits, may come too late to the child and just in time for the rest. */
static atom_u32 strays;

static void stray(void *ctx)
{
	(void)ctx;
	if (me == 0)
		atom_add(&strays, 1, relaxed);
}

static void *change_subject(void *arg)
{
	weft_child c[4], *got;

	me = 1;
	weft__deque_own = &pool.deque[1];
	while (!atom_load(&pool.stop, acquire)) {
		got = weft__deque_steal(&pool.deque[0]);
		if (!got) {
			atom_pause();
			continue;
		}
		weft__spawn_run_stolen(got, weft__deque_own);
		for (int i = 0; i < 4; i++)
			weft_spawn(&c[i], stray, NULL);
		weft__deque_share_all(weft__deque_own);
		for (int i = 3; i >= 0; i--)
			weft_sync(&c[i]);
	}
	return arg;
}

TEST(what_was_stolen_too_late_is_given_back)
{
	uint32_t n = 0, rounds = TEST_UNDER_TSAN ? 20000 : 200000;
	pthread_t thread;
	weft_child c;

	pool_begin(1);
	REQUIRE_EQ(weft__deque_open(&pool.deque[1]), 0);
	REQUIRE_EQ(pthread_create(&thread, NULL, change_subject, NULL), 0);
	for (uint32_t i = 0; i < rounds; i++) {
		weft_spawn(&c, count, &n);
		weft__deque_share_all(weft__deque_own);
		while (i % 2 && weft__deque_stealable(weft__deque_own))
			atom_pause();
		weft_sync(&c);
	}
	atom_store(&pool.stop, 1, release);
	pthread_join(thread, NULL);
	CHECK_EQ(n, rounds);
	CHECK_EQ(atom_load(&strays, relaxed), 0);
	weft__deque_close(&pool.deque[1]);
	pool_end();
}

TEST(a_declined_child_is_its_owners)
{
	struct actor a = {.ok = false};

	pool_begin(1);
	weft_spawn(&a.child, act, &a);
	weft__deque_share_all(weft__deque_own);
	REQUIRE(weft__deque_steal(&pool.deque[0]) == &a.child);
	weft__spawn_decline(&a.child);
	atom_store(&a.end, 1, release);
	weft_sync(&a.child);
	CHECK_EQ(atom_load(&a.runs, relaxed), 1);
	pool_end();
}

/* What a stolen child sees of the task that spawned it. */
struct seen {
	struct actor actor;
	weft_call *call, *base;
	weft_task *task;
	bool guest, before, after, cleared;
	weft_time deadline;
};

static void look(void *ctx)
{
	struct seen *s = ctx;
	weft_call *call = weft_current();

	s->guest = call->guest;
	s->task = call->task;
	s->call = call;
	s->base = call->base;
	s->deadline = weft_call_deadline(call);
	s->before = weft_call_cancelled(call);
	memset(weft_call_scratch(call, 100), 1, 100); /* freed at the end: a sanitizer looks */
	weft_call_fail(call, -EIO, "a guest's");
	act(&s->actor);
	s->after = weft_call_cancelled(call);
	s->actor.on = me;
}

static weft_task host;
static struct seen seen;

static int be_host(weft_call *call, const void *arg, void *result)
{
	if (host.flags)
		weft_spawn_inline(&seen.actor.child, look, &seen);
	else
		weft_spawn(&seen.actor.child, look, &seen);
	weft__deque_share_all(weft__deque_own);
	await(&seen.actor.begun, 1);
	atom_or(&weft__future(&host)->state, FLAG_ASKED, relaxed);
	atom_store(&seen.actor.end, 1, release);
	weft_sync(&seen.actor.child);
	seen.cleared = weft_current() == call && !call->has_text;
	(void)arg, (void)result;
	return 0;
}

static void check_host(uint32_t inlined)
{
	weft_call call = {0};

	memset(&seen, 0, sizeof seen);
	memset(&host, 0, sizeof host);
	host.fn = be_host;
	host.flags = inlined;
	weft__future(&host)->deadline = WEFT_FOREVER - 1;
	CHECK_EQ(weft__body(&call, &host), 0);
	CHECK_EQ(seen.actor.on, 1);
	CHECK(seen.guest);
	CHECK(seen.call != &call);
	CHECK(seen.base == &call);
	CHECK(seen.task == &host);
	CHECK_EQ(seen.deadline, WEFT_FOREVER - 1);
	CHECK(!seen.before);
	CHECK(seen.after);
	CHECK(seen.cleared);
}

TEST(a_stolen_child_belongs_to_its_task)
{
	pool_begin(2);
	check_host(0);
	check_host(1); /* the inline functions find it where the library keeps it */
	pool_end();
}

/* An executor that notes who gives up his place. The child ends only once its waiter sleeps. */
static atom_u32 blocked, unblocked;

static void note_blocking(void *self, bool is)
{
	(void)self;
	atom_add(is ? &blocked : &unblocked, 1, release);
	weft__wake(is ? &blocked : &unblocked, 1, WEFT__PRIVATE);
}

static void end_when_blocked(void *ctx)
{
	struct actor *a = ctx;

	atom_store(&a->begun, 1, release);
	a->ok = await(&blocked, 1);
	test_sleep_ms(me % 2 ? 5 : 0); /* so that it sleeps, mostly */
}

static int sync_long(weft_call *call, const void *arg, void *result)
{
	struct actor a = {.ok = false};

	a.ok = have_stolen(&a, end_when_blocked);
	weft_sync(&a.child);
	(void)call, (void)arg, (void)result;
	return a.ok ? 0 : -EIO;
}

TEST(a_long_wait_gives_up_its_place)
{
	static weft_executor ex = {.ops = {.blocking = note_blocking}};
	weft_call call = {0};

	pool_begin(2);
	host.fn = sync_long;
	weft__future(&host)->ex = &ex;
	weft__future(&host)->deadline = WEFT_FOREVER;
	CHECK_EQ(weft__body(&call, &host), 0);
	CHECK_EQ(atom_load(&blocked, relaxed), 1);
	CHECK_EQ(atom_load(&unblocked, relaxed), 1);
	pool_end();
}
