/* SPDX-License-Identifier: MIT
 *
 * crash_queue_storm.c -- two processes put numbers into a queue and two take them out, while one after the other of
 * the four is killed and replaced. Each number is accounted for.
 *
 * Who takes one, takes it to a place of its own in shared memory, where it is before it is out of the queue; then he
 * ticks it off. So of a getter that was killed in between, the number is there. WEFT_QUEUE_STORM: how many numbers,
 * instead of as many as two seconds take, and the kills that are needed to say anything.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/queue.h>

#include "harness.h"

enum { PUTTERS = 2, GETTERS = 2, ALL = PUTTERS + GETTERS, STORM_MS = 2000, CAPACITY = 256, LEAST_KILLS = 50 };

struct number {
	uint64_t putter, count, check[6]; /* of 64 bytes, as most are */
};

/* In a region; what a getter holds is his who has that place. */
struct ledger {
	_Alignas(64) uint64_t put[PUTTERS]; /* how many are in, as the putter knows */
	uint64_t bad, over;
	struct number hand[GETTERS];
	uint64_t ticked[GETTERS]; /* how many this one has taken */
};

static weft_queue *q;
static struct ledger *ledger;
static uint8_t *tick[PUTTERS]; /* of each number, how often it was taken */
static uint64_t most;

static struct number number(uint64_t putter, uint64_t count)
{
	struct number n = {putter, count, {0}};

	for (int i = 0; i < 6; i++)
		n.check[i] = (putter << 32 | count) * (uint64_t)(2 * i + 3);
	return n;
}

