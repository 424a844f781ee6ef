/* SPDX-License-Identifier: MIT
 *
 * contract_signal.c -- the library leaves the program alone: its signals, its children, its environment, its
 * descriptors; and the program may ignore SIGCHLD, wait for any child, be interrupted all the time.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weft/weft.h>

#include "harness.h"

extern char **environ;

static void use(weft_executor *ex, uint64_t times)
{
	for (uint64_t n = 0; n < times; n++) {
		uint64_t square = 0;
		weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square};
		t.result_size = 8;
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(square, n * n);
	}
}

struct signals {
	struct sigaction action[65];
	sigset_t mask;
};

static void read_signals(struct signals *ret)
{
	memset(ret, 0, sizeof *ret);
	for (int i = 1; i <= 64; i++)
		sigaction(i, NULL, &ret->action[i]);
	pthread_sigmask(SIG_BLOCK, NULL, &ret->mask);
}

static void check_signals(const struct signals *before)
{
	struct signals now;
	read_signals(&now);
	for (int i = 1; i <= 64; i++) {
		CHECK(now.action[i].sa_handler == before->action[i].sa_handler);
		CHECK_EQ(now.action[i].sa_flags, before->action[i].sa_flags);
		CHECK_EQ(sigismember(&now.mask, i), sigismember(&before->mask, i));
	}
}

TEST(signal_dispositions_and_mask)
{
	struct signals before;
	sigset_t some;
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&some);
	sigaddset(&some, SIGUSR1);
	sigaddset(&some, SIGRTMIN + 3);
	pthread_sigmask(SIG_BLOCK, &some, NULL);
	read_signals(&before);
	weft_executor *ex = test_executor();
	check_signals(&before);
	use(ex, 20);
	check_signals(&before);
	weft_executor_free(ex);
	check_signals(&before);
}

TEST(signal_sigchld_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 5; i++) {
		weft_executor *ex = test_executor();
		use(ex, 20);
		test_stop(ex, i % 2 ? WEFT_STOP_KILL : WEFT_STOP_DRAIN);
		weft_executor_free(ex);
	}
}

TEST(signal_sigchld_flags)
{
	struct sigaction no_wait = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT | SA_NOCLDSTOP};
	sigaction(SIGCHLD, &no_wait, NULL);
	weft_executor *ex = test_executor();
	use(ex, 20);
	weft_executor_free(ex);
}

static uint32_t caught;
static pid_t main_thread;
static uint32_t caught_elsewhere;

static void on_signal(int sig)
{
	(void)sig;
	test_add(&caught, 1);
	if (gettid() != main_thread)
		test_add(&caught_elsewhere, 1);
}

static void count_signals(int sig)
{
	struct sigaction action = {.sa_handler = on_signal};
	main_thread = gettid();
	REQUIRE_EQ(sigaction(sig, &action, NULL), 0);
}

TEST(signal_no_sigchld_is_sent)
{
	count_signals(SIGCHLD);
	for (int i = 0; i < 5; i++) {
		weft_executor *ex = test_executor();
		use(ex, 5);
		weft_executor_free(ex);
	}
	CHECK_EQ(test_get(&caught), 0);
}

struct reaper {
	uint32_t stop, reaped;
};

/* What programs with a crude idea of their children do. */
static void *reap_anything(void *ctx)
{
	struct reaper *r = ctx;
	while (test_get(&r->stop) == 0) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			test_add(&r->reaped, 1);
	}
	return NULL;
}

TEST(signal_waiting_for_any_child)
{
	struct reaper r = {0};
	pthread_t thread;
	REQUIRE_EQ(pthread_create(&thread, NULL, reap_anything, &r), 0);
	for (int i = 0; i < 5; i++) {
		weft_executor *ex = test_executor();
		use(ex, 20);
		test_stop(ex, i % 2 ? WEFT_STOP_KILL : WEFT_STOP_DRAIN);
		weft_executor_free(ex);
	}
	test_set(&r.stop, 1);
	pthread_join(thread, NULL);
	CHECK_EQ(r.reaped, 0);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

/* The program's own children stay its own. */
TEST(signal_own_children)
{
	weft_executor *ex = test_executor();
	for (int i = 0; i < 10; i++) {
		int status = -1;
		pid_t pid = fork();
		if (pid == 0)
			_exit(40 + i);
		use(ex, 3);
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 40 + i);
	}
	weft_executor_free(ex);
}

TEST(signal_interrupted_all_the_time)
{
	struct itimerval often = {.it_value = {.tv_usec = 200}, .it_interval = {.tv_usec = 200}};
	struct itimerval never = {{0, 0}, {0, 0}};
	count_signals(SIGALRM);
	REQUIRE_EQ(setitimer(ITIMER_REAL, &often, NULL), 0);
	for (int i = 0; i < 5; i++) {
		weft_executor *ex = test_executor();
		struct test_hold hold;
		test_hold_begin(&hold, ex, 1);
		CHECK_EQ(weft_future_wait(weft_task_future(&hold.task[0]), weft_after(WEFT_MS(5))),
			 -ETIMEDOUT);
		test_hold_end(&hold);
		use(ex, 50);
		weft_executor_free(ex);
	}
	REQUIRE_EQ(setitimer(ITIMER_REAL, &never, NULL), 0);
	CHECK(test_get(&caught) > 0);
}

