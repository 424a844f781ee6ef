/* SPDX-License-Identifier: MIT
 *
 * crash_sweep.c -- each system call that making, using and stopping a pool takes fails in turn, with each error
 * that it may plausibly have: then there is a clean error, or it works; and nothing is left.
 *
 * Left out are calls that cannot fail or whose failure means nothing (getpid, rt_sigprocmask, brk), close and
 * munmap (they do their work even so, and here they would not), and write to an eventfd (which only fails where
 * it is readable already).
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash_inject.h"
#include "crash_kit.h"

enum { TASKS = 4, NTH_MAX = 6 };

/* What the program found out; shared with the test. */
struct finding {
	uint32_t armed;
	int32_t opened;  /* what weft_executor_open said */
	int32_t stopped; /* what weft_executor_stop said */
	char wrong[160]; /* what must not be */
};

static struct finding *finding;
static const char *spec;

static const struct {
	long number;
	const char *name;
	int errors[7]; /* 0: no more */
	bool lasts;    /* may fail again and again, for want of something */
} faults[] = {
	{SYS_clone, "clone", {EAGAIN, ENOMEM}, true},
	{SYS_clone3, "clone3", {EAGAIN, ENOMEM, ENOSYS}, true},
#ifdef SYS_vfork
	{SYS_vfork, "vfork", {EAGAIN, ENOMEM}, true},
#endif
	{SYS_close_range, "close_range", {ENOSYS}, false},
#ifdef SYS_dup2
	{SYS_dup2, "dup2", {EBUSY, EMFILE}, false},
#endif
	{SYS_eventfd2, "eventfd2", {EMFILE, ENFILE, ENOMEM}, true},
	{SYS_execve, "execve", {ENOENT, EACCES, ENOMEM, EAGAIN}, false},
	{SYS_fcntl, "fcntl", {EBADF, EPERM}, false},
	{SYS_ftruncate, "ftruncate", {EINTR, ENOMEM}, false},
	{SYS_futex, "futex", {EINTR, EAGAIN}, false},
	{SYS_madvise, "madvise", {EAGAIN, ENOMEM}, false},
	{SYS_membarrier, "membarrier", {ENOSYS, EPERM, EINVAL}, false},
	{SYS_memfd_create, "memfd_create", {EMFILE, ENFILE, ENOMEM, EINVAL, ENOSYS}, true},
	{SYS_mmap, "mmap", {ENOMEM, EAGAIN}, true},
	{SYS_mprotect, "mprotect", {ENOMEM}, false},
	{SYS_openat, "openat", {EMFILE, ENFILE, ENOENT, EACCES, ENOMEM}, true},
	{SYS_pidfd_open, "pidfd_open", {EMFILE, ENFILE, ENOMEM, ESRCH}, true},
	{SYS_pidfd_send_signal, "pidfd_send_signal", {ESRCH}, false},
#ifdef SYS_poll
	{SYS_poll, "poll", {EINTR, ENOMEM}, false},
#endif
	{SYS_ppoll, "ppoll", {EINTR, ENOMEM}, false},
	{SYS_prctl, "prctl", {EINVAL}, false},
	{SYS_prlimit64, "prlimit64", {EPERM}, false},
	{SYS_read, "read", {EINTR, EIO}, false},
	{SYS_recvmsg, "recvmsg", {EINTR, ENOMEM, ECONNRESET}, false},
	{SYS_sched_getaffinity, "sched_getaffinity", {EINVAL, EPERM}, false},
	{SYS_sendmsg, "sendmsg", {EINTR, ENOBUFS, EPIPE, ETOOMANYREFS}, false},
	{SYS_socketpair, "socketpair", {EMFILE, ENFILE, ENOBUFS}, true},
	{SYS_wait4, "wait4", {EINTR, ECHILD}, false},
};

/* The run time of a sanitizer makes these too, and gives up where they fail. */
static bool is_a_sanitizers(long number)
{
#if defined(__SANITIZE_ADDRESS__)
	return number == SYS_mmap || number == SYS_mprotect || number == SYS_madvise ||
	       number == SYS_sched_getaffinity;
#else
	(void)number;
	return false;
#endif
}

