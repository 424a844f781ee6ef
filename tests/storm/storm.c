/* SPDX-License-Identifier: MIT
 *
 * storm.c -- a million tasks on a pool of processes, while its workers are killed:
 *
 *   storm [--tasks N] [--seconds N] [--ns N] [--workers N] [--mixed 0|1] [--seed N] [--start nursery|fork]
 *
 * First some tasks in calm weather, then --tasks (but only as many as --seconds allow) in the storm. Prints one
 * object of JSON; its status is 0 if each task has been done once and with the right result, or has an outcome
 * that the storm explains. Figures are printed, and not judged:
 *
 *   kill_to_done       a signal is sent to a worker -> the task that it ran is known to be dead
 *   kill_to_replaced   a signal is sent to a worker -> the one in its place begins its first task; none where
 *                      workers also end for other reasons
 *   kept               tasks per second in the storm, as a part of those in calm weather
 */
#include "storm.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { WINDOW_MAX = 8192, WINDOW_MIXED = 1024, STATUS = 3, PATIENCE_S = 30 };

#define DEADLINE WEFT_MS(100) /* of a task in a mixed storm: what is stopped longer is killed */

struct options {
	uint32_t tasks, seconds, ns, workers, mixed, seed;
	const char *start;
};

struct seat {
	weft_task task;
	struct order order;
	struct answer answer;
	bool taken;
};

struct count {
	uint32_t submitted, good, died, timed_out; /* what is allowed */
	uint32_t twice, wrong, hung;               /* what is not */
	double seconds;
};

struct storm {
	struct options o;
	weft_executor *ex;
	weft_cq *cq;
	struct board *board;
	struct rage rage;
	struct seat *seat;
	uint32_t window, next; /* number of the next task */
	struct moment *dead;   /* tasks that died with a worker: when that was known */
	uint32_t deaths;
	const char *no_memory_because;
};

static _Noreturn void fail(const char *what, int err)
{
	fprintf(stderr, "storm: %s: %s\n", what, weft_strerror(err));
	exit(2);
}

/* ---- Tasks ---- */

static enum way way_of(const struct storm *s, uint32_t id, bool raging)
{
	unsigned turn = id / SELF_EVERY;
	enum way way = (enum way)(1 + turn % (WAYS - 1));

	if (!raging || !s->o.mixed || id % SELF_EVERY != SELF_EVERY / 2)
		return WAY_SPIN;
	return way == WAY_MEMORY && s->no_memory_because ? WAY_SEGV : way;
}

static void submit(struct storm *s, struct seat *seat, bool raging)
{
	uint32_t id = s->next++;
	int err;

	seat->taken = true;
	seat->order = (struct order){id, s->o.ns, way_of(s, id, raging), s->o.seed};
	seat->answer = (struct answer){0};
	seat->task = (weft_task){.fn = storm_task,
				 .arg = &seat->order,
				 .arg_size = sizeof seat->order,
				 .result = &seat->answer,
				 .result_size = sizeof seat->answer,
				 .deadline = raging && s->o.mixed ? weft_after(DEADLINE) : WEFT_FOREVER};
	err = weft_submit_wait(s->ex, &seat->task, WEFT_FOREVER);
	if (!err)
		err = weft_cq_watch(s->cq, weft_task_future(&seat->task), seat);
	if (err)
		fail("submit", err);
}

/* Is a death what this order asked for, or what the storm sends? */
static bool death_is_right(const struct storm *s, const struct seat *seat)
{
	static const int of_way[WAYS] = {[WAY_SEGV] = SIGSEGV, [WAY_ABORT] = SIGABRT, [WAY_MEMORY] = SIGKILL};
	struct weft_death d;

	if (weft_future_death(weft_task_future((weft_task *)(uintptr_t)&seat->task), &d))
		return false;
	if (!d.signal)
		return (seat->order.way == WAY_EXIT && d.code == 5) ||
		       (seat->order.way == WAY_EXIT_0 && d.code == 0);
	return d.signal == SIGKILL || d.signal == of_way[seat->order.way] ||
	       (s->o.mixed && (d.signal == SIGSEGV || d.signal == SIGABRT || d.signal == SIGTERM));
}

static void record_death(struct storm *s, const struct seat *seat)
{
	weft_time now = weft_now();
	struct weft_death d;

	if (weft_future_death(weft_task_future((weft_task *)(uintptr_t)&seat->task), &d) ||
	    s->deaths == KILLS_MAX)
		return;
	s->dead[s->deaths++] = (struct moment){d.pid, now};
}

