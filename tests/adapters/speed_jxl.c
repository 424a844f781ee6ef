/* SPDX-License-Identifier: MIT
 *
 * speed_jxl.c [SIDE [ROUNDS]] -- how long libjxl takes for one image with one thread, with its own two, and on weft's
 * two, in turns; medians. It fails unless all give the same bytes.
 */
#include "jxl_kit.h"

#include <jxl/thread_parallel_runner.h>
#include <stdio.h>
#include <string.h>
#include <weft/jxl.h>
#include <weft/weft.h>

enum { KINDS = 4, ROUNDS_MAX = 99 };

static const char *const names[KINDS] = {"one thread", "libjxl's 2 threads", "weft, threads:2",
					 "weft, uring:2"};
static double ms[KINDS][ROUNDS_MAX];

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static int usage(void)
{
	fprintf(stderr, "usage: speed_jxl [SIDE [ROUNDS]]: pixels 64 to 8192, rounds 1 to %d\n", ROUNDS_MAX);
	return 2;
}

/* Returns the bytes, 0: failed. */
static size_t measure(int kind, int round, const uint8_t *pixels, uint32_t side, JxlParallelRunner runner,
		      void *opaque, uint8_t *out)
{
	weft_time since = weft_now();
	size_t size = jxl_kit_encode(pixels, side, runner, opaque, out, (size_t)side * side * 6);

	ms[kind][round] = (double)(weft_now() - since) / 1e6;
	return size;
}

int main(int argc, char **argv)
{
	uint32_t side = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 2048;
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 7;
	void *opaque[KINDS] = {NULL, JxlThreadParallelRunnerCreate(NULL, 2)};
	const JxlParallelRunner runner[KINDS] = {NULL, JxlThreadParallelRunner, weft_jxl_runner,
						 weft_jxl_runner};
	weft_executor *threads = NULL, *uring = NULL;
	uint8_t *pixels, *first, *out;
	size_t size = 0;
	int failed = 0;

	if (side < 64 || side > 8192 || rounds < 1 || rounds > ROUNDS_MAX)
		return usage();
	pixels = jxl_kit_image(side);
	first = malloc((size_t)side * side * 6);
	out = malloc((size_t)side * side * 6);
	if (!pixels || !first || !out || !opaque[1] || weft_executor_open(&threads, "threads:2") ||
	    weft_executor_open(&uring, "uring:2,stack=1048576"))
		return 1;
	opaque[2] = threads;
	opaque[3] = uring;
	for (int r = 0; r < rounds; r++)
		for (int k = 0; k < KINDS; k++) {
			size_t n = measure(k, r, pixels, side, runner[k], opaque[k], r + k ? out : first);

			if (r + k == 0)
				size = n;
			failed |= !n || n != size || memcmp(first, r + k ? out : first, n) != 0;
		}
	printf("%u x %u pixels, %zu bytes, medians of %d\n", side, side, size, rounds);
	for (int k = 0; k < KINDS; k++) {
		qsort(ms[k], (size_t)rounds, sizeof ms[k][0], by_value);
		printf("%-20s %8.2f ms\n", names[k], ms[k][rounds / 2]);
	}
	puts(failed ? "the bytes differ" : "all the same bytes");
	weft_executor_free(threads);
	weft_executor_free(uring);
	JxlThreadParallelRunnerDestroy(opaque[1]);
	free(pixels);
	free(first);
	free(out);
	return failed;
}
