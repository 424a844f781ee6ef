/* SPDX-License-Identifier: MIT
 *
 * test_region.c -- regions in one process and its forks. On a pool of processes: contract_region.c; killed in
 * the middle: crash_region.c.
 */
#include "harness.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/region.h>

#include "space.h"

enum { MIB = 1 << 20, KIB = 1 << 10 };

static weft_region *region(uint64_t limit)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = limit};
	weft_region *r = NULL;

	REQUIRE_EQ(weft_region_new(&r, &o), 0);
	return r;
}

static void *block(weft_region *r, size_t size)
{
	void *p = NULL;

	REQUIRE_EQ(weft_region_alloc(r, size, &p), 0);
	memset(p, 0x5a, size);
	return p;
}

static struct weft_region_usage usage(const weft_region *r)
{
	struct weft_region_usage u;

	REQUIRE_EQ(weft_region_stats(r, &u), 0);
	return u;
}

TEST(new_refuses)
{
	struct weft_region_opts o = {.size = sizeof o, .limit = WEFT_REGION_LIMIT_MIN - 1};
	weft_region *r = (weft_region *)&o;

	CHECK_EQ(weft_region_new(NULL, NULL), -EINVAL);
	CHECK_EQ(weft_region_new(&r, &o), -ERANGE);
	o.limit = WEFT_REGION_LIMIT_MAX + 1;
	CHECK_EQ(weft_region_new(&r, &o), -ERANGE);
	o.size = 3;
	CHECK_EQ(weft_region_new(&r, &o), -EINVAL);
	CHECK(r == (weft_region *)&o);
}

TEST(new_takes_its_limits)
{
	weft_region *r = region(WEFT_REGION_LIMIT_MIN + 1), *all;

	CHECK_EQ(usage(r).limit, 2 * MIB);
	CHECK_EQ(weft_region_free(r), 0);
	if (!TEST_UNDER_TSAN) { /* there is not so much room */
		all = region(WEFT_REGION_LIMIT_MAX);
		CHECK_EQ(usage(all).limit, WEFT_REGION_LIMIT_MAX);
		CHECK_EQ(weft_region_dealloc(all, block(all, 5 * MIB)), 0);
		CHECK_EQ(weft_region_free(all), 0);
	}
	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	CHECK_EQ(usage(r).limit, 1024 * MIB);
	CHECK_EQ(weft_region_free(r), 0);
}

/* As many as there may be, and not one more; a place that has become free is used again. */
TEST(new_as_many_as_there_may_be)
{
	static weft_region *r[WEFT_REGIONS_MAX], *more;
	struct weft_region_opts o = {.size = sizeof o, .limit = WEFT_REGION_LIMIT_MIN};

	for (int i = 0; i < WEFT_REGIONS_MAX; i++)
		r[i] = region(o.limit);
	CHECK_EQ(weft_region_new(&more, &o), -ENOSPC);
	CHECK_EQ(weft_region_free(r[7]), 0);
	CHECK_EQ(weft_region_free(r[7]), -EINVAL);
	REQUIRE_EQ(weft_region_new(&r[7], &o), 0);
	for (int i = 0; i < WEFT_REGIONS_MAX; i++) {
		memset(block(r[i], 100), i, 100);
		CHECK_EQ(weft_region_free(r[i]), 0);
	}
}

/* Their limits together may not exceed what is reserved. */
TEST(new_no_room)
{
	struct weft_region_opts o = {.size = sizeof o,
				     .limit = TEST_UNDER_TSAN ? WEFT_REGION_LIMIT_MAX >> 5
							      : WEFT_REGION_LIMIT_MAX};
	weft_region *r[20];
	int n = 0, err = 0;

	while (n < 20 && !err)
		err = weft_region_new(&r[n++], &o);
	CHECK_EQ(err, -ENOSPC);
	for (n--; n--;)
		CHECK_EQ(weft_region_free(r[n]), 0);
}

