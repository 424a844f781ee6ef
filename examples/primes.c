/* SPDX-License-Identifier: MIT
 *
 * primes.c -- which of these numbers are prime? The first program to read, and a whole one.
 *
 *   primes                                the built-in list, on a pool of threads
 *   primes --executor processes:2 97 98   two numbers, in two worker processes
 *   primes --compare --repeat 5           the list on every executor, and one table
 *
 * What it does with weft is in the first two parts:
 *
 *   1. The task. check_block() is a plain C function: it gets numbers and writes as many answers, and
 *      neither knows nor cares whether it runs in this thread, in another, or in another process.
 *   2. The work. A weft_task for each hard number, and one for each handful of easy ones, in an array
 *      of our own. check_all() submits them and takes the answers in the order of the input.
 *
 * The rest is what any honest program needs: a progress bar, Ctrl-C, checked input, a table.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weft/weft.h>

#include "primes_args.h"

/* ---- 1. The task -------------------------------------------------------------------------------- */

/* The largest root with root * root <= n. A double has 53 bits, too few for sqrt() to be right. */
static uint64_t square_root(uint64_t n)
{
	uint64_t root = 0, bit = UINT64_C(1) << 31;

	while (bit > 1 && bit * bit > n)
		bit >>= 1;
	for (; bit > 0; bit >>= 1)
		if ((root | bit) * (root | bit) <= n)
			root |= bit;
	return root;
}

/* 1: n is prime, 0: it is not, -ECANCELED: nobody wants to know any more. */
static int is_prime(const weft_call *call, uint64_t n)
{
	uint64_t root = square_root(n);

	for (uint64_t i = 2; i <= root; i++) {
		if (n % i == 0)
			return 0;
		if (i % 65536 == 0 && weft_call_cancelled(call)) /* a few times per millisecond */
			return -ECANCELED;
	}
	return n > 1;
}

/* The body of every task: arg holds numbers, result a bool for each. */
static int check_block(weft_call *call, const void *arg, void *result)
{
	const uint64_t *number = arg;
	bool *prime = result;

	for (size_t i = 0; i < weft_call_arg_size(call) / sizeof *number; i++) {
		int answer = is_prime(call, number[i]);
		if (answer < 0)
			return answer;
		prime[i] = answer;
	}
	return 0;
}

/* ---- 2. The work -------------------------------------------------------------------------------- */

/* A task should be worth its trip: about a millisecond of divisions, yet few enough numbers that no
 * answer is long kept back. A number that is harder has a task of its own. */
enum { BLOCK_DIVISIONS = 1 << 18, BLOCK_NUMBERS = 1024 };

struct work {
	const uint64_t *number;
	bool *prime; /* the answers, one for each of the n numbers */
	size_t n;
	weft_task *task; /* one for each block of consecutive numbers */
	size_t n_tasks;
};

/* Part 3 has these. */
static int print_block(const weft_task *task);
static weft_time bar_update(size_t n_more);

/* How many of the numbers from first on go into one block. */
static size_t block_length(const struct work *w, size_t first)
{
	uint64_t divisions = square_root(w->number[first]);
	size_t n = 1;

	for (; n < BLOCK_NUMBERS && first + n < w->n; n++) {
		divisions += square_root(w->number[first + n]);
		if (divisions > BLOCK_DIVISIONS)
			break;
	}
	return n;
}

/* Fills in one weft_task per block. */
static int plan(struct work *w)
{
	w->prime = calloc(w->n + 1, sizeof *w->prime);
	w->task = calloc(w->n + 1, sizeof *w->task);
	if (!w->prime || !w->task)
		return fail(1, "%s", strerror(ENOMEM));
	for (size_t first = 0, n; first < w->n; first += n) {
		n = block_length(w, first);
		w->task[w->n_tasks++] = (weft_task){
			.fn = check_block,
			.arg = &w->number[first],
			.arg_size = n * sizeof *w->number,
			.result = &w->prime[first],
			.result_size = n * sizeof *w->prime,
			.flags = WEFT_TASK_IDEMPOTENT, /* a killed worker costs time, not the answer */
		};
	}
	return 0;
}

