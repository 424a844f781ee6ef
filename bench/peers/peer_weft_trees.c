/* SPDX-License-Identifier: MIT
 *
 * peer_weft_trees.c -- trees of tasks by weft_submit and weft_future_wait, each with a weft_task on the
 * stack of the task that waits for it.
 */
#include "measure.h"
#include "peer_weft.h"

struct number {
	int64_t n, base, answer;
};

static int empty(weft_call *call, const void *arg, void *result)
{
	(void)call;
	(void)arg;
	(void)result;
	return 0;
}

static void submit(weft_task *t)
{
	measure_must(weft_submit(bench_ex, t), "weft_submit");
}

static void wait_for(weft_task *t)
{
	measure_must(weft_future_wait(weft_task_future(t), WEFT_FOREVER), "weft_future_wait");
}

static int fib(weft_call *call, const void *arg, void *result)
{
	int n = *(const int *)arg, n_child = n - 1, n_own = n - 2;
	int64_t a, b;
	weft_task child = {.fn = fib,
			   .arg = &n_child,
			   .arg_size = sizeof n_child,
			   .result = &a,
			   .result_size = sizeof a};

	if (n < 2) {
		*(int64_t *)result = n;
		return 0;
	}
	submit(&child);
	fib(call, &n_own, &b);
	wait_for(&child);
	*(int64_t *)result = a + b;
	return 0;
}

int64_t bench_submit_fib(int n)
{
	int64_t answer = 0;
	weft_task t = {
		.fn = fib, .arg = &n, .arg_size = sizeof n, .result = &answer, .result_size = sizeof answer};

	submit(&t);
	wait_for(&t);
	return answer;
}

static int skynet(weft_call *call, const void *arg, void *result)
{
	const struct number *in = arg;
	struct number number[10];
	int64_t part[10], sum = 0;
	weft_task child[10];

	(void)call;
	if (in->n == 1) {
		*(int64_t *)result = in->base;
		return 0;
	}
	for (int i = 0; i < 10; i++) {
		number[i] = (struct number){in->n / 10, in->base + i * (in->n / 10), 0};
		child[i] = (weft_task){.fn = skynet,
				       .arg = &number[i],
				       .arg_size = sizeof *number,
				       .result = &part[i],
				       .result_size = sizeof *part};
		submit(&child[i]);
	}
	for (int i = 9; i >= 0; i--) {
		wait_for(&child[i]);
		sum += part[i];
	}
	*(int64_t *)result = sum;
	return 0;
}

int64_t bench_submit_skynet(int64_t leaves)
{
	struct number in = {leaves, 0, 0};
	int64_t sum = 0;
	weft_task t = {
		.fn = skynet, .arg = &in, .arg_size = sizeof in, .result = &sum, .result_size = sizeof sum};

	submit(&t);
	wait_for(&t);
	return sum;
}

static void help_in(void *ctx)
{
	weft_task t = {.fn = empty};

	for (size_t n = *(size_t *)ctx; n > 0; n--) {
		submit(&t);
		wait_for(&t);
	}
}

void bench_submit_help(size_t n)
{
	bench_enter(help_in, &n);
}

static int nest(weft_call *call, const void *arg, void *result)
{
	size_t depth = *(const size_t *)arg - 1;
	weft_task t = {.fn = nest, .arg = &depth, .arg_size = sizeof depth};

	(void)call;
	(void)result;
	if (depth > 0) {
		submit(&t);
		wait_for(&t);
	}
	return 0;
}

void bench_submit_nest(size_t depth)
{
	weft_task t = {.fn = nest, .arg = &depth, .arg_size = sizeof depth};

	submit(&t);
	wait_for(&t);
}