static void collect(struct storm *s, struct seat *seat, struct count *c, bool raging)
{
	int status = weft_future_status(weft_task_future(&seat->task));
	uint32_t begun = storm_load(&s->board->begun[seat->order.id]);
	bool right = !seat->answer.pid || seat->answer.hash == storm_hash(seat->order.id, s->o.seed);

	if (!seat->taken)
		c->twice++; /* it is done once more */
	seat->taken = false;
	c->twice += begun > 1;
	if (status == STATUS && right && begun == 1 && seat->answer.pid && seat->order.way == WAY_SPIN)
		c->good++;
	else if (status == -EOWNERDEAD && raging && death_is_right(s, seat))
		c->died++;
	else if (status == -ETIMEDOUT && raging && s->o.mixed)
		c->timed_out++;
	else if (c->wrong++ < 10)
		fprintf(stderr, "task %u, way %u: %d, begun %u times, by %d\n", seat->order.id,
			seat->order.way, status, begun, seat->answer.pid);
	if (status == -EOWNERDEAD)
		record_death(s, seat);
}

/* Runs up to n tasks, until limit; then waits for those that are under way. */
static void run(struct storm *s, uint32_t n, weft_time limit, bool raging, struct count *c)
{
	uint32_t pending = 0;
	weft_time begun = weft_now();

	for (uint32_t i = 0; i < s->window && i < n; i++, pending++)
		submit(s, &s->seat[i], raging);
	c->submitted = pending;
	while (pending) {
		struct seat *seat;
		void *tag;

		if (weft_cq_next(s->cq, NULL, &tag, weft_after(WEFT_SECONDS(PATIENCE_S)))) {
			c->hung = pending;
			break;
		}
		seat = tag;
		collect(s, seat, c, raging);
		pending--;
		if (c->submitted < n && weft_now() < limit) {
			submit(s, seat, raging);
			c->submitted++;
			pending++;
		}
	}
	c->seconds = (double)(weft_now() - begun) / 1e9;
}

/* ---- Figures ---- */

struct figures {
	double *us;
	size_t n;
};

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* And frees them. */
static void print_figures(const char *name, struct figures f)
{
	if (!f.n) {
		printf(", \"%s_us\": null", name);
		free(f.us);
		return;
	}
	qsort(f.us, f.n, sizeof *f.us, by_size);
	printf(", \"%s_us\": {\"n\": %zu, \"p50\": %.0f, \"p99\": %.0f, \"p99.9\": %.0f, \"max\": %.0f}",
	       name, f.n, f.us[f.n / 2], f.us[f.n * 99 / 100], f.us[f.n * 999 / 1000], f.us[f.n - 1]);
	free(f.us);
}

static struct figures kill_to_done(const struct storm *s)
{
	struct figures f = {calloc(s->deaths + 1, sizeof *f.us), 0};

	for (uint32_t i = 0; i < s->deaths && f.us; i++)
		for (uint32_t k = s->rage.kills; k-- > 0;)
			/* Of several with this number, the last one before. */
			if (s->rage.kill[k].pid == s->dead[i].pid && s->rage.kill[k].at <= s->dead[i].at) {
				f.us[f.n++] = (double)(s->dead[i].at - s->rage.kill[k].at) / 1e3;
				break;
			}
	return f;
}

/* Kills and first tasks, each in the order of time: where workers end by kills only, the i-th of those that had
 * begun a task is replaced by the i-th that begins its first one afterwards. */
static struct figures kill_to_replaced(const struct storm *s, uint32_t joined_before)
{
	uint32_t joined = storm_load(&s->board->joined), j = joined_before;
	struct figures f = {calloc(s->rage.kills + 1, sizeof *f.us), 0};

	for (uint32_t k = 0; k < s->rage.kills && f.us && !s->o.mixed; k++) {
		const struct moment *kill = &s->rage.kill[k];
		bool had_joined = false;

		for (uint32_t i = 0; i < joined && i < ROSTER_MAX && !had_joined; i++)
			had_joined =
				s->board->roster[i].pid == kill->pid && s->board->roster[i].at <= kill->at;
		while (had_joined && j < joined && j < ROSTER_MAX && s->board->roster[j].at <= kill->at)
			j++;
		if (had_joined && j < joined && j < ROSTER_MAX)
			f.us[f.n++] = (double)(s->board->roster[j++].at - kill->at) / 1e3;
	}
	return f;
}

