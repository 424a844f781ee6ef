/* SPDX-License-Identifier: MIT
 *
 * What weft-top says of those who belong to no executor: threads, processes and programs by themselves; and of workers
 * that nobody may look into. The watched program is the test itself.
 */
#include "top_figures.h"

#include "harness.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/process.h>
#include <weft/subprocess.h>
#include <weft/thread.h>
#include <weft/weft.h>

struct watched {
	struct top_page *page;
	struct top_watch *watch;
	const struct top_picture *picture;
};

static int open_page(struct watched *w)
{
	char why[256];

	return top_page_open(&w->page, getpid(), why, sizeof why);
}

static struct watched watch(void)
{
	struct watched w = {0};

	REQUIRE_EQ(open_page(&w), 0);
	w.watch = top_watch_new(getpid());
	REQUIRE(w.watch);
	return w;
}

static void unwatch(struct watched *w)
{
	top_watch_free(w->watch);
	top_page_close(w->page);
}

/* Looks; the part of that kind, or NULL. */
static const struct top_pool *look(struct watched *w, uint32_t kind)
{
	w->picture = top_watch_look(w->watch, w->page);
	REQUIRE(w->picture);
	for (unsigned i = 0; i < w->picture->n; i++)
		if (w->picture->pool[i].executor->kind == kind)
			return &w->picture->pool[i];
	return NULL;
}

/* Looks until the first of a kind has that state. */
static const struct top_worker *await(struct watched *w, uint32_t kind, enum top_state state)
{
	weft_time until = test_soon();
	const struct top_pool *p;

	do {
		test_sleep_ms(1);
		p = look(w, kind);
	} while ((!p || !p->n || p->worker[0].state != state) && weft_now() < until);
	REQUIRE(p && p->n);
	CHECK_EQ(p->worker[0].state, state);
	return &p->worker[0];
}

static const struct top_worker *find(const struct top_pool *p, const char *label)
{
	for (unsigned i = 0; p && i < p->n; i++)
		if (!strcmp(p->worker[i].label, label))
			return &p->worker[i];
	return NULL;
}

/* ---- weft_thread ---- */

static weft_thread *start_thread(const char *name, const test_ref *gate)
{
	const struct weft_thread_opts o = {.size = sizeof o, .name = name};
	weft_thread *t;

	REQUIRE_EQ(weft_thread_start(&t, test_gate_fn, gate, sizeof *gate, &o), 0);
	return t;
}

static void end_thread(weft_thread *t)
{
	CHECK_EQ(weft_thread_join(t, test_soon()), 0);
	weft_thread_free(t);
}

TEST(a_thread_is_shown_where_there_is_a_page)
{
	struct watched w = {0};
	const struct top_pool *p;
	weft_thread *before, *after;
	weft_executor *ex;
	uint32_t *board;
	test_ref gate;

	board = test_board(&gate);
	before = start_thread("came before", &gate);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	CHECK_EQ(open_page(&w), -ENOENT); /* making one would take as long as the thread does */
	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	after = start_thread("came after", &gate);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 2));
	w = watch();
	p = look(&w, TOP_KIND_THREAD);
	REQUIRE(p);
	CHECK_EQ(p->n, 2);
	CHECK_EQ(p->running, 2);
	CHECK_EQ(p->queued, 0);
	REQUIRE(find(p, "came before") && find(p, "came after"));
	CHECK(!strcmp(find(p, "came before")->task, "test_gate_fn"));
	CHECK(find(p, "came before")->id != (uint32_t)getpid());
	CHECK(find(p, "came before")->id != find(p, "came after")->id);
	await(&w, TOP_KIND_THREAD, TOP_WAITS);
	test_set(&board[TEST_GATE_OPEN], 1);
	end_thread(before);
	end_thread(after);
	p = look(&w, TOP_KIND_THREAD);
	REQUIRE(p);
	CHECK_EQ(p->n, 0);
	CHECK_EQ(p->counts.submitted, 2);
	CHECK_EQ(p->counts.completed, 2);
	CHECK_EQ(p->counts.failed, 0);
	unwatch(&w);
	weft_executor_free(ex);
	CHECK_EQ(open_page(&w), -ENOENT);
}

static int spin_fn(weft_call *call, const void *arg, void *result)
{
	(void)arg, (void)result;
	while (!weft_call_cancelled(call)) {}
	return -ECANCELED;
}

