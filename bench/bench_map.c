/* SPDX-License-Identifier: MIT
 *
 * bench_map.c -- weft_map over a million elements of eight bytes, each in and out, with a body that does next
 * to nothing: what cutting, sending, copying and collecting cost.
 */
#include <weft/weft.h>

#include "shim.h"

enum { ELEMENTS = 1000000 };

struct load {
	const char *spec;
	weft_executor *ex;
};

static uint64_t arg[ELEMENTS], result[ELEMENTS];

static int twice(weft_call *call, const void *in, void *out)
{
	(void)call;
	*(uint64_t *)out = 2 * *(const uint64_t *)in;
	return 0;
}

static int setup(void *ctx)
{
	struct load *l = ctx;

	for (size_t i = 0; i < ELEMENTS; i++) {
		arg[i] = i;
		result[i] = 0;
	}
	return weft_executor_open(&l->ex, l->spec);
}

static void teardown(void *ctx)
{
	struct load *l = ctx;

	weft_executor_free(l->ex);
	l->ex = NULL;
}

static int run(void *ctx, size_t n)
{
	struct load *l = ctx;
	int err = weft_map(l->ex, twice, arg, sizeof *arg, result, sizeof *result, n, NULL);

	return err || result[n - 1] == 2 * (n - 1) ? err : -1;
}

int main(int argc, char **argv)
{
	static const char *const spec[] = BENCH_EXECUTORS;
	static struct load load[BENCH_N_EXECUTORS];

	for (size_t i = 0; i < BENCH_N_EXECUTORS; i++) {
		load[i].spec = spec[i];
		bench_add(
			&(struct bench){"map_million", spec[i], setup, run, teardown, &load[i], ELEMENTS, 1});
	}
	return bench_main(argc, argv);
}
