/* SPDX-License-Identifier: MIT
 *
 * crash_death.c -- whatever a task does to its worker: its future says so and how, every other task is right,
 * the worker is replaced.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "crash_kit.h"

enum { WORKERS = 2, OTHERS = 40 };

static bool contains(const char *text, const char *part)
{
	for (; *text; text++) {
		size_t i = 0;
		while (part[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
			i++;
		if (!part[i])
			return true;
	}
	return false;
}

/* The text names the signal, as "Segmentation fault"; or the status of the exit. */
static void check_text(const char *text, int sig, int code)
{
	char number[16];
	bool told;
	snprintf(number, sizeof number, "%d", code);
	if (sig != 0)
		told = contains(text, strsignal(sig));
	else
		told = contains(text, number);
	if (!told)
		fprintf(stderr, "text: \"%s\"\n", text);
	CHECK(told);
}

static void check_dead(weft_future *f, pid_t pid, int sig, int code)
{
	struct weft_death death;
	size_t size = 5;
	memset(&death, 0x55, sizeof death);
	CHECK_EQ(weft_future_status(f), -EOWNERDEAD);
	CHECK(weft_future_result(f, &size) == NULL);
	CHECK_EQ(size, 5);
	REQUIRE_EQ(weft_future_death(f, &death), 0);
	CHECK_EQ(death.pid, pid);
	CHECK_EQ(death.signal, sig);
	if (sig == 0)
		CHECK_EQ(death.code, code);
	CHECK(!death.core);
	CHECK(death.rusage.ru_maxrss > 0);
	check_text(weft_future_error(f), sig, code);
}

static void check_death(const char *spec, enum crash_how how, int sig, int code)
{
	weft_executor *ex = crash_open(spec);
	struct crash_order order = {.word = 3, .how = how};
	uint32_t *board = test_board(&order.ref);
	weft_task killer = crash_task(crash_die_fn, &order), other[OTHERS];
	uint64_t value[OTHERS];
	for (uint64_t i = 0; i < OTHERS; i++) {
		value[i] = i;
		other[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
		other[i].result = &value[i];
		other[i].result_size = 8;
		REQUIRE_EQ(weft_submit(ex, &other[i]), 0);
		if (i == OTHERS / 2)
			REQUIRE_EQ(weft_submit(ex, &killer), 0);
	}
	test_wait(weft_task_future(&killer));
	check_dead(weft_task_future(&killer), (pid_t)test_get(&board[3]), sig, code);
	for (uint64_t i = 0; i < OTHERS; i++) {
		test_wait(weft_task_future(&other[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&other[i])), 0);
		CHECK_EQ(value[i], i * i);
	}
	crash_check_workers(ex, WORKERS);
	CHECK_EQ(crash_stats(ex).deaths, 1);
	CHECK_EQ(crash_stats(ex).died, 1);
	crash_check_works(ex, 100);
	weft_executor_free(ex);
}

static void check_all_starts(enum crash_how how, int sig, int code)
{
	check_death("processes:2,start=spawn", how, sig, code);
	check_death("processes:2", how, sig, code);
	check_death("processes:2,start=fork", how, sig, code);
}

TEST(death_by_segv)
{
	check_all_starts(CRASH_SEGV, SIGSEGV, 0);
}

TEST(death_by_abort)
{
	check_all_starts(CRASH_ABRT, SIGABRT, 0);
}

TEST(death_by_fpe)
{
	check_all_starts(CRASH_FPE, SIGFPE, 0);
}

TEST(death_by_illegal_instruction)
{
	check_all_starts(CRASH_ILL, SIGILL, 0);
}

TEST(death_by_bus_error)
{
	check_all_starts(CRASH_BUS, SIGBUS, 0);
}

TEST(death_by_kill)
{
	check_all_starts(CRASH_KILL, SIGKILL, 0);
}

TEST(death_by_term)
{
	check_all_starts(CRASH_TERM, SIGTERM, 0);
}

TEST(death_by_stack_overflow)
{
	check_all_starts(CRASH_STACK, SIGSEGV, 0);
}

TEST(death_by_exit_0)
{
	check_all_starts(CRASH_EXIT_0, 0, 0);
}

TEST(death_by_exit_3)
{
	check_all_starts(CRASH_EXIT_3, 0, 3);
}

/* How a process ends whose first thread leaves below main() is the C library's affair. */
TEST(death_by_pthread_exit)
{
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3, .how = CRASH_PTHREAD_EXIT};
	struct weft_death death;
	uint32_t *board = test_board(&order.ref);
	weft_task killer = crash_task(crash_die_fn, &order);
	REQUIRE_EQ(weft_submit(ex, &killer), 0);
	test_wait(weft_task_future(&killer));
	CHECK_EQ(weft_future_status(weft_task_future(&killer)), -EOWNERDEAD);
	REQUIRE_EQ(weft_future_death(weft_task_future(&killer), &death), 0);
	CHECK_EQ(death.pid, test_get(&board[3]));
	CHECK(strlen(weft_future_error(weft_task_future(&killer))) > 0);
	crash_check_workers(ex, 2);
	crash_check_works(ex, 100);
	weft_executor_free(ex);
}

