/* SPDX-License-Identifier: MIT
 *
 * sweep_memory.c -- each allocation that a call makes fails in turn: the call says -ENOMEM and has changed
 * nothing, or does without. What was allocated is freed either way.
 *
 * The linker sends the library's allocations here (--wrap). The nursery is this program run again: there the
 * variable says which one is to fail.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/weft.h>

#include "harness.h"

#define NURSERY_VARIABLE "WEFT_TEST_FAIL_ALLOCATION"

enum { ITEMS = 300, FUTURES = 100, NTH_MAX = 200 };

/* ---- Allocations ---- */

static uint32_t fail_at;        /* how many more until one fails; 0: none does */
static uint32_t failed;         /* it has */
static uint32_t live;           /* allocations that have not been freed */
static __thread uint32_t asked; /* allocations of this thread */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
char *__real_strdup(const char *s);
ssize_t __real___getdelim(char **line, size_t *room, int end, FILE *f);
void __real_free(void *p);

/* Is it this one's turn? */
static bool fails(void)
{
	uint32_t left = test_get(&fail_at);
	asked++;
	while (left && !__atomic_compare_exchange_n(&fail_at, &left, left - 1, false, __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST))
		;
	if (left != 1)
		return false;
	test_set(&failed, 1);
	errno = ENOMEM;
	return true;
}

static void *counted(void *p)
{
	if (p)
		test_add(&live, 1);
	return p;
}

void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : counted(__real_malloc(n));
}

void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
	if (fails())
		return NULL;
	return p ? __real_realloc(p, n) : counted(__real_realloc(p, n));
}

void *__wrap_aligned_alloc(size_t align, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return fails() ? NULL : counted(__real_aligned_alloc(align, n));
}

char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : counted(__real_strdup(s));
}

/* What getline is, in optimised programs. */
ssize_t __wrap___getdelim(char **line, size_t *room, int end, FILE *f);
ssize_t __wrap___getdelim(char **line, size_t *room, int end, FILE *f)
{
	bool first = !*line;
	ssize_t n = first && fails() ? -1 : __real___getdelim(line, room, end, f);
	if (first)
		counted(*line);
	return n;
}

ssize_t __wrap_getline(char **line, size_t *room, FILE *f);
ssize_t __wrap_getline(char **line, size_t *room, FILE *f)
{
	return __wrap___getdelim(line, room, '\n', f);
}

void __wrap_free(void *p);
void __wrap_free(void *p)
{
	if (p)
		test_add(&live, UINT32_MAX);
	__real_free(p);
}

/* Before the library's own constructor, which the nursery does not leave. */
__attribute__((constructor(101))) static void arm_nursery(void)
{
	const char *text = getenv(NURSERY_VARIABLE);
	if (text)
		fail_at = (uint32_t)strtoul(text, NULL, 10);
}

/* A nursery that is a fork of the test has memory: its want is another test. */
static void disarm(void)
{
	test_set(&fail_at, 0);
}

/* ---- A sweep: call is made with the first allocation failing, then the second, until none does ---- */

static weft_executor *ex; /* made beforehand */

static void sweep(const char *what, int (*call)(void))
{
	uint32_t n = 1;
	for (failed = 1; failed && n < NTH_MAX; n++) {
		uint32_t before = test_get(&live);
		failed = 0;
		test_set(&fail_at, n);
		int err = call();
		test_set(&fail_at, 0);
		if (err && err != -ENOMEM)
			fprintf(stderr, "%s, allocation %u: %s\n", what, n, weft_strerror(err));
		CHECK(err == 0 || (err == -ENOMEM && failed));
		for (int i = 0; i < 2000 && test_get(&live) != before; i++)
			test_sleep_ms(1); /* another thread is about to free it */
		CHECK_EQ(test_get(&live), before);
	}
	printf("%s: %u allocations\n", what, n - 2);
	CHECK(n > 2 && n < NTH_MAX);
}

