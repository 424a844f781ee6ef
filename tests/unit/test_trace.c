/* SPDX-License-Identifier: MIT
 *
 * test_trace.c -- what a trace has in it, what it refuses, and where its limits are. Whole programs are traced by
 * tests/trace.
 */
#include "harness.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/trace.h>

#include "trace_file.h"

enum { SMALL = 512 << 10, MANY = 10000, ROUNDS = 20, WRITERS = 3 };

static char path[PATH_MAX / 2], raw[PATH_MAX];

/* A path for a trace, in a folder of its own. */
static const char *fresh(void)
{
	snprintf(path, sizeof path, "%s/t.json", test_dir());
	snprintf(raw, sizeof raw, "%s.raw", path);
	return path;
}

static bool is_there(const char *file)
{
	struct stat s;

	return !stat(file, &s);
}

/* The whole file; the caller frees it. */
static char *contents(const char *file)
{
	FILE *f = fopen(file, "re");
	char *text = NULL;
	size_t room = 0;

	if (!f || getdelim(&text, &room, '\0', f) < 0)
		text = strdup("");
	if (f)
		fclose(f);
	return text;
}

static unsigned occurrences(const char *text, const char *what)
{
	unsigned n = 0;

	for (const char *at = text; (at = strstr(at, what)); at += strlen(what))
		n++;
	return n;
}

static unsigned in_trace(const char *what)
{
	char *text = contents(path);
	unsigned n = occurrences(text, what);

	free(text);
	return n;
}

static long number_in_trace(const char *key)
{
	char *text = contents(path), *at = strstr(text, "otherData");
	long n = at && (at = strstr(at, key)) ? strtol(at + strlen(key), NULL, 10) : -1;

	free(text);
	return n;
}

static int nothing(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return 0;
}

static void run_tasks(int n, const char *name)
{
	for (int i = 0; i < n; i++) {
		weft_task t = {.fn = nothing, .name = name};

		weft_submit(weft_inline(), &t);
	}
}

TEST(what_is_refused)
{
	char missing[PATH_MAX], *far = malloc(2 * PATH_MAX);

	REQUIRE(far);
	memset(far, 'x', 2 * PATH_MAX - 1);
	far[2 * PATH_MAX - 1] = 0;
	CHECK_EQ(weft_trace_start(NULL, 0), -EINVAL);
	CHECK_EQ(weft_trace_start("", 0), -EINVAL);
	CHECK_EQ(weft_trace_start(fresh(), 4096), -EINVAL);
	CHECK_EQ(weft_trace_start(far, 0), -ENAMETOOLONG);
	snprintf(missing, sizeof missing, "%s/none/t.json", test_dir());
	CHECK_EQ(weft_trace_start(missing, 0), -ENOENT);
	CHECK_EQ(weft_trace_start(test_dir(), SMALL), -EISDIR);
	CHECK_EQ(weft_trace_stop(), -ENOENT);
	CHECK(!is_there(raw));
	CHECK_EQ(weft_trace_start(path, SMALL), 0);
	CHECK_EQ(weft_trace_start(path, SMALL), -EALREADY);
	CHECK_EQ(weft_trace_stop(), 0);
	CHECK_EQ(weft_trace_stop(), -ENOENT);
	free(far);
}

TEST(tasks_and_marks_are_in_it)
{
	weft_trace_mark("before");
	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	run_tasks(3, "some \"name\"\n");
	run_tasks(2, NULL);
	weft_trace_mark("a mark");
	weft_trace_mark(NULL);
	weft_trace_mark("a text that is far longer than the fifty-five bytes that are kept of it");
	CHECK(is_there(raw));
	REQUIRE_EQ(weft_trace_stop(), 0);
	weft_trace_mark("after");
	CHECK(!is_there(raw));
	CHECK_EQ(in_trace("\"ph\":\"B\""), 5);
	CHECK_EQ(in_trace("\"name\":\"some \\\"name\\\"\\u000a\""), 3);
	CHECK_EQ(in_trace("\"name\":\"nothing\""), 2); /* static: from the symbols of this file */
	CHECK_EQ(in_trace("\"name\":\"a mark\""), 1);
	CHECK_EQ(in_trace("\"name\":\"a text that is far longer than the fifty-five bytes tha\""), 1);
	CHECK_EQ(in_trace("before") + in_trace("after"), 0);
}

