/* SPDX-License-Identifier: MIT
 *
 * test_subprocess.c -- a program from its start to its end: waiting, signals, groups, freeing; and callers that take
 * away its end from us.
 */
#include <poll.h>
#include <sys/syscall.h>

#include "subprocess_kit.h"

static const struct weft_subprocess_opts piped = {
	.size = sizeof piped, .in = {.kind = WEFT_STDIO_PIPE}, .out = {.kind = WEFT_STDIO_PIPE}};

/* ---- The end ---- */

TEST(exit_codes_and_signals)
{
	weft_subprocess *p = start(ARGV("true"), NULL);
	CHECK_EQ(code_of(p), 0);
	CHECK_EQ(code_of(p), 0); /* again */
	CHECK_EQ(weft_subprocess_free(p), 0);
	p = start(SH("exit 255"), NULL);
	CHECK_EQ(code_of(p), 255);
	weft_subprocess_free(p);
	p = start(SH("kill -SEGV $$"), NULL);
	CHECK_EQ(code_of(p), -SIGSEGV);
	weft_subprocess_free(p);
	CHECK(no_child());
}

TEST(waiting_without_waiting)
{
	weft_subprocess *p = start(ARGV("cat"), &piped);
	int code = 77;

	CHECK_EQ(weft_subprocess_wait(p, &code, 0), -ETIMEDOUT);
	CHECK_EQ(weft_subprocess_wait(p, &code, INT64_MIN), -ETIMEDOUT);
	CHECK_EQ(weft_subprocess_wait(p, &code, weft_after(WEFT_MS(5))), -ETIMEDOUT);
	CHECK_EQ(weft_subprocess_poll(p, &code), -EINPROGRESS);
	CHECK_EQ(code, 77);
	CHECK_EQ(weft_subprocess_close(p, 0), 0);
	CHECK_EQ(weft_subprocess_close(p, 0), -EBADF);
	CHECK_EQ(weft_subprocess_fd(p, 0), -EBADF);
	CHECK_EQ(weft_subprocess_wait(p, NULL, test_soon()), 0);
	CHECK_EQ(weft_subprocess_wait(p, &code, 0), 0); /* it has ended: no time is needed */
	CHECK_EQ(code, 0);
	weft_subprocess_free(p);
}

TEST(what_there_is_to_know)
{
	weft_subprocess *p = start(SH("echo $$; read line; echo $line; exit 5"), &piped);
	char line[64];
	read_line(p, line, sizeof line);
	CHECK_EQ(atoi(line), weft_subprocess_pid(p));
	struct pollfd end = {.fd = weft_subprocess_pidfd(p), .events = POLLIN};
	CHECK_EQ(poll(&end, 1, 0), 0);
	CHECK_EQ(weft_write(weft_subprocess_fd(p, 0), "talk\n", 5), 5);
	read_line(p, line, sizeof line);
	CHECK(!strcmp(line, "talk"));
	CHECK_EQ(weft_poll(&end, 1, 20000), 1);
	CHECK_EQ(weft_subprocess_fd(p, 2), -EBADF); /* no pipe */
	CHECK_EQ(weft_subprocess_fd(p, 3), -EINVAL);
	CHECK_EQ(weft_subprocess_fd(p, -1), -EINVAL);
	CHECK_EQ(code_of(p), 5);
	weft_subprocess_free(p);
}

static void *wait_for_it(void *p)
{
	int code = -1, err = weft_subprocess_wait(p, &code, test_soon());

	return (void *)(intptr_t)(err ? err : code);
}

TEST(several_wait)
{
	weft_subprocess *p = start(SH("read line; exit 9"), &piped);
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		REQUIRE_EQ(pthread_create(&thread[i], NULL, wait_for_it, p), 0);
	weft_subprocess_close(p, 0);
	for (int i = 0; i < 4; i++) {
		void *code;
		pthread_join(thread[i], &code);
		CHECK_EQ((intptr_t)code, 9);
	}
	weft_subprocess_free(p);
}

/* ---- Signals ---- */