static int use(weft_executor *e)
{
	uint64_t n = 12, square = 0;
	weft_task t = {.fn = test_square_fn, .arg = &n, .arg_size = 8, .result = &square, .result_size = 8};
	int err = weft_submit(e, &t);
	if (err)
		return err;
	test_wait(weft_task_future(&t));
	err = weft_future_status(weft_task_future(&t));
	CHECK(err || square == 144);
	return err;
}

static const char *spec;

static int open_and_use(void)
{
	weft_executor *const untouched = weft_inline(), *e = untouched;
	int err = weft_executor_open(&e, spec);
	if (err)
		CHECK(e == untouched);
	if (!err)
		err = use(e);
	if (e != untouched)
		weft_executor_free(e);
	return err;
}

TEST(memory_to_make_threads)
{
	spec = "threads:2";
	sweep(spec, open_and_use);
}

TEST(memory_to_make_processes)
{
	spec = "processes:2";
	sweep(spec, open_and_use);
	spec = "processes:2,start=fork";
	REQUIRE_EQ(pthread_atfork(NULL, NULL, disarm), 0);
	sweep(spec, open_and_use);
}

/* Not when the queue is full either, nor for many in one call. Only a pool of processes allocates at the first task from
 * a file: it looks for the file's path. */
TEST(memory_is_not_needed_to_submit)
{
	static const char *const specs[] = {"threads:2,queue=64", "processes:2,queue=64", "uring:1,queue=64"};
	static weft_task t[ITEMS];
	static uint64_t number = 3, square[ITEMS];
	for (size_t i = 0; i < ITEMS; i++)
		t[i] = (weft_task){.fn = test_square_fn,
				   .arg = &number,
				   .arg_size = 8,
				   .result = &square[i],
				   .result_size = 8};
	for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
		size_t n = 0, more = 0;
		REQUIRE_EQ(weft_executor_open(&ex, specs[s]), 0);
		if (s == 1)
			REQUIRE_EQ(use(ex), 0);
		uint32_t before = asked;
		while (n < ITEMS / 2 && weft_submit(ex, &t[n]) != -EAGAIN)
			n++;
		weft_submit_many(ex, &t[n], ITEMS / 2, &more);
		CHECK_EQ(asked, before);
		CHECK(n + more >= 64);
		weft_executor_free(ex);
	}
}

/* Each nursery fails to have memory once: with the first worker there is no pool, or none that works; later the
 * others do its work. */
TEST(memory_of_the_nursery)
{
	for (int n = 2; n <= 3; n++) { /* of the first room, and of more */
		char number[16];
		snprintf(number, sizeof number, "%d", n);
		setenv(NURSERY_VARIABLE, number, 1);
		int err = weft_executor_open(&ex, "processes:20");
		CHECK(err == 0 || err == -ENOEXEC || err == -ENOMEM);
		if (!err) {
			err = use(ex);
			CHECK(err == 0 || (err == -EIO && n == 2));
			weft_executor_free(ex);
		}
	}
	unsetenv(NURSERY_VARIABLE);
}

static int make_async(void)
{
	weft_future *const untouched = (weft_future *)(uintptr_t)&fail_at, *f = untouched;
	uint64_t n = 5;
	int err = weft_async(ex, test_square_fn, &n, sizeof n, 8, &f);
	if (err) {
		CHECK(f == untouched);
		return err;
	}
	test_wait(f);
	CHECK_EQ(weft_future_status(f), 0);
	CHECK_EQ(*(const uint64_t *)weft_future_result(f, NULL), 25);
	weft_future_unref(f);
	return 0;
}

static int fail_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	return weft_call_fail(call, -EBADE, "for a reason");
}

/* The error is there in any case; its text only if there was room for it. */
static int fail_async(void)
{
	weft_future *f;
	int err = weft_async(ex, fail_fn, NULL, 0, 0, &f);
	if (err)
		return err;
	test_wait(f);
	CHECK_EQ(weft_future_status(f), -EBADE);
	const char *text = weft_future_error(f);
	CHECK(text && (!strcmp(text, "for a reason") || failed));
	weft_future_unref(f);
	return 0;
}

