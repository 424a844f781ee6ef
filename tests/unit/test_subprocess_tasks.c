/* SPDX-License-Identifier: MIT
 *
 * test_subprocess_tasks.c -- programs inside tasks: fibers are parked, a cancel or a deadline ends the wait.
 */
#include "subprocess_kit.h"

static const char *const executors[] = {"threads:2", "uring:2", "uring:2,engine=epoll", "processes:2"};

enum { EXECUTORS = sizeof executors / sizeof *executors };

static weft_executor *open_executor(int i)
{
	weft_executor *ex = NULL;

	REQUIRE_EQ(weft_executor_open(&ex, executors[i]), 0);
	return ex;
}

/* ---- Many at once ---- */

static int cat_fn(weft_call *call, const void *arg, void *result)
{
	const uint32_t *i = arg;
	size_t size = 1000 * (*i % 200);
	char *text = weft_call_scratch(call, size + 1);
	struct weft_output o;

	if (!text)
		return -ENOMEM;
	memset(text, 'a' + (int)(*i % 26), size);
	int err = weft_subprocess_run(ARGV("cat"), NULL, text, size, &o, WEFT_FOREVER);
	if (!err && (o.code || o.out_size != size || memcmp(o.out, text, size) != 0))
		err = -EBADMSG;
	weft_output_free(&o);
	(void)result;
	return err;
}

static void run_two_hundred(int i)
{
	weft_executor *ex = open_executor(i);
	uint32_t number[200];

	for (uint32_t n = 0; n < 200; n++)
		number[n] = n;
	CHECK_EQ(weft_map(ex, cat_fn, number, sizeof *number, NULL, 0, 200,
			  &(struct weft_map_opts){.size = sizeof(struct weft_map_opts), .chunk = 1}),
		 0);
	weft_executor_free(ex);
	CHECK(no_child());
}

TEST(two_hundred_on_threads)
{
	run_two_hundred(0);
}

TEST(two_hundred_on_uring)
{
	run_two_hundred(1);
}

TEST(two_hundred_on_epoll)
{
	run_two_hundred(2);
}

TEST(two_hundred_in_workers)
{
	run_two_hundred(3);
}

/* ---- Fibers are parked: more programs wait for each other than there are threads. ---- */

static int meet_fn(weft_call *call, const void *arg, void *result)
{
	const char *dir = arg;
	char script[512];
	int code = -1;

	snprintf(script, sizeof script, "touch %s/$$; while [ $(ls %s | wc -l) -lt 10 ]; do sleep 0.01; done",
		 dir, dir);
	int err = weft_shell(script, &code, test_soon());
	(void)call, (void)result;
	return err ? err : code;
}

static void let_ten_meet(const char *spec)
{
	weft_executor *ex = NULL;
	weft_task task[10];
	char dir[200];

	snprintf(dir, sizeof dir, "%s/%s", test_dir(), spec);
	REQUIRE_EQ(weft_shell("true", NULL, test_soon()), 0);
	REQUIRE_EQ(mkdir(dir, 0700), 0);
	REQUIRE_EQ(weft_executor_open(&ex, spec), 0);
	for (int i = 0; i < 10; i++) {
		task[i] = (weft_task){.fn = meet_fn, .arg = dir, .arg_size = strlen(dir) + 1};
		REQUIRE_EQ(weft_submit(ex, &task[i]), 0);
	}
	for (int i = 0; i < 10; i++) {
		test_wait(weft_task_future(&task[i]));
		CHECK_EQ(weft_future_status(weft_task_future(&task[i])), 0);
	}
	weft_executor_free(ex);
}

TEST(fibers_are_parked)
{
	let_ten_meet("uring:1");
	let_ten_meet("uring:1,engine=epoll");
}

/* ---- Cut short ---- */

struct sleeper {
	test_ref ref;
	bool runs; /* weft_subprocess_run; else start, wait, and free */
};

enum { BEGUN, PID, KILLED }; /* words of the board */

static int run_long(uint32_t *board)
{
	struct weft_output o;
	int err;

	test_set(&board[BEGUN], 1);
	err = weft_subprocess_run(SH("sleep 1000; true"), NULL, NULL, 0, &o, WEFT_FOREVER);
	test_set(&board[KILLED], o.code == -SIGKILL);
	weft_output_free(&o);
	return err;
}

static int wait_long(uint32_t *board)
{
	struct weft_output o;
	weft_subprocess *p;
	int err = weft_subprocess_start(&p, ARGV("sleep", "1000"), NULL);

	if (err)
		return err;
	test_set(&board[PID], (uint32_t)weft_subprocess_pid(p));
	test_set(&board[BEGUN], 1);
	err = weft_subprocess_wait(p, NULL, WEFT_FOREVER);
	if (weft_subprocess_poll(p, NULL) != -EINPROGRESS) /* it is left alone */
		err = -EBADMSG;
	if (weft_subprocess_run(ARGV("true"), NULL, NULL, 0, &o, WEFT_FOREVER) != err)
		err = -EBADMSG; /* nothing new is run any more */
	if (weft_subprocess_free(p))
		err = -EBADMSG;
	test_set(&board[KILLED], 1);
	return err;
}