static void complain(const char *what, int value)
{
	if (!*finding->wrong)
		snprintf(finding->wrong, sizeof finding->wrong, "%s: %d", what, value);
}

static unsigned count_entries(const char *path)
{
	unsigned n = 0;
	DIR *dir = opendir(path);
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static unsigned count_lanes(void)
{
	char line[512];
	unsigned n = 0;
	FILE *f = fopen("/proc/self/maps", "re");
	while (f && fgets(line, sizeof line, f))
		n += strstr(line, "memfd:weft") != NULL;
	if (f)
		fclose(f);
	return n;
}

static void use(weft_executor *ex)
{
	uint64_t value[TASKS];
	weft_task t[TASKS];
	int err[TASKS];
	for (uint64_t i = 0; i < TASKS; i++) {
		value[i] = i + 2;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &value[i], .arg_size = 8};
		t[i].result = &value[i];
		t[i].result_size = 8;
		err[i] = weft_submit(ex, &t[i]);
		if (err[i] > 0)
			complain("submit", err[i]);
	}
	for (uint64_t i = 0; i < TASKS; i++) {
		if (err[i])
			continue;
		int waited = weft_future_wait(weft_task_future(&t[i]), weft_after(WEFT_SECONDS(8)));
		int status = weft_future_status(weft_task_future(&t[i]));
		if (waited)
			complain("wait", waited);
		else if (status ? status > 0 : value[i] != (i + 2) * (i + 2))
			complain("status", status);
		if (waited)
			_exit(3); /* a task that is not done must not lose its memory */
	}
}

static int with_pool(void)
{
	weft_executor *const untouched = weft_inline(), *ex = untouched;
	int err = weft_executor_open(&ex, spec);
	if (!err) {
		use(ex);
		finding->stopped = weft_executor_stop(ex, WEFT_STOP_DRAIN, weft_after(WEFT_SECONDS(8)));
		weft_executor_free(ex);
	} else if (ex != untouched || err > 0) {
		complain("open failed, and gave something", err);
	}
	return err;
}

/* What became of one that was started. */
static void judge(weft_process *p)
{
	weft_future *f = weft_process_future(p);
	int code = -999, joined = weft_process_join(p, weft_after(WEFT_SECONDS(8)));
	const uint64_t *square = weft_future_result(f, NULL);
	if (joined)
		complain("join", joined);
	else if (weft_process_exit(p, &code))
		complain("exit", code);
	else if (square ? *square != 144 : weft_future_status(f) >= 0)
		complain("status", weft_future_status(f));
	if (joined)
		_exit(3);
}

static int with_process(enum weft_start start)
{
	struct weft_process_opts o = {.result_size = sizeof(uint64_t), .start = start};
	weft_process *p = NULL;
	uint64_t n = 12;
	int err = weft_process_start(&p, test_square_fn, &n, sizeof n, &o);
	if (!err)
		judge(p);
	else if (p || err > 0)
		complain("start failed, and gave something", err);
	weft_process_free(p);
	return err;
}

static int attempt(void)
{
	if (!strcmp(spec, "process"))
		return with_process(WEFT_START_NURSERY);
	return strcmp(spec, "process,fork") ? with_pool() : with_process(WEFT_START_FORK);
}

static bool is_clean(unsigned fds)
{
	return count_entries("/proc/self/fd") == fds && !count_lanes() &&
	       count_entries("/proc/self/task") == 1;
}

/* The program. Not armed, it has to work afterwards as if nothing had been. */
static void program(void *ctx)
{
	unsigned fds = count_entries("/proc/self/fd");
	(void)ctx;
	test_set(&finding->armed, 1);
	finding->opened = attempt();
	test_set(&finding->armed, 0);
	if (!finding->opened && finding->stopped)
		complain("stop", finding->stopped);
	for (int i = 0; i < 1000 && !is_clean(fds); i++)
		test_sleep_ms(1);
	if (count_entries("/proc/self/fd") != fds)
		complain("descriptors left", (int)count_entries("/proc/self/fd") - (int)fds);
	if (count_lanes())
		complain("mappings left", (int)count_lanes());
	if (count_entries("/proc/self/task") > 1)
		complain("threads left", (int)count_entries("/proc/self/task") - 1);
	if (attempt())
		complain("cannot be made any more", 0);
}