/* Waits for one task, while the progress bar goes on. */
static int finish(weft_executor *ex, weft_task *task)
{
	weft_future *f = weft_task_future(task);
	int err;

	while ((err = weft_future_wait(f, bar_update(0))) == -ETIMEDOUT)
		;
	if (!err)
		err = weft_future_status(f);
	if (err < 0)
		return fail(1, "%" PRIu64 " on %s: %s %s", *(const uint64_t *)task->arg,
			    weft_executor_name(ex), weft_strerror(err), weft_future_error(f));
	bar_update(task->result_size);
	return 0;
}

/* Checks all numbers on ex, and prints each answer as soon as it and all before it are there.
 *
 * While the next answer is not ready, more tasks are submitted, as many as the executor takes. So the
 * inline executor, too, whose tasks are done when weft_submit() returns, prints as it goes. */
static int check_all(struct work *w, weft_executor *ex, bool print)
{
	size_t submitted = 0;
	int status = 0;

	for (size_t next = 0; next < w->n_tasks && !status; next++) {
		weft_task *t = &w->task[next];
		int err = submitted > next ? 0 : weft_submit_wait(ex, &w->task[submitted++], WEFT_FOREVER);
		while (!err && submitted < w->n_tasks &&
		       weft_future_status(weft_task_future(t)) == -EINPROGRESS) {
			err = weft_submit(ex, &w->task[submitted]);
			submitted += err == 0;
		}
		if (err && err != -EAGAIN) /* -EAGAIN: the queue is full, which will pass */
			return fail(1, "%s: %s", weft_executor_name(ex), weft_strerror(err));
		status = finish(ex, t);
		if (!status && print)
			status = print_block(t);
	}
	return status;
}

/* ---- 3. The screen ------------------------------------------------------------------------------ */

enum { BAR_WIDTH = 40 };

static struct {
	bool bar, shown; /* is there to be a progress bar? is one on the screen? */
	weft_time tick;  /* when to draw the next */
	size_t done, total;
} screen;

/* A bar is for somebody who waits at a terminal, and only after half a second. */
static void bar_start(size_t total, bool quiet)
{
	screen.bar = !quiet && total > 0 && isatty(STDERR_FILENO) && tcgetpgrp(STDERR_FILENO) == getpgrp();
	screen.total = total;
	screen.tick = screen.bar ? weft_after(WEFT_MS(500)) : WEFT_FOREVER;
}

static void bar_erase(void)
{
	if (screen.shown)
		dprintf(STDERR_FILENO, "\r%*s\r", BAR_WIDTH + 10, "");
	screen.shown = false;
}

/* Draws the bar if it is time to; returns when it is again. */
static weft_time bar_update(size_t n_more)
{
	static const char full[] = "########################################";

	screen.done += n_more;
	if (!screen.bar || weft_now() < screen.tick)
		return screen.tick;
	int width = (int)((double)screen.done / (double)screen.total * (int)BAR_WIDTH);
	flockfile(stdout);
	dprintf(STDERR_FILENO, "\r[%-*.*s] %3d%%", BAR_WIDTH, width, full, width * 100 / BAR_WIDTH);
	funlockfile(stdout);
	screen.shown = true;
	screen.tick = weft_after(WEFT_MS(100));
	return screen.tick;
}

/* One line on stderr. Returns status, so that a caller can return it. */
static int fail(int status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	flockfile(stdout);
	bar_erase();
	dprintf(STDERR_FILENO, "primes: %.*s\n", (int)strcspn(text, "\n"), text);
	funlockfile(stdout);
	return status;
}

/* Prints the answers of one finished task, and writes them at once: a reader of a pipe wants them as
 * soon as one at a terminal. */
static int print_block(const weft_task *task)
{
	const uint64_t *number = task->arg;
	const bool *prime = task->result;

	bar_erase();
	for (size_t i = 0; i < task->result_size / sizeof *prime; i++)
		printf("%" PRIu64 " is prime: %s\n", number[i], prime[i] ? "true" : "false");
	return ferror(stdout) || fflush(stdout) ? fail(1, "stdout: %s", strerror(errno)) : 0;
}

