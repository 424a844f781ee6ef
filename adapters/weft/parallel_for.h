/* SPDX-License-Identifier: MIT
 *
 * weft/parallel_for.h -- loops as OpenMP has them, on an executor: schedules and reductions.
 *
 *   double sum = 0;                                     static int dot(weft_call *call, size_t begin, size_t end,
 *   #pragma omp parallel for reduction(+ : sum)                        void *ctx, void *part)
 *   for (size_t i = 0; i < n; i++)                      {
 *           sum += v->x[i] * v->y[i];                           const struct vectors *v = ctx;
 *                                                               double *sum = part;
 *                                                               for (size_t i = begin; i < end; i++)
 *                                                                       *sum += v->x[i] * v->y[i];
 *                                                               return 0;
 *                                                       }
 *                                                       ...
 *                                                       double sum = 0;
 *                                                       struct weft_clauses c = {.reduction = &weft_sum_double,
 *                                                                                .value = &sum};
 *                                                       err = weft_parallel_for(ex, dot, 0, n, v, &c);
 *
 * What the body does with the loop's index stays as it is; shared variables become fields of ctx, the variable of the
 * reduction becomes part. A loop without a reduction that only should be fast is one for weft_for (weft/task.h), which
 * needs no schedule: it shares the work evenly whatever the indices cost.
 *
 * Other than with OpenMP, a body may fail; and parts are combined in the order of the threads, so with a static
 * schedule and a fixed number of threads a sum of doubles is the same each time.
 *
 * This header holds code, which is compiled into your program. C11 and C++.
 */
#ifndef WEFT_PARALLEL_FOR_H
#define WEFT_PARALLEL_FOR_H

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <weft/executor.h>
#include <weft/task.h>

/** schedule(kind, chunk). */
enum weft_schedule {
	WEFT_SCHEDULE_STATIC =
		0, /* chunk 0: one range for each thread, of equal sizes; else ranges of chunk, in turns */
	WEFT_SCHEDULE_DYNAMIC =
		1 /* ranges of chunk, to who is free; 0 is 1, as with OpenMP, and slow for cheap bodies */
};

/** reduction(combine : ...): how the parts of one value become one. */
struct weft_reduction {
	size_t size;          /* bytes of a part */
	const void *identity; /* what a part begins with */
	void (*combine)(void *into, const void *from);
};

/** The clauses of the pragma. Zeroed: none. */
struct weft_clauses {
	enum weft_schedule schedule;
	size_t chunk;     /* indices */
	unsigned threads; /* num_threads; 0: the workers of the executor. There may be more */
	const struct weft_reduction *reduction; /* NULL: none; then part is NULL */
	void *value;                            /* of the reduction: into it the parts are combined */
};

/** The loop's body, for the indices begin..end - 1. part is this thread's alone. >= 0, or a negative errno. */
typedef int weft_loop_body(weft_call *call, size_t begin, size_t end, void *ctx, void *part);

/* Defines a reduction: WEFT_REDUCTION(sum_double, double, 0.0, a + b). At file scope; operation is an expression of a
 * and b, of that type. */
