/* SPDX-License-Identifier: MIT
 *
 * fuzz_spec.c -- texts of executors. No pool is made: what would be asked for is checked against its limits.
 */
#include "fuzz.h"
#include "spec.h"

#include <errno.h>
#include <weft/process_pool.h>
#include <weft/thread_pool.h>

static int thread_pool_seen(weft_executor **ret, const struct weft_thread_pool_opts *o)
{
	(void)ret;
	fuzz_check(o->threads <= WEFT_WORKERS_MAX && o->queue <= 1u << 30);
	fuzz_check(!o->name || strlen(o->name) < WEFT__SPEC_VALUE);
	return 0;
}

static int process_pool_seen(weft_executor **ret, const struct weft_process_pool_opts *o)
{
	(void)ret;
	fuzz_check(o->workers <= WEFT_WORKERS_MAX && o->queue <= 1u << 30);
	fuzz_check(!o->slot_size || (o->slot_size >= 64 && o->slot_size <= 1u << 28));
	fuzz_check(!o->name || strlen(o->name) < WEFT__SPEC_VALUE);
	return 0;
}

#define weft_thread_pool_new  thread_pool_seen
#define weft_process_pool_new process_pool_seen
#include "open.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weft_executor *ex = NULL;
	char *text = malloc(size + 1);
	int err;

	fuzz_check(text != NULL);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	err = weft_executor_open(&ex, text);
	fuzz_check(err == 0 || err == -EINVAL || err == -ERANGE || err == -ENOSYS);
	fuzz_check(!err || !ex);
	free(text);
	return 0;
}
