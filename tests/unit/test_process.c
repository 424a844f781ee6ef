/* SPDX-License-Identifier: MIT
 *
 * test_process.c -- weft_process: start, outcome, exit codes, names, start methods, what it has and
 * what it has not. Waiting for it is in test_process_wait.c, being killed in tests/crash/crash_process.c.
 */
#include "process_kit.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TEST(process_runs_and_is_joined)
{
	for (int i = 0; i < STARTS; i++) {
		if (skips(starts[i]))
			continue;
		uint64_t n = 12;
		size_t size = 0;
		weft_process *p = start(square_fn, &n, sizeof n, sizeof n, starts[i]);
		CHECK(weft_process_pid(p) > 0 && weft_process_pid(p) != getpid());
		CHECK_EQ(weft_process_join(p, test_soon()), 0);
		CHECK_EQ(weft_process_join(p, 0), 0);
		const uint64_t *result = weft_future_result(weft_process_future(p), &size);
		REQUIRE(result != NULL);
		CHECK_EQ(*result, 144);
		CHECK_EQ(size, 8);
		int status;
		CHECK_EQ(end(p, &status), 0);
		CHECK_EQ(status, 7);
	}
}

TEST(process_exit_codes)
{
	for (int i = 0; i < STARTS; i++) {
		int status, n = 5, zero = 0;
		if (skips(starts[i]))
			continue;
		weft_process *p = start(fail_fn, NULL, 0, 0, starts[i]);
		CHECK_EQ(weft_process_join(p, test_soon()), 0);
		CHECK_EQ(strcmp(weft_future_error(weft_process_future(p)), "no luck"), 0);
		CHECK_EQ(end(p, &status), 1);
		CHECK_EQ(status, -ENOENT);
		CHECK_EQ(end(start(exit_fn, &n, sizeof n, 0, starts[i]), &status), 5);
		CHECK_EQ(status, -EOWNERDEAD);
		CHECK_EQ(end(start(exit_fn, &zero, sizeof zero, 0, starts[i]), &status), 0);
		CHECK_EQ(status, -EOWNERDEAD);
	}
}

/* Also when the signal comes before the process has found its feet. */
TEST(process_terminated_and_killed)
{
	for (int i = 0; i < STARTS; i++) {
		struct weft_death death = {0};
		int status, code;
		if (skips(starts[i]))
			continue;
		for (int k = 0; k < 10; k++) {
			weft_process *p = start(sleep_fn, NULL, 0, 0, starts[i]);
			CHECK_EQ(weft_process_is_alive(p), 1);
			CHECK_EQ(weft_process_exit(p, &code), -EINPROGRESS);
			CHECK_EQ(k % 2 ? weft_process_kill(p) : weft_process_terminate(p), 0);
			CHECK_EQ(weft_process_join(p, test_soon()), 0);
			CHECK_EQ(weft_process_terminate(p), 0);
			CHECK_EQ(weft_future_death(weft_process_future(p), &death), 0);
			CHECK_EQ(death.pid, weft_process_pid(p));
			CHECK_EQ(death.signal, k % 2 ? SIGKILL : SIGTERM);
			CHECK_EQ(end(p, &status), k % 2 ? -SIGKILL : -SIGTERM);
			CHECK_EQ(status, -EOWNERDEAD);
		}
	}
	weft_process *p = start(deaf_fn, NULL, 0, 0, WEFT_START_NURSERY);
	test_sleep_ms(20);
	CHECK_EQ(weft_process_terminate(p), 0);
	CHECK_EQ(weft_process_join(p, weft_after(WEFT_MS(20))), -ETIMEDOUT);
	CHECK_EQ(weft_process_kill(p), 0);
	int status;
	CHECK_EQ(end(p, &status), -SIGKILL);
}

TEST(process_can_be_asked_to_give_up)
{
	int status;
	weft_process *p = start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
	CHECK_EQ(weft_future_cancel(weft_process_future(p)), WEFT_CANCEL_ASKED);
	CHECK_EQ(end(p, &status), 1);
	CHECK_EQ(status, -ECANCELED);
}