/* ---- 4. Ctrl-C ---------------------------------------------------------------------------------- */

/* The executors of this run: one, or with --compare all. */
static struct {
	weft_executor *ex[7];
	size_t n;
} pools;

/* The main thread may be deep in a task (inline) or waiting for one, so a thread of its own waits for
 * the signals. It kills what can be killed, asks the rest to stop, and ends the program. */
static void *watch(void *signals)
{
	int sig;

	sigwait(signals, &sig);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	weft_time deadline = weft_after(WEFT_MS(80));
	/* Whoever prints needs this lock; we keep it, so nobody does any more. The one case in which we
	 * do not get it is that our reader is stuck, and then nobody prints either. */
	for (int i = 0; i < 10 && ftrylockfile(stdout) != 0; i++)
		usleep(1000);
	if (screen.bar)
		dprintf(STDERR_FILENO, "\r%*s\r", BAR_WIDTH + 10, "");
	dprintf(STDERR_FILENO, "primes: interrupted\n");
	for (size_t i = 0; i < pools.n; i++)
		weft_executor_stop(pools.ex[i], WEFT_STOP_KILL, deadline);
	_exit(128 + sig);
}

/* The signals are blocked in this thread, and so in all that it starts: only watch() takes them. */
static void block_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	pthread_sigmask(SIG_BLOCK, ret, NULL);
}

/* ---- 5. Which executors, and what for ----------------------------------------------------------- */

/* source says where spec comes from. */
static int open_executor(const char *source, const char *spec)
{
	int err = weft_executor_open(&pools.ex[pools.n], spec);

	switch (err) {
	case 0:
		pools.n++;
		return 0;
	case -EINVAL:
	case -ENOSYS:
		return fail(2, "%s '%.40s': no such executor; see primes --help", source, spec);
	case -ERANGE:
		return fail(2, "%s '%.40s': a number is out of range", source, spec);
	default:
		return fail(1, "%s '%.40s': %s", source, spec, weft_strerror(err));
	}
}

/* --workers goes behind the kind: "threads,queue=9" becomes "threads:4,queue=9". */
static int open_chosen(const struct args *a)
{
	const char *env = getenv("WEFT_EXECUTOR"), *source = a->executor ? "--executor" : "WEFT_EXECUTOR";
	const char *spec = a->executor ? a->executor : env && *env ? env : "threads";
	int kind = (int)strcspn(spec, ":,");
	bool is_inline = strncmp(spec, "inline", 6) == 0;
	char counted[256];

	if (a->workers == 0 || (is_inline && a->workers == 1))
		return open_executor(source, spec);
	if (is_inline)
		return fail(2, "--workers '%" PRIu64 "': inline has one", a->workers);
	if (spec[kind] == ':')
		return fail(2, "--workers '%" PRIu64 "': '%.40s' has a number already", a->workers, spec);
	snprintf(counted, sizeof counted, "%.*s:%" PRIu64 "%s", kind, spec, a->workers, spec + kind);
	return open_executor(source, counted);
}

/* Unless a number was asked for, two workers are among them: that figure compares across machines. */
static int open_all(const struct args *a)
{
	static const char *const kinds[] = {"threads", "processes", "uring"};
	uint64_t most = a->workers ? a->workers : weft_cpu_count();
	uint64_t least = a->workers || most < 2 ? most : 2;
	int status = open_executor("--compare", "inline");

	for (int i = 0; i < 6 && !status; i++) {
		char spec[32];
		if (i % 2 == 1 && least == most)
			continue;
		snprintf(spec, sizeof spec, "%s:%" PRIu64, kinds[i / 2], i % 2 ? most : least);
		status = open_executor("--compare", spec);
	}
	return status;
}

static unsigned workers_of(const weft_executor *ex)
{
	struct weft_stats stats;

	return weft_executor_stats(ex, &stats) == 0 && stats.workers > 0 ? stats.workers : 1;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *x, size_t n)
{
	qsort(x, n, sizeof *x, by_size);
	return (x[(n - 1) / 2] + x[n / 2]) / 2;
}

