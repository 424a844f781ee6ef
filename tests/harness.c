/* SPDX-License-Identifier: MIT
 *
 * harness.c -- runs one test in a child process, with a time limit, and looks for what it left behind.
 */
#include "harness_kit.h"

#include <CUnit/Basic.h>
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_SKIPPED = 77, FDS_MAX = 4096, LEFTOVER_MS = 2000 };

static struct test_case *cases;
static const struct test_case *current;
static pid_t test_pid;
static jmp_buf out_of_test;
static const char *skip_reason;

/* ---- Registration and assertions ---- */

void test_register(struct test_case *t)
{
	struct test_case **end = &cases;
	while (*end)
		end = &(*end)->next;
	*end = t;
}

static void only_in_main_thread(const char *file, int line)
{
	if (gettid() == test_pid)
		return;
	fprintf(stderr, "%s:%d: an assertion outside the main thread of the test\n", file, line);
	abort();
}

bool test_check(bool ok, const char *text, const char *file, int line)
{
	only_in_main_thread(file, line);
	if (!ok)
		fprintf(stderr, "%s:%d: failed: %s\n", file, line, text);
	CU_assertImplementation(ok, (unsigned)line, text, file, "", CU_FALSE);
	return ok;
}

bool test_check_eq(intmax_t a, intmax_t b, const char *text, const char *file, int line)
{
	if (a != b)
		fprintf(stderr, "%s:%d: %jd is not %jd\n", file, line, a, b);
	return test_check(a == b, text, file, line);
}

_Noreturn void test_end(void)
{
	only_in_main_thread("harness", 0);
	longjmp(out_of_test, 1);
}

_Noreturn void test_skip(const char *reason)
{
	skip_reason = reason;
	test_end();
}

/* ---- The child: the test itself, and what it leaves behind in its own process ---- */

struct inventory {
	bool fd[FDS_MAX];
	unsigned threads, mappings;
};

static unsigned count_threads(void)
{
	unsigned n = 0;
	DIR *dir = opendir("/proc/self/task");
	for (struct dirent *e; dir && (e = readdir(dir));)
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

static unsigned count_shared_mappings(bool print)
{
	char line[PATH_MAX];
	unsigned n = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof line, maps)) {
		if (!strstr(line, "/memfd:") && !strstr(line, "/dev/shm/") && !strstr(line, "/dev/zero"))
			continue;
		n++;
		if (print)
			fprintf(stderr, "left over: mapping %s", line);
	}
	if (maps)
		fclose(maps);
	return n;
}

/* Fills ret, or, with before, looks for descriptors that were not there, and says which if it is to. */
static bool scan_fds(bool ret[FDS_MAX], const bool *before, bool print)
{
	bool same = true;
	char path[64], name[256];
	DIR *dir = opendir("/proc/self/fd");
	for (struct dirent *e; dir && (e = readdir(dir));) {
		int fd = (int)strtol(e->d_name, NULL, 10);
		if (e->d_name[0] == '.' || fd == dirfd(dir) || fd >= FDS_MAX)
			continue;
		if (!before) {
			ret[fd] = true;
			continue;
		}
		if (before[fd])
			continue;
		same = false;
		if (!print)
			continue;
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, name, sizeof name - 1);
		fprintf(stderr, "left over: descriptor %d, %.*s\n", fd, (int)(n > 0 ? n : 0), name);
	}
	if (dir)
		closedir(dir);
	return same;
}

static void *no_thread(void *ctx)
{
	return ctx;
}

static void take_inventory(struct inventory *ret)
{
	pthread_t thread;
	/* TSan starts a thread of its own beside the first one. */
	if (TEST_UNDER_TSAN && pthread_create(&thread, NULL, no_thread, NULL) == 0) {
		pthread_join(thread, NULL);
		test_sleep_ms(10);
	}
	scan_fds(ret->fd, NULL, false);
	ret->mappings = count_shared_mappings(false);
	ret->threads = count_threads();
}

