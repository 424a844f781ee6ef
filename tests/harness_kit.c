/* SPDX-License-Identifier: MIT
 *
 * harness_kit.c -- what tests share: the executor under test, boards, gates, a look at processes.
 */
#include "harness_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { BOARDS_MAX = 64, PIECES_MAX = 64 };

const char *harness_spec = "threads:2";
char harness_dir[80];
static uint32_t *boards[BOARDS_MAX];
static unsigned boards_n;
static struct {
	void *p;
	size_t size;
} pieces[PIECES_MAX];
static unsigned pieces_n;

/* ---- The executor under test ---- */

const char *test_executor_spec(void)
{
	return harness_spec;
}

weft_executor *test_executor_with(const char *options)
{
	char spec[256];
	weft_executor *ex = NULL;
	const char *comma = *options && !test_is_inline() ? "," : "";
	snprintf(spec, sizeof spec, "%s%s%s", harness_spec, comma, test_is_inline() ? "" : options);
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	REQUIRE(ex != NULL);
	return ex;
}

weft_executor *test_executor(void)
{
	return test_executor_with("");
}

/* mpirun tells the programs that it starts; Open MPI and MPICH each in its own way. */
static long mpi_env(const char *name, const char *other, long otherwise)
{
	const char *text = getenv(name);

	text = text ? text : getenv(other);
	return text && test_is_mpi() ? strtol(text, NULL, 10) : otherwise;
}

unsigned harness_rank(void)
{
	return (unsigned)mpi_env("OMPI_COMM_WORLD_RANK", "PMI_RANK", 0);
}

unsigned test_workers(void)
{
	const char *colon = strchr(harness_spec, ':');
	unsigned ranks = (unsigned)mpi_env("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", 1);
	return colon              ? ranks * (unsigned)strtoul(colon + 1, NULL, 10)
	       : test_is_inline() ? 1
				  : weft_cpu_count();
}

bool test_is_inline(void)
{
	return strncmp(harness_spec, "inline", 6) == 0;
}

bool test_is_mpi(void)
{
	return strncmp(harness_spec, "mpi", 3) == 0;
}

bool test_is_uring(void)
{
	return strncmp(harness_spec, "uring", 5) == 0;
}

bool test_has_uring(void)
{
	weft_executor *ex = NULL;
	int err = weft_executor_open(&ex, "uring:1,engine=io_uring");

	weft_executor_free(ex);
	return err == 0;
}

void test_stop(weft_executor *ex, enum weft_stop how)
{
	CHECK_EQ(weft_executor_stop(ex, how, test_soon()), ex == weft_inline() ? -EINVAL : 0);
}

weft_time test_soon(void)
{
	return weft_after(WEFT_SECONDS(TEST_SLOW_BUILD ? 60 : 20));
}

void test_wait(weft_future *f)
{
	REQUIRE_EQ(weft_future_wait(f, test_soon()), 0);
}

const char *test_dir(void)
{
	return harness_dir;
}

void test_sleep_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

static uint32_t *board_map(const char *path, int flags)
{
	size_t size = TEST_BOARD_WORDS * sizeof(uint32_t);
	int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
	if (fd < 0 || (flags && ftruncate(fd, (off_t)size) != 0)) {
		fprintf(stderr, "board %s: %s\n", path, strerror(errno));
		abort();
	}
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		abort();
	return map;
}

uint32_t *test_board(test_ref *ret)
{
	REQUIRE(boards_n < BOARDS_MAX);
	snprintf(ret->path, sizeof ret->path, "%s/board-%u", harness_dir, boards_n);
	uint32_t *board = board_map(ret->path, O_CREAT | O_EXCL);
	boards[boards_n++] = board;
	return board;
}

uint32_t *test_board_map(const test_ref *ref)
{
	return board_map(ref->path, 0);
}

void test_board_unmap(uint32_t *board)
{
	munmap(board, TEST_BOARD_WORDS * sizeof(uint32_t));
}

uint32_t test_add(uint32_t *word, uint32_t n)
{
	return __atomic_add_fetch(word, n, __ATOMIC_SEQ_CST);
}

