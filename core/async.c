/* SPDX-License-Identifier: MIT
 *
 * async.c -- tasks on the heap: one allocation holds the task, its reference count, a copy of the
 * argument and room for the result. Two references at first: the caller's, and one that ends when the
 * task is done.
 */
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t aligned(size_t x)
{
	return (x + 15) & ~(size_t)15;
}

static struct weft__heap_future *heap_new(const void *arg, size_t arg_size, size_t result_size)
{
	size_t head = aligned(sizeof(struct weft__heap_future));
	struct weft__heap_future *h;
	char *data;

	if (arg_size > PTRDIFF_MAX / 2 || result_size > PTRDIFF_MAX / 2 - head - 32)
		return NULL;
	h = calloc(1, head + aligned(arg_size) + aligned(result_size));
	if (!h)
		return NULL;
	data = (char *)h + head;
	if (arg_size)
		memcpy(data, arg, arg_size);
	h->task.arg = data;
	h->task.arg_size = arg_size;
	h->task.result = result_size ? data + aligned(arg_size) : NULL;
	h->task.result_size = result_size;
	atom_store(&h->refs, 2, relaxed);
	return h;
}

int weft_async(weft_executor *ex, weft_fn *fn, const void *arg, size_t arg_size, size_t result_size,
	       weft_future **ret)
{
	/* What can be refused is refused before any memory is taken. */
	weft_task probe = {
		.fn = fn, .arg = arg, .arg_size = arg_size, .result = &probe, .result_size = result_size};
	struct weft_offer as = {.opaque_ = {[OFFER_HOW] = (void *)HOW_HEAP}};
	struct weft__heap_future *h;
	size_t accepted = 0;
	int err = ret ? weft__check(ex, &probe) : -EINVAL;

	if (err)
		return err;
	h = heap_new(arg, arg_size, result_size);
	if (!h)
		return -ENOMEM;
	h->task.fn = fn;
	err = weft__load_enter(ex, 1);
	if (!err) {
		err = weft__submit(ex, &h->task, 1, &as, &accepted);
		if (!accepted)
			weft__load_leave(ex, 1);
	}
	if (!accepted) {
		free(h);
		return err;
	}
	*ret = weft__future(&h->task);
	return 0;
}