static void print(const struct storm *s, const struct count *calm, const struct count *c, uint32_t joined)
{
	double before = calm->good / calm->seconds, rate = c->submitted / c->seconds;

	printf("{\"ns\": %u, \"workers\": %u, \"mixed\": %s, \"tasks\": %u, \"seconds\": %.2f", s->o.ns,
	       s->o.workers, s->o.mixed ? "true" : "false", c->submitted, c->seconds);
	printf(", \"kills\": %u, \"other_signals\": %u, \"stops\": %u", s->rage.kills, s->rage.signals,
	       s->rage.stops);
	printf(", \"good\": %u, \"died\": %u, \"timed_out\": %u", c->good, c->died, c->timed_out);
	printf(", \"twice\": %u, \"wrong\": %u, \"hung\": %u", c->twice, c->wrong, c->hung);
	printf(", \"calm_per_s\": %.0f, \"storm_per_s\": %.0f, \"kept\": %.3f", before, rate, rate / before);
	print_figures("kill_to_done", kill_to_done(s));
	print_figures("kill_to_replaced", kill_to_replaced(s, joined));
	if (s->o.mixed && s->no_memory_because)
		printf(", \"skipped\": \"out of memory: %s\"", s->no_memory_because);
	printf("}\n");
}

/* ---- The program ---- */

static void read_options(struct options *o, char **argv)
{
	const struct {
		const char *name;
		uint32_t *value;
	} number[] = {{"--tasks", &o->tasks},     {"--seconds", &o->seconds}, {"--ns", &o->ns},
		      {"--workers", &o->workers}, {"--mixed", &o->mixed},     {"--seed", &o->seed}};

	while (*++argv) {
		size_t i = 0, n = sizeof number / sizeof number[0];

		while (i < n && strcmp(*argv, number[i].name))
			i++;
		if (!argv[1] || (i == n && strcmp(*argv, "--start")))
			fail(*argv, -EINVAL);
		argv++;
		if (i < n)
			*number[i].value = (uint32_t)strtoul(*argv, NULL, 10);
		else
			o->start = *argv;
	}
}

static void begin(struct storm *s, size_t tasks)
{
	char spec[96];
	int err = storm_board_new(&s->board, tasks);

	s->window = s->o.mixed ? WINDOW_MIXED : WINDOW_MAX;
	s->seat = calloc(s->window, sizeof *s->seat);
	s->dead = calloc(KILLS_MAX, sizeof *s->dead);
	s->no_memory_because = s->o.mixed ? storm_group_new() : NULL;
	snprintf(spec, sizeof spec, "processes:%u,start=%s", s->o.workers, s->o.start);
	if (!err)
		err = s->seat && s->dead ? weft_cq_new(&s->cq) : -ENOMEM;
	if (!err)
		err = weft_executor_open(&s->ex, spec);
	if (err)
		fail(spec, err);
	s->rage = (struct rage){.board = s->board, .seed = s->o.seed, .mixed = s->o.mixed};
}

/* Everything that was accepted is done, and the pool can be freed. */
static bool end(struct storm *s, uint64_t tasks)
{
	struct weft_stats stats = {0};
	bool whole =
		!weft_executor_stats(s->ex, &stats) && stats.submitted == tasks && stats.completed == tasks;

	if (!whole)
		fprintf(stderr, "storm: %ju accepted, %ju done, of %ju\n", (uintmax_t)stats.submitted,
			(uintmax_t)stats.completed, (uintmax_t)tasks);
	weft_cq_free(s->cq);
	weft_executor_free(s->ex);
	storm_group_free();
	free(s->rage.kill);
	free(s->dead);
	free(s->seat);
	return whole;
}

int main(int argc, char **argv)
{
	struct storm s = {.o = {.tasks = 1000000,
				.seconds = 3600,
				.ns = 1000,
				.workers = 2,
				.seed = 1,
				.start = "nursery"}};
	struct rlimit no_core = {0, 0};
	struct count calm = {0}, storm = {0};
	uint32_t joined;

	(void)argc;
	read_options(&s.o, argv);
	if (s.o.tasks < 1 || s.o.tasks > INT32_MAX / 2 || s.o.workers < 1)
		fail("--tasks, --workers", -ERANGE);
	setrlimit(RLIMIT_CORE, &no_core);
	setpgid(0, 0);
	begin(&s, (size_t)s.o.tasks * 2);
	run(&s, s.o.tasks, weft_after(WEFT_SECONDS((weft_time)s.o.seconds) / 4), false, &calm);
	joined = storm_load(&s.board->joined);
	if (storm_rage_begin(&s.rage))
		fail("thread", -EAGAIN);
	run(&s, s.o.tasks, weft_after(WEFT_SECONDS((weft_time)s.o.seconds)), true, &storm);
	storm_rage_end(&s.rage);
	print(&s, &calm, &storm, joined);
	fflush(stdout);
	if (calm.hung || storm.hung)
		abort(); /* with a pool that hangs nothing can be ended in order */
	if (!end(&s, (uint64_t)calm.submitted + storm.submitted) || calm.wrong || calm.twice || !calm.good)
		return EXIT_FAILURE;
	return storm.wrong || storm.twice || !storm.good || !s.rage.kills;
}
