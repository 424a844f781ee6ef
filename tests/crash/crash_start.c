/* SPDX-License-Identifier: MIT
 *
 * crash_start.c -- the ways in which workers start: what they have in common with each other and with the
 * program, and how functions get there from files that the program has loaded with dlopen.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash_kit.h"

static const char *const starts[] = {"processes:2", "processes:2,start=spawn", "processes:2,start=fork"};

/* ---- What a fresh run has of its own ---- */

static int random_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg;
	memcpy(result, (const void *)getauxval(AT_RANDOM), 16);
	return 0;
}

/* The kernel's 16 random bytes for this program, of which the C library makes stack canaries. */
static void get_random(weft_executor *ex, char ret[16])
{
	weft_task t = {.fn = random_fn, .result = ret, .result_size = 16};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	REQUIRE_EQ(weft_future_status(weft_task_future(&t)), 0);
}

static void check_alike(const char *spec, bool workers, bool program)
{
	weft_executor *ex = crash_open(spec);
	char own[16], a[16], b[16];
	memcpy(own, (const void *)getauxval(AT_RANDOM), 16);
	get_random(ex, a);
	get_random(ex, b);
	CHECK_EQ(memcmp(a, b, 16) == 0, workers);
	CHECK_EQ(memcmp(a, own, 16) == 0, program);
	weft_executor_free(ex);
}

TEST(start_with_secrets_of_its_own)
{
	check_alike("processes:1,max_tasks=1,start=spawn", false, false);
	check_alike("processes:1,max_tasks=1,start=nursery", true, false);
	check_alike("processes:1,max_tasks=1,start=fork", true, true);
}

static int global = 1;

static int global_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return global;
}

static int ask_global(const char *spec)
{
	weft_executor *ex = crash_open(spec);
	weft_task t = {.fn = global_fn};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	int answer = weft_future_status(weft_task_future(&t));
	weft_executor_free(ex);
	return answer;
}

TEST(start_with_first_values)
{
	global = 2;
	CHECK_EQ(ask_global("processes:1"), 1);
	CHECK_EQ(ask_global("processes:1,start=spawn"), 1);
	CHECK_EQ(ask_global("processes:1,start=fork"), 2);
}

static int environment_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)arg, (void)result;
	return (getenv("WEFT__WORKER") ? 1 : 0) + (getenv("WEFT__NURSERY") ? 2 : 0) +
	       (getenv("CRASH_START") ? 4 : 0);
}

TEST(start_environment)
{
	setenv("CRASH_START", "1", 1);
	for (int i = 0; i < 3; i++) {
		weft_executor *ex = crash_open(starts[i]);
		weft_task t = {.fn = environment_fn};
		REQUIRE_EQ(weft_submit(ex, &t), 0);
		test_wait(weft_task_future(&t));
		CHECK_EQ(weft_future_status(weft_task_future(&t)), 4);
		weft_executor_free(ex);
	}
}

/* The variable alone makes no worker of a program: its value is not the parent's pid. */
TEST(start_only_if_invited)
{
	int status = -1;
	pid_t pid = fork();
	if (pid == 0) {
		setenv("WEFT__WORKER", "1", 1);
		execl("/proc/self/exe", "crash", "--list", (char *)NULL);
		_exit(99);
	}
	REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* What the privileged program does when it is asked to make a pool. */
__attribute__((constructor)) static void make_pool(void)
{
	weft_executor *ex = NULL;
	if (!getenv("CRASH_PRIVILEGED") || !getauxval(AT_SECURE))
		return;
	if (getenv("WEFT__NURSERY"))
		pause(); /* it has been run again after all */
	if (weft_executor_open(&ex, "processes:1") != -ENOEXEC)
		_exit(3);
	if (weft_executor_open(&ex, "processes:1,start=fork") != 0)
		_exit(4);
	weft_executor_free(ex);
	_exit(0);
}

static void become_privileged_program(const char *program, const char *variable)
{
	char own[16];
	int sock[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock) || setgid(65534) || setuid(65534))
		_exit(77);
	snprintf(own, sizeof own, "%d", getpid());
	setenv(variable, own, 1);
	/* The other end stays open somewhere above. */
	if (dup2(sock[0], 100) == 100 && dup2(sock[1], 3) == 3)
		execl(program, "crash", "--list", (char *)NULL);
	_exit(77);
}

/* Its exit status, or -1 if it does not end. */
static int run_privileged(const char *variable)
{
	static char program[PATH_MAX];
	int status = -1;
	weft_time end = weft_after(WEFT_SECONDS(10));
	if (geteuid() != 0)
		SKIP("only root can make such a program here");
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		SKIP("no program gets privileges here");
	snprintf(program, sizeof program, "%s/crash", test_dir());
	REQUIRE_EQ(chmod(test_dir(), 0755), 0);
	crash_copy_file("/proc/self/exe", program);
	REQUIRE_EQ(chmod(program, 04755), 0);
	pid_t pid = fork(), ended;
	if (pid == 0)
		become_privileged_program(program, variable);
	while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && weft_now() < end)
		test_sleep_ms(10);
	if (ended == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	if (ended != pid || !WIFEXITED(status))
		return -1;
	if (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127)
		SKIP("it cannot be run by others");
	return WEXITSTATUS(status);
}