TEST(terminate_and_kill)
{
	weft_subprocess *p = start(ARGV("cat"), &piped);
	CHECK_EQ(weft_subprocess_signal(p, 0), 0);
	CHECK_EQ(weft_subprocess_signal(p, 1000), -EINVAL);
	CHECK_EQ(weft_subprocess_terminate(p), 0);
	CHECK_EQ(code_of(p), -SIGTERM);
	CHECK_EQ(weft_subprocess_terminate(p), -ESRCH);
	CHECK_EQ(weft_subprocess_kill(p), -ESRCH);
	weft_subprocess_free(p);

	char number[16], line[64];
	snprintf(number, sizeof number, "%d", SIGTERM);
	p = start(PROBE("ready", number), &piped);
	read_line(p, line, sizeof line);
	CHECK_EQ(weft_subprocess_terminate(p), 0);
	CHECK_EQ(weft_subprocess_wait(p, NULL, weft_after(WEFT_MS(20))), -ETIMEDOUT); /* it ignores that */
	CHECK_EQ(weft_subprocess_kill(p), 0);
	CHECK_EQ(code_of(p), -SIGKILL);
	weft_subprocess_free(p);
}

static void two_pids(weft_subprocess *p, pid_t *ret_parent, pid_t *ret_child)
{
	char line[64];
	int parent = 0, child = 0;

	read_line(p, line, sizeof line);
	REQUIRE_EQ(sscanf(line, "%d %d", &parent, &child), 2);
	*ret_parent = parent;
	*ret_child = child;
}

TEST(the_whole_group_is_killed)
{
	struct weft_subprocess_opts opts = piped;
	pid_t parent, child;

	opts.flags = WEFT_SUBPROCESS_GROUP;
	weft_subprocess *p = start(PROBE("family"), &opts);
	two_pids(p, &parent, &child);
	CHECK_EQ(weft_subprocess_kill(p), 0);
	CHECK_EQ(code_of(p), -SIGKILL);
	CHECK(is_gone(child));
	weft_subprocess_free(p);

	opts.flags = WEFT_SUBPROCESS_SESSION; /* freeing is killing */
	p = start(PROBE("family"), &opts);
	two_pids(p, &parent, &child);
	CHECK_EQ(weft_subprocess_free(p), 0);
	CHECK(no_child());
	CHECK(is_gone(child));
}

TEST(without_a_group_it_is_killed_alone)
{
	weft_subprocess *p = start(PROBE("family"), &piped);
	pid_t parent, child;

	two_pids(p, &parent, &child);
	CHECK_EQ(weft_subprocess_kill(p), 0);
	CHECK_EQ(code_of(p), -SIGKILL);
	CHECK_EQ(kill(child, 0), 0);
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK(is_gone(child));
	weft_subprocess_free(p);
}

TEST(a_group_is_killed_when_its_leader_has_ended)
{
	struct weft_subprocess_opts opts = piped;
	char line[64];

	opts.flags = WEFT_SUBPROCESS_GROUP;
	weft_subprocess *p = start(PROBE("leave"), &opts);
	read_line(p, line, sizeof line);
	CHECK_EQ(code_of(p), 0);
	CHECK_EQ(weft_subprocess_kill(p), 0);
	CHECK(is_gone(atoi(line)));
	weft_subprocess_free(p);
}

/* ---- Freeing ---- */

TEST(free_leaves_no_zombie)
{
	CHECK_EQ(weft_subprocess_free(NULL), 0);
	for (int i = 0; i < 20; i++) {
		weft_subprocess *p = start(ARGV("sleep", "1000"), NULL); /* runs */
		CHECK_EQ(weft_subprocess_free(p), 0);
		CHECK(no_child());
		p = start(ARGV("true"), NULL); /* ends at about that time */
		CHECK_EQ(weft_subprocess_free(p), 0);
		CHECK(no_child());
	}
}

TEST(one_that_may_not_be_killed)
{
	if (geteuid())
		SKIP("needs root, to have rights to give up");
	weft_subprocess *p = start(ARGV("sleep", "1000"), NULL);
	pid_t pid = weft_subprocess_pid(p);
	REQUIRE_EQ(setresuid(65534, 65534, 0), 0);
	int killed = weft_subprocess_kill(p), freed = weft_subprocess_free(p);
	REQUIRE_EQ(setresuid(0, 0, 0), 0);
	CHECK_EQ(killed, -EPERM);
	CHECK_EQ(freed, -EPERM);
	CHECK(!no_child());
	kill(pid, SIGKILL);
	CHECK(is_gone(pid)); /* a zombie */
	CHECK(!no_child());
	weft_subprocess_free(start(ARGV("true"), NULL));
	CHECK(no_child());
}