static bool is_clean(const struct inventory *before, bool print)
{
	unsigned threads = count_threads(), mappings = count_shared_mappings(false);
	bool ok = scan_fds(NULL, before->fd, print) && threads <= before->threads &&
		  mappings <= before->mappings;

	if (print && threads > before->threads)
		fprintf(stderr, "left over: %u threads, where there were %u\n", threads, before->threads);
	if (print && mappings > before->mappings)
		count_shared_mappings(true);
	return ok;
}

/* What is on its way out has a second: threads that nobody joins, and what goes with them. */
static bool check_inventory(const struct inventory *before)
{
	for (int i = 0; i < 100 && !is_clean(before, false); i++)
		test_sleep_ms(10);
	return is_clean(before, true);
}

static void run_current(void)
{
	if (setjmp(out_of_test) == 0)
		current->fn();
}

static unsigned run_in_cunit(void)
{
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 1;
	CU_pSuite suite = CU_add_suite("weft", NULL, NULL);
	if (!suite || !CU_add_test(suite, current->name, run_current))
		return 1;
	CU_basic_set_mode(CU_BRM_SILENT);
	if (CU_basic_run_tests() != CUE_SUCCESS)
		return 1;
	unsigned failures = CU_get_number_of_failures();
	CU_cleanup_registry();
	return failures;
}

/* MPI stays until the program ends, with threads, descriptors and mappings of its own. */
static void start_mpi(void)
{
	weft_executor *ex;

	if (test_is_mpi() && weft_executor_open(&ex, harness_spec) == 0)
		weft_executor_free(ex);
}

static _Noreturn void child_main(void)
{
	static struct inventory before;
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	test_pid = getpid();
	start_mpi();
	take_inventory(&before);
	unsigned failures = run_in_cunit();
	harness_boards_free();
	fflush(NULL);
	if (failures != 0)
		_exit(1); /* what a failed test leaves behind says nothing, and may hang */
	if (skip_reason) {
		printf("skipped: %s\n", skip_reason);
		exit(EXIT_SKIPPED);
	}
	exit(check_inventory(&before) ? 0 : 1);
}

/* ---- The parent: time limit, leftover processes ---- */

/* Moves the descendants of this process to the front. Order them by generation, oldest first. */
static size_t descendants(struct harness_process ret[], size_t max)
{
	size_t n = harness_processes(ret, max), found = 0;
	pid_t parent = getpid();
	for (size_t looked = 0;; parent = ret[looked++].pid) {
		for (size_t i = found; i < n; i++) {
			if (ret[i].parent != parent)
				continue;
			struct harness_process p = ret[i];
			ret[i] = ret[found];
			ret[found++] = p;
		}
		if (looked == found)
			return found;
	}
}

