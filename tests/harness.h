/* SPDX-License-Identifier: MIT
 *
 * harness.h -- the frame around every test, over CUnit.
 *
 *   TEST(adds_up)
 *   {
 *           CHECK_EQ(1 + 1, 2);
 *   }
 *
 * A program of tests links harness.c and harness_kit.c and has no main of its own: `prog --list` names its
 * tests, `prog NAME [SPEC]` runs one. The test runs in a child process, in a process group of its own. What
 * is left over afterwards fails it: a process, a descriptor, a thread, a mapping of shared memory.
 * WEFT_TEST_TIMEOUT seconds (default 50) after its start it is killed, with the stacks of all its processes
 * printed first.
 *
 * Exit status: 0 passed, 1 failed, 77 skipped.
 *
 * CHECK, CHECK_EQ, REQUIRE and SKIP belong to the main thread of the test's own process: CUnit loses counts
 * otherwise. Elsewhere (in a task, a thread, a fork) they abort; hand results to the main thread instead.
 */
#ifndef TESTS_HARNESS_H
#define TESTS_HARNESS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <weft/executor.h>
#include <weft/task.h>

#ifdef __cplusplus
extern "C" {
#define _Noreturn [[noreturn]]
#endif

/* TSan cannot start threads in a fork of a program with threads. */
#if defined(__SANITIZE_THREAD__)
#define TEST_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TEST_UNDER_TSAN 1
#endif
#endif
#ifndef TEST_UNDER_TSAN
#define TEST_UNDER_TSAN 0
#endif

/* Is everything many times slower in this build: by a sanitizer, delays at random (WEFT_CHAOS), or an emulator, which
 * who builds for one has to say? */
#if TEST_UNDER_TSAN || defined(__SANITIZE_ADDRESS__) || defined(WEFT_ATOMIC_HEADER) || defined(TEST_EMULATED)
#define TEST_SLOW_BUILD 1
#else
#define TEST_SLOW_BUILD 0
#endif

struct test_case {
	const char *name;
	void (*fn)(void);
	struct test_case *next;
};

void test_register(struct test_case *t);

/* Defines a test and registers it before main(). Write it at the start of a line. */
#define TEST(id)                                                                                             \
	static void test_fn_##id(void);                                                                      \
	__attribute__((constructor)) static void test_register_##id(void)                                    \
	{                                                                                                    \
		static struct test_case t = {#id, test_fn_##id, NULL};                                       \
		test_register(&t);                                                                           \
	}                                                                                                    \
	static void test_fn_##id(void)

bool test_check(bool ok, const char *text, const char *file, int line);
bool test_check_eq(intmax_t a, intmax_t b, const char *text, const char *file, int line);
_Noreturn void test_end(void);
_Noreturn void test_skip(const char *reason);

/* A failed CHECK is counted and the test goes on; a failed REQUIRE ends it. */
#define CHECK(cond)    test_check((cond), #cond, __FILE__, __LINE__)
#define CHECK_EQ(a, b) test_check_eq((intmax_t)(a), (intmax_t)(b), #a " == " #b, __FILE__, __LINE__)
#define REQUIRE(cond)                                                                                        \
	do {                                                                                                 \
		if (!test_check((cond), #cond, __FILE__, __LINE__))                                          \
			test_end();                                                                          \
	} while (0)
#define REQUIRE_EQ(a, b)                                                                                     \
	do {                                                                                                 \
		if (!test_check_eq((intmax_t)(a), (intmax_t)(b), #a " == " #b, __FILE__, __LINE__))          \
			test_end();                                                                          \
	} while (0)

/* Ends the test as skipped. Before it has made anything: nothing is cleaned up. */
#define SKIP(reason) test_skip(reason)

/* The executor under test: the second argument of the program, or "threads:2". */
const char *test_executor_spec(void);

/* Opens it. The caller frees it. */
weft_executor *test_executor(void);

/* Opens the one under test with more options: test_executor_with("queue=4"). */
weft_executor *test_executor_with(const char *options);

/* The number in the spec, for each rank; 1 for inline. */
unsigned test_workers(void);

/* Is it inline, where a task is done when its submission returns? */
bool test_is_inline(void);

/* Is it one of ranks? The program then runs under mpirun; what is not rank 0 serves. */
bool test_is_mpi(void);

/* Is it one whose tasks are fibers? */
bool test_is_uring(void);

/* Does the system let us use io_uring? */
bool test_has_uring(void);

/* Stops ex, and checks that it has stopped, or, if it is weft_inline(), that it cannot be. */
void test_stop(weft_executor *ex, enum weft_stop how);

/* A generous deadline for what must happen soon: 20 s ahead, a minute in a slow build. */
weft_time test_soon(void);

/* Waits for f that long. The test ends as failed if f is not done by then. */
void test_wait(weft_future *f);

/* A fresh directory, which is removed after the test. */
const char *test_dir(void);

void test_sleep_ms(unsigned ms);

/* ---- A board: words shared by the test and its tasks on every executor, processes included. ----
 *
 * It is a file, mapped by name. A test_ref travels in a task's argument bytes. */
#define TEST_BOARD_WORDS 1024

typedef struct test_ref {
	char path[104];
} test_ref;

/* In the test: makes a zeroed board. It goes away with the test. */
uint32_t *test_board(test_ref *ret);

/* In a task: maps the board (aborts if it is gone); unmap it before the task returns. */
uint32_t *test_board_map(const test_ref *ref);
void test_board_unmap(uint32_t *board);

/* From now on that system call fails with err, in this thread and in those that it starts. False: there are no seccomp
 * filters here. */
bool test_deny(long number, int err);

/* Zeroed memory that forks share. It goes away with the test. */
void *test_memory(size_t size);

/* Atomic accesses to a word. test_add returns the sum. */
uint32_t test_add(uint32_t *word, uint32_t n);
uint32_t test_get(const uint32_t *word);
void test_set(uint32_t *word, uint32_t value);

/* Sleeps until *word >= value, 20 s at most, or until the calling task is cancelled. Did it get there? */
bool test_await(const uint32_t *word, uint32_t value);

/* ---- Bodies that work on every executor ---- */

/* A uint64_t to its square. */
int test_square_fn(weft_call *call, const void *arg, void *result);

/* The body is test_mark_fn: adds 1 to that word of the board, returns status. No result. */
struct test_mark {
	test_ref ref;
	uint32_t word;
	int32_t status;
};
int test_mark_fn(weft_call *call, const void *arg, void *result);

enum { TEST_GATE_STARTED = 0, TEST_GATE_OPEN = 1 };

/* The body; its argument is a test_ref. Adds 1 to word TEST_GATE_STARTED, waits until word TEST_GATE_OPEN
 * is set. Returns 0, or -ECANCELED, or -ETIME after 20 s. No result. */
int test_gate_fn(weft_call *call, const void *arg, void *result);

/* ---- Holding up workers: n running gates, so that whatever is submitted next stays queued ----
 *
 * On inline, where submitting is running, the gates are submitted by threads of their own: their futures
 * are unfinished there too, but nothing stays queued. */
#define TEST_HOLD_MAX 16

struct test_hold {
	test_ref ref;
	uint32_t *board;
	unsigned n;
	weft_executor *ex;
	weft_task task[TEST_HOLD_MAX];
	pthread_t thread[TEST_HOLD_MAX];
	int err[TEST_HOLD_MAX];
};

/* Returns when all n gates have started. */
void test_hold_begin(struct test_hold *h, weft_executor *ex, unsigned n);

/* Opens the gates, and waits for them. */
void test_hold_end(struct test_hold *h);

/* ---- Processes of this test's group. ---- */

/* Pids, sorted, of the processes of the group, other than the caller, whose name begins with comm, and
 * which are no zombies. Returns how many there are, even if more than n. */
size_t test_processes(const char *comm, pid_t ret[], size_t n);

#ifdef __cplusplus
}
#endif
#endif