/* Signals to the process are not taken by threads of a pool: all are blocked there. */
TEST(signal_not_caught_by_a_pool)
{
	sigset_t usr1;
	count_signals(SIGUSR1);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	weft_executor *ex = test_executor();
	/* Made while it is blocked here, and made while it is not. */
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	weft_executor *ex2 = test_executor();
	use(ex2, 5);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	REQUIRE_EQ(kill(getpid(), SIGUSR1), 0);
	use(ex, 20);
	use(ex2, 20);
	CHECK_EQ(test_get(&caught), 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	CHECK_EQ(test_get(&caught), 1);
	CHECK_EQ(test_get(&caught_elsewhere), 0);
	weft_executor_free(ex);
	weft_executor_free(ex2);
}

/* Ctrl-C at a terminal reaches the whole group: what it means is the application's business. */
TEST(signal_interrupt_of_the_group)
{
	weft_executor *ex = test_executor();
	struct weft_stats stats;
	struct test_hold hold;
	count_signals(SIGINT);
	test_hold_begin(&hold, ex, test_workers());
	for (int i = 0; i < 3; i++) {
		REQUIRE_EQ(kill(0, SIGINT), 0);
		test_sleep_ms(10);
	}
	CHECK_EQ(test_get(&caught), 3);
	test_hold_end(&hold);
	for (unsigned i = 0; i < hold.n; i++)
		CHECK_EQ(weft_future_status(weft_task_future(&hold.task[i])), 0);
	use(ex, 20);
	REQUIRE_EQ(weft_executor_stats(ex, &stats), 0);
	CHECK_EQ(stats.deaths, 0);
	weft_executor_free(ex);
}

static size_t copy_environment(char *ret, size_t max)
{
	size_t n = 0;
	for (char **e = environ; e && *e; e++) {
		size_t length = strlen(*e) + 1;
		if (n + length > max)
			break;
		memcpy(ret + n, *e, length);
		n += length;
	}
	return n;
}

TEST(signal_environment)
{
	static char before[65536], after[65536];
	char **was = environ;
	size_t n = copy_environment(before, sizeof before);
	weft_executor *ex = test_executor();
	CHECK_EQ(copy_environment(after, sizeof after), n);
	CHECK_EQ(memcmp(before, after, n), 0);
	use(ex, 5);
	weft_executor_free(ex);
	CHECK_EQ(copy_environment(after, sizeof after), n);
	CHECK_EQ(memcmp(before, after, n), 0);
	CHECK(environ == was);
}

/* How many descriptors a program has that was started in this way. */
static int count_in_program(bool by_spawn)
{
	static char command[256];
	char path[160], *args[] = {"sh", "-c", command, NULL};
	int status = -1, n = -1;
	snprintf(path, sizeof path, "%s/fds", test_dir());
	snprintf(command, sizeof command, "ls /proc/self/fd | wc -l > %s", path);
	if (by_spawn) {
		pid_t pid;
		REQUIRE_EQ(posix_spawn(&pid, "/bin/sh", NULL, NULL, args, environ), 0);
		REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	} else {
		status = system(command);
	}
	CHECK_EQ(status, 0);
	FILE *file = fopen(path, "re");
	REQUIRE(file != NULL);
	CHECK_EQ(fscanf(file, "%d", &n), 1);
	fclose(file);
	return n;
}

TEST(signal_descriptors_are_not_inherited)
{
	int before = count_in_program(true);
	CHECK(before >= 3);
	CHECK_EQ(count_in_program(false), before);
	weft_executor *ex = test_executor();
	weft_cq *q = NULL;
	REQUIRE_EQ(weft_cq_new(&q), 0);
	use(ex, 20);
	CHECK_EQ(count_in_program(true), before);
	CHECK_EQ(count_in_program(false), before);
	weft_cq_free(q);
	weft_executor_free(ex);
}

/* In a task as well: what a worker starts gets standard input, output and error, and nothing of ours. */
static int list_in_task_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	int status = system(arg);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

TEST(signal_descriptors_of_a_program_started_by_a_task)
{
	int before = count_in_program(true), n = -1;
	char command[256], path[160];
	snprintf(path, sizeof path, "%s/fds-in-task", test_dir());
	snprintf(command, sizeof command, "ls /proc/self/fd | wc -l > %s", path);
	weft_executor *ex = test_executor();
	weft_task t = {.fn = list_in_task_fn, .arg = command, .arg_size = sizeof command};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), 0);
	FILE *file = fopen(path, "re");
	REQUIRE(file != NULL);
	CHECK_EQ(fscanf(file, "%d", &n), 1);
	fclose(file);
	CHECK(n >= 3 && n <= before);
	weft_executor_free(ex);
}
