/* SPDX-License-Identifier: MIT
 *
 * kit_absent.c -- what of the library takes no part in models, and in simulations: input, output and helpers. Nobody
 * waits for a descriptor.
 */
#include "io_wait.h"
#include "offload.h"
#include "ready.h"

#include <errno.h>
#include <weft/executor.h>

weft_executor *weft_inline(void)
{
	return NULL;
}

int weft__park_ready(struct weft__parker *p, weft_time deadline)
{
	(void)p, (void)deadline;
	return -ENOTSUP;
}

weft_time weft__ready_slice(const struct weft__parker *p)
{
	(void)p;
	return WEFT_FOREVER;
}

void weft__bell_close(void)
{
}

void weft__bells_forked(void)
{
}

void weft__io_waits_reset(void)
{
}

void weft__offload_open(void)
{
}

void weft__offload_close(void)
{
}

void weft__offload_reset(void)
{
}

void weft__trace_forked(void)
{
}