/* seconds holds rounds of them for each executor. */
static void print_table(const struct work *w, double *seconds, size_t rounds)
{
	double base = median(seconds, rounds);
	size_t primes = 0;

	for (size_t i = 0; i < w->n; i++)
		primes += w->prime[i];
	bar_erase();
	printf("%-14s %8s %10s %10s %8s\n", "executor", "workers", "seconds", "speed-up", "primes");
	for (size_t i = 0; i < pools.n; i++) {
		double s = median(&seconds[i * rounds], rounds);
		const char *name = weft_executor_name(pools.ex[i]);
		int brief = (int)strcspn(name, " "); /* "uring:2 (io_uring)" */
		printf("%-14.*s %8u %10.3f %10.2f %8zu\n", brief, name, workers_of(pools.ex[i]), s,
		       s > 0 ? base / s : 1.0, primes);
	}
}

/* All executors in turn, round by round, so that whatever else the machine does meets all alike. */
static int measure(struct work *w, double *seconds, size_t rounds, bool *expected)
{
	int status = 0;

	for (size_t i = 0; i < rounds * pools.n && !status; i++) {
		weft_executor *ex = pools.ex[i % pools.n];
		memset(w->prime, 0, w->n * sizeof *w->prime);
		weft_time start = weft_now();
		status = check_all(w, ex, false);
		seconds[i % pools.n * rounds + i / pools.n] = (double)(weft_now() - start) / 1e9;
		if (i == 0)
			memcpy(expected, w->prime, w->n * sizeof *w->prime);
		else if (!status && memcmp(expected, w->prime, w->n * sizeof *w->prime) != 0)
			status = fail(1, "%s: other answers than inline", weft_executor_name(ex));
	}
	return status;
}

static int compare(struct work *w, size_t rounds)
{
	double *seconds = calloc(rounds * pools.n, sizeof *seconds);
	bool *expected = calloc(w->n + 1, sizeof *expected);
	int status =
		seconds && expected ? measure(w, seconds, rounds, expected) : fail(1, "%s", strerror(ENOMEM));

	if (!status)
		print_table(w, seconds, rounds);
	free(seconds);
	free(expected);
	return status;
}

static int print_answers(struct work *w, uint64_t times)
{
	int status = 0;

	for (uint64_t i = 0; i < times && !status; i++)
		status = check_all(w, pools.ex[0], true);
	bar_erase();
	return status;
}

/* Everything between the input and the end, under the eyes of watch(). */
static int run(const struct args *a)
{
	struct work w = {.number = a->number, .n = a->n};
	sigset_t signals;
	pthread_t watcher;
	int err, status;

	block_signals(&signals);
	status = a->compare ? open_all(a) : open_chosen(a);
	if (!status)
		status = plan(&w);
	bar_start(w.n * a->repeat * pools.n, a->quiet);
	if (!status && (err = pthread_create(&watcher, NULL, watch, &signals)) != 0)
		status = fail(1, "%s", strerror(err));
	if (!status) {
		status = a->compare ? compare(&w, a->repeat) : print_answers(&w, a->repeat);
		pthread_cancel(watcher); /* in its sigwait(); beyond that it ends the program, and we wait */
		pthread_join(watcher, NULL);
	}
	for (size_t i = 0; i < pools.n; i++) {
		weft_executor_stop(pools.ex[i], WEFT_STOP_KILL, WEFT_FOREVER); /* if we failed half-way */
		weft_executor_free(pools.ex[i]);
	}
	free(w.prime);
	free(w.task);
	return status;
}

int main(int argc, char **argv)
{
	struct args args = {.repeat = 1};
	int status = parse_args(&args, argc, argv);

	signal(SIGPIPE, SIG_IGN); /* a reader that goes away is an error like others */
	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	if (!status && args.help)
		fputs(usage, stdout);
	else if (!status)
		status = run(&args);
	free(args.number);
	if ((ferror(stdout) || fflush(stdout)) && !status)
		status = fail(1, "stdout: %s", strerror(errno));
	return status;
}