struct names {
	char current[WEFT_NAME_MAX + 1];
};

static int names_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg;
	snprintf(((struct names *)result)->current, WEFT_NAME_MAX + 1, "%s", weft_current_name());
	return 0;
}

static void check_name(const char *given, const char *expected)
{
	struct weft_process_opts o = {.name = given, .result_size = sizeof(struct names)};
	weft_process *p = NULL;
	REQUIRE_EQ(weft_process_start(&p, names_fn, NULL, 0, &o), 0);
	CHECK_EQ(weft_process_join(p, test_soon()), 0);
	const struct names *n = weft_future_result(weft_process_future(p), NULL);
	REQUIRE(n != NULL);
	CHECK_EQ(strcmp(n->current, expected), 0);
	CHECK_EQ(strcmp(weft_process_name(p), expected), 0);
	weft_process_free(p);
}

TEST(process_has_a_name)
{
	check_name(NULL, "Process-1");
	check_name("reader", "reader");
	check_name(NULL, "Process-2");
	CHECK_EQ(strcmp(weft_current_name(), "main"), 0);
	weft_executor *ex = NULL;
	weft_future *f = NULL;
	REQUIRE_EQ(weft_executor_open(&ex, "processes:1"), 0);
	REQUIRE_EQ(weft_async(ex, names_fn, NULL, 0, sizeof(struct names), &f), 0);
	test_wait(f);
	const struct names *n = weft_future_result(f, NULL);
	CHECK(n && !strcmp(n->current, "weft-worker"));
	weft_future_unref(f);
	weft_executor_free(ex);
}

TEST(process_refuses_nonsense)
{
	struct weft_process_opts flags = {.flags = 2}, how = {.start = (enum weft_start)3};
	weft_process *p = NULL;
	int code;
	CHECK_EQ(weft_process_start(NULL, nothing_fn, NULL, 0, NULL), -EINVAL);
	CHECK_EQ(weft_process_start(&p, NULL, NULL, 0, NULL), -EINVAL);
	CHECK_EQ(weft_process_start(&p, nothing_fn, NULL, 1, NULL), -EINVAL);
	CHECK_EQ(weft_process_start(&p, nothing_fn, NULL, 0, &flags), -EINVAL);
	CHECK_EQ(weft_process_start(&p, nothing_fn, NULL, 0, &how), -EINVAL);
	CHECK_EQ(weft_process_start(&p, nothing_fn, &p, SIZE_MAX, NULL), -E2BIG);
	CHECK(p == NULL);
	CHECK_EQ(weft_process_join(NULL, 0), -EINVAL);
	CHECK_EQ(weft_process_is_alive(NULL), -EINVAL);
	CHECK_EQ(weft_process_pid(NULL), -EINVAL);
	CHECK_EQ(weft_process_fd(NULL), -EINVAL);
	CHECK_EQ(weft_process_exit(NULL, &code), -EINVAL);
	CHECK_EQ(weft_process_kill(NULL), -EINVAL);
	CHECK(weft_process_future(NULL) == NULL);
	CHECK_EQ(weft_process_free(NULL), 0);
}

/* ---- What the process has, and what it has not ---- */

static int global = 1;

static int change_global_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	global += 10;
	return global;
}

/* A fork has the memory as it is now, the others as it was at first; nobody changes ours. */
TEST(process_has_memory_of_its_own)
{
	int status;
	for (int i = 0; i < STARTS; i++) {
		if (skips(starts[i]))
			continue;
		global = 2 + i;
		CHECK_EQ(end(start(change_global_fn, NULL, 0, 0, starts[i]), &status), 0);
		CHECK_EQ(status, starts[i] == WEFT_START_FORK ? 12 + i : 11);
		CHECK_EQ(global, 2 + i);
	}
}

static int follow_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t **shared = *(uint64_t * *const *)arg;
	(void)call, (void)result;
	**shared += 1;
	return 0;
}

