/* SPDX-License-Identifier: MIT
 *
 * test_token.c -- functions to tokens and back, and tokens that somebody made up.
 */
#include "harness.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "token.h"

enum { MANY = 64 };

static int first_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 1;
}

static int second_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 2;
}

int public_fn(weft_call *call, const void *arg, void *result);

int public_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 3;
}

static weft_fn *as_fn(void (*fn)(void))
{
	return (weft_fn *)fn;
}

/* Is f there and back f again? */
static bool round_trip(weft_fn *f)
{
	struct weft__token t;
	weft_fn *back = NULL;
	return weft__token_make(f, &t) == 0 && weft__token_find(&t, &back) == 0 && back == f;
}

static int find(const struct weft__token *t)
{
	weft_fn *back = first_fn;
	int err = weft__token_find(t, &back);
	CHECK(err == 0 || back == first_fn);
	return err;
}

/* -ENOEXEC, and the output untouched? */
static bool refused(weft_fn *f)
{
	struct weft__token t, same;
	memset(&t, 0x5a, sizeof t);
	same = t;
	return weft__token_make(f, &t) == -ENOEXEC && !memcmp(&t, &same, sizeof t);
}

TEST(static_functions)
{
	struct weft__token t;
	weft_fn *back = NULL;
	REQUIRE_EQ(weft__token_make(second_fn, &t), 0);
	REQUIRE_EQ(weft__token_find(&t, &back), 0);
	CHECK_EQ(back(NULL, NULL, NULL), 2);
	CHECK(round_trip(first_fn));
	CHECK(round_trip(second_fn));
}

TEST(public_functions)
{
	CHECK(round_trip(public_fn));
	CHECK(round_trip(as_fn((void (*)(void))weft__token_make)));
}

TEST(c_library_functions)
{
	CHECK(round_trip(as_fn((void (*)(void))getppid)));
	CHECK(round_trip(as_fn((void (*)(void))labs)));
}

TEST(tokens_tell_functions_apart)
{
	struct weft__token a, b, again;
	REQUIRE_EQ(weft__token_make(first_fn, &a), 0);
	REQUIRE_EQ(weft__token_make(second_fn, &b), 0);
	REQUIRE_EQ(weft__token_make(first_fn, &again), 0);
	CHECK(a.offset != b.offset);
	CHECK(a.id_len >= WEFT__TOKEN_ID_MIN && a.id_len <= WEFT__TOKEN_ID_MAX);
	CHECK_EQ(a.id_len, b.id_len);
	CHECK(!memcmp(a.build_id, b.build_id, sizeof a.build_id));
	CHECK(!memcmp(&a, &again, sizeof a));
	CHECK_EQ(sizeof a, 32);
}

TEST(no_code_no_token)
{
	static int data = 1;
	static int zeroed;
	static const char constant[16] = "constant";
	int local = 1;
	void *heap = malloc(64);
	CHECK(refused(NULL));
	CHECK(refused((weft_fn *)(uintptr_t)&data));
	CHECK(refused((weft_fn *)(uintptr_t)&zeroed));
	CHECK(refused((weft_fn *)(uintptr_t)constant));
	CHECK(refused((weft_fn *)(uintptr_t)&local));
	CHECK(refused((weft_fn *)(uintptr_t)heap));
	CHECK(refused((weft_fn *)(uintptr_t)8));
	CHECK(refused((weft_fn *)UINTPTR_MAX));
	free(heap);
}

TEST(forged_offsets)
{
	static int data = 1;
	struct weft__token t, bad;
	REQUIRE_EQ(weft__token_make(first_fn, &t), 0);
	uint64_t base = (uintptr_t)first_fn - t.offset;
	const uint64_t offsets[] = {0,
				    UINT64_MAX,
				    UINT64_MAX - t.offset,
				    1ull << 63,
				    1ull << 40,
				    t.offset | 1ull << 48,
				    (uintptr_t)&data - base};
	for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
		bad = t;
		bad.offset = offsets[i];
		CHECK_EQ(find(&bad), -ENOEXEC);
	}
	CHECK_EQ(find(&t), 0);
}

