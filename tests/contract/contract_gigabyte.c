/* SPDX-License-Identifier: MIT
 *
 * contract_gigabyte.c -- an array of 1 GiB that all workers change at once, where it is: nobody has a copy of
 * it, or of a part.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weft/weft.h>

#include "harness.h"

enum { GIB = 1 << 30, STRIDE = 64 << 10, WORKERS_MOST = 8, KIB_MOST = 2 << 10 };

struct share {
	char *from;
	size_t size;
	uint32_t *arrived;
	uint32_t workers;
};

struct seen {
	pid_t pid;
	uint64_t sum;
	int64_t grown; /* KiB of private memory, while the share was changed */
};

/* KiB that are this process's own: what it has copied would be there. */
static int64_t private_kib(void)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	long long kib = -1;

	while (status && fgets(line, sizeof line, status))
		sscanf(line, "RssAnon: %lld", &kib);
	if (status)
		fclose(status);
	return kib;
}

/* A word of each stride, one after the other so that a page that is another's would be noticed. */
static int change_fn(weft_call *call, const void *arg, void *result)
{
	const struct share *s = arg;
	struct seen *seen = result;
	int64_t before = private_kib();

	(void)call;
	test_add(s->arrived, 1);
	if (before < 0 || !test_await(s->arrived, s->workers))
		return -ETIME;
	for (size_t at = 0; at < s->size; at += STRIDE) {
		uint64_t *word = (uint64_t *)(void *)(s->from + at);

		seen->sum += *word;
		*word += 1;
	}
	seen->pid = getpid();
	seen->grown = private_kib() - before;
	return 0;
}

static void check_grown(int64_t kib)
{
	if (!TEST_UNDER_TSAN) /* it keeps a record of each word, in private memory */
		CHECK(kib < KIB_MOST);
}

/* As many tasks as workers, and none ends before each has its own. */
static void change_by_all(weft_executor *ex, char *array, uint32_t *arrived)
{
	struct share share[WORKERS_MOST];
	struct seen seen[WORKERS_MOST];
	weft_task t[WORKERS_MOST];
	unsigned n = test_workers();
	uint64_t all = 0, words = GIB / STRIDE;

	for (unsigned i = 0; i < n; i++) {
		share[i] = (struct share){array + i * (GIB / n), GIB / n, arrived, n};
		seen[i] = (struct seen){.pid = 0};
		t[i] = (weft_task){.fn = change_fn,
				   .arg = &share[i],
				   .arg_size = sizeof share[i],
				   .result = &seen[i],
				   .result_size = sizeof seen[i]};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (unsigned i = 0; i < n; i++) {
		test_wait(weft_task_future(&t[i]));
		REQUIRE_EQ(weft_future_status(weft_task_future(&t[i])), 0);
		all += seen[i].sum;
		check_grown(seen[i].grown);
		CHECK(seen[i].pid != getpid());
		for (unsigned k = 0; k < i; k++)
			CHECK(seen[k].pid != seen[i].pid);
	}
	CHECK_EQ(all, words * (words - 1) / 2);
}

TEST(gigabyte_without_a_copy)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = GIB + (1 << 20)};
	struct weft_region_usage usage;
	char *array = NULL;
	uint32_t *arrived = NULL;
	weft_region *r = NULL;
	weft_executor *ex;
	int64_t before;

	if (strncmp(test_executor_spec(), "processes", 9) != 0)
		SKIP("one process: there is nobody to copy it for");
	ex = test_executor();
	REQUIRE_EQ(weft_region_new(&r, &o), 0);
	REQUIRE_EQ(weft_region_alloc(r, sizeof *arrived, (void **)&arrived), 0);
	*arrived = 0;
	before = private_kib();
	REQUIRE_EQ(weft_region_alloc(r, GIB, (void **)&array), 0);
	for (uint64_t i = 0; i < GIB / STRIDE; i++)
		*(uint64_t *)(void *)(array + i * STRIDE) = i;
	change_by_all(ex, array, arrived);
	for (uint64_t i = 0; i < GIB / STRIDE; i++)
		if (*(uint64_t *)(void *)(array + i * STRIDE) != i + 1)
			REQUIRE_EQ(*(uint64_t *)(void *)(array + i * STRIDE), i + 1);
	check_grown(private_kib() - before);
	REQUIRE_EQ(weft_region_stats(r, &usage), 0);
	CHECK(usage.memory <= o.limit && usage.used >= GIB);
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
}