/* Or whoever may run it could have it do what he likes, with its rights. */
TEST(start_no_nursery_of_a_privileged_program)
{
	CHECK_EQ(run_privileged("WEFT__NURSERY"), 0); /* a nursery would wait for its pool */
}

TEST(start_no_pool_of_a_privileged_program)
{
	CHECK_EQ(run_privileged("CRASH_PRIVILEGED"), 0);
}

TEST(start_spawned_ones_are_replaced)
{
	weft_executor *ex = crash_open("processes:3,start=spawn");
	pid_t pid[8];
	for (int i = 0; i < 10; i++) {
		crash_check_works(ex, 20);
		size_t n = test_processes("weft-worker", pid, 8);
		for (size_t k = 0; k < n && k < 8; k++)
			kill(pid[k], SIGKILL);
	}
	crash_check_works(ex, 50);
	crash_check_workers(ex, 3);
	CHECK_EQ(crash_stats(ex).died, 0);
	weft_executor_free(ex);
	CHECK(crash_await_processes("weft-", 0));
}

/* ---- Functions in files that came by dlopen ---- */

static void check_plugin(weft_executor *ex, weft_fn *fn, int status)
{
	uint64_t n = 7;
	weft_task t = {.fn = fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	CHECK_EQ(weft_future_status(weft_task_future(&t)), status);
	CHECK_EQ(n, status < 0 ? 7 : 1007);
}

TEST(start_loads_a_file_on_demand)
{
	weft_executor *ex[3];
	for (int i = 0; i < 3; i++)
		ex[i] = crash_open(starts[i]);
	weft_fn *fn = crash_load(crash_plugin(1));
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 10; k++)
			check_plugin(ex[i], fn, 1);
		crash_check_works(ex[i], 10);
	}
	weft_fn *other = crash_load(crash_plugin(2)); /* both at a time */
	for (int i = 0; i < 3; i++) {
		check_plugin(ex[i], other, 2);
		check_plugin(ex[i], fn, 1);
		weft_executor_free(ex[i]);
	}
}

TEST(start_loads_by_the_path_that_was)
{
	weft_executor *ex = crash_open("processes:1");
	crash_plugin(1);
	REQUIRE_EQ(chdir(test_dir()), 0);
	weft_fn *fn = crash_load("./plugin1.so");
	REQUIRE_EQ(chdir("/"), 0);
	check_plugin(ex, fn, 1);
	weft_executor_free(ex);
}

/* init may be in such a file too. */
TEST(start_with_init_in_a_file_on_demand)
{
	weft_executor *ex = NULL;
	struct weft_process_pool_opts o = {
		.size = sizeof o, .workers = 1, .init = crash_load(crash_plugin(1))};
	REQUIRE_EQ(weft_process_pool_new(&ex, &o), 0);
	check_plugin(ex, o.init, 1);
	weft_executor_free(ex);
}

static void check_refused(weft_future *f, const char *why)
{
	test_wait(f);
	CHECK_EQ(weft_future_status(f), -ENOEXEC);
	if (!strstr(weft_future_error(f), why))
		CHECK_EQ(strcmp(weft_future_error(f), why), 0); /* shows that it failed */
}

/* The file is known by its path when the task is submitted, and changed before a worker looks for it. */
static void check_changed(const char *spec, const char *with, const char *why)
{
	weft_executor *ex = crash_open(spec);
	struct test_hold hold;
	const char *path = crash_plugin(1);
	weft_fn *fn = crash_load(path);
	uint64_t n = 7;
	weft_task t = {.fn = fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	test_hold_begin(&hold, ex, 1);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	REQUIRE_EQ(with ? rename(with, path) : unlink(path), 0);
	test_hold_end(&hold);
	check_refused(weft_task_future(&t), why);
	crash_check_works(ex, 10);
	CHECK_EQ(crash_stats(ex).deaths, 0);
	weft_executor_free(ex);
}

TEST(start_refuses_another_build)
{
	check_changed("processes:1", crash_plugin(2), "another build than the caller's");
}

TEST(start_refuses_another_build_in_a_spawned_worker)
{
	check_changed("processes:1,start=spawn", crash_plugin(2), "another build than the caller's");
}

TEST(start_refuses_a_file_that_is_gone)
{
	check_changed("processes:1", NULL, "No such file or directory");
}

TEST(start_refuses_what_is_no_program)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/text", test_dir());
	FILE *f = fopen(path, "we");
	REQUIRE(f != NULL);
	fputs("\177ELF, but the rest is missing\n", f);
	fclose(f);
	check_changed("processes:1", path, "another build than the caller's");
}

/* Gone before its first task: nobody knows a path that leads to it. */
TEST(start_refuses_a_file_that_was_gone_already)
{
	weft_executor *ex = crash_open("processes:1");
	const char *path = crash_plugin(1);
	weft_fn *fn = crash_load(path);
	uint64_t n = 7;
	weft_task t = {.fn = fn, .arg = &n, .arg_size = 8, .result = &n, .result_size = 8};
	REQUIRE_EQ(unlink(path), 0);
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	check_refused(weft_task_future(&t), "no longer on disk");
	crash_check_works(ex, 10);
	weft_executor_free(ex);
}