static int map_many(void)
{
	static uint64_t in[ITEMS], out[ITEMS];
	for (uint64_t i = 0; i < ITEMS; i++)
		in[i] = i;
	struct weft_map_opts o = {.size = sizeof o, .chunk = 1};
	int err = weft_map(ex, test_square_fn, in, 8, out, 8, ITEMS, &o);
	for (uint64_t i = 0; i < ITEMS && !err; i++)
		CHECK_EQ(out[i], i * i);
	return err;
}

static int watch_queue(void)
{
	uint64_t n[2] = {3, 4}, square[2];
	weft_task t[2];
	weft_cq *q = NULL;
	int err = weft_cq_new(&q), watched = 0;
	for (int i = 0; i < 2 && !err; i++) {
		t[i] = (weft_task){.fn = test_square_fn, .arg = &n[i], .arg_size = 8};
		t[i].result = &square[i];
		t[i].result_size = 8;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		err = weft_cq_watch(q, weft_task_future(&t[i]), NULL);
		test_wait(weft_task_future(&t[i]));
		watched += !err;
	}
	for (int i = 0; i < watched; i++)
		CHECK_EQ(weft_cq_next(q, NULL, NULL, test_soon()), 0);
	weft_cq_free(q);
	return err;
}

static int wait_for_any(void)
{
	static weft_task t[FUTURES];
	static uint64_t n[FUTURES];
	static weft_future *f[FUTURES];
	struct test_hold hold;
	test_hold_begin(&hold, ex, 2);
	for (uint64_t i = 0; i < FUTURES; i++) {
		n[i] = i;
		t[i] = (weft_task){.fn = test_square_fn, .arg = &n[i], .arg_size = 8};
		t[i].result = &n[i];
		t[i].result_size = 8;
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
		f[i] = weft_task_future(&t[i]);
	}
	ssize_t which = weft_wait_any(f, FUTURES, weft_after(WEFT_MS(1)));
	CHECK(which == -ETIMEDOUT || which == -ENOMEM);
	test_hold_end(&hold);
	for (int i = 0; i < FUTURES; i++)
		test_wait(f[i]);
	return which == -ETIMEDOUT ? 0 : (int)which;
}

static int scratch_fn(weft_call *call, const void *arg, void *result)
{
	char *room = weft_call_scratch(call, 1000);
	(void)arg, (void)result;
	if (!room)
		return -ENOMEM;
	memset(room, 1, 1000);
	return 0;
}

static int use_scratch(void)
{
	weft_task t = {.fn = scratch_fn};
	REQUIRE_EQ(weft_submit(ex, &t), 0);
	test_wait(weft_task_future(&t));
	return weft_future_status(weft_task_future(&t));
}

static void sweep_calls(const char *on)
{
	/* What a process asks for once, its threads may ask for at any time: the first pool's have ended. */
	for (int i = 0; i < 2; i++) {
		if (i)
			weft_executor_free(ex);
		REQUIRE_EQ(weft_executor_open(&ex, on), 0);
		CHECK_EQ(use(ex), 0);
	}
	sweep("weft_async", make_async);
	sweep("weft_async that fails", fail_async);
	sweep("weft_map", map_many);
	sweep("weft_cq", watch_queue);
	sweep("weft_wait_any", wait_for_any);
	if (weft_executor_caps(ex) & WEFT_CAP_LOCAL) /* the allocation is another process's elsewhere */
		sweep("weft_call_scratch", use_scratch);
	CHECK_EQ(use(ex), 0);
	weft_executor_free(ex);
}