static bool run_one(struct inject *in, const char *name)
{
	memset(finding, 0, sizeof *finding);
	int status = inject_run(in, program, NULL);
	bool ok = !status && !*finding->wrong;
	if (!ok)
		fprintf(stderr, "%s: %s %u%s fails with %s: status %d, %s\n", spec, name, in->nth,
			in->on ? "..." : "", weft_strerror(in->error), status, finding->wrong);
	CHECK(ok);
	return in->happened > 0;
}

/* The nth call, for each n up to the number that there are in quiet, or nth_max, and each error; or, lasting,
 * that one and all after it. */
static void sweep_some(const char *executor, unsigned where, bool lasting, unsigned nth_max)
{
	struct inject quiet = {.where = where, .number = -1};
	unsigned runs = 0, happened = 0, clean_errors = 0;
	if (TEST_UNDER_TSAN)
		SKIP("the thread sanitizer has threads of its own, and system calls that must not fail");
	spec = executor;
	finding = mmap(NULL, sizeof *finding, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(finding != MAP_FAILED);
	quiet.armed = &finding->armed;
	memset(finding, 0, sizeof *finding);
	int status = inject_run(&quiet, program, NULL);
	if (status == -ENOSYS)
		SKIP("system calls cannot be made to fail here");
	REQUIRE_EQ(status, 0);
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
		unsigned most = quiet.count[faults[i].number], limit = lasting ? 3 : nth_max;
		if ((lasting && !faults[i].lasts) || is_a_sanitizers(faults[i].number))
			continue;
		for (unsigned n = 1; n <= most && n <= limit; n++)
			for (const int *e = faults[i].errors; *e; e++) {
				struct inject in = {.where = where,
						    .number = faults[i].number,
						    .nth = n,
						    .error = *e,
						    .on = lasting,
						    .armed = &finding->armed};
				happened += run_one(&in, faults[i].name);
				clean_errors += finding->opened < 0;
				runs++;
				if (lasting)
					break; /* one error is as good as another */
			}
	}
	munmap(finding, sizeof *finding);
	printf("%s: %u runs; in %u a call failed; in %u there was no pool, and an error said so\n", executor,
	       runs, happened, clean_errors);
	CHECK(happened >= runs / 2);
}

static void sweep(const char *executor, unsigned where, bool lasting)
{
	sweep_some(executor, where, lasting, NTH_MAX);
}

TEST(sweep_system_calls_of_processes)
{
	sweep("processes:1", INJECT_PROGRAM, false);
}

TEST(sweep_system_calls_of_the_nursery)
{
	sweep("processes:1", INJECT_NURSERY, false);
}

TEST(sweep_system_calls_of_workers)
{
	sweep("processes:1", INJECT_WORKER, false);
}

TEST(sweep_system_calls_with_fork)
{
	sweep("processes:1,start=fork", INJECT_PROGRAM | INJECT_NURSERY | INJECT_WORKER, false);
}

TEST(sweep_system_calls_of_threads)
{
	sweep("threads:2", INJECT_PROGRAM, false);
}

/* Of a weft_process. Each run ends with a wait for its nursery to leave, so there are fewer. */
TEST(sweep_system_calls_of_a_process)
{
	sweep_some("process", INJECT_PROGRAM, false, 2);
}

TEST(sweep_system_calls_of_a_process_elsewhere)
{
	sweep_some("process", INJECT_NURSERY | INJECT_WORKER, false, 2);
}

TEST(sweep_system_calls_of_a_forked_process)
{
	sweep_some("process,fork", INJECT_PROGRAM | INJECT_NURSERY | INJECT_WORKER, false, 2);
}

/* For want of threads, processes, descriptors or memory, until the program gives up. */
TEST(sweep_lasting_want)
{
	sweep("processes:1", INJECT_PROGRAM, true);
	sweep("threads:2", INJECT_PROGRAM, true);
	sweep("process", INJECT_PROGRAM, true);
}

TEST(sweep_lasting_want_of_the_nursery)
{
	sweep("processes:1", INJECT_NURSERY, true);
}