TEST(a_thread_that_computes_is_seen_to)
{
	struct watched w;
	weft_executor *ex;
	weft_thread *t;
	weft_time until = test_soon();
	const struct top_worker *worker;

	REQUIRE_EQ(weft_executor_open(&ex, "threads:1"), 0);
	w = watch();
	REQUIRE_EQ(weft_thread_start(&t, spin_fn, NULL, 0, NULL), 0);
	do {
		worker = await(&w, TOP_KIND_THREAD, TOP_RUNS);
		test_sleep_ms(20);
	} while (worker->cpu <= 0 && weft_now() < until);
	CHECK(worker->cpu > 0);
	CHECK(worker->age > 0);
	weft_future_cancel(weft_thread_future(t));
	end_thread(t);
	CHECK_EQ(look(&w, TOP_KIND_THREAD)->counts.failed, 1);
	unwatch(&w);
	weft_executor_free(ex);
}

/* How many executors its page shows, which is not its parent's; -1: none can be seen. */
static int executors_of_a_fork(void)
{
	struct top_look look = {.now = 0};
	struct watched w;
	weft_executor *ex;

	return weft_executor_open(&ex, "threads:1") || open_page(&w) || top_page_look(w.page, &look)
		       ? -1
		       : (int)look.n_executors;
}

TEST(a_fork_shows_no_thread_of_its_parent)
{
	uint32_t *board;
	weft_thread *t;
	test_ref gate;
	pid_t child;
	int status;

	if (TEST_UNDER_TSAN)
		SKIP("no threads in forks under TSan");
	board = test_board(&gate);
	t = start_thread("parent's", &gate);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	child = fork();
	if (!child)
		_exit(executors_of_a_fork());
	REQUIRE_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	test_set(&board[TEST_GATE_OPEN], 1);
	end_thread(t);
}

/* ---- weft_process ---- */

TEST(a_process_is_shown_until_it_is_freed)
{
	const struct weft_process_opts o = {.size = sizeof o, .name = "renderer"};
	struct watched w;
	weft_process *p;
	uint32_t *board;
	const struct top_worker *worker;
	test_ref gate;

	board = test_board(&gate);
	REQUIRE_EQ(weft_process_start(&p, test_gate_fn, &gate, sizeof gate, &o), 0);
	REQUIRE(test_await(&board[TEST_GATE_STARTED], 1));
	w = watch(); /* it makes a page */
	worker = await(&w, TOP_KIND_PROCESS, TOP_WAITS);
	CHECK_EQ(worker->id, (uint32_t)weft_process_pid(p));
	CHECK(!strcmp(worker->label, "renderer"));
	CHECK(!strcmp(worker->task, "test_gate_fn"));
	REQUIRE_EQ(kill(weft_process_pid(p), SIGSTOP), 0);
	await(&w, TOP_KIND_PROCESS, TOP_STOPPED);
	CHECK_EQ(weft_process_kill(p), 0);
	CHECK_EQ(weft_process_join(p, test_soon()), 0);
	worker = await(&w, TOP_KIND_PROCESS, TOP_ENDED);
	CHECK_EQ(worker->code, -SIGKILL);
	CHECK_EQ(look(&w, TOP_KIND_PROCESS)->counts.died, 1);
	weft_process_free(p);
	for (weft_time until = test_soon(); look(&w, TOP_KIND_PROCESS)->n && weft_now() < until;)
		test_sleep_ms(1);
	CHECK_EQ(look(&w, TOP_KIND_PROCESS)->n, 0);
	unwatch(&w);
	CHECK_EQ(open_page(&w), -ENOENT);
}

/* ---- weft_subprocess ---- */

