/* SPDX-License-Identifier: MIT
 *
 * test_ready.c -- parkers that wait for a descriptor, and their bells: none is left behind, and it goes without.
 */
#include "ready.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/weft.h>

#include "harness.h"

static unsigned eventfds_now(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	for (struct dirent *e; (e = readdir(d));) {
		char path[300], target[64] = "";
		snprintf(path, sizeof path, "/proc/self/fd/%s", e->d_name);
		n += readlink(path, target, sizeof target - 1) > 0 && strstr(target, "eventfd");
	}
	closedir(d);
	return n;
}

/* ---- The parker ---- */

struct sleeper {
	struct weft__parker parker;
	struct weft__ready ready;
	uint32_t sleeps;
	int err;
};

static void *sleep_thread(void *sleeper)
{
	struct sleeper *s = sleeper;
	test_set(&s->sleeps, 1);
	s->err = weft__park_ready(&s->parker, test_soon());
	return NULL;
}

TEST(is_unparked)
{
	int p[2];
	REQUIRE_EQ(pipe2(p, O_CLOEXEC), 0);
	for (int i = 0; i < 200; i++) {
		struct sleeper s = {.err = 1};
		pthread_t thread;
		weft__ready_init(&s.ready, &s.parker, p[0], POLLIN, false);
		CHECK(s.ready.bell >= 0);
		if (i % 3 == 0) /* before it sleeps: the permit is kept */
			weft__unpark(&s.parker);
		REQUIRE_EQ(pthread_create(&thread, NULL, sleep_thread, &s), 0);
		while (!test_get(&s.sleeps))
			test_sleep_ms(0);
		if (i % 3 == 1)
			test_sleep_ms(1);
		if (i % 3)
			weft__unpark(&s.parker);
		pthread_join(thread, NULL);
		CHECK_EQ(s.err, 0);
		CHECK_EQ(s.ready.fd.revents, 0);
		weft__ready_fini(&s.ready);
	}
	CHECK_EQ(eventfds_now(), 0);
	close(p[0]), close(p[1]);
}

TEST(is_ready_or_overdue)
{
	struct weft__parker parker;
	struct weft__ready r;
	int p[2];
	REQUIRE_EQ(pipe2(p, O_CLOEXEC), 0);
	weft__ready_init(&r, &parker, p[0], POLLIN, true);
	CHECK_EQ(r.bell, -1);
	const weft_time past[] = {INT64_MIN, -1, 0, 1, weft_now() - 1, weft_after(WEFT_MS(3))};
	for (unsigned i = 0; i < sizeof past / sizeof *past; i++)
		CHECK_EQ(weft__park_ready(&parker, past[i]), -ETIMEDOUT);
	REQUIRE_EQ(write(p[1], "x", 1), 1);
	CHECK_EQ(weft__park_ready(&parker, 0), 0);
	CHECK_EQ(r.fd.revents, POLLIN);
	weft__unpark(&parker);
	CHECK_EQ(weft__park_ready(&parker, 0), 0);
	weft__ready_fini(&r);
	weft__ready_init(&r, &parker, 1 << 20, POLLIN, true);
	CHECK_EQ(weft__park_ready(&parker, WEFT_FOREVER), 0); /* no such file: for the call to find */
	weft__ready_fini(&r);
	close(p[0]), close(p[1]);
}

/* ---- Bells ---- */

static int read_fn(weft_call *call, const void *arg, void *result)
{
	char c;
	(void)call, (void)result;
	return (int)weft_read(*(const int *)arg, &c, 1);
}

TEST(bells_do_not_ring_in_a_fork)
{
	enum { N = 4 };
	weft_executor *ex;
	weft_task t[N];
	int p[2];
	REQUIRE_EQ(pipe2(p, O_CLOEXEC), 0);
	REQUIRE_EQ(weft_executor_open(&ex, "threads:4"), 0);
	for (int i = 0; i < N; i++) {
		t[i] = (weft_task){.fn = read_fn, .arg = &p[0], .arg_size = sizeof(int)};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (weft_time end = test_soon(); eventfds_now() < N && weft_now() < end;)
		test_sleep_ms(1);
	CHECK_EQ(eventfds_now(), N);
	pid_t child = fork();
	if (child == 0)
		_exit((int)eventfds_now());
	int status;
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	for (int i = 0; i < N; i++)
		CHECK_EQ(weft_future_cancel(weft_task_future(&t[i])), WEFT_CANCEL_ASKED);
	for (int i = 0; i < N; i++) {
		test_wait(weft_task_future(&t[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&t[i])), -ECANCELED);
	}
	weft_executor_free(ex);
	CHECK_EQ(eventfds_now(), 0);
	close(p[0]), close(p[1]);
}

/* No descriptor is left for a bell: a cancel takes some milliseconds, but comes. */
TEST(goes_without_a_bell)
{
	struct rlimit old, low;
	weft_executor *ex;
	int p[2];
	REQUIRE_EQ(pipe2(p, O_CLOEXEC), 0);
	REQUIRE_EQ(weft_executor_open(&ex, "threads:2"), 0);
	int next = dup(p[0]);
	close(next);
	REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = old.rlim_max};
	REQUIRE_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
	for (int i = 0; i < 3; i++) {
		weft_task t = {.fn = read_fn, .arg = &p[0], .arg_size = sizeof(int)};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_sleep_ms(15);
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -EINPROGRESS);
		if (i == 2)
			REQUIRE_EQ(write(p[1], "x", 1), 1);
		else
			CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), i == 2 ? 1 : -ECANCELED);
	}
	setrlimit(RLIMIT_NOFILE, &old);
	weft_executor_free(ex);
	close(p[0]), close(p[1]);
}

static void close_eventfds(void)
{
	for (int fd = 3; fd < 100; fd++) {
		char path[64], target[64] = "";
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, "eventfd"))
			close(fd);
	}
}

/* The program closes all that it does not know, and opens something in its place: that is left alone. */
TEST(bells_are_closed_by_the_program)
{
	if (TEST_UNDER_TSAN)
		SKIP("it takes the wrong close for a race, which it is");
	weft_executor *ex;
	int p[2], q[2];
	char got[16];
	REQUIRE_EQ(pipe2(p, O_CLOEXEC) + pipe2(q, O_CLOEXEC | O_NONBLOCK), 0);
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	for (int i = 0; i < 3; i++) {
		weft_task t = {.fn = read_fn, .arg = &p[0], .arg_size = sizeof(int)};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		for (weft_time end = test_soon(); !eventfds_now() && weft_now() < end;)
			test_sleep_ms(1);
		test_sleep_ms(5);
		close_eventfds();
		int in_its_place = i ? fcntl(q[i - 1], F_DUPFD_CLOEXEC, 3) : -1;
		if (i == 1)
			REQUIRE_EQ(write(q[1], "not a bell", 10), 10);
		CHECK_EQ(weft_future_cancel(weft_task_future(&t)), WEFT_CANCEL_ASKED);
		test_wait(weft_task_future(&t)); /* in a second or two */
		CHECK_EQ(weft_future_status(weft_task_future(&t)), -ECANCELED);
		if (i == 1)
			CHECK_EQ(read(q[0], got, sizeof got), 10);
		CHECK_EQ(read(q[0], got, sizeof got), -1);
		if (i)
			CHECK_EQ(close(in_its_place), 0);
	}
	weft_executor_free(ex);
	CHECK_EQ(eventfds_now(), 0);
	close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}