static void note(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static uint64_t look(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static _Noreturn void put_all(unsigned me)
{
	for (uint64_t i = look(&ledger->put[me]); i < most; i++) {
		struct number n = number(me, i);
		int err = weft_queue_put(q, &n, sizeof n, WEFT_FOREVER);

		if (err)
			__atomic_fetch_add(&ledger->bad, 1, __ATOMIC_RELAXED);
		note(&ledger->put[me], i + 1);
	}
	__atomic_fetch_add(&ledger->over, 1, __ATOMIC_RELAXED);
	_exit(0);
}

static _Noreturn void get_all(unsigned me)
{
	struct number *n = &ledger->hand[me], right;
	ssize_t got;

	while ((got = weft_queue_get(q, n, sizeof *n, WEFT_FOREVER)) != -EPIPE) {
		right = number(n->putter, n->count);
		if (got != sizeof *n || n->putter >= PUTTERS || n->count >= most ||
		    memcmp(n, &right, sizeof right) ||
		    __atomic_fetch_add(&tick[n->putter][n->count], 1, __ATOMIC_RELAXED))
			__atomic_fetch_add(&ledger->bad, 1, __ATOMIC_RELAXED);
		note(&ledger->ticked[me], ledger->ticked[me] + 1);
	}
	_exit(0);
}

static pid_t start(unsigned i)
{
	pid_t pid = fork();

	if (!pid && i < PUTTERS)
		put_all(i);
	if (!pid)
		get_all(i - PUTTERS);
	REQUIRE(pid > 0);
	return pid;
}

/* Numbers of which only the dead know: what a getter had in hand may have been out of the queue, and what a putter was
 * about may have been in it. */
static struct excused {
	uint64_t putter, count;
} * excused;
static size_t n_excused, n_kills;

static void excuse(uint64_t putter, uint64_t count)
{
	excused = realloc(excused, (n_excused + 1) * sizeof *excused);
	REQUIRE(excused);
	excused[n_excused++] = (struct excused){putter, count};
}

static void replace(pid_t pid[ALL], unsigned i)
{
	int status;

	kill(pid[i], SIGKILL);
	REQUIRE_EQ(waitpid(pid[i], &status, 0), pid[i]);
	pid[i] = 0;
	if (!WIFSIGNALED(status))
		return; /* it had come to its end */
	if (i >= PUTTERS) {
		excuse(ledger->hand[i - PUTTERS].putter, ledger->hand[i - PUTTERS].count);
	} else {
		excuse(i, look(&ledger->put[i]));
		note(&ledger->put[i], look(&ledger->put[i]) + 1); /* the next one goes on behind it */
	}
	pid[i] = start(i);
	n_kills++;
}

static bool is_excused(uint64_t putter, uint64_t count)
{
	for (size_t i = 0; i < n_excused; i++)
		if (excused[i].putter == putter && excused[i].count == count)
			return true;
	return false;
}

static uint64_t total(const uint64_t *words, unsigned n)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += look(&words[i]);
	return sum;
}

/* Kills until there are enough. Nobody must be stuck: something is taken in each second. */
static void storm(pid_t pid[ALL], weft_time end)
{
	uint64_t before = 0, seen;
	weft_time moved = weft_now();
	unsigned x = 1;

	while ((weft_now() < end || n_kills < LEAST_KILLS) && look(&ledger->over) < PUTTERS) {
		x = x * 1103515245 + 12345;
		usleep(1000 + (x >> 16) % 3000);
		if (pid[(x >> 8) % ALL])
			replace(pid, (x >> 8) % ALL);
		seen = total(ledger->ticked, GETTERS);
		if (seen != before)
			moved = weft_now();
		before = seen;
		REQUIRE(weft_now() - moved < WEFT_SECONDS(5));
	}
}

static void check_all(void)
{
	uint64_t missing = 0;

	for (unsigned p = 0; p < PUTTERS; p++)
		for (uint64_t i = 0; i < look(&ledger->put[p]); i++) {
			CHECK(tick[p][i] <= 1);
			if (tick[p][i])
				continue;
			missing++;
			CHECK(is_excused(p, i)); /* else it is lost */
		}
	printf("%llu of %llu known to the dead only\n", (unsigned long long)missing,
	       (unsigned long long)total(ledger->put, PUTTERS));
}

TEST(queue_storm)
{
	const char *text = getenv("WEFT_QUEUE_STORM");
	struct weft_region_opts o = {.size = sizeof o, .limit = (uint64_t)1 << 30};
	struct weft_queue_opts options = {.size = sizeof options, .capacity = CAPACITY};
	weft_time end = text ? WEFT_FOREVER : weft_after(WEFT_MS(STORM_MS));
	struct weft_queue_usage stats;
	pid_t pid[ALL];

	most = text ? strtoull(text, NULL, 10) / PUTTERS : (uint64_t)8 << 20;
	REQUIRE_EQ(weft_region_new(&options.region, &o), 0);
	REQUIRE_EQ(weft_region_alloc(options.region, sizeof *ledger, (void **)&ledger), 0);
	memset(ledger, 0, sizeof *ledger);
	for (unsigned i = 0; i < PUTTERS; i++) {
		REQUIRE_EQ(weft_region_alloc(options.region, most, (void **)&tick[i]), 0);
		memset(tick[i], 0, most);
	}
	REQUIRE_EQ(weft_queue_new(&q, &options), 0);
	for (unsigned i = 0; i < ALL; i++)
		pid[i] = start(i);
	storm(pid, end);
	for (unsigned i = 0; i < PUTTERS; i++)
		if (pid[i])
			kill(pid[i], SIGKILL);
	CHECK_EQ(weft_queue_close(q), 0);
	for (unsigned i = 0; i < ALL; i++)
		CHECK(!pid[i] || waitpid(pid[i], NULL, 0) == pid[i]);
	CHECK_EQ(ledger->bad, 0);
	check_all();
	REQUIRE_EQ(weft_queue_stats(q, &stats), 0);
	CHECK_EQ(stats.count, 0);
	printf("%llu messages, %zu kills, %llu with a lock\n", (unsigned long long)stats.gets, n_kills,
	       (unsigned long long)stats.deaths);
	CHECK(n_kills >= LEAST_KILLS);
	free(excused);
	CHECK_EQ(weft_queue_free(q), 0);
	CHECK_EQ(weft_region_free(options.region), 0);
}