TEST(a_program_is_shown_with_its_arguments_and_its_end)
{
	const char *const forever[] = {"sleep", "1000", NULL}, *const fails[] = {"sh", "-c", "exit 3", NULL};
	struct watched w;
	weft_subprocess *p, *q;
	const struct top_worker *worker;

	REQUIRE_EQ(weft_subprocess_start(&p, forever, NULL), 0);
	w = watch();
	worker = await(&w, TOP_KIND_PROGRAM, TOP_WAITS);
	CHECK_EQ(worker->id, (uint32_t)weft_subprocess_pid(p));
	CHECK(!strcmp(worker->label, "sleep 1000"));
	CHECK(!*worker->task);
	CHECK_EQ(weft_subprocess_kill(p), 0);
	/* Nobody has waited for it: the kernel knows. */
	CHECK_EQ(await(&w, TOP_KIND_PROGRAM, TOP_ENDED)->code, INT32_MIN);
	CHECK_EQ(weft_subprocess_wait(p, NULL, test_soon()), 0);
	CHECK_EQ(await(&w, TOP_KIND_PROGRAM, TOP_ENDED)->code, -SIGKILL);
	REQUIRE_EQ(weft_subprocess_start(&q, fails, NULL), 0);
	CHECK_EQ(weft_subprocess_wait(q, NULL, test_soon()), 0);
	worker = find(look(&w, TOP_KIND_PROGRAM), "sh -c exit 3");
	REQUIRE(worker);
	CHECK_EQ(worker->code, 3);
	CHECK_EQ(w.picture->pool[0].counts.died, 1);
	CHECK_EQ(w.picture->pool[0].counts.failed, 1);
	weft_subprocess_free(p);
	weft_subprocess_free(q);
	unwatch(&w);
	CHECK_EQ(open_page(&w), -ENOENT);
}

TEST(arguments_without_room_are_cut)
{
	const char *const many[] = {"sleep", "1000", "11111111111111111111", "22222222222222222222",
				    "3",     NULL};
	struct watched w;
	weft_subprocess *p;

	REQUIRE_EQ(weft_subprocess_start(&p, many, NULL), 0);
	w = watch();
	CHECK(find(look(&w, TOP_KIND_PROGRAM), "sleep 1000 11111111111111111111 222222222222222"));
	weft_subprocess_free(p);
	unwatch(&w);
}

/* ---- Workers in a sandbox ---- */

static int sleep_fn(weft_call *call, const void *arg, void *result)
{
	(void)call, (void)result;
	return weft_sleep(*(const weft_time *)arg);
}

TEST(of_a_worker_in_a_sandbox_it_is_shown_what_it_was_given)
{
	weft_time moment = 1, forever = WEFT_SECONDS(1000);
	weft_task first = {.fn = sleep_fn, .arg = &moment, .arg_size = sizeof moment}, t[3];
	const struct top_worker *worker;
	weft_executor *ex;
	struct weft_stats s;
	struct watched w;
	int err = weft_executor_open(&ex, "processes:1,sandbox=1");

	if (err == -ENOTSUP)
		SKIP("no seccomp filters here");
	REQUIRE_EQ(err, 0);
	w = watch();
	REQUIRE_EQ(weft_submit(ex, &first), 0);
	test_wait(weft_task_future(&first));
	worker = await(&w, TOP_KIND_PROCESSES, TOP_IDLE);
	CHECK_EQ(worker->tasks, 1);
	CHECK(worker->id);
	for (int i = 0; i < 3; i++) {
		t[i] = (weft_task){.fn = sleep_fn,
				   .arg = &forever,
				   .arg_size = sizeof forever,
				   .name = i ? NULL : "victim"};
		REQUIRE_EQ(weft_submit(ex, &t[i]), 0);
	}
	for (weft_time until = test_soon();
	     !weft_executor_stats(ex, &s) && s.queued > 2 && weft_now() < until;)
		test_sleep_ms(1); /* the first has begun */
	worker = await(&w, TOP_KIND_PROCESSES, TOP_GIVEN);
	CHECK(!strcmp(worker->task, "victim"));
	CHECK_EQ(worker->on_top, 2);
	CHECK_EQ(worker->tasks, 1);
	CHECK_EQ(w.picture->pool[0].running + w.picture->pool[0].queued, 3);
	REQUIRE_EQ(kill((pid_t)worker->id, SIGKILL), 0); /* the next in turn begins, in another worker */
	test_wait(weft_task_future(&t[0]));
	for (weft_time until = test_soon(); weft_now() < until; test_sleep_ms(1)) {
		worker = &look(&w, TOP_KIND_PROCESSES)->worker[0];
		if (worker->state == TOP_GIVEN && !strcmp(worker->task, "sleep_fn"))
			break;
	}
	CHECK_EQ(worker->state, TOP_GIVEN);
	CHECK(!strcmp(worker->task, "sleep_fn"));
	CHECK_EQ(worker->on_top, 1);
	CHECK_EQ(worker->tasks, 0);
	CHECK_EQ(weft_executor_stop(ex, WEFT_STOP_KILL, test_soon()), 0);
	unwatch(&w);
	weft_executor_free(ex);
}