#define WEFT_REDUCTION(name, type, identity, operation)                                                      \
	static inline void name##_combine_(void *into, const void *from)                                     \
	{                                                                                                    \
		const type a = *(const type *)into, b = *(const type *)from;                                 \
		*(type *)into = (operation);                                                                 \
	}                                                                                                    \
	static const type name##_identity_ = identity;                                                       \
	static const struct weft_reduction name = {sizeof(type), &name##_identity_, name##_combine_}

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-variable" /* a program need not use all of them */
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wunused-const-variable"
#endif
#endif
WEFT_REDUCTION(weft_sum_double, double, 0, a + b);
WEFT_REDUCTION(weft_sum_int64, int64_t, 0, a + b);
WEFT_REDUCTION(weft_sum_size, size_t, 0, a + b);
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

struct weft_loop {
	weft_loop_body *body;
	void *ctx;
	const weft_call *caller; /* the task that has the loop; it waits meanwhile. NULL: none */
	struct weft_clauses clauses;
	size_t begin, end;
	size_t threads, stride; /* stride: bytes from part to part */
	char *parts;
	pthread_mutex_t lock; /* for: */
	size_t next;          /* dynamic: the first index that nobody has */
	bool failed;
};

/* The round-th range of a thread, at least one index of it; false: it has no more. */
static inline bool weft_loop_static_(const struct weft_loop *l, size_t thread, size_t round, size_t *ret_at,
				     size_t *ret_n)
{
	size_t n = l->end - l->begin, chunk = l->clauses.chunk, each = n / l->threads, more = n % l->threads;

	if (!chunk) {
		*ret_at = l->begin + thread * each + (thread < more ? thread : more);
		*ret_n = each + (thread < more);
		return round == 0 && *ret_n;
	}
	if (round * l->threads + thread > (n - 1) / chunk)
		return false;
	*ret_at = l->begin + (round * l->threads + thread) * chunk;
	*ret_n = l->end - *ret_at < chunk ? l->end - *ret_at : chunk;
	return true;
}

static inline bool weft_loop_dynamic_(struct weft_loop *l, size_t *ret_at, size_t *ret_n)
{
	size_t chunk = l->clauses.chunk ? l->clauses.chunk : 1;

	*ret_at = l->next;
	*ret_n = l->end - l->next < chunk ? l->end - l->next : chunk;
	l->next += *ret_n;
	return *ret_n;
}

static inline bool weft_loop_take_(struct weft_loop *l, size_t thread, size_t round, size_t *ret_at,
				   size_t *ret_n)
{
	bool any;

	pthread_mutex_lock(&l->lock);
	if (l->clauses.schedule == WEFT_SCHEDULE_DYNAMIC)
		any = weft_loop_dynamic_(l, ret_at, ret_n);
	else
		any = weft_loop_static_(l, thread, round, ret_at, ret_n);
	any = any && !l->failed;
	pthread_mutex_unlock(&l->lock);
	return any;
}

/* One thread of OpenMP's. Which thread of the executor has its place does not matter. */
static inline int weft_loop_thread_(weft_call *call, size_t thread, size_t end, void *ctx)
{
	struct weft_loop *l = (struct weft_loop *)ctx;
	void *part = l->parts ? l->parts + thread * l->stride : NULL;
	size_t at, n;
	int err = 0;

	(void)end;
	for (size_t round = 0; err >= 0 && weft_loop_take_(l, thread, round, &at, &n); round++)
		err = weft_call_cancelled(call) || weft_call_cancelled(l->caller)
			      ? -ECANCELED
			      : l->body(call, at, at + n, l->ctx, part);
	if (err < 0) {
		pthread_mutex_lock(&l->lock);
		l->failed = true;
		pthread_mutex_unlock(&l->lock);
	}
	return err;
}

static inline int weft_loop_run_(weft_executor *ex, struct weft_loop *l)
{
	const struct weft_reduction *r = l->clauses.reduction;
	int err;

	for (size_t i = 0; r && i < l->threads; i++)
		memcpy(l->parts + i * l->stride, r->identity, r->size);
	if (pthread_mutex_init(&l->lock, NULL))
		return -ENOMEM;
	err = weft_for(ex, weft_loop_thread_, 0, l->threads, 1, l);
	pthread_mutex_destroy(&l->lock);
	for (size_t i = 0; !err && r && i < l->threads; i++)
		r->combine(l->clauses.value, l->parts + i * l->stride);
	return err;
}

/** Runs body over begin..end - 1 in parallel, on an executor that shares memory.
 *
 * @param ctx      Handed through, shared by all calls of body.
 * @param clauses  NULL: none.
 * @return 0, also where begin >= end | the error of a failed call: ranges that had not begun are then left out, and the
 *         value of the reduction is as it was | -EINVAL: a NULL, an unknown schedule, or a reduction without a value |
 *         -EXDEV, -ECANCELED, -ENOMEM, -ESHUTDOWN, -ECHILD as weft_for.
 * @owns   ctx and value stay the caller's.
 * @from   Any thread, or inside a task. Not a signal handler.
 * @waits  As weft_for.
 * @orders What the caller wrote happens before, what the bodies wrote happens before the return.
 * Example: err = weft_parallel_for(ex, dot, 0, n, &vectors, &clauses); */
static inline int weft_parallel_for(weft_executor *ex, weft_loop_body *body, size_t begin, size_t end,
				    void *ctx, const struct weft_clauses *clauses)
{
	struct weft_loop l;
	struct weft_stats stats;
	int err = weft_executor_stats(ex, &stats);

	memset(&l, 0, sizeof l);
	if (clauses)
		l.clauses = *clauses;
	if (err || !body || (unsigned)l.clauses.schedule > WEFT_SCHEDULE_DYNAMIC ||
	    (l.clauses.reduction && !l.clauses.value))
		return err ? err : -EINVAL;
	if (begin >= end)
		return 0;
	l.body = body;
	l.ctx = ctx;
	l.caller = weft_current();
	l.begin = l.next = begin;
	l.end = end;
	l.threads = l.clauses.threads ? l.clauses.threads : stats.workers ? stats.workers : 1;
	if (l.clauses.reduction) {
		/* No two parts on a cache line. */
		l.stride = (l.clauses.reduction->size + 63) / 64 * 64;
		l.parts = (char *)aligned_alloc(64, l.threads * l.stride);
		if (!l.parts)
			return -ENOMEM;
	}
	err = weft_loop_run_(ex, &l);
	free(l.parts);
	return err;
}

#endif