/* Pointers in pointers: made before and after the nursery. */
TEST(process_sees_regions)
{
	uint64_t *n = NULL, **at = NULL;
	weft_region *r = NULL;
	int status;
	REQUIRE_EQ(weft_region_new(&r, NULL), 0);
	REQUIRE_EQ(weft_region_alloc(r, sizeof *n, (void **)&n), 0);
	*n = 0;
	for (int i = 0; i < STARTS; i++) {
		if (skips(starts[i]))
			continue;
		weft_process *first = start(nothing_fn, NULL, 0, 0, starts[i]);
		REQUIRE_EQ(weft_region_alloc(r, sizeof(void *), (void **)&at), 0);
		*at = n;
		*n = 41;
		CHECK_EQ(end(start(follow_fn, &at, sizeof at, 0, starts[i]), &status), 0);
		CHECK_EQ(*n, 42);
		CHECK_EQ(end(first, &status), 0);
	}
	weft_region_free(r);
}

static int large_fn(weft_call *call, const void *arg, void *result)
{
	size_t n = weft_call_arg_size(call);
	for (size_t i = 0; i < n; i++)
		((char *)result)[n - 1 - i] = ((const char *)arg)[i];
	weft_call_reply(call, n - 1);
	return 0;
}

TEST(process_carries_large_arguments_and_results)
{
	static char in[(1 << 20) + 5];
	size_t size = 0, wrong = 0;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (char)(i * i >> 3);
	weft_process *p = start(large_fn, in, sizeof in, sizeof in, WEFT_START_NURSERY);
	CHECK_EQ(weft_process_join(p, test_soon()), 0);
	const char *out = weft_future_result(weft_process_future(p), &size);
	REQUIRE(out != NULL);
	CHECK_EQ(size, sizeof in - 1);
	for (size_t i = 0; i < size; i++)
		wrong += out[i] != in[sizeof in - 1 - i];
	CHECK_EQ(wrong, 0);
	weft_process_free(p);
}

static int fds_fn(weft_call *call, const void *arg, void *result)
{
	int n = 0;
	DIR *dir = opendir("/proc/self/fd");
	(void)call, (void)arg, (void)result;
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.' && strtol(e->d_name, NULL, 10) != dirfd(dir);
	if (dir)
		closedir(dir);
	return n;
}

/* Not those of its siblings either. */
TEST(process_has_no_descriptors_but_three)
{
	weft_process *sibling[5];
	int status;
	for (int i = 0; i < 5; i++)
		sibling[i] = start(sleep_fn, NULL, 0, 0, WEFT_START_NURSERY);
	CHECK_EQ(end(start(fds_fn, NULL, 0, 0, WEFT_START_NURSERY), &status), 0);
	CHECK_EQ(status, 3);
	CHECK_EQ(end(start(fds_fn, NULL, 0, 0, WEFT_START_SPAWN), &status), 0);
	CHECK_EQ(status, 3);
	for (int i = 0; i < 5; i++) {
		weft_process_kill(sibling[i]);
		CHECK_EQ(end(sibling[i], &status), -SIGKILL);
	}
}

static int print_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	printf("child %s\n", (const char *)arg);
	return 0;
}

/* What a child has printed is there once it is joined; what we have printed before is there once. */
TEST(process_flushes_what_it_prints)
{
	char path[256], text[512];
	int status, saved = dup(STDOUT_FILENO);
	snprintf(path, sizeof path, "%s/out", test_dir());
	FILE *file = fopen(path, "w+e");
	REQUIRE(file && saved >= 0);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	printf("parent\n");
	fflush(stdout);
	printf("buffered\n");
	for (int i = 0; i < STARTS; i++)
		if (!skips(starts[i]))
			end(start(print_fn, "x", 2, 0, starts[i]), &status);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	size_t n = fread(text, 1, sizeof text - 1, file), lines = 0, buffered = 0;
	text[n] = '\0';
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		lines++;
		buffered += !strcmp(line, "buffered");
	}
	fclose(file);
	CHECK_EQ(lines, TEST_UNDER_TSAN ? 4 : 5);
	CHECK_EQ(buffered, 1);
}