/* -ECANCELED or -ETIMEDOUT, as it should be, if all is well. */
static int sleep_fn(weft_call *call, const void *arg, void *result)
{
	const struct sleeper *s = arg;
	uint32_t *board = test_board_map(&s->ref);
	int err = s->runs ? run_long(board) : wait_long(board);

	(void)call, (void)result;
	test_board_unmap(board);
	return err;
}

static void check_end(const uint32_t *board)
{
	CHECK_EQ(board[KILLED], 1);
	CHECK(!board[PID] || is_gone((pid_t)board[PID]));
	CHECK(no_child());
}

static void cancel_it(int i, bool runs)
{
	weft_executor *ex = open_executor(i);
	struct sleeper s = {.runs = runs};
	uint32_t *board = test_board(&s.ref);
	weft_task task = {.fn = sleep_fn, .arg = &s, .arg_size = sizeof s};

	/* If it comes too early for the program to be there, it is to come again. */
	while (!board[KILLED]) {
		board[BEGUN] = 0;
		REQUIRE_EQ(weft_submit(ex, &task), 0);
		REQUIRE(test_await(&board[BEGUN], 1));
		test_sleep_ms(20);
		CHECK_EQ(weft_future_cancel(weft_task_future(&task)), WEFT_CANCEL_ASKED);
		test_wait(weft_task_future(&task));
		REQUIRE_EQ(weft_future_status(weft_task_future(&task)), -ECANCELED);
	}
	weft_executor_free(ex);
	check_end(board);
}

/* Into ever later deadlines, until it has begun by then. */
static void have_it_overdue(int i, bool runs)
{
	weft_executor *ex = open_executor(i);
	struct sleeper s = {.runs = runs};
	uint32_t *board = test_board(&s.ref);
	weft_task task = {.fn = sleep_fn, .arg = &s, .arg_size = sizeof s};

	for (unsigned ms = 50; ms < 20000 && !board[KILLED]; ms *= 2) {
		task.deadline = weft_after(WEFT_MS(ms));
		REQUIRE_EQ(weft_submit(ex, &task), 0);
		test_wait(weft_task_future(&task));
		REQUIRE_EQ(weft_future_status(weft_task_future(&task)), -ETIMEDOUT);
	}
	weft_executor_free(ex);
	check_end(board);
}

TEST(cancel_ends_a_wait_and_free_kills)
{
	for (int i = 0; i < EXECUTORS; i++)
		cancel_it(i, false);
}

TEST(cancel_ends_a_run_and_kills)
{
	for (int i = 0; i < EXECUTORS; i++)
		cancel_it(i, true);
}

/* In a worker process the deadline kills the worker. */
TEST(the_deadline_of_the_task)
{
	for (int i = 0; i < EXECUTORS - 1; i++) {
		have_it_overdue(i, false);
		have_it_overdue(i, true);
	}
}

TEST(a_stop_ends_it)
{
	for (int i = 0; i < EXECUTORS - 1; i++) {
		weft_executor *ex = open_executor(i);
		struct sleeper s = {.runs = true};
		uint32_t *board = test_board(&s.ref);
		weft_task task = {.fn = sleep_fn, .arg = &s, .arg_size = sizeof s};

		REQUIRE_EQ(weft_submit(ex, &task), 0);
		REQUIRE(test_await(&board[BEGUN], 1));
		test_sleep_ms(20);
		CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_CANCEL, test_soon()), 0);
		CHECK_EQ(weft_future_status(weft_task_future(&task)), -ECANCELED);
		weft_executor_free(ex);
		CHECK(no_child());
	}
}

/* ---- Its descriptors, by the calls of io.h ---- */

static int talk_fn(weft_call *call, const void *arg, void *result)
{
	struct weft_subprocess_opts opts = {
		.size = sizeof opts, .in = {.kind = WEFT_STDIO_PIPE}, .out = {.kind = WEFT_STDIO_PIPE}};
	weft_subprocess *p;
	char line[16] = "";
	int err = weft_subprocess_start(&p, SH("read a; echo got $a; cat >/dev/null"), &opts);

	(void)call, (void)arg, (void)result;
	if (err)
		return err;
	if (weft_write_full(weft_subprocess_fd(p, 0), "it\n", 3) != 3 ||
	    weft_read_full(weft_subprocess_fd(p, 1), line, 7) != 7 || strcmp(line, "got it\n") != 0)
		err = -EBADMSG;
	weft_subprocess_close(p, 0);
	if (!err)
		err = weft_subprocess_wait(p, NULL, test_soon());
	weft_subprocess_free(p);
	return err;
}

TEST(talking_by_hand)
{
	for (int i = 0; i < EXECUTORS; i++) {
		weft_executor *ex = open_executor(i);
		weft_task task = {.fn = talk_fn};

		REQUIRE_EQ(weft_submit(ex, &task), 0);
		test_wait(weft_task_future(&task));
		CHECK_EQ(weft_future_status(weft_task_future(&task)), 0);
		weft_executor_free(ex);
	}
}
