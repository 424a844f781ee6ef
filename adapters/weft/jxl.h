/* SPDX-License-Identifier: MIT
 *
 * weft/jxl.h -- libjxl (JPEG XL) works on an executor: a JxlParallelRunner.
 *
 *   JxlEncoderSetParallelRunner(encoder, weft_jxl_runner, ex);
 *   JxlDecoderSetParallelRunner(decoder, weft_jxl_runner, ex);
 *
 * ex must share the caller's memory ("threads", "inline", or "uring" with a stack of a MiB: "uring:2,stack=1048576");
 * on others encoding and decoding fail. Many encoders may share one executor. The calling thread takes part in the
 * work, as with weft_for. In a task that is cancelled or has passed its deadline the encoder or decoder gives up, with
 * an error.
 *
 * This header holds code, which is compiled into your program: link libjxl and libweft. C11 and C++.
 */
#ifndef WEFT_JXL_H
#define WEFT_JXL_H

#include <errno.h>
#include <jxl/parallel_runner.h>
#include <pthread.h>

#include <weft/executor.h>
#include <weft/task.h>

struct weft_jxl_run {
	JxlParallelRunFunction function;
	void *opaque;
	const weft_call *caller; /* the task that encodes or decodes; it waits meanwhile. NULL: none */
	pthread_mutex_t lock;    /* for next */
	uint32_t next, end;
};

static inline bool weft_jxl_take_(struct weft_jxl_run *run, uint32_t *ret_value)
{
	bool any;

	pthread_mutex_lock(&run->lock);
	any = run->next < run->end;
	if (any)
		*ret_value = run->next++;
	pthread_mutex_unlock(&run->lock);
	return any;
}

/* Each index of the loop is a thread to libjxl, with memory of its own there: two calls at a time must not have the
 * same one. So the loop is one over threads, and they share out the values. */
static inline int weft_jxl_thread_(weft_call *call, size_t begin, size_t end, void *ctx)
{
	struct weft_jxl_run *run = (struct weft_jxl_run *)ctx;
	uint32_t value;

	(void)end;
	while (weft_jxl_take_(run, &value)) {
		if (weft_call_cancelled(call) || weft_call_cancelled(run->caller))
			return -ECANCELED;
		run->function(run->opaque, value, begin);
	}
	return 0;
}

/** The JxlParallelRunner. libjxl calls it; you only name it.
 *
 * @param executor  A weft_executor.
 * @return 0 | what init returned | JXL_PARALLEL_RET_RUNNER_ERROR: weft_for failed.
 * @owns   The executor stays the caller's, and must outlive the encoder's or decoder's last call.
 * @from   Any thread, or inside a task.
 * @waits  As weft_for.
 * @orders As weft_for.
 * Example: JxlEncoderSetParallelRunner(encoder, weft_jxl_runner, ex); */
static inline JxlParallelRetCode weft_jxl_runner(void *executor, void *opaque, JxlParallelRunInit init,
						 JxlParallelRunFunction function, uint32_t begin,
						 uint32_t end)
{
	weft_executor *ex = (weft_executor *)executor;
	struct weft_jxl_run run;
	struct weft_stats stats;
	size_t threads;
	int err;

	if (begin >= end)
		return 0;
	if (weft_executor_stats(ex, &stats))
		return JXL_PARALLEL_RET_RUNNER_ERROR;
	threads = stats.workers ? stats.workers : 1;
	err = init(opaque, threads);
	if (err)
		return err;
	run.function = function;
	run.opaque = opaque;
	run.caller = weft_current();
	run.next = begin;
	run.end = end;
	if (pthread_mutex_init(&run.lock, NULL))
		return JXL_PARALLEL_RET_RUNNER_ERROR;
	err = weft_for(ex, weft_jxl_thread_, 0, threads < end - begin ? threads : end - begin, 1, &run);
	pthread_mutex_destroy(&run.lock);
	return err ? JXL_PARALLEL_RET_RUNNER_ERROR : 0;
}

#endif