static int use_thread(void)
{
	struct weft_thread_opts o = {.result_size = 8};
	uint64_t n = 12;
	weft_thread *t = NULL;
	int err = weft_thread_start(&t, test_square_fn, &n, sizeof n, &o);
	CHECK(err ? !t : !weft_thread_join(t, test_soon()));
	CHECK(err || *(const uint64_t *)weft_future_result(weft_thread_future(t), NULL) == 144);
	weft_thread_free(t);
	return err;
}

static int use_process(void)
{
	struct weft_process_opts o = {.result_size = 8};
	uint64_t n = 12;
	weft_process *p = NULL;
	int err = weft_process_start(&p, test_square_fn, &n, sizeof n, &o);
	CHECK(err ? !p : !weft_process_join(p, test_soon()));
	CHECK(err || *(const uint64_t *)weft_future_result(weft_process_future(p), NULL) == 144);
	weft_process_free(p);
	return err;
}

TEST(memory_of_one_of_ones_own)
{
	sweep("weft_thread", use_thread);
	sweep("weft_process", use_process);
}

TEST(memory_of_calls_on_threads)
{
	sweep_calls("threads:2");
}

TEST(memory_of_calls_on_processes)
{
	sweep_calls("processes:2");
}

static int run_program(void)
{
	const char *const argv[] = {"head", "-c", "300000", "/dev/zero", NULL};
	struct weft_output o;
	int err = weft_subprocess_run(argv, NULL, NULL, 0, &o, test_soon());

	CHECK(err || (o.code == 0 && o.out_size == 300000));
	weft_output_free(&o);
	return err;
}

TEST(memory_of_programs)
{
	CHECK_EQ(run_program(), 0);
	sweep("weft_subprocess_run", run_program);
}

/* ---- Pipes ---- */

static const struct weft_listen_opts pipe_opts = {
	.size = sizeof pipe_opts, .secret = "key", .secret_size = 3, .message_size = 100000};
static weft_listener *listener;

static int make_pipe(void)
{
	weft_pipe *a, *b;
	int err = weft_pipe_new(&a, &b, NULL);

	return err ? err : weft_pipe_close(a) + weft_pipe_close(b);
}

static int make_listener(void)
{
	weft_listener *l;
	int err = weft_listen(&l, "tcp:127.0.0.1:0", &pipe_opts);

	return err ? err : weft_listener_close(l);
}

static void *connect_main(void *ret)
{
	return (void *)(intptr_t)weft_pipe_connect(ret, weft_listener_address(listener), &pipe_opts,
						   test_soon());
}

/* Whatever the side that has no memory: it can try again, and what is large stays until it fits. */
static int connect_and_talk(void)
{
	static char msg[100000];
	weft_pipe *far = NULL, *near = NULL;
	pthread_t thread;
	void *end;
	ssize_t n;
	int err;

	REQUIRE_EQ(pthread_create(&thread, NULL, connect_main, &far), 0);
	err = weft_listener_accept(listener, &near, test_soon());
	if (err == -ENOMEM)
		CHECK_EQ(weft_listener_accept(listener, &near, test_soon()), 0);
	pthread_join(thread, &end);
	if (!end) {
		CHECK_EQ(weft_pipe_send(far, msg, sizeof msg, test_soon()), 0);
		n = weft_pipe_recv(near, msg, sizeof msg, test_soon());
		if (n == -ENOMEM) {
			err = -ENOMEM;
			n = weft_pipe_recv(near, msg, sizeof msg, test_soon());
		}
		CHECK_EQ(n, sizeof msg);
	}
	weft_pipe_close(far);
	weft_pipe_close(near);
	return end ? (int)(intptr_t)end : err;
}

TEST(memory_of_pipes)
{
	/* Kept for the next time: what is loaded, and what a first use of the library makes. */
	REQUIRE_EQ(weft_listen(&listener, "unix:@weft sweep", &pipe_opts), 0);
	REQUIRE_EQ(connect_and_talk(), 0);
	sweep("weft_pipe_new", make_pipe);
	sweep("weft_listen", make_listener);
	sweep("weft_pipe_connect and the rest", connect_and_talk);
	weft_listener_close(listener);
}