TEST(another_trace_begins_anew)
{
	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	run_tasks(1, "first");
	REQUIRE_EQ(weft_trace_stop(), 0);
	CHECK_EQ(in_trace("\"name\":\"first\""), 1);
	REQUIRE_EQ(weft_trace_start(path, SMALL), 0);
	run_tasks(1, "second");
	run_tasks(1, NULL);
	REQUIRE_EQ(weft_trace_stop(), 0);
	CHECK_EQ(in_trace("\"name\":\"first\""), 0);
	CHECK_EQ(in_trace("\"name\":\"second\""), 1);
	CHECK_EQ(in_trace("\"name\":\"nothing\""), 1);
}

TEST(a_full_one_counts_what_is_dropped)
{
	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	run_tasks(MANY, "task");
	REQUIRE_EQ(weft_trace_stop(), 0);
	CHECK_EQ(in_trace("the trace was full"), 1);
	CHECK(number_in_trace("\"dropped\":") > 0);
	/* Submit, start, end. */
	CHECK_EQ(number_in_trace("\"events\":") + number_in_trace("\"dropped\":"), 3 * MANY);
}

/* More texts than there is room for: the events are there, without names. */
TEST(names_run_out)
{
	char text[32];

	REQUIRE_EQ(weft_trace_start(fresh(), 0), 0);
	for (int i = 0; i < 2 * TRACE_NAMES; i++) {
		snprintf(text, sizeof text, "mark %d", i);
		weft_trace_mark(text);
	}
	REQUIRE_EQ(weft_trace_stop(), 0);
	CHECK_EQ(number_in_trace("\"events\":"), 2 * TRACE_NAMES);
	CHECK_EQ(in_trace("\"name\":\"mark "), TRACE_NAMES);
	CHECK_EQ(in_trace("\"name\":\"?\""), TRACE_NAMES);
}