TEST(new_under_limits)
{
	struct rlimit most = {.rlim_cur = (rlim_t)1 << 46, .rlim_max = RLIM_INFINITY};
	weft_region *r = NULL;

	if (TEST_UNDER_TSAN)
		SKIP("its run time needs more addresses itself");
	if (setrlimit(RLIMIT_AS, &most))
		SKIP("RLIMIT_AS cannot be set here");
	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	CHECK_EQ(weft__space_size, (size_t)1 << 43);
	CHECK_EQ(weft_region_free(r), 0);
	r = NULL;
	most.rlim_cur = RLIM_INFINITY;
	REQUIRE_EQ(setrlimit(RLIMIT_AS, &most), 0);
	most.rlim_cur = (rlim_t)1 << 30;
	REQUIRE_EQ(setrlimit(RLIMIT_FSIZE, &most), 0);
	CHECK_EQ(weft_region_new(&r, NULL), -EFBIG);
	CHECK(r == NULL);
}

/* The least that there can be, and a byte less. */
TEST(new_in_little_room)
{
	struct weft_region_opts small = {.size = sizeof small, .limit = 16 * MIB};
	struct rlimit most = {.rlim_cur = 512 * MIB - 1, .rlim_max = RLIM_INFINITY};
	weft_region *r = NULL, *more = NULL;

#if defined(__SANITIZE_ADDRESS__)
	SKIP("the address sanitizer has taken more already");
#endif
	if (TEST_UNDER_TSAN)
		SKIP("its run time needs more addresses itself");
	if (setrlimit(RLIMIT_AS, &most))
		SKIP("RLIMIT_AS cannot be set here");
	CHECK_EQ(weft_region_new(&r, &small), -ENOMEM);
	most.rlim_cur++;
	REQUIRE_EQ(setrlimit(RLIMIT_AS, &most), 0);
	REQUIRE_EQ(weft_region_new(&r, &small), 0);
	CHECK_EQ(weft__space_size, 64 * MIB);
	CHECK_EQ(weft_region_new(&more, NULL), -ENOSPC);
	CHECK_EQ(weft_region_dealloc(r, block(r, 15 * MIB)), 0);
	CHECK_EQ(weft_region_free(r), 0);
}