static void print_process(const struct harness_process *p)
{
	char path[64], line[512];
	snprintf(path, sizeof path, "/proc/%d/cmdline", p->pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
	if (fd >= 0)
		close(fd);
	for (ssize_t i = 0; i < n; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	fprintf(stderr, "left over: process %d (%s, state %c, parent %d): %.*s\n", p->pid, p->comm, p->state,
		p->parent, (int)(n > 0 ? n : 0), line);
}

/* Reaps whatever has ended. Returns false if no child is left. *status becomes that of pid. */
static bool reap(pid_t pid, int *status)
{
	int s;
	for (pid_t p; (p = waitpid(-1, &s, WNOHANG)) != 0;) {
		if (p < 0 && errno == ECHILD)
			return false;
		if (p == pid)
			*status = s;
	}
	return true;
}

/* Until end at most: the caller has a time limit too. */
static void print_stacks(pid_t pid, weft_time end)
{
	char number[16];
	snprintf(number, sizeof number, "%d", pid);
	fprintf(stderr, "---- stacks of %d ----\n", pid);
	pid_t gdb = fork();
	if (gdb == 0) {
		setpgid(0, 0);
		unsetenv("DEBUGINFOD_URLS");
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execlp("gdb", "gdb", "-batch", "-nx", "-ex", "thread apply all bt", "-p", number,
		       (char *)NULL);
		_exit(127);
	}
	while (gdb > 0 && weft_now() < end) {
		if (waitpid(gdb, NULL, WNOHANG) != 0)
			return;
		test_sleep_ms(10);
	}
	if (gdb > 0) {
		kill(gdb, SIGKILL);
		waitpid(gdb, NULL, 0);
	}
}

/* Kills every descendant, again and again: some may be forking. */
static void kill_all(pid_t group, struct harness_process procs[])
{
	int status;
	for (int i = 0; i < 500; i++) {
		size_t n = descendants(procs, HARNESS_PROCESSES_MAX);
		kill(-group, SIGKILL);
		for (size_t k = 0; k < n; k++)
			kill(procs[k].pid, SIGKILL);
		if (!reap(group, &status))
			return;
		test_sleep_ms(10);
	}
}

static bool check_processes(pid_t group, struct harness_process procs[])
{
	int status;
	for (int i = 0; i < LEFTOVER_MS / 2; i++) {
		if (!reap(group, &status))
			return true;
		test_sleep_ms(2);
	}
	size_t n = descendants(procs, HARNESS_PROCESSES_MAX);
	for (size_t i = 0; i < n; i++)
		print_process(&procs[i]);
	kill_all(group, procs);
	return false;
}

static int time_out(pid_t group, struct harness_process procs[])
{
	fprintf(stderr, "%s %s: timeout\n", current->name, harness_spec);
	size_t n = descendants(procs, HARNESS_PROCESSES_MAX);
	weft_time end = weft_after(WEFT_SECONDS(6));
	for (size_t i = 0; i < n && weft_now() < end; i++)
		print_stacks(procs[i].pid, end);
	kill_all(group, procs);
	return EXIT_FAILURE;
}

static int parent_main(pid_t child, const sigset_t *sigchld)
{
	static struct harness_process procs[HARNESS_PROCESSES_MAX];
	const char *text = getenv("WEFT_TEST_TIMEOUT");
	long limit = text && *text ? strtol(text, NULL, 10) : 50;
	weft_time end = weft_after(WEFT_SECONDS(limit));
	struct timespec step = {.tv_nsec = 100000000};
	int status = -1;
	setpgid(child, child);
	while (reap(child, &status) && status == -1) {
		if (weft_now() >= end)
			return time_out(child, procs);
		sigtimedwait(sigchld, NULL, &step);
	}
	bool clean = check_processes(child, procs);
	if (WIFSIGNALED(status))
		fprintf(stderr, "%s %s: killed by signal %d\n", current->name, harness_spec,
			WTERMSIG(status));
	if (!clean || !WIFEXITED(status))
		return EXIT_FAILURE;
	return WEXITSTATUS(status) == EXIT_SKIPPED || WEXITSTATUS(status) == 0 ? WEXITSTATUS(status) : 1;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

static int run(void)
{
	sigset_t sigchld, mask;
	struct rlimit no_core = {0, 0};
	const char *tmp = getenv("TMPDIR");
	snprintf(harness_dir, sizeof harness_dir, "%.60s/weft-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(harness_dir)) {
		perror(harness_dir);
		return EXIT_FAILURE;
	}
	setrlimit(RLIMIT_CORE, &no_core);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &sigchld, &mask);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		sigprocmask(SIG_SETMASK, &mask, NULL);
		child_main();
	}
	int status = child > 0 ? parent_main(child, &sigchld) : EXIT_FAILURE;
	nftw(harness_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}

/* A rank other than 0 is where the tasks of the test run, until rank 0 ends. */
static int serve_rank(void)
{
	weft_executor *ex;
	int err = weft_executor_open(&ex, harness_spec);

	fprintf(stderr, "rank %u: weft_executor_open returned %d\n", harness_rank(), err);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "--list") == 0;
	for (const struct test_case *t = cases; t; t = t->next) {
		if (list)
			puts(t->name);
		else if (argc >= 2 && strcmp(t->name, argv[1]) == 0)
			current = t;
	}
	if (argc >= 3)
		harness_spec = argv[2];
	if (list)
		return EXIT_SUCCESS;
	if (current && harness_rank())
		return serve_rank();
	if (current)
		return run();
	fprintf(stderr, "usage: %s --list | TEST [EXECUTOR]\n", argv[0]);
	return EXIT_FAILURE;
}