TEST(death_by_exec)
{
	check_all_starts(CRASH_EXEC, 0, 0);
}

TEST(death_of_the_only_worker)
{
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3, .how = CRASH_KILL};
	uint32_t *board = test_board(&order.ref);
	for (int i = 0; i < 30; i++) {
		weft_task killer = crash_task(crash_die_fn, &order);
		REQUIRE_EQ(weft_submit(ex, &killer), 0);
		test_wait(weft_task_future(&killer));
		check_dead(weft_task_future(&killer), (pid_t)test_get(&board[3]), SIGKILL, 0);
		crash_check_works(ex, 3);
	}
	CHECK_EQ(crash_stats(ex).deaths, 30);
	weft_executor_free(ex);
}

/* Who sees that the task is lost finds the death counted. It does not sleep, so as to look at once. */
TEST(death_is_counted_before_it_is_told)
{
	weft_executor *ex = crash_open("processes:1");
	struct crash_order order = {.word = 3, .how = CRASH_KILL};
	test_board(&order.ref);
	for (uint64_t i = 1; i <= 50; i++) {
		weft_task killer = crash_task(crash_die_fn, &order);
		REQUIRE_EQ(weft_submit(ex, &killer), 0);
		while (weft_future_status(weft_task_future(&killer)) == -EINPROGRESS) {}
		CHECK_EQ(crash_stats(ex).deaths, i);
	}
	weft_executor_free(ex);
}

TEST(death_of_a_running_worker_from_outside)
{
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3};
	uint32_t *board = test_board(&order.ref);
	weft_task t = crash_task(crash_sit_fn, &order);
	for (int i = 0; i < 10; i++) {
		test_set(&board[3], 0);
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		REQUIRE(test_await(&board[3], 1));
		pid_t pid = (pid_t)test_get(&board[3]);
		REQUIRE_EQ(kill(pid, SIGKILL), 0);
		weft_time killed = weft_now();
		test_wait(weft_task_future(&t));
		CHECK(weft_now() - killed < WEFT_SECONDS(5));
		check_dead(weft_task_future(&t), pid, SIGKILL, 0);
	}
	crash_check_workers(ex, 2);
	crash_check_works(ex, 100);
	weft_executor_free(ex);
}

/* Nobody is told of a worker that died with nothing to do. */
TEST(death_of_idle_workers)
{
	weft_executor *ex = crash_open("processes:3");
	pid_t pid[8];
	crash_check_works(ex, 30);
	REQUIRE(crash_await_processes("weft-worker", 3));
	for (int i = 0; i < 20; i++) {
		size_t n = test_processes("weft-worker", pid, 8);
		for (size_t k = 0; k < n && k < (i % 2 ? 1u : 8u); k++)
			kill(pid[k], SIGKILL);
		crash_check_works(ex, 20);
	}
	crash_check_workers(ex, 3);
	CHECK_EQ(crash_stats(ex).died, 0);
	CHECK(crash_stats(ex).deaths >= 20);
	weft_executor_free(ex);
}

/* A worker that is replaced leaves nothing in this process. */
TEST(death_leaves_no_descriptors)
{
	weft_executor *ex = crash_open("processes:2");
	struct crash_order order = {.word = 3, .how = CRASH_ABRT};
	test_board(&order.ref);
	weft_task killer = crash_task(crash_die_fn, &order);
	crash_check_works(ex, 10);
	crash_check_workers(ex, 2);
	size_t before = crash_count_fds();
	for (int i = 0; i < 50; i++) {
		REQUIRE_EQ(weft_submit(ex, &killer), 0);
		test_wait(weft_task_future(&killer));
	}
	crash_check_works(ex, 10);
	crash_check_workers(ex, 2);
	CHECK(crash_count_fds() <= before + 2);
	weft_executor_free(ex);
}

TEST(death_with_sigchld_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	check_death("processes:2", CRASH_EXIT_3, 0, 3);
	check_death("processes:2", CRASH_SEGV, SIGSEGV, 0);
}
