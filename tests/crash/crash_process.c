/* SPDX-License-Identifier: MIT
 *
 * crash_process.c -- weft_process when somebody is killed, whenever: the process, the program, the nursery. And
 * the end of a program that has some.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"

static struct crash_order order;

static weft_process *start(weft_fn *fn, const void *arg, size_t size, const char *name, uint32_t flags,
			   enum weft_start how)
{
	struct weft_process_opts o = {.size = sizeof o, .name = name, .flags = flags, .start = how};
	weft_process *p = NULL;
	return weft_process_start(&p, fn, arg, size, &o) ? NULL : p;
}

static int exit_code(weft_process *p)
{
	int code = -999;
	CHECK_EQ(weft_process_join(p, test_soon()), 0);
	CHECK_EQ(weft_process_exit(p, &code), 0);
	return code;
}

/* Every way to die, seen from outside. */
TEST(process_dies_in_every_way)
{
	static const struct {
		uint32_t how;
		int code;
	} way[] = {{CRASH_SEGV, -SIGSEGV}, {CRASH_ABRT, -SIGABRT}, {CRASH_FPE, -SIGFPE},
		   {CRASH_ILL, -SIGILL},   {CRASH_BUS, -SIGBUS},   {CRASH_KILL, -SIGKILL},
		   {CRASH_TERM, -SIGTERM}, {CRASH_EXIT_0, 0},      {CRASH_EXIT_3, 3},
		   {CRASH_PTHREAD_EXIT, 0}};
	for (size_t i = 0; i < sizeof way / sizeof way[0]; i++) {
		weft_process *p = start(crash_just_die_fn, &way[i].how, 4, NULL, 0, WEFT_START_NURSERY);
		REQUIRE(p != NULL);
		if (TEST_SLOW_BUILD && way[i].code < 0) /* a sanitizer may make an exit of it */
			CHECK(exit_code(p) != 0);
		else
			CHECK_EQ(exit_code(p), way[i].code);
		CHECK_EQ(weft_future_status(weft_process_future(p)), -EOWNERDEAD);
		weft_process_free(p);
	}
}

static int write_fn(weft_call *call, const void *arg, void *result)
{
	(void)call;
	for (size_t i = 0; i < 1 << 16; i++)
		((char *)result)[i] = *(const char *)arg;
	return 0;
}

/* At any time: either the whole result is there, or it is said how it died. Never both, never neither. */
TEST(process_killed_at_any_time)
{
	unsigned done = 0, died = 0, strange = 0;
	for (unsigned i = 0; i < 300; i++) {
		struct weft_process_opts o = {.result_size = 1 << 16};
		struct weft_death death;
		char c = (char)i;
		int code;
		weft_process *p = NULL;
		REQUIRE_EQ(weft_process_start(&p, write_fn, &c, 1, &o), 0);
		for (unsigned spin = 0; spin < i * 50; spin++)
			test_get((uint32_t *)&order.word);
		CHECK_EQ(weft_process_kill(p), 0);
		code = exit_code(p);
		weft_future *f = weft_process_future(p);
		const char *result = weft_future_result(f, NULL);
		if (result && weft_future_status(f) == 0) {
			done++;
			strange += code != 0 && code != -SIGKILL;
			for (size_t k = 0; k < 1 << 16; k++)
				strange += result[k] != c;
		} else {
			died++;
			strange += code != -SIGKILL || weft_future_status(f) != -EOWNERDEAD ||
				   weft_future_death(f, &death) || death.signal != SIGKILL;
		}
		weft_process_free(p);
	}
	CHECK_EQ(strange, 0);
	CHECK(died > 0);
	CHECK_EQ(done + died, 300);
}

/* ---- The program ends ---- */

enum ending { END_KILL, END_EXIT, END_QUICK_EXIT };

static int stay_fn(weft_call *call, const void *arg, void *result)
{
	const struct crash_order *o = arg;
	uint32_t *board = test_board_map(&o->ref);
	(void)call, (void)result;
	prctl(PR_SET_NAME, "weft-stay");
	signal(SIGTERM, SIG_IGN);
	test_add(&board[1], 1);
	for (;;)
		test_sleep_ms(1000);
	return 0;
}