uint32_t test_get(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

void test_set(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

bool test_await(const uint32_t *word, uint32_t value)
{
	weft_time end = test_soon();
	struct timespec t = {.tv_nsec = 100000};
	while (test_get(word) < value) {
		if (weft_now() >= end || weft_call_cancelled(weft_current()))
			return false;
		nanosleep(&t, NULL);
	}
	return true;
}

int test_gate_fn(weft_call *call, const void *arg, void *result)
{
	(void)result;
	uint32_t *board = test_board_map(arg);
	test_add(&board[TEST_GATE_STARTED], 1);
	bool open = test_await(&board[TEST_GATE_OPEN], 1);
	test_board_unmap(board);
	if (open)
		return 0;
	return weft_call_cancelled(call) ? -ECANCELED : -ETIME;
}

void *test_memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	REQUIRE(p != MAP_FAILED && pieces_n < PIECES_MAX);
	pieces[pieces_n].p = p;
	pieces[pieces_n++].size = size;
	return p;
}

void harness_boards_free(void)
{
	while (pieces_n) {
		pieces_n--;
		munmap(pieces[pieces_n].p, pieces[pieces_n].size);
	}
	for (unsigned i = 0; i < boards_n; i++)
		test_board_unmap(boards[i]);
	boards_n = 0;
}

/* ---- Bodies and gates ---- */

int test_square_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t n = *(const uint64_t *)arg;
	(void)call;
	*(uint64_t *)result = n * n;
	return 0;
}

int test_mark_fn(weft_call *call, const void *arg, void *result)
{
	const struct test_mark *mark = arg;
	(void)call, (void)result;
	uint32_t *board = test_board_map(&mark->ref);
	test_add(&board[mark->word], 1);
	test_board_unmap(board);
	return mark->status;
}

static void *submit_gate(void *ctx)
{
	struct test_hold *h = ctx;
	unsigned i = test_add(&h->board[TEST_BOARD_WORDS - 1], 1) - 1;
	h->err[i] = weft_submit(h->ex, &h->task[i]);
	return NULL;
}

void test_hold_begin(struct test_hold *h, weft_executor *ex, unsigned n)
{
	REQUIRE(n <= TEST_HOLD_MAX);
	memset(h, 0, sizeof *h);
	h->ex = ex;
	h->n = n;
	h->board = test_board(&h->ref);
	for (unsigned i = 0; i < n; i++)
		h->task[i] = (weft_task){.fn = test_gate_fn, .arg = &h->ref, .arg_size = sizeof h->ref};
	for (unsigned i = 0; i < n; i++) {
		if (test_is_inline())
			REQUIRE_EQ(pthread_create(&h->thread[i], NULL, submit_gate, h), 0);
		else
			REQUIRE_EQ(weft_submit_wait(ex, &h->task[i], test_soon()), 0);
	}
	REQUIRE(test_await(&h->board[TEST_GATE_STARTED], n));
}

void test_hold_end(struct test_hold *h)
{
	test_set(&h->board[TEST_GATE_OPEN], 1);
	for (unsigned i = 0; i < h->n; i++) {
		if (test_is_inline())
			pthread_join(h->thread[i], NULL);
		CHECK_EQ(h->err[i], 0);
		test_wait(weft_task_future(&h->task[i]));
	}
}

/* ---- Looking at processes ---- */

static bool proc_read(const char *pid, struct harness_process *ret)
{
	char path[300], text[512];
	snprintf(path, sizeof path, "/proc/%s/stat", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	char *open_paren = strchr(text, '('), *close_paren = strrchr(text, ')');
	if (!open_paren || !close_paren)
		return false;
	*close_paren = '\0';
	snprintf(ret->comm, sizeof ret->comm, "%.31s", open_paren + 1);
	ret->pid = (pid_t)strtol(text, NULL, 10);
	return sscanf(close_paren + 1, " %c %d %d", &ret->state, &ret->parent, &ret->group) == 3;
}

size_t harness_processes(struct harness_process ret[], size_t max)
{
	size_t n = 0;
	DIR *dir = opendir("/proc");
	if (!dir)
		return 0;
	for (struct dirent *e; n < max && (e = readdir(dir));)
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && proc_read(e->d_name, &ret[n]))
			n++;
	closedir(dir);
	return n;
}

static int pid_compare(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

size_t test_processes(const char *comm, pid_t ret[], size_t n)
{
	static struct harness_process all[HARNESS_PROCESSES_MAX];
	size_t found = 0, seen = harness_processes(all, HARNESS_PROCESSES_MAX);
	for (size_t i = 0; i < seen; i++) {
		if (all[i].group != getpgrp() || all[i].pid == getpid() || strchr("ZX", all[i].state) ||
		    strncmp(all[i].comm, comm, strlen(comm)) != 0)
			continue;
		if (found < n)
			ret[found] = all[i].pid;
		found++;
	}
	qsort(ret, found < n ? found : n, sizeof *ret, pid_compare);
	return found;
}

bool test_deny(long number, int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
