/* SPDX-License-Identifier: MIT
 *
 * swarm_tasks.c -- what the tasks of the swarm do, and what may become of them.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "swarm.h"

enum { STATUS = 3, DEPTH_MAX = 6, SCRATCH_MAX = 20000, TEXT_MAX = 32, VICTIMS = 64 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static pid_t victim[VICTIMS];
static uint64_t judged;

/* ---- Bodies ---- */

static uint64_t answer_to(uint64_t x)
{
	return 3 * x + 1;
}

static int spin(weft_time ns)
{
	weft_time end = weft_after(ns);

	while (weft_now() < end) {}
	return STATUS;
}

static int yield_on(weft_call *call, weft_time ns)
{
	weft_time end = weft_after(ns);

	while (weft_now() < end) {
		if (weft_call_cancelled(call))
			return -ECANCELED;
		weft_yield();
	}
	return STATUS;
}

/* A task that waits for one on its own stack, and must not leave it behind. */
static int nest(const struct order *o)
{
	struct order below = *o;
	struct answer a = {0};
	weft_task t = {
		.fn = job_fn, .arg = &below, .arg_size = sizeof below, .result = &a, .result_size = sizeof a};
	int err;

	if (!o->here || !o->depth)
		return STATUS;
	below.depth--;
	below.x++;
	err = weft_submit(o->here, &t);
	if (err)
		return err == -EAGAIN || err == -ESHUTDOWN ? STATUS : err;
	err = weft_future_wait(weft_task_future(&t), WEFT_FOREVER);
	if (err)
		return weft_task_fini(&t) ? -EBADE : err;
	err = weft_future_status(weft_task_future(&t));
	return err >= 0 && a.y != answer_to(below.x) ? -EBADMSG : err;
}

static int scratch(weft_call *call, size_t size)
{
	char *bytes = weft_call_scratch(call, size);

	if (!bytes)
		return -ENOMEM;
	memset(bytes, 0xa5, size);
	return STATUS;
}

int job_fn(weft_call *call, const void *arg, void *result)
{
	const struct order *o = arg;

	*(struct answer *)result = (struct answer){.y = answer_to(o->x), .pid = getpid()};
	switch (o->kind) {
	case FAIL:
		return -ENOENT;
	case TEXT:
		return weft_call_fail(call, -EDOM, "text %u", o->salt);
	case SLEEP:
		return weft_sleep(WEFT_MS(1 + o->salt % 3)) < 0 ? -ECANCELED : STATUS;
	case YIELD:
		return yield_on(call, WEFT_MS(o->salt % 20));
	case SPIN:
		return spin(o->salt % 300000);
	case NEST:
		return nest(o);
	case SCRATCH:
		return scratch(call, 1 + o->salt % SCRATCH_MAX);
	case CRASH:
		return o->may_die ? raise(o->salt % 2 ? SIGSEGV : SIGKILL) : STATUS;
	case EXIT:
		if (o->may_die)
			_exit((int)(o->salt % 64));
		return STATUS;
	default:
		return STATUS;
	}
}

int square_fn(weft_call *call, const void *arg, void *result)
{
	uint64_t x = *(const uint32_t *)arg;

	(void)call;
	*(uint64_t *)result = x * x;
	return 0;
}

/* ---- Making and judging them ---- */

static enum kind roll_kind(struct dice *d)
{
	static const struct {
		enum kind kind;
		uint32_t weight;
	} often[] = {{GOOD, 40}, {FAIL, 8},  {TEXT, 6},    {SLEEP, 10}, {YIELD, 8},
		     {SPIN, 11}, {NEST, 10}, {SCRATCH, 5}, {CRASH, 1},  {EXIT, 1}};
	uint32_t at = roll(d, 100), i = 0;

	for (; at >= often[i].weight; i++)
		at -= often[i].weight;
	return often[i].kind;
}

void job_init(struct job *j, const struct place *at, struct dice *d, bool calm)
{
	*j = (struct job){.order = {.kind = calm ? GOOD : roll_kind(d),
				    .salt = roll(d, UINT32_MAX),
				    .x = roll(d, UINT32_MAX),
				    .depth = (int)roll(d, DEPTH_MAX),
				    .may_die = at->kills,
				    .here = at->local ? at->ex : NULL}};
	j->task = (weft_task){.fn = job_fn,
			      .arg = &j->order,
			      .arg_size = sizeof j->order,
			      .result = &j->answer,
			      .result_size = sizeof j->answer,
			      .name = "swarm"};
	if (calm)
		return;
	if (!roll(d, 10))
		j->task.deadline = weft_after(roll(d, 5000000));
	if (!roll(d, 10))
		j->task.priority = (int)roll(d, 5) - 2;
	if (!roll(d, 10))
		j->task.flags = WEFT_TASK_IDEMPOTENT;
}

static bool is_plausible(const struct order *o, int status)
{
	if (status == -ECANCELED || status == -ETIMEDOUT)
		return true;
	if (status == -EOWNERDEAD)
		return o->may_die;
	switch (o->kind) {
	case FAIL:
		return status == -ENOENT;
	case TEXT:
		return status == -EDOM;
	case CRASH:
	case EXIT:
		return !o->may_die && status == STATUS;
	default:
		return status == STATUS;
	}
}

static void remember(pid_t pid)
{
	pthread_mutex_lock(&lock);
	victim[judged++ % VICTIMS] = pid;
	pthread_mutex_unlock(&lock);
}

void job_judge(const struct order *o, const struct answer *a, weft_future *f)
{
	int status = weft_future_status(f);
	char text[TEXT_MAX];

	if (!is_plausible(o, status))
		fprintf(stderr, "swarm: kind %u, status %d\n", o->kind, status);
	DEMAND(is_plausible(o, status));
	if (status >= 0)
		DEMAND(a->y == answer_to(o->x));
	if (status == -EDOM) {
		snprintf(text, sizeof text, "text %u", o->salt);
		DEMAND(!strcmp(weft_future_error(f), text));
	}
	remember(status >= 0 && o->may_die ? a->pid : 0);
}

pid_t roll_victim(struct dice *d)
{
	pid_t pid;

	pthread_mutex_lock(&lock);
	pid = victim[roll(d, VICTIMS)];
	pthread_mutex_unlock(&lock);
	return pid;
}

uint64_t jobs_judged(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = judged;
	pthread_mutex_unlock(&lock);
	return n;
}