static int last_words_fn(weft_call *call, const void *arg, void *result)
{
	const struct crash_order *o = arg;
	uint32_t *board = test_board_map(&o->ref);
	(void)call, (void)result;
	test_await(&board[2], 1); /* until the program is in exit() */
	test_sleep_ms(20);
	test_set(&board[3], 1);
	test_board_unmap(board);
	return 0;
}

static uint32_t *program_board;

static void in_exit(void)
{
	test_set(&program_board[2], 1);
}

static _Noreturn void program(uint32_t flags, weft_fn *fn, enum weft_start how, enum ending end)
{
	int n = 2;
	for (int i = 0; i < n; i++) {
		weft_process *p = start(fn, &order, sizeof order, NULL, flags, how);
		if (!p)
			_exit(99);
		weft_process_free(p);
	}
	atexit(in_exit); /* runs before the library's */
	if (fn == stay_fn)
		test_await(&program_board[1], 2);
	test_set(&program_board[0], 1);
	if (end == END_EXIT)
		exit(33);
	if (end == END_QUICK_EXIT)
		_exit(33);
	for (;;)
		pause();
}

static void run_program(uint32_t flags, weft_fn *fn, enum weft_start how, enum ending end)
{
	int status = -1;
	program_board = test_board(&order.ref);
	pid_t pid = fork();
	if (!pid)
		program(flags, fn, how, end);
	REQUIRE(pid > 0);
	CHECK(test_await(&program_board[0], 1));
	if (end == END_KILL)
		REQUIRE_EQ(kill(pid, SIGKILL), 0);
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status),
		 end == END_KILL ? -SIGKILL : 33);
	CHECK(crash_await_processes("weft-", 0));
	CHECK(crash_await_processes("Process-", 0));
}

/* Daemons and others; those that ignore SIGTERM too. */
TEST(process_goes_with_a_killed_program)
{
	for (unsigned i = 0; i < 2; i++) {
		run_program(i ? WEFT_DAEMON : 0, stay_fn, WEFT_START_NURSERY, END_KILL);
		run_program(i ? WEFT_DAEMON : 0, stay_fn, WEFT_START_FORK, END_KILL);
		run_program(i ? WEFT_DAEMON : 0, stay_fn, WEFT_START_SPAWN, END_KILL);
		run_program(i ? WEFT_DAEMON : 0, stay_fn, WEFT_START_NURSERY, END_QUICK_EXIT);
	}
}

TEST(process_that_is_a_daemon_goes_at_exit)
{
	run_program(WEFT_DAEMON, stay_fn, WEFT_START_NURSERY, END_EXIT);
	run_program(WEFT_DAEMON, stay_fn, WEFT_START_FORK, END_EXIT);
}

TEST(process_that_is_none_is_waited_for_at_exit)
{
	run_program(0, last_words_fn, WEFT_START_NURSERY, END_EXIT);
	CHECK_EQ(test_get(&program_board[3]), 1);
	run_program(0, last_words_fn, WEFT_START_FORK, END_EXIT);
	CHECK_EQ(test_get(&program_board[3]), 1);
}

static int parent_fn(weft_call *call, const void *arg, void *result)
{
	weft_process *p = start(last_words_fn, arg, sizeof order, NULL, 0, WEFT_START_NURSERY);
	(void)call, (void)result;
	if (!p)
		return -EIO;
	weft_process_free(p);
	return 0;
}

/* A process too waits for its own. */
TEST(process_waits_for_those_it_has_started)
{
	uint32_t *board = test_board(&order.ref);
	weft_process *p = start(parent_fn, &order, sizeof order, NULL, 0, WEFT_START_NURSERY);
	REQUIRE(p != NULL);
	CHECK_EQ(weft_process_join(p, weft_after(WEFT_MS(50))), -ETIMEDOUT);
	test_set(&board[2], 1);
	CHECK_EQ(exit_code(p), 0);
	CHECK_EQ(test_get(&board[3]), 1);
	weft_process_free(p);
}