static void occupy(uintptr_t at)
{
	REQUIRE(mmap((void *)at, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
}

/* As with addresses of 39 bits: two places are not there, and in the middle of the last one lies something else. */
TEST(new_where_little_is_free)
{
	weft_region *r;

#if TEST_UNDER_TSAN || defined(__SANITIZE_ADDRESS__)
	SKIP("a sanitizer's own memory lies there");
#endif
	occupy(0x200000000000);
	occupy(0x300000000000);
	occupy(0x005555555000);
	r = region(WEFT_REGION_LIMIT_MIN);
	CHECK_EQ(weft__space_base, 0x004000000000);
	CHECK_EQ(weft__space_size, (size_t)1 << 36);
	CHECK_EQ(weft_region_dealloc(r, block(r, 100)), 0);
	CHECK_EQ(weft_region_free(r), 0);
	occupy(0x004000000000);
	CHECK_EQ(weft_region_new(&r, NULL), -EADDRINUSE);
}

TEST(alloc_refuses)
{
	weft_region *r = region(MIB);
	void *p = r;
	int other;

	CHECK_EQ(weft_region_alloc(r, 0, &p), -EINVAL);
	CHECK_EQ(weft_region_alloc(r, 1, NULL), -EINVAL);
	CHECK_EQ(weft_region_alloc(NULL, 1, &p), -EINVAL);
	CHECK_EQ(weft_region_alloc((weft_region *)(void *)&other, 1, &p), -EINVAL);
	CHECK_EQ(weft_region_alloc(r, MIB + 1, &p), -ENOMEM);
	CHECK_EQ(weft_region_alloc(r, SIZE_MAX, &p), -ENOMEM);
	CHECK(p == r);
	CHECK_EQ(weft_region_free(r), 0);
}

TEST(alloc_every_size)
{
	weft_region *r = region(256 * MIB);
	size_t real = 0;

	for (size_t n = 1; n < 40 * KIB; n += n < 300 ? 1 : 97) {
		char *p = block(r, n);

		CHECK_EQ((uintptr_t)p % (n > 16 * KIB ? 4096 : 16), 0);
		CHECK_EQ(weft_region_block_size(r, p, &real), 0);
		CHECK(real >= n && real < n + n / 4 + 16);
		if (n % 3)
			CHECK_EQ(weft_region_dealloc(r, p), 0);
	}
	CHECK_EQ(usage(r).lost, 0);
	CHECK_EQ(weft_region_free(r), 0);
}

/* Blocks of all sizes, each full of its own byte, in random order: none overlaps another. */
TEST(alloc_no_two_overlap)
{
	enum { SLOTS = 3000, ROUNDS = 100000 };
	static struct {
		unsigned char *p, fill;
		size_t n;
	} slot[SLOTS];
	weft_region *r = region(256 * MIB);
	uint64_t x = 88172645463325252;

	for (int i = 0; i < ROUNDS; i++) {
		size_t s;

		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		s = x % SLOTS;
		if (slot[s].p) {
			REQUIRE(slot[s].p[0] == slot[s].fill && slot[s].p[slot[s].n - 1] == slot[s].fill &&
				slot[s].p[slot[s].n / 2] == slot[s].fill);
			REQUIRE_EQ(weft_region_dealloc(r, slot[s].p), 0);
			slot[s].p = NULL;
			continue;
		}
		slot[s].n = 1 + (x >> 32) % ((size_t)8 << (x >> 20) % 13);
		slot[s].fill = (unsigned char)i;
		slot[s].p = block(r, slot[s].n);
		memset(slot[s].p, slot[s].fill, slot[s].n);
	}
	for (size_t s = 0; s < SLOTS; s++)
		REQUIRE_EQ(weft_region_dealloc(r, slot[s].p), 0);
	CHECK_EQ(usage(r).blocks, 0);
	CHECK_EQ(usage(r).used, 0);
	CHECK_EQ(usage(r).lost, 0);
	CHECK_EQ(weft_region_free(r), 0);
}

/* Up to the limit, to the byte; then -ENOMEM; then, with one block back, again. */
TEST(alloc_until_full)
{
	weft_region *r = region(4 * MIB);
	void *p = NULL, *last = NULL;
	size_t n = 0;

	CHECK_EQ(weft_region_dealloc(r, block(r, 4 * MIB)), 0);
	while (!weft_region_alloc(r, 16, &p)) {
		memset(p, 1, 16);
		last = p;
		n++;
	}
	CHECK_EQ(n, 4 * MIB / 16);
	CHECK_EQ(usage(r).memory, 4 * MIB);
	CHECK_EQ(weft_region_alloc(r, 32, &p), -ENOMEM);
	CHECK_EQ(weft_region_alloc(r, MIB, &p), -ENOMEM);
	CHECK_EQ(weft_region_dealloc(r, last), 0);
	CHECK_EQ(weft_region_alloc(r, 16, &p), 0);
	CHECK(p == last);
	CHECK_EQ(weft_region_free(r), 0);
}

/* What small blocks have used, large ones can have when those are gone, and the other way round. */
TEST(alloc_space_goes_round)
{
	static void *p[4 * MIB / 1024];
	weft_region *r = region(4 * MIB);
	size_t n;

	for (int round = 0; round < 3; round++) {
		for (n = 0; !weft_region_alloc(r, 1024, &p[n]); n++) {}
		CHECK_EQ(n, sizeof p / sizeof *p);
		while (n)
			REQUIRE_EQ(weft_region_dealloc(r, p[--n]), 0);
		CHECK_EQ(weft_region_dealloc(r, block(r, 4 * MIB)), 0);
	}
	CHECK_EQ(weft_region_free(r), 0);
}

TEST(dealloc_refuses)
{
	weft_region *r = region(8 * MIB), *s = region(8 * MIB);
	char *small = block(r, 100), *large = block(r, 100 * KIB), other;

	CHECK_EQ(weft_region_dealloc(r, NULL), 0);
	CHECK_EQ(weft_region_dealloc(NULL, small), -EINVAL);
	CHECK_EQ(weft_region_dealloc(r, &other), -EINVAL);
	CHECK_EQ(weft_region_dealloc(s, small), -EINVAL);
	CHECK_EQ(weft_region_dealloc(r, r), -EINVAL);
	CHECK_EQ(weft_region_dealloc(r, small + 16), -EINVAL);
	CHECK_EQ(weft_region_dealloc(r, small + 112), -EINVAL); /* the next block, which is free */
	CHECK_EQ(weft_region_dealloc(r, large + 1), -EINVAL);
	CHECK_EQ(weft_region_dealloc(r, large + 4096), -EINVAL);
	CHECK_EQ(weft_region_dealloc(r, large + MIB), -EINVAL);
	CHECK_EQ(usage(r).blocks, 2);
	CHECK_EQ(weft_region_dealloc(r, small), 0);
	CHECK_EQ(weft_region_dealloc(r, small), -EINVAL);
	CHECK_EQ(weft_region_dealloc(r, large), 0);
	CHECK_EQ(weft_region_dealloc(r, large), -EINVAL);
	CHECK_EQ(weft_region_free(r), 0);
	CHECK_EQ(weft_region_free(s), 0);
	CHECK_EQ(weft_region_free(NULL), 0);
}

TEST(realloc_keeps_what_fits)
{
	weft_region *r = region(8 * MIB);
	void *p = NULL, *was;
	size_t size[] = {1, 16, 17, 100, 4000, 16384, 16385, 3 * MIB, 20000, 40, 1};

	for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
		size_t kept = i && size[i - 1] < size[i] ? size[i - 1] : size[i];

		REQUIRE_EQ(weft_region_realloc(r, &p, size[i]), 0);
		for (size_t k = 0; i && k < kept; k++)
			REQUIRE(((unsigned char *)p)[k] == 7);
		memset(p, 7, size[i]);
	}
	was = p;
	CHECK_EQ(weft_region_realloc(r, &p, 16), 0);
	CHECK(p == was);
	CHECK_EQ(weft_region_realloc(r, &p, 9 * MIB), -ENOMEM);
	CHECK_EQ(weft_region_realloc(r, &p, 0), -EINVAL);
	CHECK_EQ(weft_region_realloc(r, NULL, 1), -EINVAL);
	CHECK(p == was);
	CHECK_EQ(usage(r).blocks, 1);
	CHECK_EQ(weft_region_free(r), 0);
}

TEST(trim_gives_memory_back)
{
	static void *p[2000];
	weft_region *r = region(64 * MIB);
	void *stays = block(r, 100 * KIB);

	for (size_t i = 0; i < 2000; i++)
		p[i] = block(r, 10000);
	for (size_t i = 0; i < 2000; i++)
		CHECK_EQ(weft_region_dealloc(r, p[i]), 0);
	CHECK(usage(r).memory > 20 * MIB);
	CHECK_EQ(weft_region_trim(r), 0);
	CHECK_EQ(usage(r).memory, 100 * KIB);
	CHECK_EQ(*(unsigned char *)stays, 0x5a);
	CHECK_EQ(((unsigned char *)stays)[100 * KIB - 1], 0x5a);
	CHECK_EQ(weft_region_dealloc(r, block(r, 60 * MIB)), 0);
	CHECK_EQ(weft_region_free(r), 0);
}

TEST(ref_there_and_back)
{
	weft_region *r = region(4 * MIB), *s = region(4 * MIB);
	char *p = block(r, 1000), other;
	struct weft_region_usage use = usage(r);
	weft_ref ref = {1, 2}, bad;
	void *back = NULL;

	CHECK_EQ(weft_ref_make(s, p, &ref), -EINVAL);
	CHECK_EQ(weft_ref_make(r, &other, &ref), -EINVAL);
	CHECK_EQ(weft_ref_make(r, r, &ref), -EINVAL);
	CHECK_EQ(weft_ref_make(r, p, NULL), -EINVAL);
	CHECK(ref.region == 1 && ref.offset == 2);
	CHECK_EQ(weft_ref_make(r, p + 10, &ref), 0);
	CHECK_EQ(weft_ref_find(&ref, 990, &back), 0);
	CHECK(back == p + 10);
	CHECK_EQ(weft_ref_find(&ref, (size_t)use.limit, &back), -EINVAL);
	CHECK_EQ(weft_ref_find(&ref, SIZE_MAX, &back), -EINVAL);
	CHECK_EQ(weft_ref_find(NULL, 1, &back), -EINVAL);
	CHECK_EQ(weft_ref_find(&(weft_ref){0}, 1, &back), -EINVAL);
	bad = ref;
	bad.offset = 0; /* the records */
	CHECK_EQ(weft_ref_find(&bad, 1, &back), -EINVAL);
	bad.offset = UINT64_MAX;
	CHECK_EQ(weft_ref_find(&bad, 1, &back), -EINVAL);
	CHECK_EQ(weft_region_free(r), 0);
	CHECK_EQ(weft_ref_find(&ref, 1, &back), -EINVAL);
	CHECK_EQ(weft_region_free(s), 0);
	CHECK_EQ(weft_ref_find(&ref, 1, &back), -EINVAL);
}

/* A fork has the regions that there were, and makes no others. */
TEST(fork_has_the_regions)
{
	weft_region *r = region(4 * MIB), *mine = NULL;
	char **p = block(r, sizeof *p);
	int status;
	pid_t pid;

	*p = NULL;
	pid = fork();
	if (!pid) {
		int wrong = weft_region_new(&mine, NULL) != -ENOTSUP;

		wrong |= (weft_region_free(r) != -ECHILD) << 1;
		wrong |= (weft_region_alloc(r, 100000, (void **)p) != 0) << 2;
		if (!wrong)
			memset(*p, 3, 100000);
		_exit(wrong);
	}
	REQUIRE(pid > 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	REQUIRE(*p != NULL);
	CHECK_EQ((*p)[99999], 3);
	CHECK_EQ(weft_region_dealloc(r, *p), 0);
	CHECK_EQ(weft_region_free(r), 0);
}

/* In the program a region that is gone faults, so that a stale pointer is found. */
TEST(free_makes_pointers_fault)
{
	weft_region *r = region(4 * MIB), *other = region(MIB); /* or the whole space would go */
	char *p = block(r, 100);
	struct rlimit none = {0, 0};
	int status;
	pid_t pid;

	CHECK_EQ(weft_region_free(r), 0);
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		_exit(*p);
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	/* Not what was there, nor zeros. A sanitizer ends its process by an exit. */
	CHECK(!WIFEXITED(status) || (WEXITSTATUS(status) != 0x5a && WEXITSTATUS(status) != 0));
	CHECK_EQ(weft_region_free(other), 0);
}

static void *allocate_and_free(void *arg)
{
	weft_region *r = arg;
	intptr_t bad = 0;

	for (int i = 0; i < 20000; i++) {
		size_t n = (size_t)(i % 50 == 0 ? 20000 + i : 1 + i % 3000);
		unsigned char *p = NULL;

		if (weft_region_alloc(r, n, (void **)&p)) {
			bad++;
			continue;
		}
		memset(p, i, n < 64 ? n : 64);
		bad += p[0] != (unsigned char)i;
		bad += weft_region_dealloc(r, p) != 0;
	}
	return (void *)bad;
}

TEST(threads_share_a_region)
{
	weft_region *r = region(64 * MIB);
	pthread_t t[4];
	void *bad;

	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&t[i], NULL, allocate_and_free, r), 0);
	for (int i = 0; i < 4; i++) {
		REQUIRE_EQ(pthread_join(t[i], &bad), 0);
		CHECK_EQ((intptr_t)bad, 0);
	}
	CHECK_EQ(usage(r).blocks, 0);
	CHECK_EQ(usage(r).lost, 0);
	CHECK_EQ(weft_region_free(r), 0);
}

/* The last user takes the whole range away. */
TEST(space_goes_with_its_last_user)
{
	struct weft__space where;
	weft_region *r = region(MIB), *s = region(MIB);

	CHECK(weft__space_has(r, 1));
	CHECK_EQ(weft_region_free(r), 0);
	CHECK(weft__space_has(s, 1));
	CHECK_EQ(weft_region_free(s), 0);
	CHECK(!weft__space_has(s, 1));
	CHECK_EQ(weft__space_where(&where), -1);
	CHECK_EQ(where.size, 0);
}
