/* SPDX-License-Identifier: MIT
 *
 * crash_space.c -- a program that has ever less room for addresses left (RLIMIT_AS): making, using and ending a
 * pool is an error that says so, or works; nothing is left behind, and afterwards all is as before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crash_kit.h"

enum { TASKS = 10, LARGE = 100000 };

#define ROOM_MOST  ((size_t)256 << 20) /* bytes: more than a pool takes */
#define ROOM_LEAST ((size_t)8 << 10)

static rlim_t in_use(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	REQUIRE(f && fscanf(f, "%lu", &pages) == 1);
	fclose(f);
	return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void limit(rlim_t bytes)
{
	struct rlimit most;

	REQUIRE_EQ(getrlimit(RLIMIT_AS, &most), 0);
	most.rlim_cur = bytes;
	REQUIRE_EQ(setrlimit(RLIMIT_AS, &most), 0);
}

static void skip_where_there_is_no_limit(void)
{
#if defined(__SANITIZE_ADDRESS__)
	SKIP("the address sanitizer takes what addresses it wants, or ends the program");
#endif
	if (TEST_UNDER_TSAN)
		SKIP("the thread sanitizer takes what addresses it wants, or ends the program");
}

static size_t count_mappings(const char *of)
{
	char line[512];
	size_t n = 0;
	FILE *f = fopen("/proc/self/maps", "re");

	while (f && fgets(line, sizeof line, f))
		n += strstr(line, of) != NULL;
	if (f)
		fclose(f);
	return n;
}

/* What was found out while there was a limit: only afterwards there is room to say so. */
struct finding {
	int opened, regions;
	unsigned accepted, good, wrong;
};

static void use(weft_executor *ex, struct finding *f)
{
	static unsigned char large[LARGE];
	uint64_t value[TASKS];
	weft_task t[TASKS];
	int err[TASKS];

	for (uint64_t i = 0; i < TASKS; i++) {
		value[i] = i + 2;
		t[i] = (weft_task){.fn = test_square_fn,
				   .arg = i % 2 ? (void *)large : &value[i],
				   .arg_size = i % 2 ? sizeof large : 8,
				   .result = &value[i],
				   .result_size = 8};
		memcpy(large, &(uint64_t){0}, 8);
		err[i] = weft_submit(ex, &t[i]);
		f->accepted += !err[i];
		f->wrong += err[i] > 0;
	}
	for (uint64_t i = 0; i < TASKS; i++) {
		int status;

		if (err[i])
			continue;
		test_wait(weft_task_future(&t[i]));
		status = weft_future_status(weft_task_future(&t[i]));
		f->good += !status;
		f->wrong += status > 0 || (!status && value[i] != (i % 2 ? 0 : (i + 2) * (i + 2)));
	}
}

static void open_and_use(const char *spec, struct finding *f)
{
	weft_executor *const untouched = weft_inline(), *ex = untouched;
	weft_region *r = NULL;

	f->regions = weft_region_new(&r, NULL);
	f->wrong += r != NULL; /* there is a limit, so there is no room to reserve */
	f->opened = weft_executor_open(&ex, spec);
	f->wrong += f->opened > 0 || (f->opened && ex != untouched);
	if (f->opened)
		return;
	use(ex, f);
	f->wrong += weft_executor_stop(ex, WEFT_STOP_DRAIN, test_soon()) != 0;
	weft_executor_free(ex);
}

static size_t less(size_t room)
{
	return (room - room / 8) & ~(size_t)4095;
}

static void sweep(const char *spec)
{
	unsigned pools = 0, refused = 0, runs = 0;
	size_t fds = crash_count_fds();

	skip_where_there_is_no_limit();
	for (size_t room = ROOM_MOST; room > ROOM_LEAST; room = less(room), runs++) {
		struct finding f = {0};

		limit(in_use() + room);
		open_and_use(spec, &f);
		limit(RLIM_INFINITY);
		pools += !f.opened && f.good == f.accepted;
		refused += f.opened != 0;
		if (f.wrong)
			fprintf(stderr, "%s, %zu KiB: %s\n", spec, room >> 10, weft_strerror(f.opened));
		CHECK_EQ(f.wrong, 0);
		CHECK_EQ(f.regions, -ENOMEM);
		CHECK_EQ(crash_count_fds(), fds);
		CHECK_EQ(count_mappings("memfd:weft"), 0);
		CHECK(crash_await_processes("weft-", 0));
	}
	printf("%s: %u runs; %u pools worked, %u were refused\n", spec, runs, pools, refused);
	CHECK(pools > 0 && refused > 0);
	weft_executor *ex = crash_open(spec);
	crash_check_works(ex, 50);
	weft_executor_free(ex);
}

TEST(space_for_processes)
{
	sweep("processes:2");
}

TEST(space_for_forked_processes)
{
	sweep("processes:2,start=fork");
}

TEST(space_for_spawned_processes)
{
	sweep("processes:2,start=spawn");
}

TEST(space_for_threads)
{
	sweep("threads:2");
}

/* Pool and region are there before. Both go on, workers that die included; at no limit is anything lost. */
TEST(space_while_running)
{
	struct crash_order order = {.word = 3, .how = CRASH_SEGV};
	weft_executor *ex;
	weft_region *r;

	skip_where_there_is_no_limit();
	ex = crash_open("processes:2");
	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	test_board(&order.ref);
	crash_check_works(ex, 10);
	for (size_t room = ROOM_MOST; room > ROOM_LEAST; room = less(room)) {
		struct finding f = {0};
		weft_task killer = crash_task(crash_die_fn, &order);
		char *block = NULL;
		int err;

		limit(in_use() + room);
		err = weft_region_alloc(r, 1 << 20, (void **)&block);
		if (!err) {
			memset(block, 1, 1 << 20);
			err = weft_region_dealloc(r, block);
		}
		f.wrong = weft_submit(ex, &killer) != 0;
		if (!f.wrong)
			test_wait(weft_task_future(&killer));
		use(ex, &f);
		limit(RLIM_INFINITY);
		CHECK(err == 0 || err == -ENOMEM);
		CHECK_EQ(f.wrong, 0);
		CHECK_EQ(weft_future_status(weft_task_future(&killer)), -EOWNERDEAD);
		crash_check_workers(ex, 2);
		crash_check_works(ex, 10);
	}
	weft_executor_free(ex);
	CHECK_EQ(weft_region_free(r), 0);
	CHECK_EQ(count_mappings("memfd:weft"), 0);
}
