/* SPDX-License-Identifier: MIT
 *
 * peer_context.c -- the switch of weft's fibers by itself: core/context.c, which is not public, compiled into this
 * program. How long it takes by the public functions the workloads yield and task say.
 */
#include "context.h"
#include "measure_io.h"

enum { STACK = 64 * 1024 };

static char *stack;
static struct weft__context here, there;
static size_t n_run;

static void open_stack(void)
{
	stack = measure_memory(1, STACK);
	weft__context_adopt(&here);
}

static void bounce(void *arg)
{
	(void)arg;
	for (;;)
		weft__context_switch(&there, &here);
}

static void switches(size_t n)
{
	weft__context_init(&there, stack, STACK, bounce, NULL);
	for (size_t i = 0; i < n / 2; i++)
		weft__context_switch(&here, &there);
	weft__context_fini(&there);
}

static void run(void *arg)
{
	++*(size_t *)arg;
	weft__context_leave(&there, &here);
}

static void fibers(size_t n)
{
	n_run = 0;
	for (size_t i = 0; i < n; i++) {
		weft__context_init(&there, stack, STACK, run, &n_run);
		weft__context_switch(&here, &there);
		weft__context_fini(&there);
	}
	measure_must(n_run == n ? 0 : -1, "fibers are wrong");
}

static const struct io_peer io = {.open = open_stack, .switches = switches, .fibers = fibers};
static const struct peer weft = {.name = "weft-uring", .io = &io};
const struct peer *const measure_peers[] = {&weft, NULL};