/* A fork writes into the file of its parent, as a process of its own, and does not end the trace. */
TEST(a_fork_writes_too)
{
	int status = -1;
	char line[64];
	pid_t pid;

	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	run_tasks(1, "parent's");
	fflush(NULL);
	pid = fork();
	if (!pid) {
		run_tasks(2, "child's");
		exit(weft_trace_stop() == -ECHILD ? 3 : 1);
	}
	REQUIRE(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	CHECK(is_there(raw));
	run_tasks(1, "parent's");
	REQUIRE_EQ(weft_trace_stop(), 0);
	snprintf(line, sizeof line, "{\"ph\":\"B\",\"pid\":%d,\"tid\":%d,", pid, pid);
	CHECK_EQ(in_trace(line), 2);
	snprintf(line, sizeof line, "{\"ph\":\"B\",\"pid\":%d,\"tid\":%d,", getpid(), getpid());
	CHECK_EQ(in_trace(line), 2);
}

/* A fork may have a trace of its own, and the parent's goes on. */
TEST(a_fork_has_its_own)
{
	char own[PATH_MAX / 2];
	int status = -1;
	pid_t pid;

	snprintf(own, sizeof own, "%s/own.json", test_dir());
	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		int err = weft_trace_start(own, SMALL);

		run_tasks(2, "child's");
		_exit(err || weft_trace_stop());
	}
	REQUIRE(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	run_tasks(1, "parent's");
	REQUIRE_EQ(weft_trace_stop(), 0);
	CHECK_EQ(in_trace("child's"), 0);
	CHECK_EQ(in_trace("\"name\":\"parent's\""), 1);
	snprintf(path, sizeof path, "%s", own);
	CHECK_EQ(in_trace("\"name\":\"child's\""), 2);
}

static uint32_t enough;

static void *write_marks(void *arg)
{
	while (!test_get(&enough))
		weft_trace_mark(arg);
	return NULL;
}

/* The file goes away under threads that write. */
TEST(it_ends_while_threads_write)
{
	pthread_t thread[WRITERS];
	long events = 0;

	fresh();
	for (int i = 0; i < WRITERS; i++)
		REQUIRE_EQ(pthread_create(&thread[i], NULL, write_marks, (void *)(uintptr_t) "busy"), 0);
	for (int i = 0; i < ROUNDS; i++) {
		REQUIRE_EQ(weft_trace_start(path, SMALL), 0);
		if (i % 2)
			test_sleep_ms(1);
		REQUIRE_EQ(weft_trace_stop(), 0);
		CHECK(number_in_trace("\"events\":") >= 0);
		events += number_in_trace("\"events\":");
	}
	while (!events) {
		REQUIRE_EQ(weft_trace_start(path, SMALL), 0);
		test_sleep_ms(1);
		REQUIRE_EQ(weft_trace_stop(), 0);
		events += number_in_trace("\"events\":");
	}
	test_set(&enough, 1);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	CHECK(events > 0);
}

/* What was written stays, if the trace cannot be made of it. */
TEST(the_raw_file_stays_if_the_end_fails)
{
	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	REQUIRE_EQ(mkdir(path, 0700), 0);
	CHECK_EQ(weft_trace_stop(), -EISDIR);
	CHECK(is_there(raw));
	CHECK_EQ(rmdir(path), 0);
	/* It is nobody's, so the next may have it. */
	CHECK_EQ(weft_trace_start(path, SMALL), 0);
	CHECK_EQ(weft_trace_stop(), 0);
	CHECK(is_there(path) && !is_there(raw));
}

/* The program closes descriptors that are not its own, and others get their numbers. */
TEST(its_descriptor_is_closed)
{
	weft_executor *ex;
	weft_task t = {.fn = nothing, .name = "elsewhere"};
	int fds[2];

	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	for (int fd = 3; fd < 64; fd++)
		close(fd);
	REQUIRE_EQ(pipe(fds), 0);
	REQUIRE_EQ(weft_executor_open(&ex, "processes:1"), 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	CHECK_EQ(weft_future_wait(weft_task_future(&t), test_soon()), 0);
	weft_executor_free(ex);
	REQUIRE_EQ(weft_trace_stop(), 0);
	CHECK_EQ(write(fds[1], "x", 1), 1);             /* it is still ours */
	CHECK_EQ(in_trace("\"name\":\"submit ?\""), 1); /* its worker could not be told of the file */
	close(fds[0]);
	close(fds[1]);
}

/* A fork-join child that is stolen, a wait, a failure: each is to be seen. */
static int failing(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return -EDOM;
}

TEST(statuses_and_waits)
{
	weft_task t = {.fn = failing, .name = "failing"},
		  late = {.fn = nothing, .name = "late", .deadline = 1};
	weft_executor *ex;

	REQUIRE_EQ(weft_trace_start(fresh(), SMALL), 0);
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	CHECK_EQ(weft_future_wait(weft_task_future(&t), test_soon()), 0);
	REQUIRE_EQ(weft_submit(ex, &late), 0);
	CHECK_EQ(weft_future_wait(weft_task_future(&late), test_soon()), 0);
	CHECK_EQ(weft_future_status(weft_task_future(&late)), -ETIMEDOUT);
	weft_executor_free(ex);
	REQUIRE_EQ(weft_trace_stop(), 0);
	CHECK_EQ(in_trace("\"args\":{\"status\":-33}"), 1);
	CHECK_EQ(in_trace("\"name\":\"task dropped\""), 1);
	CHECK_EQ(in_trace("wait for failing") + in_trace("get failing"), 1);
}
