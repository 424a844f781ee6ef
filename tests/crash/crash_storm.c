/* SPDX-License-Identifier: MIT
 *
 * crash_storm.c -- a worker is killed every five milliseconds while a thousand tasks run: nothing is lost,
 * nothing happens twice, nothing hangs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crash_kit.h"

enum { N = 1000 };

struct storm {
	pthread_t thread;
	uint32_t stop, kills;
	bool mixed;
};

/* Kills some worker, again and again. */
static void *rage(void *ctx)
{
	static const int signals[] = {SIGKILL, SIGSEGV, SIGABRT, SIGTERM};
	struct storm *s = ctx;
	unsigned seed = 12345;
	pid_t pid[16];
	while (test_get(&s->stop) == 0) {
		test_sleep_ms(5);
		size_t n = test_processes("weft-worker", pid, 16);
		if (n == 0)
			continue;
		int sig = s->mixed ? signals[rand_r(&seed) % 4] : SIGKILL;
		size_t which = (size_t)rand_r(&seed) % (n < 16 ? n : 16);
		if (kill(pid[which], sig) == 0)
			test_add(&s->kills, 1);
	}
	return NULL;
}

/* About a millisecond; counts itself at its end. */
static int count_fn(weft_call *call, const void *arg, void *result)
{
	const struct test_mark *mark = arg;
	(void)call;
	test_sleep_ms(1);
	uint32_t *board = test_board_map(&mark->ref);
	test_add(&board[mark->word], 1);
	test_board_unmap(board);
	memcpy(result, &mark->word, sizeof mark->word);
	return 6;
}

static void storm(const char *spec, uint32_t flags, bool mixed)
{
	weft_executor *ex = crash_open(spec);
	static struct test_mark mark[N];
	static uint32_t result[N];
	static weft_task t[N];
	test_ref ref;
	uint32_t *board = test_board(&ref);
	struct storm s = {.mixed = mixed};
	uint32_t most = flags & WEFT_TASK_IDEMPOTENT ? WEFT_TASK_RUNS_MAX : 1;
	size_t wrong = 0, died = 0, twice = 0;
	crash_check_works(ex, 10);
	REQUIRE_EQ(pthread_create(&s.thread, NULL, rage, &s), 0);
	for (uint32_t i = 0; i < N; i++) {
		mark[i] = (struct test_mark){.ref = ref, .word = i};
		result[i] = UINT32_MAX;
		t[i] = (weft_task){.fn = count_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
		t[i].result = &result[i];
		t[i].result_size = sizeof result[i];
		t[i].flags = flags;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (uint32_t i = 0; i < N; i++)
		test_wait(weft_task_future(&t[i]));
	test_set(&s.stop, 1);
	pthread_join(s.thread, NULL);
	for (uint32_t i = 0; i < N; i++) {
		int status = weft_future_status(weft_task_future(&t[i]));
		uint32_t count = test_get(&board[i]);
		twice += count > most;
		died += status == -EOWNERDEAD;
		if (status != -EOWNERDEAD)
			wrong += status != 6 || result[i] != i || count == 0;
	}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(twice, 0);
	CHECK(died <= s.kills);
	CHECK(s.kills >= 10);
	struct weft_stats stats = crash_stats(ex);
	CHECK_EQ(stats.died, died);
	CHECK_EQ(stats.completed, N + 10);
	CHECK(stats.deaths <= s.kills);
	crash_check_works(ex, 50);
	weft_executor_free(ex);
}

TEST(storm_of_kills)
{
	storm("processes:2", 0, false);
}

TEST(storm_of_kills_many_workers)
{
	storm("processes:8", 0, false);
}

TEST(storm_of_kills_one_worker)
{
	storm("processes:1", 0, false);
}

TEST(storm_of_kills_idempotent)
{
	storm("processes:4", WEFT_TASK_IDEMPOTENT, false);
}

TEST(storm_of_mixed_signals)
{
	storm("processes:4", 0, true);
}

TEST(storm_of_kills_forked_workers)
{
	storm("processes:4,start=fork", 0, false);
}

TEST(storm_of_kills_short_lived_workers)
{
	storm("processes:4,max_tasks=5", 0, false);
}

/* Stopping in the middle of it, in every way. */
TEST(storm_and_stop)
{
	static struct test_mark mark[N];
	static uint32_t result[N];
	static weft_task t[N];
	for (int how = WEFT_STOP_DRAIN; how <= WEFT_STOP_KILL; how++) {
		weft_executor *ex = crash_open("processes:4");
		test_ref ref;
		struct storm s = {0};
		size_t unfinished = 0;
		test_board(&ref);
		REQUIRE_EQ(pthread_create(&s.thread, NULL, rage, &s), 0);
		for (uint32_t i = 0; i < 300; i++) {
			mark[i] = (struct test_mark){.ref = ref, .word = i};
			t[i] = (weft_task){.fn = count_fn, .arg = &mark[i], .arg_size = sizeof mark[i]};
			t[i].result = &result[i];
			t[i].result_size = sizeof result[i];
			REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		}
		test_sleep_ms(20);
		CHECK_EQ(weft_executor_stop(ex, (enum weft_stop)how, test_soon()), 0);
		for (uint32_t i = 0; i < 300; i++)
			unfinished += weft_future_status(weft_task_future(&t[i])) == -EINPROGRESS;
		CHECK_EQ(unfinished, 0);
		test_set(&s.stop, 1);
		pthread_join(s.thread, NULL);
		weft_executor_free(ex);
	}
}

/* A map goes on after deaths in other maps; each failure names an element. */
TEST(storm_over_maps)
{
	weft_executor *ex = crash_open("processes:4");
	static uint64_t in[2000], out[2000];
	struct storm s = {0};
	unsigned good = 0, bad = 0;
	for (uint64_t i = 0; i < 2000; i++)
		in[i] = i;
	REQUIRE_EQ(pthread_create(&s.thread, NULL, rage, &s), 0);
	for (int round = 0; round < 100; round++) {
		size_t failed = SIZE_MAX, wrong = 0;
		struct weft_map_opts o = {.size = sizeof o, .ret_failed = &failed};
		memset(out, 0xff, sizeof out);
		int err = weft_map(ex, test_square_fn, in, 8, out, 8, 2000, &o);
		CHECK(err == 0 || err == -EOWNERDEAD);
		CHECK(err == 0 ? failed == SIZE_MAX : failed < 2000);
		for (size_t i = 0; i < 2000 && i < failed; i++)
			wrong += out[i] != (uint64_t)i * i;
		CHECK_EQ(wrong, 0);
		good += err == 0;
		bad += err != 0;
	}
	test_set(&s.stop, 1);
	pthread_join(s.thread, NULL);
	CHECK_EQ(good + bad, 100);
	CHECK(good > 0);
	weft_executor_free(ex);
}
