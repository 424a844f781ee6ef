/* SPDX-License-Identifier: MIT
 *
 * async.c -- tasks on the heap: one allocation holds the task, its reference count, a copy of the
 * argument and room for the result. Two references at first: the caller's, and one that ends when the
 * task is done.
 */
#include "memory.h"
#include "state.h"

#include <errno.h>
#include <string.h>

static size_t aligned(size_t x)
{
	return (x + 15) & ~(size_t)15;
}

static weft_task *heap_new(const void *arg, size_t arg_size, size_t result_size)
{
	size_t head = arg_size || result_size ? aligned(WEFT__HEAP_TASK_SIZE) : WEFT__HEAP_TASK_SIZE;
	weft_task *t;
	char *data;

	if (arg_size > PTRDIFF_MAX / 2 || result_size > PTRDIFF_MAX / 2 - head - 32)
		return NULL;
	t = weft__memory_new(head + aligned(arg_size) + aligned(result_size), true);
	if (!t)
		return NULL;
	data = (char *)t + head;
	if (arg_size)
		memcpy(data, arg, arg_size);
	t->arg = arg_size ? data : NULL;
	t->arg_size = arg_size;
	t->result = result_size ? data + aligned(arg_size) : NULL;
	t->result_size = result_size;
	atom_store(&weft__future(t)->refs, 2, relaxed);
	return t;
}

int weft__launch(weft_executor *ex, weft_fn *fn, const void *arg, size_t arg_size, size_t result_size,
		 weft_future **ret)
{
	weft_task *t = heap_new(arg, arg_size, result_size);
	weft_future *f;

	if (!t)
		return -ENOMEM;
	f = weft__future(t);
	t->fn = fn;
	weft__fill(f, t, ex, NULL, FROM_HEAP);
	weft__load_hold(ex);
	/* Relaxed: who starts it hands it on. */
	atom_store(&f->state, PHASE_RUNNING, relaxed);
	*ret = f;
	return 0;
}

void weft__launch_failed(weft_future *f)
{
	weft__load_leave(f->ex, 1);
	weft__memory_free(weft__task(f));
}

int weft_async(weft_executor *ex, weft_fn *fn, const void *arg, size_t arg_size, size_t result_size,
	       weft_future **ret)
{
	/* What can be refused is refused before any memory is taken. */
	weft_task probe = {
		.fn = fn, .arg = arg, .arg_size = arg_size, .result = &probe, .result_size = result_size};
	struct weft_offer as = {.opaque_ = {[OFFER_HOW] = (void *)FROM_HEAP}};
	weft_task *t;
	size_t accepted = 0;
	int err = ret ? weft__check(ex, &probe) : -EINVAL;

	if (err)
		return err;
	t = heap_new(arg, arg_size, result_size);
	if (!t)
		return -ENOMEM;
	t->fn = fn;
	err = weft__load_enter(ex, 1);
	if (!err) {
		err = weft__submit(ex, t, 1, &as, &accepted);
		if (!accepted)
			weft__load_leave(ex, 1);
	}
	if (!accepted) {
		weft__memory_free(t);
		return err;
	}
	*ret = weft__future(t);
	return 0;
}