TEST(forged_ids)
{
	struct weft__token t, bad;
	REQUIRE_EQ(weft__token_make(first_fn, &t), 0);
	for (uint32_t i = 0; i < t.id_len; i++) {
		bad = t;
		bad.build_id[i] ^= 1;
		CHECK_EQ(find(&bad), -ENOEXEC);
	}
	static const uint32_t lengths[] = {0, 1, 4, 7, 21, 24, 1u << 31, UINT32_MAX};
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		bad = t;
		bad.id_len = lengths[i];
		CHECK_EQ(find(&bad), -ENOEXEC);
	}
	for (uint32_t len = WEFT__TOKEN_ID_MIN; len <= WEFT__TOKEN_ID_MAX; len++) {
		bad = t;
		bad.id_len = len;
		CHECK_EQ(find(&bad), len == t.id_len ? 0 : -ENOEXEC);
	}
	memset(&bad, 0, sizeof bad);
	CHECK_EQ(find(&bad), -ENOEXEC);
}

/* More addresses than any cache keeps, in an order that makes them push each other out. */
TEST(many_functions_at_once)
{
	struct weft__token t[MANY];
	uintptr_t start = (uintptr_t)weft__token_find & ~(uintptr_t)15;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < MANY; i++) {
			REQUIRE_EQ(weft__token_make((weft_fn *)(start - i), &t[i]), 0);
			REQUIRE_EQ(t[i].offset, t[0].offset - i);
		}
		for (size_t i = 0; i < MANY; i++) {
			weft_fn *back = NULL;
			REQUIRE_EQ(weft__token_find(&t[i], &back), 0);
			REQUIRE((uintptr_t)back == start - i);
		}
	}
}

/* Any small library that nothing here needs: its answers must not outlive it in a cache. */
TEST(unloaded_files_are_forgotten)
{
	struct weft__token t;
	weft_fn *f = NULL;
	if (dlopen("libresolv.so.2", RTLD_LAZY | RTLD_NOLOAD))
		SKIP("libresolv.so.2 is loaded already");
	void *lib = dlopen("libresolv.so.2", RTLD_LAZY);
	if (!lib)
		SKIP("no libresolv.so.2");
	void *symbol = dlsym(lib, "ns_get16");
	REQUIRE(symbol != NULL);
	memcpy(&f, &symbol, sizeof f);
	CHECK(round_trip(f));
	CHECK(round_trip(f));
	REQUIRE_EQ(weft__token_make(f, &t), 0);

	dlclose(lib);
	CHECK(refused(f));
	CHECK_EQ(find(&t), -ENOEXEC);

	lib = dlopen("libresolv.so.2", RTLD_LAZY);
	REQUIRE(lib != NULL);
	CHECK_EQ(find(&t), 0);
	dlclose(lib);
}

static void *in_thread(void *ctx)
{
	bool *ok = ctx;
	*ok = true;
	for (int i = 0; i < 2000; i++)
		*ok = *ok && round_trip(first_fn) && round_trip(second_fn) &&
		      round_trip(as_fn((void (*)(void))getppid)) && refused((weft_fn *)(uintptr_t)ctx);
	return NULL;
}

TEST(many_threads)
{
	pthread_t thread[4];
	bool ok[4] = {false};
	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&thread[i], NULL, in_thread, &ok[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		CHECK(ok[i]);
	}
}

TEST(in_a_fork)
{
	struct weft__token t;
	int status = -1;
	REQUIRE_EQ(weft__token_make(first_fn, &t), 0);
	REQUIRE(round_trip(second_fn));
	pid_t pid = fork();
	if (pid == 0) {
		weft_fn *back = NULL;
		bool ok = !weft__token_find(&t, &back) && back == first_fn && round_trip(second_fn) &&
			  round_trip(public_fn);
		_exit(ok ? 0 : 1);
	}
	REQUIRE(pid > 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}