/* A process whose parent is killed goes, though its grandparent lives. */
static int grandparent_fn(weft_call *call, const void *arg, void *result)
{
	weft_process *p = start(stay_fn, arg, sizeof order, NULL, 0, WEFT_START_NURSERY);
	(void)call, (void)result;
	return p ? weft_process_join(p, WEFT_FOREVER) : -EIO;
}

TEST(process_of_a_killed_process_goes)
{
	uint32_t *board = test_board(&order.ref);
	weft_process *p = start(grandparent_fn, &order, sizeof order, NULL, 0, WEFT_START_NURSERY);
	REQUIRE(p != NULL);
	REQUIRE(test_await(&board[1], 1));
	REQUIRE(crash_await_processes("weft-stay", 1));
	weft_process_kill(p);
	CHECK_EQ(exit_code(p), -SIGKILL);
	CHECK(crash_await_processes("weft-stay", 0));
	weft_process_free(p);
}

/* ---- The nursery ---- */

static void kill_nursery(int signal)
{
	pid_t pid[4];
	REQUIRE(crash_await_processes("weft-nursery", 1));
	test_processes("weft-nursery", pid, 4);
	REQUIRE_EQ(kill(pid[0], signal), 0);
}

/* Its processes go with it, and say so; the next one gets another. */
TEST(process_of_a_killed_nursery)
{
	uint32_t *board = test_board(&order.ref);
	for (uint32_t i = 1; i <= 3; i++) {
		weft_process *p = start(stay_fn, &order, sizeof order, NULL, 0, WEFT_START_NURSERY);
		REQUIRE(p != NULL);
		REQUIRE(test_await(&board[1], i));
		kill_nursery(SIGKILL);
		CHECK_EQ(exit_code(p), -SIGKILL);
		CHECK_EQ(weft_future_status(weft_process_future(p)), -EOWNERDEAD);
		weft_process_free(p);
	}
}

static void *kill_again_and_again(void *stop)
{
	pid_t pid[8];
	while (!test_get(stop)) {
		size_t n = test_processes("weft-nursery", pid, 8);
		for (size_t i = 0; i < n && i < 8; i++)
			kill(pid[i], SIGKILL);
		test_sleep_ms(3);
	}
	return NULL;
}

/* Each start works, or says why not; each process that was started comes to an end. */
TEST(process_of_nurseries_killed_all_the_time)
{
	uint32_t stop = 0, how = CRASH_EXIT_3;
	unsigned strange = 0;
	pthread_t thread;
	REQUIRE_EQ(pthread_create(&thread, NULL, kill_again_and_again, &stop), 0);
	for (int i = 0; i < 200; i++) {
		weft_process *p = NULL;
		int code, err = weft_process_start(&p, crash_just_die_fn, &how, sizeof how, NULL);
		if (err) {
			strange += err != -EIO && err != -ENOEXEC && err != -EPIPE && err != -ECONNRESET;
			continue;
		}
		code = exit_code(p);
		strange += code != 3 && code != -SIGKILL;
		weft_process_free(p);
	}
	test_set(&stop, 1);
	pthread_join(thread, NULL);
	CHECK_EQ(strange, 0);
	CHECK(crash_await_processes("weft-", 0));
}

/* A program that closes what is not its own, as daemons do. */
TEST(process_of_a_program_that_closes_everything)
{
	uint32_t *board = test_board(&order.ref);
	weft_process *p = start(stay_fn, &order, sizeof order, NULL, 0, WEFT_START_NURSERY);
	REQUIRE(p != NULL);
	REQUIRE(test_await(&board[1], 1));
	syscall(SYS_close_range, 3, ~0u, 0);
	CHECK_EQ(exit_code(p), -SIGKILL);
	weft_process_free(p);
	p = start(crash_just_die_fn, &(uint32_t){CRASH_EXIT_3}, 4, NULL, 0, WEFT_START_NURSERY);
	REQUIRE(p != NULL);
	CHECK_EQ(exit_code(p), 3);
	weft_process_free(p);
}