TEST(in_a_fork_it_is_the_parents)
{
	weft_subprocess *p = start(ARGV("cat"), &piped);
	int status = -1;
	pid_t pid = fork();
	if (!pid) {
		struct weft_output o;
		bool ok = weft_subprocess_wait(p, NULL, WEFT_FOREVER) == -ECHILD;
		ok &= weft_subprocess_poll(p, NULL) == -ECHILD;
		ok &= weft_subprocess_kill(p) == -ECHILD;
		ok &= weft_subprocess_communicate(p, NULL, 0, &o, WEFT_FOREVER) == -ECHILD;
		ok &= weft_subprocess_free(p) == 0;
		ok &= weft_subprocess_run(ARGV("true"), NULL, NULL, 0, &o, WEFT_FOREVER) == 0;
		_exit(ok ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(weft_subprocess_poll(p, NULL), -EINPROGRESS); /* nothing has happened to it */
	weft_subprocess_close(p, 0);
	CHECK_EQ(code_of(p), 0);
	weft_subprocess_free(p);
}

/* ---- Callers that have their children vanish ---- */

static bool kernel_remembers(void)
{
	weft_subprocess *p = start(ARGV("true"), NULL);
	int status, err;

	REQUIRE_EQ(waitpid(weft_subprocess_pid(p), &status, 0), weft_subprocess_pid(p));
	err = weft_subprocess_wait(p, NULL, test_soon());
	weft_subprocess_free(p);
	return !err;
}

TEST(others_wait_for_it)
{
	if (!kernel_remembers())
		SKIP("before Linux 6.15");
	weft_subprocess *p = start(SH("exit 33"), NULL);
	CHECK_EQ(waitpid(-1, NULL, 0), weft_subprocess_pid(p));
	CHECK_EQ(code_of(p), 33);
	CHECK_EQ(weft_subprocess_kill(p), -ESRCH);
	weft_subprocess_free(p);
}

TEST(sigchld_is_ignored)
{
	if (!kernel_remembers())
		SKIP("before Linux 6.15");
	signal(SIGCHLD, SIG_IGN);
	for (int i = 0; i < 50; i++) {
		weft_subprocess *p = start(SH(i % 2 ? "exit 44" : "kill -9 $$"), NULL);
		CHECK_EQ(code_of(p), i % 2 ? 44 : -9);
		weft_subprocess_free(p);
		p = start(ARGV("sleep", "1000"), NULL);
		CHECK_EQ(weft_subprocess_free(p), 0);
		CHECK(no_child());
	}
}

TEST(a_code_that_nobody_knows)
{
	struct weft_output o = {.code = 7};
	int code = 7;

	signal(SIGCHLD, SIG_IGN);
	if (!test_deny(SYS_ioctl, ENOTTY)) /* as a kernel that does not know PIDFD_GET_INFO */
		SKIP("no seccomp filters here");
	weft_subprocess *p = start(SH("exit 3"), NULL);
	CHECK_EQ(weft_subprocess_wait(p, &code, test_soon()), -ECHILD);
	CHECK_EQ(weft_subprocess_wait(p, &code, test_soon()), -ECHILD);
	CHECK_EQ(code, 7);
	CHECK_EQ(weft_subprocess_free(p), 0);
	CHECK_EQ(weft_subprocess_run(SH("echo all of it"), NULL, NULL, 0, &o, test_soon()), -ECHILD);
	CHECK(!strcmp(o.out, "all of it\n"));
	weft_output_free(&o);
	CHECK_EQ(weft_shell("true", &code, test_soon()), -ECHILD);
	CHECK_EQ(weft_subprocess_free(start(ARGV("sleep", "1000"), NULL)), 0);
	CHECK(no_child());
}

/* ---- Of a large caller, from many threads ---- */

static void *start_many(void *failures)
{
	for (int i = 0; i < 25; i++) {
		struct weft_output o;
		char text[32];
		int size = snprintf(text, sizeof text, "%p %d", (void *)&o, i);
		int err = weft_subprocess_run(ARGV("cat"), NULL, text, (size_t)size, &o, test_soon());
		if (err || o.code || strcmp(o.out, text) != 0)
			test_add(failures, 1);
		weft_output_free(&o);
	}
	return NULL;
}

TEST(two_hundred_from_threads)
{
	pthread_t thread[8];
	uint32_t failures = 0;

	for (int i = 0; i < 8; i++)
		REQUIRE_EQ(pthread_create(&thread[i], NULL, start_many, &failures), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(failures, 0);
	CHECK(no_child());
}
